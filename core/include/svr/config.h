/* SPDX-License-Identifier: MIT
 * The authority configuration: one text describes every router of the network, and each router takes its
 * own part by name. The parser reads text into a checked, immutable model; nothing of the model changes
 * afterwards, so any number of nodes may share one.
 *
 * All pointers inside the model point into the model and live as long as it. Names are NUL-terminated and at
 * most SVR_NAME_MAX bytes. Lists keep the order of the text. */
#ifndef SVR_CONFIG_H
#define SVR_CONFIG_H

#include "svr/base.h"

#define SVR_REKEY_NEVER 0 /* value of the rekey intervals when the text says `never` */

typedef enum svr_cert_behavior { SVR_FAIL_SOFT, SVR_FAIL_HARD } svr_cert_behavior;
typedef enum svr_kex_algorithm { SVR_KEX_DH, SVR_KEX_ECDH_P521, SVR_KEX_X25519 } svr_kex_algorithm;
typedef enum svr_hmac { SVR_HMAC_SHA384, SVR_HMAC_SHA384_192 } svr_hmac;
typedef enum svr_topology { SVR_TOPOLOGY_MESH, SVR_TOPOLOGY_HUB, SVR_TOPOLOGY_SPOKE } svr_topology;
typedef enum svr_device_type { SVR_DEVICE_ETHERNET, SVR_DEVICE_TUN, SVR_DEVICE_TAP } svr_device_type;
typedef enum svr_tcp_transport { SVR_TCP_AS_UDP, SVR_TCP_NATIVE } svr_tcp_transport;

/* `security-key-management` (CFG-*). */
typedef struct svr_key_management {
    uint32_t payload_key_rekey_hours; /* 1..720, or SVR_REKEY_NEVER; default 24 */
    uint32_t peer_key_rekey_hours;    /* the same */
    uint32_t retransmit_seconds;      /* 5..3600; default 30 */
    uint32_t timeout_seconds;         /* 1..1000000; default 3600 */
    svr_cert_behavior invalid_certificate;
    svr_kex_algorithm kex;
    uint32_t dh_bits; /* 1024 (a warning), 2048, 4096; default 4096; only for SVR_KEX_DH */
} svr_key_management;

/* `security NAME`: how something is protected. */
typedef struct svr_security {
    const char *name;
    bool encrypt;
    svr_hmac hmac;
} svr_security;

typedef struct svr_tenant {
    const char *name;
} svr_tenant;

typedef struct svr_port_range {
    uint16_t first, last;
} svr_port_range;

/* `transport` of a service. proto 1 stands for ICMP and ICMPv6. */
typedef struct svr_service_transport {
    uint8_t proto;
    svr_port_range *ports; /* none: all */
    size_t n_ports;
} svr_service_transport;

#define SVR_NO_LIMIT UINT32_MAX

/* What sessions do when another path is better (`session-resiliency`). */
typedef enum svr_resiliency {
    SVR_RESILIENCY_NONE,     /* they stay, also on a path that has failed */
    SVR_RESILIENCY_FAILOVER, /* they leave a path that fails or violates a limit, and stay where they are then
                              */
    SVR_RESILIENCY_REVERTIBLE, /* they also go back to a path that they prefer */
} svr_resiliency;

typedef struct svr_policy_vector {
    const char *name;
    uint16_t priority; /* the lowest is preferred */
} svr_policy_vector;

/* `service-policy NAME`: which paths a service prefers, and what it tolerates of them. */
typedef struct svr_service_policy {
    const char *name;
    svr_policy_vector *vectors;
    size_t n_vectors;
    svr_resiliency resiliency;                                /* default SVR_RESILIENCY_REVERTIBLE */
    bool filter;                                              /* limits count; default true */
    uint32_t max_latency_ms, max_jitter_ms, max_loss_percent; /* SVR_NO_LIMIT when absent */
} svr_service_policy;

typedef struct svr_service {
    const char *name;
    const svr_security *security;     /* NULL: encrypted, sha384 */
    const svr_service_policy *policy; /* NULL: none */
    svr_prefix *prefixes;
    size_t n_prefixes;
    svr_service_transport *transports; /* none: all */
    size_t n_transports;
    const svr_tenant **access; /* who may use it */
    size_t n_access;
} svr_service;

typedef struct svr_neighborhood {
    const char *name;
    svr_topology topology;
    const char *vector;   /* NULL when absent */
    svr_port_range ports; /* waypoint ports, two at least: the first `port-range`; default 16384..65534 */
    bool pmtu_discovery;
    svr_tcp_transport tcp_transport; /* default SVR_TCP_AS_UDP */
    bool behind_nat;                 /* `external-nat-address` is there: peers see another address (PD-NAT) */
    svr_addr external;               /* that address; family 0: `any` */
} svr_neighborhood;

typedef struct svr_if_address {
    svr_addr addr;
    uint8_t prefix_len;
    svr_addr gateway; /* family 0: none */
} svr_if_address;

struct svr_node_config;

/* `tenant-prefixes`: who sends from an interface with such a source address. */
typedef struct svr_tenant_prefix {
    svr_prefix prefix;
    const svr_tenant *tenant;
} svr_tenant_prefix;

/* A `network-interface`. Its index in svr_node_config.interfaces is its svr_ifid. */
typedef struct svr_interface {
    svr_ifid id;
    const char *name;
    const char *device; /* name of the device-interface */
    const char *target; /* `target-interface`: the host's device, or `device` when absent */
    svr_device_type type;
    uint32_t mtu;                       /* default 1500 */
    const svr_tenant *tenant;           /* NULL: none */
    svr_tenant_prefix *tenant_prefixes; /* the longest that holds a source counts before `tenant` */
    size_t n_tenant_prefixes;
    const svr_security *security; /* `inter-router-security`; NULL: encrypted, sha384 */
    bool fabric;                  /* the inter-node link of a router with two nodes (PD-HA) */
    svr_if_address *addresses;
    size_t n_addresses;
    svr_neighborhood *neighborhoods; /* empty: a LAN interface, unless it is `fabric` */
    size_t n_neighborhoods;
    const struct svr_node_config *node;
} svr_interface;

struct svr_router_config;
struct svr_peer_config;

/* One path to a peer: a pair of interface addresses in one neighborhood. */
typedef struct svr_path_config {
    const struct svr_peer_config *peer;
    const svr_neighborhood *neighborhood; /* the local one */
    const svr_interface *local_if;
    svr_addr local;
    svr_addr remote;
    const char *remote_if; /* name of the peer's network-interface; "" when configured by hand */
    bool near_nat;         /* our end is behind a NAT (PD-NAT) */
    bool near_any;         /* ... whose address nobody knows in advance */
    bool far_nat;          /* the peer's end is: `remote` is its private address, where nothing can be sent */
    svr_addr external;     /* far_nat: where to look for it first; family 0: it has to come to us */
} svr_path_config;

/* A peer of a router: generated from the neighborhoods, or written as `peer` by hand (CFG-PEERS-AUTO). */
typedef struct svr_peer_config {
    const char *name; /* the peer's router name */
    const char *peering_common_name;
    bool generated;         /* its paths come from neighborhoods, not from `adjacency` */
    svr_path_config *paths; /* from all nodes of the router; none when only named by hand */
    size_t n_paths;
} svr_peer_config;

typedef enum svr_next_hop_kind { SVR_HOP_PEER, SVR_HOP_INTERFACE } svr_next_hop_kind;

typedef struct svr_next_hop {
    svr_next_hop_kind kind;
    const svr_peer_config *peer; /* SVR_HOP_PEER */
    const svr_interface *out;    /* SVR_HOP_INTERFACE */
    svr_addr gateway;            /* SVR_HOP_INTERFACE: family 0 means that the destination is on link */
} svr_next_hop;

typedef struct svr_service_route {
    const char *name;
    const svr_service *service;
    svr_next_hop *hops; /* in order of preference */
    size_t n_hops;
} svr_service_route;

typedef struct svr_bfd_config {
    uint32_t desired_tx_ms;      /* default 1000 */
    uint32_t required_min_rx_ms; /* default 500 */
    uint8_t multiplier;          /* default 3 */
    uint32_t link_test_seconds;  /* between bursts (PD-ECHO); 0: none. Default 10, or 0 while no policy has
                                    limits */
    uint8_t link_test_length;    /* packets of a burst; default 10 */
} svr_bfd_config;

typedef struct svr_node_config {
    const char *name;
    svr_interface *interfaces;
    size_t n_interfaces;
    const struct svr_router_config *router;
} svr_node_config;

typedef struct svr_router_config {
    const char *name;
    const char *peering_common_name;
    svr_bfd_config bfd;
    uint32_t
        max_waypoints; /* `max-way-points`: legs of sessions on paths; 0: no limit but that of sessions */
    uint32_t flows_per_source; /* `new-flows-per-source`: that may begin in a second; 0: never refused */
    uint32_t flows_per_second; /* `new-flows`: the same of all sources */
    svr_node_config *nodes;
    size_t n_nodes;
    svr_peer_config *peers;
    size_t n_peers;
    svr_service_route *routes;
    size_t n_routes;
    const void *tree; /* the parser's own */
} svr_router_config;

/* `trusted-ca-certificate` and `client-certificate`: names of files that the host reads, since the core has
 * no files. Relative names count from the configuration's folder. */
typedef struct svr_file_ref {
    const char *name;
    const char *file;
} svr_file_ref;

typedef struct svr_config {
    const char *name; /* of the authority; "" when absent */
    bool enhanced_security;
    svr_key_management keys;
    svr_file_ref *trusted_ca;
    size_t n_trusted_ca;
    svr_file_ref *client_certificates; /* FILE.pem holds the chain, FILE.key the private key */
    size_t n_client_certificates;
    svr_security *securities;
    size_t n_securities;
    svr_tenant *tenants;
    size_t n_tenants;
    svr_service_policy *policies;
    size_t n_policies;
    svr_service *services;
    size_t n_services;
    svr_router_config *routers;
    size_t n_routers;
} svr_config;

/* Where and why a text was refused (CFG-REJECT). `message` is one sentence that names what was found and what
 * is allowed. */
typedef struct svr_config_error {
    uint32_t line, column; /* of the word meant; both from 1, columns in bytes; 0: no memory */
    char message[256];
} svr_config_error;

/* Reads a configuration. On success `*out` owns everything and 0 is returned; otherwise -1, `*err` filled,
 * `*out` NULL. `text` need not be NUL-terminated and is not kept. */
int svr_config_parse(const svr_allocator *alloc, const char *text, size_t len, svr_config **out,
                     svr_config_error *err);
void svr_config_del(svr_config *config);

/* Lookup by name; NULL when there is none. A NULL `node` means the router's only or first node. */
const svr_router_config *svr_config_router(const svr_config *config, const char *name);
const svr_node_config *svr_config_node(const svr_router_config *router, const char *node);

#endif

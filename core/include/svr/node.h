/* SPDX-License-Identifier: MIT
 * The host interface: one router node of the stack.
 *
 * Packets and facts go in; packets and events are pulled out; `now` comes last and never runs backwards.
 * Nothing here blocks, reads a clock or calls the host back, except for memory and OpenSSL's random numbers.
 * After any call that takes `now` the host should pull output until it is empty, pull events, and ask for the
 * next deadline. A node is used by one thread at a time; nodes of one environment by one thread altogether.
 */
#ifndef SVR_NODE_H
#define SVR_NODE_H

#include "svr/base.h"
#include "svr/config.h"
#include "svr/event.h"
#include "svr/packet.h"
#include "svr/show.h"

struct ossl_lib_ctx_st; /* OSSL_LIB_CTX */

/* What many nodes share: memory, an OpenSSL library context (whose RAND decides what "random" means: seeded
 * in a simulation, the system's in a router), fetched algorithms, the cipher engine, the packet pool. */
typedef struct svr_env svr_env;

typedef enum svr_engine {
    SVR_ENGINE_AUTO, /* intel-ipsec-mb where the CPU has it, else OpenSSL */
    SVR_ENGINE_OPENSSL,
    SVR_ENGINE_IPSEC_MB,
} svr_engine;

typedef struct svr_env_params {
    const svr_allocator *alloc;     /* must outlive the environment */
    struct ossl_lib_ctx_st *libctx; /* NULL: the default context; must outlive the environment */
    svr_engine engine;
    size_t packets_max; /* packets in flight in all nodes together; 0: 65536 */
} svr_env_params;

/* NULL when memory is short or an algorithm is missing. */
svr_env *svr_env_new(const svr_env_params *params);
/* All nodes must be gone and all packets back. */
void svr_env_del(svr_env *env);
/* The pool that packets for svr_node_input come from, and that those of svr_node_output go back to. */
svr_pool *svr_env_pool(svr_env *env);
/* What svr/authority.h makes keys and certificates with; lives as long as the environment. */
struct svr_crypt *svr_env_crypt(svr_env *env);

/* Certificates as text the host has read (the core has no files). All PEM; all may be NULL. The texts are not
 * kept. Without `certificate` the node makes a self-signed one (CRT-SELF). */
typedef struct svr_credentials {
    const char *certificate; /* the router's own, then intermediates */
    const char *private_key;
    const char *trusted_ca; /* one or more roots; NULL: self-signed peers are accepted by name alone */
    const char *crl;
} svr_credentials;

typedef struct svr_node svr_node;

typedef struct svr_node_params {
    svr_env *env;
    const svr_config *config; /* must outlive the node */
    const char *router;
    const char *node; /* NULL: the router's first */
    svr_credentials credentials;
    svr_wall wall;       /* wall time at `now` */
    bool keylog;         /* produce key log lines: they hold every secret */
    bool open_checksums; /* leave UDP checksums of what goes onto paths to the host: see svr_packet */
} svr_node_params;

typedef struct svr_error {
    char message[256];
} svr_error;

/* Makes a node. 0, or -1 with `err` filled (no such router, bad certificate, memory). */
int svr_node_new(const svr_node_params *params, svr_time now, svr_node **out, svr_error *err);
void svr_node_del(svr_node *node);

/* Packets that arrived on interface `in`: whole IP datagrams. The node takes them all over; the batch is
 * empty afterwards. */
void svr_node_input(svr_node *node, svr_ifid in, svr_batch *packets, svr_time now);
/* Moves up to SVR_BATCH_MAX packets into the empty batch `out`, which the host then owns; each says on
 * which interface and to which next hop it goes. Returns their number; 0: nothing waits. */
size_t svr_node_output(svr_node *node, svr_batch *out, svr_time now);
/* When svr_node_expire wants to be called next, never before the instant of the last call; SVR_TIME_NEVER if
 * idle. */
svr_time svr_node_deadline(const svr_node *node);
void svr_node_expire(svr_node *node, svr_time now);
/* False when there is no event. If the host pulls too slowly the oldest are lost and counted. */
bool svr_node_next_event(svr_node *node, svr_event *ev);

#define SVR_KEYLOG_LINE_MAX 512
/* The next line for the key log, without newline (format: docs/protocol.md); false when there is none. */
bool svr_node_next_key_line(svr_node *node, char line[SVR_KEYLOG_LINE_MAX]);

/* Facts. */
/* Wall time is `wall` at the instant `now`; from here on it runs with the monotonic clock. Certificates are
 * looked at again. */
void svr_node_set_wall(svr_node *node, svr_wall wall, svr_time now);
/* Other credentials (CRT-LATE): certificate, trust or revocation lists changed and are to take effect. Every
 * certificate is judged anew; a new one of our own is announced to all peers. Without `certificate` a
 * self-signed one stays in use, or takes the place of the former. 0; or -1 with `err`, and nothing changed.
 */
int svr_node_reload_credentials(svr_node *node, const svr_credentials *credentials, svr_time now,
                                svr_error *err);
/* Makes a new metadata key at once, and pushes it to all peers (KEY-REGENERATE). 0; or -1 with `err` when
 * enhanced security is off. */
int svr_node_regenerate_metadata_key(svr_node *node, svr_time now, svr_error *err);
/* An interface lost or regained its link (all start as up). */
void svr_node_interface_state(svr_node *node, svr_ifid ifid, bool up, svr_time now);

/* False while the other node of a router with two serves (PD-HA): then nothing but the inter-node link is
 * used, and the host should not hold the addresses of the other interfaces. Changes are told by
 * SVR_EVENT_KEY_MANAGER.
 */
bool svr_node_serves(const svr_node *node);

/* The node's own part of the configuration: interfaces[ifid] tells what device each interface is. */
const svr_node_config *svr_node_get_config(const svr_node *node);

/* Runs a show command, e.g. "show peers security". 0 and a report owned by the node until the next call of
 * svr_node_show; or -1 with `err` saying which commands there are. */
int svr_node_show(svr_node *node, const char *command, svr_time now, const svr_report **out, svr_error *err);

/* Every reason to drop a packet, with how often it happened; for tests, metrics and `show counters`. Indexes
 * run from 0; `*name` is NULL past the end. */
uint64_t svr_node_counter(const svr_node *node, size_t index, const char **name);

#endif

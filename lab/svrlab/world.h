/* SPDX-License-Identifier: MIT
 * A network of namespaces behind libns3shim/ns3shim.h: what its parts share. Time is scenario time, which
 * runs `rate` times as fast as the machine's; it stands still but for ns3shim_run_until. */
#ifndef SVRLAB_WORLD_H
#define SVRLAB_WORLD_H

#include <netinet/in.h>
#include <sys/epoll.h>

#include "libns3shim/ns3shim.h"
#include "svr/base.h"
#include "svrlab/space.h"

/* Something to be waited for. It stays where it is while it is watched. */
typedef struct lab_source {
    int fd; /* -1: none */
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
} lab_source;

typedef struct lab_server lab_server;

struct ns3shim_timer {
    ns3shim_world *world;
    void (*fire)(void *ctx);
    void *ctx;
    uint64_t at; /* NS3SHIM_NEVER: not set */
    ns3shim_timer *next;
};

#define LAB_DEVICES_MAX 64
#define LAB_DEVICE_NAME_MAX 16

typedef enum lab_kind { LAB_HOST, LAB_UNDERLAY, LAB_ROUTER } lab_kind;

struct ns3shim_node {
    ns3shim_world *world;
    lab_kind kind;
    char name[SVR_NAME_MAX + 1];
    lab_space space;
    char device[LAB_DEVICES_MAX][LAB_DEVICE_NAME_MAX];
    uint32_t n_devices;
    bool dark;           /* without power: nothing comes from it */
    bool bridge;         /* a router: its LAN bridge is there */
    struct in_addr own4; /* first addresses of a host */
    struct in6_addr own6;
    bool has4, has6;
    lab_server *servers;
    ns3shim_node *next;
};

struct ns3shim_world {
    uint32_t rate;
    uint64_t origin;      /* the machine's monotonic clock at instant 0; 0: not begun */
    uint64_t wall_offset; /* the machine's wall clock, less its monotonic one */
    uint64_t frozen;      /* the instant, when no time passes */
    bool running, stopped;
    uint64_t events;
    int epoll;
    lab_space wires; /* where all links end: see wire.c */
    lab_source medium;
    int sender; /* socket that puts frames on the medium */
    ns3shim_link **links;
    size_t n_links;
    ns3shim_node *nodes;
    ns3shim_timer *timers;
    ns3shim_flow **flows;
    size_t n_flows;
    uint64_t random; /* state of what is lost by chance */
};

/* NULL when no namespaces can be made here. */
ns3shim_world *lab_world_new(uint32_t seed, uint32_t rate);
/* Scenario time begins. */
void lab_world_begin(ns3shim_world *world);
/* The scenario's instant at an instant of the machine's wall clock; false before it began. */
bool lab_world_at(const ns3shim_world *world, uint64_t machine_wall, uint64_t *out);
/* The machine's wall clock at instant 0. */
uint64_t lab_world_origin_wall(const ns3shim_world *world);

/* Waits for EPOLLIN, or EPOLLIN and EPOLLOUT. 0, or -1. */
int lab_watch(ns3shim_world *world, lab_source *source, uint32_t events);
/* Other events of a watched source. */
void lab_rewatch(ns3shim_world *world, lab_source *source, uint32_t events);
/* Closes the descriptor; nothing happens when there is none. */
void lab_unwatch(ns3shim_world *world, lab_source *source);

/* node.c: a node of any kind, with a namespace of its own. The name is cut when it is too long. */
ns3shim_node *lab_node_new(ns3shim_world *world, const char *name, lab_kind kind);
/* Gives a router's device its name and address; for a LAN, makes it a port of the router's bridge `br-lan`,
 * which has the address. `address` is text. */
int lab_node_attach(ns3shim_node *node, uint32_t device, const char *target, bool lan, const char *address,
                    uint8_t prefix_len);

/* wire.c */
int lab_wires_open(ns3shim_world *world);
void lab_wires_close(ns3shim_world *world);
/* Waits until all links carry frames, at most three seconds. */
void lab_wires_settle(ns3shim_world *world);
/* Tells the node at one end that its link went down or came back. */
void lab_wire_carrier(ns3shim_node *node, uint32_t device, bool up);

/* server.c, flow.c: frees what a node or a world has of them. */
void lab_servers_del(ns3shim_node *node);
void lab_flows_del(ns3shim_world *world);

#endif

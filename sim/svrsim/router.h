/* SPDX-License-Identifier: MIT
 * One router of the stack on its ns-3 node: packets in, packets out, timers, events and keys. */
#ifndef SVRSIM_ROUTER_H
#define SVRSIM_ROUTER_H

#include "svrsim/sim.h"

#define SVRSIM_PORTS_MAX 256

/* A device of the ns-3 node, and the interface that it belongs to. */
typedef struct svrsim_port {
    char target[SVR_NAME_MAX + 1];
    svr_addr host[2]; /* whom it leads to, over IPv4 and IPv6; family 0 in both: anyone */
    bool attached;
    bool up;       /* the link, as the router is told */
    bool own;      /* the inter-node link of a router with two nodes */
    svr_ifid ifid; /* after the start; SVR_IFID_NONE when the configuration has no such interface */
} svrsim_port;

struct svrsim_router {
    svrsim *sim;
    char name[SVR_NAME_MAX + 1];
    ns3shim_node *node;
    ns3shim_timer *timer;
    svr_time armed; /* when the timer fires; SVR_TIME_NEVER when it is off */
    svr_node *svr;
    svr_pool *pool;
    const char *node_name;
    svrsim_port port[SVRSIM_PORTS_MAX]; /* by device */
    char *credential[4];
    char which[SVR_NAME_MAX + 1];  /* of its nodes; "": the first */
    svrsim_router *first, *second; /* of a router with two: the other one */
    svr_config *config;            /* its own; NULL: the network's */
    svr_wall clock;                /* how far its wall clock is ahead of the simulation's */
    bool settling;                 /* what comes out of the node is being taken */
    uint64_t unroutable;           /* packets that the node sent where no link is */
};

svrsim_router *svrsim_router_make(svrsim *sim, const char *name);
void svrsim_router_free(svrsim_router *r);
/* Makes the node; `wall` is the simulation's wall time now. */
int svrsim_router_start(svrsim_router *r, svr_env *env, const svr_config *config, svr_wall wall);
/* Ends the node; its packets go back to the environment. */
void svrsim_router_stop(svrsim_router *r);

void svrsim_router_set_wall(svrsim_router *r, svr_wall wall);

/* Of sim.c, for routers: what came out. */
void svrsim_take_event(svrsim *sim, svrsim_router *r, const svr_event *ev);
void svrsim_take_key(svrsim *sim, const char *line);

#endif

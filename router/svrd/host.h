/* SPDX-License-Identifier: MIT
 * One running router: the node of the stack and the Linux it stands on. */
#ifndef SVRD_HOST_H
#define SVRD_HOST_H

#include "svrd/control.h"
#include "svrd/credentials.h"
#include "svrd/plan.h"
#include "svrd/tun.h"
#include "svrd/wan.h"

struct svrd_host;

/* An interface of the node and what it is here. */
typedef struct svrd_port {
    struct svrd_host *host;
    svrd_role role;
    union {
        svrd_wan wan;
        svrd_tun tun;
    };
    bool open;
    svrd_source sources[2]; /* of a WAN: IPv4, IPv6 */
} svrd_port;

typedef struct svrd_host {
    const svrd_options *options;
    const svr_config *config;
    const svr_node_config *cfg;
    svrd_clock clock;
    svrd_log log;
    svr_env *env;
    svr_node *node;
    svrd_loop loop;
    svrd_netlink netlink, links; /* requests; changes of links */
    svrd_source link_source, signal_source;
    svrd_port *ports; /* by svr_ifid */
    bool pair; /* one of two nodes: this program gives the devices their addresses while it serves (PD-HA) */
    bool serves; /* see svr_node_serves */
    bool firewall;
    svrd_control control;
    FILE *events, *keylog;
    svr_time upkeep_again; /* when to look after what nobody tells us */
    bool stop;
} svrd_host;

/* Makes the router. `config` is checked and must outlive it. 0, or -1 with `err` filled; then nothing is left
 * behind. */
int svrd_host_open(svrd_host *h, const svrd_options *options, const svr_config *config, svr_error *err);
/* Runs until SIGINT or SIGTERM. 0, or -1 with `err`. */
int svrd_host_run(svrd_host *h, svr_error *err);
void svrd_host_close(svrd_host *h);

#endif

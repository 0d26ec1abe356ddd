/* SPDX-License-Identifier: MIT
 * A simulation: a network of ns-3 in which some nodes are routers of the stack, with everything that is
 * written down about it. Topology is built first; svrsim_start makes the routers live, and svrsim_run_until
 * lets time pass. Functions that can fail return NULL or -1, with the reason in svrsim_reason. */
#ifndef SVRSIM_SIM_H
#define SVRSIM_SIM_H

#include "libns3shim/ns3shim.h"
#include "svr/node.h"
#include "svrsim/capture.h"
#include "svrsim/journal.h"
#include "svrsim/progress.h"

/* 2025-01-01 00:00:00 UTC: where a simulation begins, so that nothing depends on the day it is run. */
#define SVRSIM_EPOCH INT64_C(1735689600000000000)

typedef struct svrsim_options {
    const char *script;
    uint64_t seed; /* 1..2^32-1 */
    bool seed_given;
    const char *out_dir;
    const char *pcap_dir; /* NULL: out_dir */
    const char *keylog;   /* NULL: keys.log in out_dir */
    uint64_t until;       /* no scenario runs longer; SVR_TIME_NEVER: no limit */
    bool quiet;
    char **settings; /* of --set: "name=value" */
    size_t n_settings;
} svrsim_options;

typedef struct svrsim svrsim;
typedef struct svrsim_router svrsim_router;

svrsim *svrsim_new(const svrsim_options *options);
/* 0, or -1 when a file could not be written. */
int svrsim_del(svrsim *sim);
const char *svrsim_reason(const svrsim *sim);
/* Keeps a reason; returns -1. */
int svrsim_fail(svrsim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

const svrsim_options *svrsim_get_options(const svrsim *sim);
/* What the configuration of a network must heed here. */
typedef struct svrsim_traits {
    bool host_addresses;                      /* of LAN interfaces: with their full prefix length */
    uint32_t bfd_interval_ms, bfd_multiplier; /* of routers that say nothing else; 0: the defaults */
} svrsim_traits;
const svrsim_traits *svrsim_get_traits(const svrsim *sim);
ns3shim_world *svrsim_world(svrsim *sim);
/* The scenario's own seed, unless the command line gave one. Only before anything was made: all begins anew.
 */
int svrsim_set_seed(svrsim *sim, uint64_t seed);
/* Wall time at the beginning; only before svrsim_start. */
void svrsim_set_epoch(svrsim *sim, svr_wall epoch);
svr_wall svrsim_get_epoch(const svrsim *sim);
/* For certificate authorities (svr/authority.h): keys and serial numbers follow from the seed, which can no
 * longer be set from here on. They must be gone before the simulation. */
struct svr_crypt *svrsim_crypt(svrsim *sim);

/* A router, which will be the part of that name in the configuration. */
svrsim_router *svrsim_router_new(svrsim *sim, const char *name);
ns3shim_node *svrsim_router_node(svrsim_router *r);
/* The texts are copied; see svr_credentials. */
int svrsim_router_set_credentials(svrsim_router *r, const svr_credentials *texts);
/* `second`, a router of the same name, is its other node (PD-HA): named `node` in the configuration, where
 * both have the same interfaces in the same order. It has no links but the one between them; what the others
 * carry goes to the node that serves. */
int svrsim_router_set_second(svrsim_router *r, svrsim_router *second, const char *node);
/* A configuration of its own, instead of the one of svrsim_start: for a router of another kind among ours.
 * The text is copied. */
int svrsim_router_set_config(svrsim_router *r, const char *text);
/* An address of a router at a device, as text, and its prefix length. */
typedef struct svrsim_own {
    const char *address;
    uint8_t prefix_len;
} svrsim_own;

/* Connects a device of the router's ns-3 node (see ns3shim_link_device) with an interface of its
 * configuration: the one whose target-interface is `target`. Several devices on one interface are one LAN: a
 * datagram leaves by the device whose far end is `host` (one address of each family, by a call for each); ""
 * takes all that find no other. `own` is the router's address there, which the configuration says as well. */
int svrsim_router_attach(svrsim_router *r, uint32_t device, const char *target, const char *host,
                         const svrsim_own *own);

/* Puts a capture on a link, in PCAP_DIR/NAME.pcapng. `ends` names both ends. */
int svrsim_add_capture(svrsim *sim, ns3shim_link *link, const char *name, const char *const ends[2],
                       const svrsim_window *windows, size_t n_windows, bool with_keys);

/* Called for each event of a router, from within svrsim_run_until. */
typedef void (*svrsim_on_event)(void *ctx, const char *router, const svr_event *ev);
void svrsim_set_on_event(svrsim *sim, svrsim_on_event on_event, void *ctx);

/* Reads the configuration, writes it down as authority.conf, and makes all routers live. */
int svrsim_start(svrsim *sim, const char *config);
/* Wall time now: that of certificates, captures and events. */
svr_wall svrsim_wall_now(const svrsim *sim);
/* Runs to `until`, or to the limit of the options, or until svrsim_halt. */
int svrsim_run_until(svrsim *sim, svr_time until);
/* Calls `fire` once at an instant, from within svrsim_run_until; for what scenarios do to the network.
 * Whoever made it deletes it, then or before. NULL on failure. */
typedef struct svrsim_alarm svrsim_alarm;
svrsim_alarm *svrsim_alarm_new(svrsim *sim, svr_time at, void (*fire)(void *ctx), void *ctx);
void svrsim_alarm_del(svrsim_alarm *alarm);
/* Makes svrsim_run_until return soon. */
void svrsim_halt(svrsim *sim);

/* The router loses power: its node is gone, with all that it knew, and says nothing more. Not from within its
 * own event. */
int svrsim_crash(svrsim *sim, svrsim_router *r);
/* It comes back and begins anew. */
int svrsim_restart(svrsim *sim, svrsim_router *r);
/* A live router takes over the credentials that were set last (see svr_node_reload_credentials). */
int svrsim_router_reload(svrsim_router *r);
/* A live router makes a new metadata key (KEY-REGENERATE). */
int svrsim_router_regenerate(svrsim_router *r);
/* Sets its wall clock to the simulation's plus `ahead`; it stays so over restarts. */
int svrsim_set_clock(svrsim *sim, svrsim_router *r, svr_wall ahead);

/* False before svrsim_start, and while the router is down. */
bool svrsim_router_lives(const svrsim_router *r);
/* It lives, and is not the one of two nodes that stands by. */
bool svrsim_router_serves(const svrsim_router *r);
/* What a live router answers to a show command; valid up to the next call for it. NULL on failure. */
const svr_report *svrsim_router_show(svrsim_router *r, const char *command);
/* A drop counter of a live router, see svr_node_counter. */
uint64_t svrsim_router_counter(svrsim_router *r, size_t index, const char **name);
/* Tells a router that the device lost or regained its link. */
void svrsim_router_carrier(svrsim_router *r, uint32_t device, bool up);

#endif

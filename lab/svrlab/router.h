/* SPDX-License-Identifier: MIT
 * A router of the lab: an svrd process in its namespace, with a tap device for each of its interfaces. */
#ifndef SVRLAB_ROUTER_H
#define SVRLAB_ROUTER_H

#include <jansson.h>
#include <sys/types.h>

#include "svrlab/ask.h"
#include "svrlab/loop.h"
#include "svrlab/tap.h"
#include "svrsim/sim.h"

enum { LAB_CERTIFICATE, LAB_PRIVATE_KEY, LAB_TRUSTED_CA, LAB_CRL, LAB_CREDENTIALS };

struct svrsim_router {
    svrsim *sim;
    char name[SVR_NAME_MAX + 1];
    lab_space space;
    lab_taps taps;
    svrsim_router *first,
        *second; /* of two nodes (PD-HA): the other one, which has no links but that between them */
    char which[SVR_NAME_MAX + 1]; /* of two nodes, the second: its name */
    uint32_t n_own;  /* of two nodes, the first: devices before this one lead to the other node */
    lab_taps shared; /* of two nodes, the second: what stands for the first's other devices */
    bool serves;     /* it is the active one, or the only one */
    char *credential[LAB_CREDENTIALS]; /* texts; NULL: none */
    bool given[LAB_CREDENTIALS];       /* the process was started with it */
    char *config;                      /* of its own, or NULL */
    svr_wall clock;                    /* of the router, ahead of the lab's */
    pid_t pid;                         /* 0: not running */
    lab_source events;                 /* a pipe from the process */
    bool taking;                       /* its events are being taken */
    char *line;                        /* what has come of the next event */
    size_t line_len;
    lab_answer answer;
};

/* How a process is to be started. */
typedef struct lab_start {
    const char *config; /* file */
    const char *log;    /* file that it appends what it says to */
    uint32_t rate;
    uint64_t machine_wall; /* the machine's wall clock at instant 0 */
    svr_wall epoch;        /* the lab's */
} lab_start;

/* NULL when memory is short, or no namespace can be made. */
svrsim_router *lab_router_new(svrsim *sim, lab_loop *loop, const char *name);
void lab_router_del(svrsim_router *r);
/* Starts svrd, which is found beside this program. */
int lab_router_start(svrsim_router *r, const lab_start *how);
/* Ends it at once, and takes what it had said. */
void lab_router_kill(svrsim_router *r);
/* Without power its kernel says and hears nothing either. */
void lab_router_power(svrsim_router *r, bool on);
/* Calls `take` for each line of its key log, without the newline. */
void lab_router_keys(const svrsim_router *r, void (*take)(void *ctx, const char *line), void *ctx);

/* lab.c: a line of events came, which it takes over; or the process ended by itself. */
void lab_take_event(svrsim *sim, svrsim_router *r, json_t *event);
void lab_router_died(svrsim *sim, svrsim_router *r);

#endif

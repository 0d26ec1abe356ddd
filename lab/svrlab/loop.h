/* SPDX-License-Identifier: MIT
 * Lets a simulated world go with the machine's clock, `rate` times as fast, and waits for descriptors
 * meanwhile. The world stands still but for lab_loop_run. Functions that return int give 0, or -1 with the
 * reason in lab_reason. */
#ifndef SVRLAB_LOOP_H
#define SVRLAB_LOOP_H

#include <sys/epoll.h>

#include "libns3shim/ns3shim.h"
#include "svr/base.h"

/* Something to be waited for. It stays where it is while it is watched. */
typedef struct lab_source {
    int fd; /* -1: none */
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
} lab_source;

typedef struct lab_loop {
    ns3shim_world *world;
    uint32_t rate;
    uint64_t origin; /* the machine's monotonic clock at instant 0 of the world; 0: not begun */
    int epoll;
    bool ran; /* the world has begun to run */
    bool halted;
    bool rang;                   /* the last step was an alarm's */
    struct svrsim_alarm *alarms; /* by instant */
} lab_loop;

/* From here on signals that end programs end a run. */
int lab_loop_open(lab_loop *loop, ns3shim_world *world, uint32_t rate);
void lab_loop_close(lab_loop *loop);

/* Instant 0 is now, once the world begins to run. */
void lab_loop_begin(lab_loop *loop);
/* The machine's wall clock at instant 0. */
uint64_t lab_loop_origin_wall(const lab_loop *loop);
/* The instant that routers see: the machine's present, once the world has begun to run, else the world's. The
 * world's own clock stands still while a router is started or asked. */
uint64_t lab_loop_now(const lab_loop *loop);
/* Runs up to an instant of the world, or until lab_loop_halt, or -1 when a signal came or ns-3 gave up. */
int lab_loop_run(lab_loop *loop, uint64_t until);
void lab_loop_halt(lab_loop *loop);

/* See svrsim_alarm_new. What an alarm does may take its time (a router is started): it is no event of the
 * world, whose clock would wait for it. NULL when memory is short. */
struct svrsim_alarm *lab_alarm_new(lab_loop *loop, uint64_t at, void (*fire)(void *ctx), void *ctx);

/* Waits for something to read. `ready` is called with the world's clock at the present instant. */
int lab_watch(lab_loop *loop, lab_source *source);
/* Closes the descriptor; nothing happens when there is none. */
void lab_unwatch(lab_loop *loop, lab_source *source);

#endif

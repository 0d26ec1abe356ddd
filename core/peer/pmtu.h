/* SPDX-License-Identifier: MIT
 * The search for the longest packet that a path takes (PD-PMTU; RFC 8899 calls it PLPMTUD). Numbers only: the
 * path sends the probes, and tells which were answered.
 *
 *   SEARCH   from what is known to pass upwards: first the interface's MTU, then halving what is left
 *   DONE     nothing more to find; every SVR_PMTU_CONFIRM the size in use is tried again, and after
 *            SVR_PMTU_RAISE a greater one
 *   CONFIRM  the size in use is in question; when it is lost the least one serves until a search is done */
#ifndef SVR_PEER_PMTU_H
#define SVR_PEER_PMTU_H

#include "svr/base.h"

#define SVR_PMTU_BASE 1280                  /* every path takes this (RFC 8200 section 5) */
#define SVR_PMTU_TRIES 3                    /* probes of one size, until it counts as too long */
#define SVR_PMTU_WAIT SVR_SEC               /* for the answer to each */
#define SVR_PMTU_WAIT_HINTED (200 * SVR_MS) /* the same when a router on the way has complained */
#define SVR_PMTU_GRAIN 8                    /* bytes that are not worth another probe */
#define SVR_PMTU_CONFIRM (10 * SVR_SEC)
#define SVR_PMTU_RAISE (600 * SVR_SEC) /* RFC 8899 section 5.1.1 */

typedef enum svr_pmtu_phase {
    SVR_PMTU_OFF,
    SVR_PMTU_SEARCH,
    SVR_PMTU_DONE,
    SVR_PMTU_CONFIRMING
} svr_pmtu_phase;

typedef struct svr_pmtu {
    svr_pmtu_phase phase;
    uint32_t limit;     /* the interface's MTU */
    uint32_t current;   /* what sessions may use */
    uint32_t low, high; /* SEARCH: what passes, and what may */
    uint32_t probe, id; /* the size that is tried, and the number of that trial */
    uint32_t hint;      /* what a router on the way has said; 0: nothing */
    uint32_t tries;
    svr_time due, raise_at; /* when svr_pmtu_run is to be called; when a greater size is tried */
} svr_pmtu;

/* Nothing is searched yet: the interface's MTU serves. */
void svr_pmtu_init(svr_pmtu *m, uint32_t limit);
/* The path came into service. What was found before serves on, once it is confirmed. */
void svr_pmtu_start(svr_pmtu *m, svr_time now);
void svr_pmtu_stop(svr_pmtu *m);
/* At `due`: the size of the probe that is to be sent now, or 0; `due` is set anew. */
uint32_t svr_pmtu_run(svr_pmtu *m, svr_time now);
/* The peer has answered a probe. False when it is none that is waited for. */
bool svr_pmtu_answered(svr_pmtu *m, uint32_t size, uint32_t id, svr_time now);
/* A router on the way says, without proof, that our packets are longer than `mtu`: the size in use is tried
 * at once, and nothing else changes. */
void svr_pmtu_doubt(svr_pmtu *m, uint32_t mtu, svr_time now);

#endif

/* SPDX-License-Identifier: MIT
 * What the modules of one node share: memory, crypto, timers, the clock's two hands, counters, the queues of
 * packets, events and key log lines that wait for the host. */
#ifndef SVR_BASE_RUNTIME_H
#define SVR_BASE_RUNTIME_H

#include "base/drop.h"
#include "base/timer.h"
#include "svr/event.h"
#include "svr/packet.h"

#define SVR_EVENTS_MAX 512    /* events kept for a slow host */
#define SVR_HISTORY_MAX 256   /* past events kept for show */
#define SVR_KEY_LINES_MAX 256 /* key log lines kept */
#define SVR_KEY_LINE_MAX 512
#define SVR_OUTPUT_MAX 4096 /* packets waiting for svr_node_output */

struct svr_crypt;
struct svr_alarm;

typedef struct svr_runtime {
    const svr_allocator *alloc;
    struct svr_crypt *crypt;
    svr_pool *pool;
    svr_timer_heap timers;
    svr_time now;       /* instant of the host's current call */
    svr_wall wall_then; /* wall time at `wall_at` */
    svr_time wall_at;
    uint64_t jitter; /* state of svr_runtime_jitter */
    uint64_t drops[SVR_DROP_COUNT];
    uint64_t events_lost, key_lines_lost;
    bool keylog;
    bool open_checksums; /* the host completes UDP checksums of what goes onto paths */

    svr_packet **output; /* ring of SVR_OUTPUT_MAX */
    size_t output_head, output_n;
    svr_event *events; /* ring of SVR_EVENTS_MAX */
    size_t events_head, events_n;
    svr_event *history;         /* ring of SVR_HISTORY_MAX: past events, but for those of sessions */
    size_t history_n;           /* put there so far */
    const svr_event *unsettled; /* the latest event, while it is not in the history yet; NULL: it is */
    char (*key_lines)[SVR_KEY_LINE_MAX]; /* ring of SVR_KEY_LINES_MAX; only with keylog */
    size_t key_lines_head, key_lines_n;
    struct svr_alarm *alarms; /* standing, oldest first (base/alarm.h) */
    size_t n_alarms, alarms_size;
    uint32_t alarm_id; /* the last one given */
    uint64_t alarms_lost;
} svr_runtime;

bool svr_runtime_init(svr_runtime *rt, const svr_allocator *alloc, struct svr_crypt *crypt, svr_pool *pool,
                      uint64_t seed, bool keylog);
void svr_runtime_fini(svr_runtime *rt);

/* Wall time at the current instant. */
svr_wall svr_runtime_wall(const svr_runtime *rt);
/* A number below `bound`, for spreading timers; no secret depends on it. */
uint64_t svr_runtime_jitter(svr_runtime *rt, uint64_t bound);

/* Counts a drop. The second form also returns the packet to the pool. */
static inline void svr_drop_count(svr_runtime *rt, svr_drop reason) {
    rt->drops[reason]++;
}
void svr_drop_packet(svr_runtime *rt, svr_packet *pkt, svr_drop reason);

/* Queues a packet for the host; takes it over. `next_hop` is a gateway or the destination. */
void svr_runtime_send(svr_runtime *rt, svr_packet *pkt, svr_ifid out, const svr_addr *next_hop);

/* A new event, stamped with both clocks and otherwise empty ("" texts, SVR_INFO): fill it in at once. When
 * the ring is full the oldest event goes. Never NULL. */
svr_event *svr_runtime_event(svr_runtime *rt, svr_event_kind kind);
/* How many past events there are to look at, at most SVR_HISTORY_MAX. They stay when the host has pulled
 * them. */
size_t svr_runtime_history(svr_runtime *rt);
/* One of them: 0 is the latest. */
const svr_event *svr_runtime_past_event(const svr_runtime *rt, size_t back);
/* Appends one key log line made like printf; nothing when the key log is off. */
void svr_runtime_key_line(svr_runtime *rt, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hex text of bytes (2 * len + 1 characters) into `out`; returns `out`. */
char *svr_hex(const void *p, size_t len, char *out);

/* The object around an embedded member. */
#define svr_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif

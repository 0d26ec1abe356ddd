/* SPDX-License-Identifier: MIT
 *
 * A host that opens flows as fast as it can must not take the table of sessions, or the time for keys, from
 * all others: so many a second for each source, and for all. It is asked before anything dear is done. What
 * has a session already is never asked.
 *
 * An alarm stands while its limit is being met, and QUIET longer. */
#include "base/alarm.h"
#include "forward/forward_internal.h"

#define REVIEW SVR_SEC
#define QUIET (10 * SVR_SEC)

static const svr_alarm_cause causes[SVR_LIMITS] = {SVR_ALARM_FLOWS, SVR_ALARM_WAYPOINTS, SVR_ALARM_SESSIONS};

static bool take(svr_bucket *b, svr_time now, uint32_t per_second) {
    return !per_second || svr_bucket_take(b, now, SVR_SEC / per_second, 2 * per_second);
}

static bool is_full(const svr_forward *f) {
    const svr_table *t = &f->sessions.by_uuid;
    return t->n >= t->limit / 10 * 9;
}

static void review(svr_timer *t, void *ctx, svr_time now) {
    svr_forward *f = svr_container_of(t, svr_forward, limits.review);
    bool any = false;
    (void)ctx;
    if (is_full(f)) f->limits.met[SVR_LIMIT_SESSIONS] = now;
    for (int i = 0; i < SVR_LIMITS; i++) {
        if (!f->limits.met[i]) continue;
        if (now - f->limits.met[i] >= QUIET) {
            f->limits.met[i] = 0;
            svr_alarm_clear(f->rt, causes[i], f->node->router->name);
        }
        any |= f->limits.met[i] != 0;
    }
    if (any) svr_timer_set(t, &f->rt->timers, now + REVIEW);
}

static void meet(svr_forward *f, svr_limit limit, svr_severity severity, const char *what) {
    bool stands = f->limits.met[limit] != 0;
    f->limits.met[limit] = f->rt->now ? f->rt->now : 1;
    if (stands) return;
    svr_alarm_raise(f->rt, causes[limit], f->node->router->name, severity, "Router %s %s",
                    f->node->router->name, what);
    if (!svr_timer_is_set(&f->limits.review))
        svr_timer_set(&f->limits.review, &f->rt->timers, f->rt->now + REVIEW);
}

bool svr_limits_init(svr_forward *f) {
    return svr_timer_init(&f->limits.review, &f->rt->timers, review);
}

void svr_limits_fini(svr_forward *f) {
    if (f->limits.review.fire) svr_timer_fini(&f->limits.review, &f->rt->timers);
}

svr_drop svr_limits_admit(svr_forward *f, const svr_addr *source) {
    const svr_router_config *router = f->node->router;
    uint64_t slot = svr_hash(source, sizeof *source, f->sessions.by_uuid.seed) % SVR_LIMIT_SOURCES;
    if (take(&f->limits.source[slot], f->rt->now, router->flows_per_source) &&
        take(&f->limits.all, f->rt->now, router->flows_per_second))
        return SVR_DROP_NONE;
    meet(f, SVR_LIMIT_FLOWS, SVR_MINOR, "turns new flows away: there are more than its limits permit");
    return SVR_DROP_FLOW_LIMIT;
}

bool svr_limits_waypoint(const svr_forward *f) {
    uint32_t most = f->node->router->max_waypoints;
    return !most || f->sessions.waypoints < most;
}

svr_drop svr_limits_note(svr_forward *f, svr_drop reason) {
    if (reason == SVR_DROP_NO_WAYPOINT)
        meet(f, SVR_LIMIT_WAYPOINTS, SVR_MAJOR, "has no waypoints left for sessions to a peer");
    if (reason == SVR_DROP_SESSION_LIMIT || is_full(f))
        meet(f, SVR_LIMIT_SESSIONS, SVR_MAJOR, "holds nine tenths of the sessions that it can hold, or more");
    return reason;
}

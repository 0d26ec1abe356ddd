/* SPDX-License-Identifier: MIT
 *
 * Sessions move to other paths of the same peer. Only who sends forward packets on a leg moves it, so that
 * both ends never move at once; the other end follows the metadata.
 *
 * Whenever a path's standing changes, `epoch` of all sessions goes up: a session whose own is older has yet
 * to be asked whether it stays where it is. A packet of the session asks at once, so that no session that is
 * in use waits. For those that only hear, and for the rest, a sweep goes through the table in slices, since a
 * million sessions must not stop the router: LOOKS sessions, or MOVES of those that move, each SLICE.
 *
 * An end of the sweep finds everybody, unless sessions ended meanwhile: then the table may have shifted a
 * session behind the sweep's back, and it goes round once more. */
#include "forward/forward_internal.h"

#include <stdio.h>
#include <string.h>

#define SLICE SVR_MS
#define LOOKS 8192
#define MOVES 512
#define TELL_INTERVAL (100 * SVR_MS) /* at most so often an event for the same move */

/* ---- events --------------------------------------------------------------------------------- */

static void tell(svr_forward *f, const svr_move *m) {
    char to[SVR_EVENT_PATH_MAX], uuid[SVR_SESSION_TEXT_MAX];
    svr_event *ev = svr_runtime_event(f->rt, SVR_EVENT_SESSIONS_MOVED);
    svr_strcpy(ev->peer, sizeof ev->peer, svr_peer_name(svr_path_peer(m->from)));
    svr_path_describe(m->from, ev->path);
    svr_path_describe(m->to, to);
    ev->reason = m->reason;
    ev->value = m->n;
    snprintf(ev->detail, sizeof ev->detail, "to %.110s, %s%s", to, m->n > 1 ? "one of them " : "",
             svr_hex(m->uuid, (SVR_SESSION_TEXT_MAX - 1) / 2, uuid));
}

static void tell_all(svr_forward *f) {
    svr_moves *all = &f->moves;
    for (size_t i = 0; i < all->n_told; i++)
        tell(f, &all->told[i]);
    all->n_told = 0;
    svr_timer_stop(&all->tell, &f->rt->timers);
}

static void tell_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    tell_all(svr_container_of(t, svr_forward, moves.tell));
}

static void note(svr_forward *f, const svr_session *s, svr_path *from, const svr_path *to,
                 const char *reason) {
    svr_moves *all = &f->moves;
    svr_path_get_load(from)->moved++;
    for (size_t i = 0; i < all->n_told; i++) {
        svr_move *m = &all->told[i];
        if (m->from != from || m->to != to || m->reason != reason) continue;
        m->n++;
        return;
    }
    if (all->n_told == SVR_MOVES_TOLD_MAX) tell_all(f);
    if (!all->n_told) svr_timer_set(&all->tell, &f->rt->timers, f->rt->now + TELL_INTERVAL);
    svr_move *m = &all->told[all->n_told++];
    *m = (svr_move){.from = from, .to = to, .reason = reason, .n = 1};
    memcpy(m->uuid, s->uuid, sizeof m->uuid);
}

/* ---- one session ---------------------------------------------------------------------------- */

/* Why the session should leave `from` for `to`, which is the best there is now; NULL: it should not. */
static const char *reason_to_move(const svr_service_policy *policy, const svr_path *from,
                                  const svr_path *to) {
    if (policy && policy->resiliency == SVR_RESILIENCY_NONE) return NULL;
    switch (svr_path_standing(from, policy)) {
    case SVR_STANDS_OUT: return "path failed";
    case SVR_STANDS_POOR: return svr_path_standing(to, policy) < SVR_STANDS_POOR ? "path degraded" : NULL;
    case SVR_STANDS_FRESH: return NULL; /* what it is worth shows at the end of its hold-down */
    case SVR_STANDS_GOOD: break;
    }
    return policy && policy->resiliency == SVR_RESILIENCY_REVERTIBLE ? "preferred path" : NULL;
}

static void move(svr_forward *f, svr_leg *leg, svr_path *to, const char *reason) {
    svr_path *from = leg->path;
    svr_time heard = svr_path_heard(from);
    svr_tuple arrival;
    /* What went into a dead line has told nobody anything. */
    if (!svr_path_in_service(from) && leg->sent > heard) leg->sent = heard;
    if (!svr_waypoint_choose(&f->sessions, to, svr_session_proto(svr_leg_session(leg)), &arrival)) {
        svr_drop_count(f->rt, svr_limits_note(f, SVR_DROP_NO_WAYPOINT));
        return;
    }
    if (!svr_leg_rebind(leg, to, &arrival)) return;
    note(f, svr_leg_session(leg), from, to, reason);
    /* Of very many sessions some are told by their next packet: the queue is for others as well. */
    svr_control_renew(f, leg, f->rt->output_n < SVR_OUTPUT_MAX / 2);
}

/* True when the session moved. */
static bool consider(svr_forward *f, svr_session *s) {
    svr_leg *leg = &s->leg[SVR_TARGET];
    s->epoch = f->sessions.epoch;
    if (!leg->path || s->dead) return false;
    const svr_service_policy *policy = s->service->policy;
    svr_flow flow = svr_session_flow(s);
    svr_path *best = svr_policy_path(svr_path_peer(leg->path), policy, &flow);
    const char *reason = best && best != leg->path ? reason_to_move(policy, leg->path, best) : NULL;
    if (reason) move(f, leg, best, reason);
    return reason != NULL;
}

void svr_moves_review(svr_forward *f, svr_session *s) {
    if (s->epoch != f->sessions.epoch) consider(f, s);
}

/* ---- all ------------------------------------------------------------------------------------ */

/* True at the end of the table. */
static bool sweep(svr_forward *f) {
    const svr_table *table = &f->sessions.by_uuid;
    svr_moves *all = &f->moves;
    svr_session *s;
    if (all->size != table->size) all->at = 0; /* it has grown: everybody is elsewhere */
    all->size = table->size;
    for (size_t looks = 0, moves = 0; looks < LOOKS && moves < MOVES; looks++) {
        if (!(s = svr_table_next(table, &all->at))) return true;
        if (s->epoch != f->sessions.epoch) moves += consider(f, s);
    }
    return false;
}

static void run_slice(svr_forward *f) {
    svr_moves *all = &f->moves;
    bool ended = sweep(f);
    if (ended && all->ended != f->sessions.ended) {
        all->ended = f->sessions.ended;
        all->at = 0;
        ended = false;
    }
    if (!ended) svr_timer_set(&all->slice, &f->rt->timers, f->rt->now + SLICE);
}

static void slice_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    run_slice(svr_container_of(t, svr_forward, moves.slice));
}

void svr_moves_begin(svr_forward *f) {
    f->sessions.epoch++;
    f->moves.at = 0;
    f->moves.ended = f->sessions.ended;
    svr_timer_stop(&f->moves.slice, &f->rt->timers);
    run_slice(f);
}

bool svr_moves_init(svr_forward *f) {
    return svr_timer_init(&f->moves.slice, &f->rt->timers, slice_due) &&
           svr_timer_init(&f->moves.tell, &f->rt->timers, tell_due);
}

void svr_moves_fini(svr_forward *f) {
    svr_timer_fini(&f->moves.slice, &f->rt->timers);
    svr_timer_fini(&f->moves.tell, &f->rt->timers);
}

/* SPDX-License-Identifier: MIT
 *
 * How good a path is (PD-ECHO). While it is in service, a burst of echo packets goes out every
 * `link-test-interval`; the timer `burst` sends them one by one, and ends the burst. Each burst's result is
 * held against every service-policy. A path is poor for a policy after SVR_SLA_BURSTS results in a row that
 * are over a limit, and good again with the first one that is not. What is in doubt is looked at again soon:
 * after a first result over a limit, and while a hold-down runs, in which one bad result is enough.
 *
 * The hold-down: a path that came back, or got good again, is taken for good only when it has stayed so for
 * SVR_HOLD_DOWN, so that sessions do not follow a path that flaps. No timer ends it but a witness: the first
 * BFD packet, or the first good burst, after that time; the line may have gone dead meanwhile, and BFD not
 * yet noticed. The first time is no coming back. */
#include "peer/peer_internal.h"

#include <stdio.h>

#define QUICK SVR_SEC /* from the end of a burst to the next one, while there is doubt */

static const svr_bfd_config *bfd_config(const svr_path *path) {
    return &path->peer->all->node->router->bfd;
}

static const svr_config *config_of(const svr_path *path) {
    return path->peer->all->config;
}

static void note(svr_path *path) {
    path->noted = true;
    path->peer->all->changes++;
}

/* ---- policies ------------------------------------------------------------------------------- */

/* By what the path is over a limit, or NULL. */
static const char *excess(const svr_service_policy *p, const svr_quality *q) {
    if (p->max_loss_percent != SVR_NO_LIMIT && q->loss_permille > p->max_loss_percent * 10) return "loss";
    if (p->max_latency_ms != SVR_NO_LIMIT && q->latency > p->max_latency_ms * SVR_MS) return "latency";
    return p->max_jitter_ms != SVR_NO_LIMIT && q->jitter > p->max_jitter_ms * SVR_MS ? "jitter" : NULL;
}

static void set_violates(svr_path *path, size_t i, bool violates, const char *reason) {
    const svr_quality *q = &path->echo.quality;
    svr_path_sla *sla = &path->sla[i];
    svr_event *ev = svr_path_event(path, SVR_EVENT_PATH_QUALITY);
    sla->violates = violates;
    sla->settled = violates ? 0 : path->peer->all->rt->now + SVR_HOLD_DOWN;
    ev->severity = violates ? SVR_MINOR : SVR_INFO;
    ev->from = violates ? "meets" : "violates";
    ev->to = violates ? "violates" : "meets";
    ev->reason = reason;
    snprintf(ev->detail, sizeof ev->detail, "%s latency %llu us jitter %llu us loss %u/1000",
             config_of(path)->policies[i].name, (unsigned long long)(q->latency / SVR_US),
             (unsigned long long)(q->jitter / SVR_US), q->loss_permille);
    note(path);
}

static void judge(svr_path *path, size_t i) {
    const svr_service_policy *policy = &config_of(path)->policies[i];
    svr_path_sla *sla = &path->sla[i];
    const char *over = policy->filter ? excess(policy, &path->echo.quality) : NULL;
    bool held_down = sla->settled || path->settled;
    if (!over) {
        sla->bad = 0;
        if (sla->violates) {
            set_violates(path, i, false, "");
        } else if (sla->settled && sla->settled <= path->peer->all->rt->now) {
            sla->settled = 0;
            note(path);
        }
    } else {
        if (sla->bad < SVR_SLA_BURSTS) sla->bad++;
        if (!sla->violates && (held_down || sla->bad == SVR_SLA_BURSTS)) set_violates(path, i, true, over);
    }
}

svr_standing svr_path_standing(const svr_path *path, const svr_service_policy *policy) {
    const svr_config *config = config_of(path);
    if (!path->in_service) return SVR_STANDS_OUT;
    const svr_path_sla *sla = policy ? &path->sla[policy - config->policies] : NULL;
    if (sla && sla->violates) return SVR_STANDS_POOR;
    return path->settled || (sla && sla->settled) ? SVR_STANDS_FRESH : SVR_STANDS_GOOD;
}

/* ---- bursts --------------------------------------------------------------------------------- */

static void send_echo(svr_path *path, const svr_echo_tlv *echo) {
    uint8_t tlv[4 + SVR_ECHO_LEN];
    svr_tlv_writer w = svr_tlv_writer_make(tlv, sizeof tlv);
    svr_tlv_put_echo(&w, echo);
    svr_path_send(path, (svr_piece){0}, (svr_piece){tlv, svr_tlv_written(&w)}, false);
}

static bool in_doubt(const svr_path *path) {
    if (path->settled) return true;
    for (size_t i = 0; i < config_of(path)->n_policies; i++)
        if ((path->sla[i].bad && !path->sla[i].violates) || path->sla[i].settled) return true;
    return false;
}

static void end_burst(svr_path *path) {
    svr_runtime *rt = path->peer->all->rt;
    svr_time regular = path->burst_at + bfd_config(path)->link_test_seconds * SVR_SEC, soon = rt->now + QUICK;
    svr_echo_end(&path->echo, rt->now);
    for (size_t i = 0; i < config_of(path)->n_policies; i++)
        judge(path, i);
    svr_timer_set(&path->burst, &rt->timers, in_doubt(path) || regular < soon ? soon : regular);
}

static void begin_burst(svr_path *path) {
    path->burst_at = path->peer->all->rt->now;
    svr_echo_begin(&path->echo, bfd_config(path)->link_test_length);
}

static svr_duration spacing(const svr_path *path) {
    return path->bfd.remote_echo_rx > SVR_ECHO_SPACING ? path->bfd.remote_echo_rx : SVR_ECHO_SPACING;
}

static void burst_due(svr_timer *t, void *ctx, svr_time now) {
    svr_path *path = svr_container_of(t, svr_path, burst);
    svr_echo *e = &path->echo;
    (void)ctx;
    if (e->running && e->sent == e->length) {
        end_burst(path);
        return;
    }
    if (!e->running && (!path->bfd.remote_echo_rx || !path->peer->ring.current)) {
        svr_timer_set(t, &path->peer->all->rt->timers, now + bfd_config(path)->link_test_seconds * SVR_SEC);
        return;
    }
    if (!e->running) begin_burst(path);
    svr_echo_tlv echo = svr_echo_next(e, now);
    if (path->peer->ring.current) send_echo(path, &echo);
    svr_timer_set(t, &path->peer->all->rt->timers,
                  now + (e->sent < e->length ? spacing(path) : SVR_ECHO_PATIENCE));
}

static bool may_answer(svr_path *path) {
    svr_time now = path->peer->all->rt->now;
    if (now - path->answers_at >= SVR_SEC) {
        path->answers_at = now;
        path->answers = 0;
    }
    return path->answers++ < SVR_ECHO_ANSWERS_MAX;
}

svr_drop svr_path_quality_take(svr_path *path, const svr_tlv *tlv) {
    svr_runtime *rt = path->peer->all->rt;
    svr_echo_tlv echo;
    if (!svr_echo_decode(tlv, &echo)) return SVR_DROP_BFD_MALFORMED;
    if (!echo.reply) {
        if (!may_answer(path)) return SVR_DROP_BFD_ECHO_RATE;
        echo.reply = true;
        if (path->peer->ring.current) send_echo(path, &echo);
        return SVR_DROP_NONE;
    }
    if (!svr_echo_answered(&path->echo, &echo, rt->now)) return SVR_DROP_BFD_ECHO;
    if (svr_echo_complete(&path->echo)) end_burst(path);
    return SVR_DROP_NONE;
}

void svr_path_quality_heard(svr_path *path) {
    if (!path->settled || path->settled > path->peer->all->rt->now) return;
    path->settled = 0;
    note(path);
}

/* ---- service -------------------------------------------------------------------------------- */

void svr_path_quality_service(svr_path *path, bool in_service) {
    svr_runtime *rt = path->peer->all->rt;
    svr_timer_stop(&path->burst, &rt->timers);
    svr_echo_reset(&path->echo);
    for (size_t i = 0; i < config_of(path)->n_policies; i++)
        path->sla[i] = (svr_path_sla){0};
    path->settled = in_service && path->served_before ? rt->now + SVR_HOLD_DOWN : 0;
    path->served_before |= in_service;
    if (!in_service || path->peer->sibling || !bfd_config(path)->link_test_seconds) return;
    svr_timer_set(&path->burst, &rt->timers, rt->now + svr_runtime_jitter(rt, SVR_ECHO_SPACING));
}

bool svr_path_quality_init(svr_path *path) {
    svr_runtime *rt = path->peer->all->rt;
    size_t n = config_of(path)->n_policies;
    path->sla = svr_alloc_zero(rt->alloc, n ? n : 1, sizeof *path->sla);
    return path->sla && svr_timer_init(&path->burst, &rt->timers, burst_due);
}

void svr_path_quality_fini(svr_path *path) {
    svr_runtime *rt = path->peer->all->rt;
    svr_timer_fini(&path->burst, &rt->timers);
    svr_alloc_free(rt->alloc, path->sla);
}

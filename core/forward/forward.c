/* SPDX-License-Identifier: MIT */
#include "forward/forward_internal.h"

#include <assert.h>

/* Only the ingress decides that a flow is over: the others would not know it if it came back. */
static void session_ended(void *ctx, svr_session *s) {
    if (svr_session_is_originator(s)) svr_control_ended(ctx, s);
}

svr_forward *svr_forward_new(const svr_forward_params *params) {
    svr_forward *f = svr_alloc_zero(params->rt->alloc, 1, sizeof *f);
    if (!f) return NULL;
    f->rt = params->rt;
    f->peers = params->peers;
    f->config = params->config;
    f->node = params->node;
    f->icmp_tokens = SVR_ICMP_ERRORS_PER_SECOND;
    f->datagram_id = (uint32_t)svr_runtime_jitter(f->rt, UINT32_MAX);
    if (svr_sessions_init(&f->sessions, f->rt, params->config->keys.payload_key_rekey_hours * SVR_HOUR) &&
        svr_moves_init(f) &&
        svr_sessions_count_services(&f->sessions, f->config->services, f->config->n_services) &&
        svr_gather_init(&f->gather, f->rt) && svr_nat_start(f) && svr_limits_init(f)) {
        f->sessions.on_end = session_ended;
        f->sessions.on_end_ctx = f;
        return f;
    }
    svr_forward_del(f);
    return NULL;
}

void svr_forward_del(svr_forward *f) {
    if (!f) return;
    const svr_allocator *alloc = f->rt->alloc;
    svr_moves_fini(f);
    svr_gather_fini(&f->gather);
    svr_sessions_fini(&f->sessions);
    svr_limits_fini(f);
    if (f->keep.fire) svr_timer_fini(&f->keep, &f->rt->timers);
    svr_wipe(f, sizeof *f);
    svr_alloc_free(alloc, f);
}

const svr_sessions *svr_forward_sessions(const svr_forward *f) {
    return &f->sessions;
}

void svr_work_drop(svr_forward *f, svr_work *w, svr_drop reason) {
    if (reason)
        svr_drop_packet(f->rt, w->pkt, reason);
    else if (w->pkt)
        svr_packet_put(f->rt->pool, w->pkt);
    if (w->before) svr_packet_put(f->rt->pool, w->before);
    w->pkt = w->before = NULL;
}

/* Either way: what is stuck on a path of this peer may find another. */
void svr_forward_path_changed(svr_forward *f, svr_path *path, bool in_service) {
    if (in_service) svr_nat_serves(f, path);
    svr_moves_begin(f);
}

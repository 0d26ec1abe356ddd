/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include <string.h>

/* Something is outstanding until the peer has answered it: our certificate, a request, our metadata key, in
 * this order. It is sent at once, and again every peer-key-retransmit-interval (KEY-RETRANSMIT). When
 * peer-key-timeout has passed without a valid answer the peer's paths go out of service (KEY-TIMEOUT), and
 * attempts go on at intervals of peer-key-timeout (KEY-RETRY), or at once when an interface or a path changes
 * state (KEY-RETRY-IFCHANGE). Any valid answer starts the patience anew. */

static svr_outstanding find_outstanding(const svr_peer *peer) {
    if (peer->state == SVR_ESKM_DISABLED || peer->state == SVR_ESKM_STANDBY || peer->removed)
        return SVR_WAIT_NOTHING;
    if (!peer->cert_received || !peer->cert_acked) return SVR_WAIT_CERTIFICATE;
    if (peer->request.pending || peer->rekey_wanted || !peer->ring.current) return SVR_WAIT_RESPONSE;
    return peer->key_acked ? SVR_WAIT_NOTHING : SVR_WAIT_METADATA_ACK;
}

static svr_duration retransmit_interval(const svr_peer *peer) {
    return peer->all->config->keys.retransmit_seconds * SVR_SEC;
}
static svr_duration timeout_interval(const svr_peer *peer) {
    return peer->all->config->keys.timeout_seconds * SVR_SEC;
}

/* ---- sending -------------------------------------------------------------------------------- */

static bool any_up(const svr_peer *peer) {
    for (size_t i = 0; i < peer->n_paths; i++)
        if (peer->paths[i].bfd.state == SVR_BFD_UP) return true;
    return false;
}

void svr_peer_send(svr_peer *peer, svr_piece msg, bool secret) {
    bool up_only = any_up(peer);
    size_t first = peer->attempts % peer->n_paths; /* another path at each attempt */
    for (size_t i = 0; i < peer->n_paths; i++) {
        svr_path *path = &peer->paths[(first + i) % peer->n_paths];
        if (!path->interface_up || (up_only && path->bfd.state != SVR_BFD_UP)) continue;
        svr_path_send_message(path, msg, secret);
        if (up_only) return;
    }
}

void svr_peer_send_metadata_key(svr_peer *peer) {
    uint8_t msg[SVR_METADATA_KEY_MESSAGE_LEN];
    if (!peer->ring.current || !svr_metadata_receiver_find(&peer->from_peer, peer->all->metadata_key.index))
        return;
    svr_peer_send(peer, (svr_piece){msg, svr_metadata_key_encode(&peer->all->metadata_key, msg)}, true);
    svr_wipe(msg, sizeof msg);
}

static void tell_again(const svr_peer *peer) {
    svr_event *ev = svr_runtime_event(peer->all->rt, SVR_EVENT_KEY_REQUEST);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->reason = "not answered";
    ev->value = peer->attempts + 1;
}

static void request(svr_peer *peer) {
    if (peer->request.pending) {
        tell_again(peer);
        svr_peer_send(peer, (svr_piece){peer->request.bytes, peer->request.len}, false);
    } else {
        svr_peer_start_request(peer, !peer->ring.current ? "no key yet"
                                     : peer->proof_due   ? "certificate renewed"
                                                         : "peer-key-rekey-interval");
    }
}

static void attempt(svr_peer *peer) {
    switch (peer->waiting_for) {
    case SVR_WAIT_NOTHING: return;
    case SVR_WAIT_CERTIFICATE: svr_peer_send_cert(peer, NULL); break;
    case SVR_WAIT_RESPONSE: request(peer); break;
    case SVR_WAIT_METADATA_ACK: svr_peer_send_metadata_key(peer); break;
    }
    peer->attempts++;
}

void svr_peer_repeat(svr_peer *peer, svr_path *path) {
    if (peer->waiting_for == SVR_WAIT_CERTIFICATE) svr_peer_send_cert(peer, path);
    if (peer->waiting_for == SVR_WAIT_RESPONSE && peer->request.pending)
        svr_path_send_message(path, (svr_piece){peer->request.bytes, peer->request.len}, false);
}

/* ---- peers without the feature --------------------------------------------------------------- */

void svr_peer_kex_heard(svr_peer *peer) {
    peer->kex_heard = true;
    peer->failure_told = false;
}

void svr_peer_tell_failure(svr_peer *peer, const char *reason) {
    if (peer->kex_heard || peer->failure_told || peer->ring.current) return;
    peer->failure_told = true;
    svr_event *ev = svr_runtime_event(peer->all->rt, SVR_EVENT_PEERING);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->severity = SVR_MAJOR;
    ev->to = "failed";
    ev->reason = reason;
}

/* ---- timers --------------------------------------------------------------------------------- */

static void plan_retry(svr_peer *peer) {
    svr_runtime *rt = peer->all->rt;
    svr_duration wait = peer->timed_out ? timeout_interval(peer) : retransmit_interval(peer);
    svr_timer_set(&peer->retry, &rt->timers, rt->now + wait);
}

static void retry_due(svr_timer *t, void *ctx, svr_time now) {
    svr_peer *peer = svr_container_of(t, svr_peer, retry);
    (void)ctx;
    (void)now;
    if (peer->waiting_for == SVR_WAIT_CERTIFICATE && any_up(peer))
        svr_peer_tell_failure(peer, "BFD is up, but the peer takes no part in the key exchange");
    attempt(peer);
    plan_retry(peer);
}

static void timeout_due(svr_timer *t, void *ctx, svr_time now) {
    svr_peer *peer = svr_container_of(t, svr_peer, timeout);
    (void)ctx;
    (void)now;
    peer->timed_out = true;
    peer->kex_heard = peer->failure_told = false;
    svr_key_changes_peer_failed(peer, "no valid answer within peer-key-timeout");
    svr_event *ev = svr_runtime_event(peer->all->rt, SVR_EVENT_KEY_TIMEOUT);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->severity = SVR_MAJOR;
    svr_peer_input(peer, SVR_IN_TIMEOUT, "peer-key-timeout");
    plan_retry(peer);
}

static void rotate_due(svr_timer *t, void *ctx, svr_time now) {
    svr_peer *peer = svr_container_of(t, svr_peer, rotate);
    (void)ctx;
    (void)now;
    svr_keyring_run(&peer->ring);
    svr_metadata_sender_run(&peer->to_peer);
    svr_metadata_receiver_run(&peer->from_peer);
    svr_peer_progress(peer);
}

static void rekey_due(svr_timer *t, void *ctx, svr_time now) {
    svr_peer *peer = svr_container_of(t, svr_peer, rekey);
    (void)ctx;
    if (peer->request.pending) return;
    if (svr_keyring_unfinished(&peer->ring)) { /* PD-GRACE rule 1 */
        svr_timer_set(t, &peer->all->rt->timers, now + retransmit_interval(peer));
        return;
    }
    peer->rekey_wanted = true;
    svr_peer_progress(peer);
}

/* Both sides time the next exchange. The one with the greater name waits a little longer, so that requests
 * rarely cross. A router with many peers does not wait for them to ask all at once: it begins itself, at a
 * moment drawn from the end of the interval (PD-SPREAD). */
static svr_duration rekey_wait(const svr_peer *peer, svr_duration interval) {
    svr_peers *all = peer->all;
    if (all->n_peers > SVR_FEW_PEERS) {
        svr_duration window = all->n_peers * SVR_REKEY_SPACING, most = interval / 20;
        return interval - svr_runtime_jitter(all->rt, (window < most ? window : most) + 1);
    }
    bool greater = strcmp(svr_peer_self_name(peer), svr_peer_remote_name(peer)) > 0;
    return interval + (greater ? 2 * retransmit_interval(peer) : 0);
}

void svr_peer_plan_rekey(svr_peer *peer) {
    svr_runtime *rt = peer->all->rt;
    uint32_t hours = peer->all->config->keys.peer_key_rekey_hours;
    if (peer->proof_due)
        svr_timer_set(&peer->rekey, &rt->timers, rt->now + retransmit_interval(peer));
    else if (hours != SVR_REKEY_NEVER)
        svr_timer_set(&peer->rekey, &rt->timers, rt->now + rekey_wait(peer, hours * SVR_HOUR));
}

bool svr_peer_timers_init(svr_peer *peer) {
    svr_timer_heap *h = &peer->all->rt->timers;
    return svr_timer_init(&peer->retry, h, retry_due) && svr_timer_init(&peer->timeout, h, timeout_due) &&
           svr_timer_init(&peer->rotate, h, rotate_due) && svr_timer_init(&peer->rekey, h, rekey_due);
}

void svr_peer_timers_fini(svr_peer *peer) {
    svr_timer_heap *h = &peer->all->rt->timers;
    svr_timer_fini(&peer->retry, h);
    svr_timer_fini(&peer->timeout, h);
    svr_timer_fini(&peer->rotate, h);
    svr_timer_fini(&peer->rekey, h);
}

/* ---- state ---------------------------------------------------------------------------------- */

/* The only writer of `state` after the start. */
void svr_peer_input(svr_peer *peer, svr_security_input input, const char *reason) {
    svr_security_state from = peer->state, to = svr_security_next_state(from, input);
    if (from == to) return;
    peer->state = to;
    svr_event *ev = svr_runtime_event(peer->all->rt, SVR_EVENT_SECURITY_STATE);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->from = svr_security_state_name(from);
    ev->to = svr_security_state_name(to);
    ev->reason = reason;
    for (size_t i = 0; i < peer->n_paths; i++)
        svr_path_review(&peer->paths[i]);
}

/* Goes as far as what is established allows. */
static void advance_state(svr_peer *peer) {
    static const char why[] = "key exchange";
    bool certs = peer->cert_received && peer->cert_acked;
    svr_security_state before;
    do {
        before = peer->state;
        bool complete = peer->ring.current && peer->key_received && peer->key_acked && !peer->timed_out;
        if (complete) svr_peer_input(peer, SVR_IN_METADATA_KEYS, why);
        if (peer->state == before && peer->ring.current && !peer->timed_out)
            svr_peer_input(peer, SVR_IN_PEER_KEY, why);
        if (peer->state == before && certs && !peer->timed_out)
            svr_peer_input(peer, SVR_IN_CERTS_EXCHANGED, why);
    } while (peer->state != before);
}

static svr_time rotate_deadline(const svr_peer *peer) {
    svr_time ring = svr_keyring_deadline(&peer->ring), in = svr_metadata_receiver_deadline(&peer->from_peer);
    svr_time first = ring < in ? ring : in;
    return first < peer->to_peer.changeover ? first : peer->to_peer.changeover;
}

void svr_peer_progress(svr_peer *peer) {
    svr_runtime *rt = peer->all->rt;
    peer->dirty = true;
    advance_state(peer);
    svr_timer_set(&peer->rotate, &rt->timers, rotate_deadline(peer));
    svr_outstanding before = peer->waiting_for;
    peer->waiting_for = find_outstanding(peer);
    if (peer->waiting_for == before) return;
    peer->attempts = 0;
    if (peer->waiting_for == SVR_WAIT_NOTHING) {
        svr_timer_stop(&peer->retry, &rt->timers);
        svr_timer_stop(&peer->timeout, &rt->timers);
        return;
    }
    svr_timer_set(&peer->timeout, &rt->timers, rt->now + timeout_interval(peer));
    attempt(peer);
    plan_retry(peer);
}

void svr_peer_answered(svr_peer *peer) {
    svr_runtime *rt = peer->all->rt;
    peer->timed_out = false;
    if (peer->waiting_for != SVR_WAIT_NOTHING)
        svr_timer_set(&peer->timeout, &rt->timers, rt->now + timeout_interval(peer));
}

void svr_peer_try_now(svr_peer *peer) {
    if (peer->waiting_for == SVR_WAIT_NOTHING) return;
    attempt(peer);
    plan_retry(peer);
}

/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include "base/alarm.h"

#include <string.h>

/* What certificates permit. A chain is judged in full when it is new, or when trust, revocation lists or our
 * own certificate were loaded anew (CRT-WHEN); from then on only the clock is asked, at the instants at which
 * its answer changes. fail-soft raises an alarm and goes on (CRT-FAIL-SOFT). fail-hard also removes peering:
 * with the peer whose certificate became invalid, or with all when it is our own (CRT-FAIL-HARD). A removed
 * peer gets no packet; its keys are erased; what it sends is ignored but for a certificate. */

#define DAY (86400 * (svr_wall)SVR_SEC)
#define WEEK (7 * DAY)
#define MONTH (30 * DAY)

static bool fails_hard(const svr_peers *peers) {
    return peers->config->keys.invalid_certificate == SVR_FAIL_HARD;
}

/* Whether peering may rest on a chain with this verdict. */
static bool permits(const svr_peers *peers, svr_cert_verdict verdict) {
    return verdict == SVR_CERT_VALID || (!fails_hard(peers) && svr_cert_verdict_is_soft(verdict));
}

static void tell(svr_peers *peers, const char *peer, svr_cert_verdict verdict, bool accepted) {
    svr_event *ev = svr_runtime_event(peers->rt, SVR_EVENT_CERTIFICATE);
    svr_strcpy(ev->peer, sizeof ev->peer, peer);
    ev->to = accepted ? "accepted" : "refused";
    ev->reason = svr_cert_verdict_name(verdict);
    if (verdict != SVR_CERT_VALID) ev->severity = SVR_CRITICAL;
}

/* ---- removing and restoring peering --------------------------------------------------------- */

static void tell_peering(const svr_peer *peer, const char *what, const char *reason) {
    svr_event *ev = svr_runtime_event(peer->all->rt, SVR_EVENT_PEERING);
    svr_strcpy(ev->peer, sizeof ev->peer, peer->config->name);
    ev->to = what;
    ev->reason = reason;
    ev->severity = strcmp(what, "removed") == 0 ? SVR_CRITICAL : SVR_INFO;
}

static void remove_peering(svr_peer *peer, const char *reason) {
    svr_timer_heap *timers = &peer->all->rt->timers;
    peer->removed = true;
    tell_peering(peer, "removed", reason);
    svr_peer_input(peer, SVR_IN_CERT_REFUSED, reason);
    for (size_t i = 0; i < peer->n_paths; i++)
        svr_path_stop(&peer->paths[i]);
    svr_kex_request_drop(&peer->request);
    peer->answer.len = 0;
    svr_keyring_clear(&peer->ring, "peering removed");
    peer->cert_acked = peer->salt_received = peer->salt_acked = false;
    peer->rekey_wanted = peer->proof_due = peer->timed_out = false;
    svr_timer_stop(&peer->rekey, timers);
    svr_peer_progress(peer);
}

static bool any_interface_up(const svr_peer *peer) {
    for (size_t i = 0; i < peer->n_paths; i++)
        if (peer->paths[i].interface_up) return true;
    return false;
}

static void restore_peering(svr_peer *peer) {
    peer->removed = false;
    tell_peering(peer, "restored", "certificates are valid");
    svr_peer_input(peer, SVR_IN_CERT_ACCEPTED, "certificates are valid");
    if (!any_interface_up(peer)) svr_peer_input(peer, SVR_IN_LINK_DOWN, "interface down");
    for (size_t i = 0; i < peer->n_paths; i++)
        svr_path_start(&peer->paths[i]);
    svr_peer_progress(peer);
}

/* ---- a peer's certificate ------------------------------------------------------------------- */

static svr_peer_cert *chain_of(svr_peer_cert *cert, const uint8_t *hash) {
    return cert && memcmp(svr_peer_cert_fingerprint(cert), hash, SVR_HASH_LEN) == 0 ? cert : NULL;
}

static void replace(svr_peer_cert **slot, svr_peer_cert *cert) {
    svr_peer_cert_del(*slot);
    *slot = cert;
}

/* The first certificate is what signatures are checked with; a later one takes its place once a signature
 * holds under it. */
static void keep(svr_peer *peer, svr_peer_cert *cert) {
    replace(peer->cert ? &peer->candidate : &peer->cert, cert);
    peer->cert_received = true;
}

/* What was refused last was the peer's own, but expired or revoked: the reason why peering is removed. */
static bool holds_expired(const svr_peer *peer) {
    return peer->refused &&
           svr_cert_verdict_is_soft(svr_peer_cert_verdict(peer->refused, svr_runtime_wall(peer->all->rt)));
}

/* A message in clear must not end what is established: a refused chain counts only while no other was
 * accepted. */
static void refuse(svr_peer *peer, svr_peer_cert *cert, svr_cert_verdict verdict) {
    bool soft = svr_cert_verdict_is_soft(verdict);
    if (soft || !holds_expired(peer))
        replace(&peer->refused, cert);
    else
        svr_peer_cert_del(cert); /* whoever sent it, the peer is still the one whose certificate is invalid */
    if (peer->cert) return;
    if (!soft)
        svr_alarm_raise(peer->all->rt, SVR_ALARM_PEER_AUTHENTICATION, peer->config->name, SVR_MAJOR,
                        "Unable to authenticate peer %s: certificate: %s", peer->config->name,
                        svr_cert_verdict_name(verdict));
    svr_peer_input(peer, SVR_IN_CERT_REFUSED, svr_cert_verdict_name(verdict));
}

/* Takes over a chain that was judged. */
static bool admit(svr_peer *peer, svr_peer_cert *cert, svr_cert_verdict verdict) {
    bool accepted = cert && permits(peer->all, verdict);
    tell(peer->all, peer->config->name, verdict, accepted);
    if (accepted)
        keep(peer, cert);
    else
        refuse(peer, cert, verdict);
    svr_peer_review_certificate(peer);
    if (accepted) svr_peer_input(peer, SVR_IN_CERT_ACCEPTED, svr_cert_verdict_name(verdict));
    return accepted;
}

bool svr_peer_judge_certificate(svr_peer *peer, svr_piece chain, const uint8_t hash[SVR_HASH_LEN]) {
    svr_peers *all = peer->all;
    svr_wall wall = svr_runtime_wall(all->rt);
    if (chain_of(peer->cert, hash) || chain_of(peer->candidate, hash)) return true;
    svr_peer_cert *cert = chain_of(peer->refused, hash);
    if (cert) {
        svr_cert_verdict verdict = svr_peer_cert_verdict(cert, wall);
        if (!permits(all, verdict)) return false;
        peer->refused = NULL;
        return admit(peer, cert, verdict);
    }
    if (!svr_load_take(peer)) {
        svr_drop_count(all->rt, SVR_DROP_KEX_LIMIT);
        return false;
    }
    svr_cert_verdict verdict =
        svr_trust_judge(all->trust, chain, peer->config->peering_common_name, wall, &cert);
    bool first = !peer->cert;
    if (!admit(peer, cert, verdict)) return false;
    if (first) svr_load_return(peer); /* any further one may be made by anybody */
    return true;
}

void svr_peer_authenticated(svr_peer *peer, bool authentic) {
    if (authentic)
        svr_alarm_clear(peer->all->rt, SVR_ALARM_PEER_AUTHENTICATION, peer->config->name);
    else
        svr_alarm_raise(peer->all->rt, SVR_ALARM_PEER_AUTHENTICATION, peer->config->name, SVR_MAJOR,
                        "Unable to authenticate peer %s: a signature does not verify", peer->config->name);
}

static void drop_unusable(svr_peer *peer, svr_wall wall) {
    svr_peers *all = peer->all;
    if (peer->candidate && !permits(all, svr_peer_cert_verdict(peer->candidate, wall)))
        replace(&peer->candidate, NULL);
    if (peer->cert) {
        svr_cert_verdict verdict = svr_peer_cert_verdict(peer->cert, wall);
        if (permits(all, verdict)) return;
        svr_peer_cert *cert = peer->cert;
        peer->cert = NULL;
        all->revoked |= verdict == SVR_CERT_REVOKED;
        tell(all, peer->config->name, verdict, false);
        refuse(peer, cert, verdict);
    }
    if (peer->candidate) {
        peer->cert = peer->candidate;
        peer->candidate = NULL;
    } else if (peer->refused && permits(all, svr_peer_cert_verdict(peer->refused, wall))) {
        peer->cert = peer->refused;
        peer->refused = NULL;
    }
    peer->cert_received = peer->cert != NULL;
}

/* Only what held before, and fails by time or revocation alone, says something about the router that owns it.
 */
static void review_alarm(svr_peer *peer, svr_wall wall) {
    svr_runtime *rt = peer->all->rt;
    const char *name = peer->config->name;
    const svr_peer_cert *cert = peer->cert ? peer->cert : peer->refused;
    svr_cert_verdict verdict = cert ? svr_peer_cert_verdict(cert, wall) : SVR_CERT_VALID;
    char end[SVR_WALL_TEXT_MAX];
    if (verdict == SVR_CERT_VALID || !svr_cert_verdict_is_soft(verdict)) {
        svr_alarm_clear(rt, SVR_ALARM_PEER_CERTIFICATE, name);
        return;
    }
    svr_alarm_raise(rt, SVR_ALARM_PEER_CERTIFICATE, name, SVR_CRITICAL,
                    "Peer %s certificate is invalid: %s - not after %s", name, svr_cert_verdict_name(verdict),
                    svr_wall_format(svr_peer_cert_not_after(cert), end));
}

/* Why there must be no peering with it now; NULL when there may be. */
static const char *objection(const svr_peer *peer, svr_wall wall) {
    const svr_peers *all = peer->all;
    if (all->barred) return "own certificate is invalid";
    if (peer->cert || !peer->refused || !fails_hard(all)) return NULL;
    svr_cert_verdict verdict = svr_peer_cert_verdict(peer->refused, wall);
    return svr_cert_verdict_is_soft(verdict) ? svr_cert_verdict_name(verdict) : NULL;
}

static void review_peer(svr_peer *peer, svr_wall wall) {
    bool was = peer->cert != NULL;
    const svr_peer_cert *before = peer->cert;
    drop_unusable(peer, wall);
    review_alarm(peer, wall);
    if (peer->all->standby || peer->sibling) return; /* the node that serves acts upon it */
    const char *reason = objection(peer, wall);
    bool replaced = was && peer->cert != before; /* keys of the former certificate do not outlive it */
    if (!peer->removed && (reason || replaced))
        remove_peering(peer, reason ? reason : "certificate is no longer valid");
    if (peer->removed && !reason) restore_peering(peer);
}

/* ---- our own -------------------------------------------------------------------------------- */

static const char *own_name(const svr_peers *peers) {
    return peers->node->router->name;
}

static void own_alarm(svr_peers *peers, svr_cert_verdict verdict, svr_wall wall) {
    svr_runtime *rt = peers->rt;
    svr_wall end = svr_peer_cert_not_after(peers->own);
    char text[SVR_WALL_TEXT_MAX];
    svr_wall_format(end, text);
    if (verdict != SVR_CERT_VALID)
        svr_alarm_raise(rt, SVR_ALARM_CERTIFICATE, own_name(peers), SVR_CRITICAL,
                        "Certificate of router %s is invalid: %s - not after %s", own_name(peers),
                        svr_cert_verdict_name(verdict), text);
    else if (wall >= end - WEEK)
        svr_alarm_raise(rt, SVR_ALARM_CERTIFICATE, own_name(peers), SVR_MAJOR,
                        "Certificate of router %s expires within a week - not after %s", own_name(peers),
                        text);
    else if (wall >= end - MONTH)
        svr_alarm_raise(rt, SVR_ALARM_CERTIFICATE, own_name(peers), SVR_MINOR,
                        "Certificate of router %s expires within a month - not after %s", own_name(peers),
                        text);
    else
        svr_alarm_clear(rt, SVR_ALARM_CERTIFICATE, own_name(peers));
}

static void review_own(svr_peers *peers, svr_wall wall) {
    svr_cert_verdict verdict = SVR_CERT_VALID;
    if (peers->own) {
        verdict = svr_peer_cert_verdict(peers->own, wall);
        svr_alarm_clear(peers->rt, SVR_ALARM_NO_CERTIFICATE, own_name(peers));
        own_alarm(peers, verdict, wall);
    } else {
        svr_alarm_clear(peers->rt, SVR_ALARM_CERTIFICATE, own_name(peers));
        svr_alarm_raise(peers->rt, SVR_ALARM_NO_CERTIFICATE, own_name(peers), SVR_MAJOR,
                        "Router %s has no certificate of a CA: it uses a self-signed one", own_name(peers));
    }
    if (verdict != peers->own_verdict) tell(peers, "", verdict, verdict == SVR_CERT_VALID);
    peers->own_verdict = verdict;
    peers->barred = verdict != SVR_CERT_VALID && fails_hard(peers);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void consider(svr_wall *first, svr_wall instant, svr_wall wall) {
    if (instant > wall && instant < *first) *first = instant;
}

static void consider_cert(svr_wall *first, const svr_peer_cert *cert, svr_wall wall) {
    if (!cert) return;
    consider(first, svr_peer_cert_not_before(cert), wall);
    consider(first, svr_peer_cert_expires(cert), wall);
}

static void consider_peer(svr_wall *first, const svr_peer *peer, svr_wall wall) {
    consider_cert(first, peer->cert, wall);
    consider_cert(first, peer->candidate, wall);
    consider_cert(first, peer->refused, wall);
}

static void consider_own(svr_wall *first, const svr_peers *peers, svr_wall wall) {
    if (!peers->own) return;
    consider_cert(first, peers->own, wall);
    consider(first, svr_peer_cert_not_after(peers->own) - MONTH, wall);
    consider(first, svr_peer_cert_not_after(peers->own) - WEEK, wall);
}

/* The validity timer goes off at `first` at the latest. */
static void plan(svr_peers *peers, svr_wall first, svr_wall wall) {
    if (first == INT64_MAX) return;
    svr_time when = peers->rt->now + (svr_duration)(first - wall);
    if (!svr_timer_is_set(&peers->validity) || when < peers->validity.when)
        svr_timer_set(&peers->validity, &peers->rt->timers, when);
}

/* Whoever was revoked knows our metadata key. */
static void change_known_key(svr_peers *peers) {
    if (!peers->revoked) return;
    peers->revoked = false;
    svr_peers_regenerate_metadata_key(peers, "a peer's certificate was revoked");
}

void svr_peer_review_certificate(svr_peer *peer) {
    svr_wall wall = svr_runtime_wall(peer->all->rt), first = INT64_MAX;
    review_peer(peer, wall);
    consider_peer(&first, peer, wall);
    plan(peer->all, first, wall);
    change_known_key(peer->all);
}

void svr_peers_review_certificates(svr_peers *peers) {
    svr_wall wall = svr_runtime_wall(peers->rt), first = INT64_MAX;
    if (!peers->config->enhanced_security) return;
    review_own(peers, wall);
    consider_own(&first, peers, wall);
    for (size_t i = 0; i < peers->n_peers; i++) {
        review_peer(&peers->peers[i], wall);
        consider_peer(&first, &peers->peers[i], wall);
    }
    svr_timer_stop(&peers->validity, &peers->rt->timers);
    plan(peers, first, wall);
    change_known_key(peers);
}

static void validity_due(svr_timer *t, void *ctx, svr_time now) {
    (void)ctx;
    (void)now;
    svr_peers_review_certificates(svr_container_of(t, svr_peers, validity));
}

/* Judges our own chain as a peer would; a self-signed one is none (CRT-MISSING). */
static void judge_own(svr_peers *peers) {
    svr_piece chain = svr_identity_chain(peers->identity);
    replace(&peers->own, NULL);
    if (svr_identity_is_self_signed(peers->identity)) return;
    svr_trust_judge(peers->trust, chain, peers->node->router->peering_common_name,
                    svr_runtime_wall(peers->rt), &peers->own);
}

bool svr_peers_init_certificates(svr_peers *peers) {
    svr_piece chain = svr_identity_chain(peers->identity);
    judge_own(peers);
    return (peers->own || svr_identity_is_self_signed(peers->identity)) &&
           svr_sha384(peers->rt->crypt, &chain, 1, peers->chain_hash) &&
           svr_timer_init(&peers->validity, &peers->rt->timers, validity_due);
}

void svr_peers_fini_certificates(svr_peers *peers) {
    svr_timer_fini(&peers->validity, &peers->rt->timers);
    svr_peer_cert_del(peers->own);
    svr_identity_del(peers->identity);
    svr_trust_del(peers->trust);
}

/* ---- loading anew --------------------------------------------------------------------------- */

static void rejudge(svr_peer *peer, svr_wall wall) {
    svr_peer_cert *const all[] = {peer->cert, peer->candidate, peer->refused};
    for (size_t i = 0; i < 3; i++)
        if (all[i]) svr_peer_cert_rejudge(all[i], peer->all->trust, peer->config->peering_common_name, wall);
}

/* The peer gets our new certificate, and soon a request that is signed with it: only then does it know that
 * the certificate's key is ours. */
static void announce(svr_peer *peer) {
    peer->cert_acked = false;
    if (peer->removed || (peer->all->standby && !peer->sibling)) return;
    peer->proof_due = true;
    if (peer->request.pending) {
        svr_kex_request_drop(&peer->request);
        peer->rekey_wanted = true;
    } else if (peer->ring.current) {
        svr_timer_set(&peer->rekey, &peer->all->rt->timers, peer->all->rt->now);
    }
}

static void take_over(svr_peer *peer, bool renewed, svr_wall wall) {
    rejudge(peer, wall);
    if (renewed) announce(peer);
}

void svr_peers_reload(svr_peers *peers, svr_identity *identity, svr_trust *trust) {
    svr_wall wall = svr_runtime_wall(peers->rt);
    svr_trust_del(peers->trust);
    peers->trust = trust;
    if (identity) {
        svr_identity_del(peers->identity);
        peers->identity = identity;
        svr_piece chain = svr_identity_chain(identity);
        if (!svr_sha384(peers->rt->crypt, &chain, 1, peers->chain_hash))
            svr_drop_count(peers->rt, SVR_DROP_CRYPTO_FAILED);
    }
    judge_own(peers);
    for (size_t i = 0; i < peers->n_peers; i++)
        take_over(&peers->peers[i], identity != NULL, wall);
    if (peers->sibling) take_over(svr_sibling_peer(peers), identity != NULL, wall);
    svr_peers_review_certificates(peers);
    for (size_t i = 0; i < peers->n_peers; i++)
        svr_peer_progress(&peers->peers[i]);
    if (peers->sibling) svr_peer_progress(svr_sibling_peer(peers));
}

/* SPDX-License-Identifier: MIT
 * Certificates: the router's own, and those of its peers (CRT-*). */
#include "ops/show_internal.h"

#include <stdio.h>

static void add_wall(svr_report_builder *b, const char *label, const char *key, svr_wall wall) {
    char text[SVR_WALL_TEXT_MAX];
    svr_report_text_field(b, label, key, svr_wall_format(wall, text));
}

static void add_facts(svr_report_builder *b, const svr_cert_facts *f) {
    svr_report_text_field(b, "Subject", "subject", f->subject);
    svr_report_text_field(b, "Issuer", "issuer", f->issuer);
    svr_report_text_field(b, "Serial", "serial", f->serial);
    add_wall(b, "Not Before", "notBefore", f->not_before);
    add_wall(b, "Not After", "notAfter", f->not_after);
    svr_report_text_field(b, "Key", "key", f->key);
    svr_report_text_field(b, "Fingerprint", "fingerprint", f->fingerprint);
}

static const char *verdict_now(const svr_show_context *ctx, const svr_peer_cert *cert,
                               char out[SVR_SHOW_VERDICT_MAX]) {
    return svr_show_verdict_name(svr_peer_cert_verdict(cert, svr_runtime_wall(ctx->rt)), out);
}

/* ---- the router's own ----------------------------------------------------------------------- */

const svr_report *svr_show_own_certificate(const svr_show_context *ctx, const svr_command *command,
                                           svr_error *err) {
    const svr_peers *peers = ctx->peers;
    svr_report_builder *b = ctx->report;
    char verdict[SVR_SHOW_VERDICT_MAX];
    svr_cert_facts facts;
    (void)command;
    (void)err;
    svr_identity_describe(peers->identity, &facts);
    svr_report_record(b, ctx->node->router->name);
    svr_report_text_field(b, "Router", "router", ctx->node->router->name);
    svr_report_text_field(b, "Peering Common Name", "peeringCommonName",
                          ctx->node->router->peering_common_name);
    add_facts(b, &facts);
    svr_report_text_field(b, "Verdict", "verdict",
                          peers->own ? verdict_now(ctx, peers->own, verdict) : "Self-signed");
    return svr_report_blocks(b);
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void start_record(const svr_show_context *ctx, const svr_peer *peer, const char *use) {
    char title[SVR_NAME_MAX + sizeof "Peer: "];
    snprintf(title, sizeof title, "Peer: %s", peer->config->name);
    svr_report_record(ctx->report, title);
    svr_report_text_field(ctx->report, "Peer", "peer", peer->config->name);
    svr_report_text_field(ctx->report, "Peering Common Name", "peeringCommonName",
                          peer->config->peering_common_name);
    svr_report_text_field(ctx->report, "Use", "use", use);
}

/* One record for a certificate; whether there is one. */
static bool add_certificate(const svr_show_context *ctx, const svr_peer *peer, const svr_peer_cert *cert,
                            const char *use) {
    char verdict[SVR_SHOW_VERDICT_MAX];
    svr_cert_facts facts;
    if (!cert) return false;
    svr_peer_cert_describe(cert, &facts);
    start_record(ctx, peer, use);
    add_facts(ctx->report, &facts);
    svr_report_text_field(ctx->report, "Verdict", "verdict", verdict_now(ctx, cert, verdict));
    return true;
}

const svr_report *svr_show_peers_certificate(const svr_show_context *ctx, const svr_command *command,
                                             svr_error *err) {
    (void)command;
    (void)err;
    for (size_t i = 0; i < ctx->peers->n_peers; i++) {
        const svr_peer *peer = &ctx->peers->peers[i];
        bool any = add_certificate(ctx, peer, peer->cert, "in use");
        any |= add_certificate(ctx, peer, peer->candidate, "waits for a signature");
        any |= add_certificate(ctx, peer, peer->refused, "refused");
        if (!any) start_record(ctx, peer, "none received");
    }
    return svr_report_blocks(ctx->report);
}

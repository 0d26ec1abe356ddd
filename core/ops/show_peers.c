/* SPDX-License-Identifier: MIT
 * Peers and the paths to them. */
#include "ops/show_internal.h"

#include "base/bytes.h"

#include <stdio.h>

static void add_path_security(const svr_show_context *ctx, const svr_path *path) {
    const svr_peer *peer = path->peer;
    svr_report_builder *b = ctx->report;
    char text[80], addr[SVR_ADDR_TEXT_MAX];
    snprintf(text, sizeof text, "Peer: %s", peer->config->name);
    svr_report_record(b, text);
    svr_report_text_field(b, "Peer", "peer", peer->config->name);
    svr_report_text_field(b, "Node", "node", ctx->node->name);
    svr_report_text_field(b, "Network Interface", "networkInterface", path->config->local_if->name);
    svr_report_text_field(b, "Destination", "destination", svr_addr_format(&path->config->remote, addr));
    svr_report_text_field(b, "Status", "status", path->in_service ? "up" : "down");
    svr_report_text_field(b, "Hostname", "hostname", "unavailable");
    svr_report_text_field(b, "Path Mtu", "pathMtu", "unavailable");
    svr_report_text_field(b, "Security Status", "securityStatus", svr_security_state_name(peer->state));
    svr_report_number(b, "Salt", "salt", svr_get32(peer->salt));
    svr_report_number(b, "Peer Salt", "peerSalt", svr_get32(peer->peer_salt));
    svr_report_number(b, "Key Index", "keyIndex", ctx->peers->metadata_key.index);
    svr_report_number(b, "Peer Ki", "peerKeyIndex", svr_show_peer_metadata_index(peer));
    svr_report_flag(b, "Cert Rec", "certReceived", peer->cert_received);
    svr_report_flag(b, "Cert Ack", "certAcked", peer->cert_acked);
    svr_report_flag(b, "Salt Rec", "saltReceived", peer->salt_received);
    svr_report_flag(b, "Salt Ack", "saltAcked", peer->salt_acked);
    svr_report_flag(b, "Key Rec", "keyReceived", peer->key_received);
    svr_report_flag(b, "Key Ack", "keyAcked", peer->key_acked);
}

const svr_report *svr_show_peers_security(const svr_show_context *ctx, const svr_command *command,
                                          svr_error *err) { /* OPS-PEERS-SEC */
    (void)command;
    (void)err;
    for (size_t i = 0; i < ctx->peers->n_peers; i++)
        for (size_t k = 0; k < ctx->peers->peers[i].n_paths; k++)
            add_path_security(ctx, &ctx->peers->peers[i].paths[k]);
    return svr_report_blocks(ctx->report);
}

static void add_path(const svr_show_context *ctx, const svr_path *path) {
    svr_report_builder *b = ctx->report;
    char addr[SVR_ADDR_TEXT_MAX];
    svr_report_record(b, path->peer->config->name);
    svr_report_text_field(b, "Peer", "peer", path->peer->config->name);
    svr_report_text_field(b, "Node", "node", ctx->node->name);
    svr_report_text_field(b, "Network Interface", "networkInterface", path->config->local_if->name);
    svr_report_text_field(b, "Destination", "destination", svr_addr_format(&path->config->remote, addr));
    svr_report_text_field(b, "Status", "status", path->in_service ? "up" : "down");
    svr_report_text_field(b, "BFD", "bfd", svr_bfd_state_name(path->bfd.state));
    svr_report_text_field(b, "Security", "securityStatus", svr_security_state_name(path->peer->state));
}

const svr_report *svr_show_peers(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    (void)command;
    (void)err;
    for (size_t i = 0; i < ctx->peers->n_peers; i++)
        for (size_t k = 0; k < ctx->peers->peers[i].n_paths; k++)
            add_path(ctx, &ctx->peers->peers[i].paths[k]);
    return svr_report_table(ctx->report);
}

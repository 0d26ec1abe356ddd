/* SPDX-License-Identifier: MIT
 * Keys: key-status (OPS-KEY-STATUS) and security-associations (OPS-SA). docs/operations.md says what each
 * field means. */
#include "ops/show_internal.h"

#define KEY_STATUS_RULE 48 /* rules around the title, as in the spec's sample */
#define SALT_SHOWN 8       /* bytes of a salt, as in the spec's sample */

/* ---- key-status ----------------------------------------------------------------------------- */

/* The peer keys of all peers taken together. */
typedef struct key_summary {
    uint32_t index;    /* highest in use for sending; 0: none */
    uint64_t changes;  /* how often a new one came into use */
    svr_duration last; /* since the latest of those; SVR_TIME_NEVER: there was none */
    svr_duration next; /* until the earliest rekey; SVR_TIME_NEVER: none is planned */
} key_summary;

static key_summary summarize(const svr_show_context *ctx) {
    key_summary s = {.last = SVR_TIME_NEVER, .next = SVR_TIME_NEVER};
    for (size_t i = 0; i < ctx->peers->n_peers; i++) {
        const svr_peer *peer = &ctx->peers->peers[i];
        const svr_keyring *ring = &peer->ring;
        svr_duration next = svr_show_until(ctx, &peer->rekey);
        if (next < s.next) s.next = next;
        s.changes += ring->rotations;
        if (ring->rotations && ctx->rt->now - ring->changed < s.last) s.last = ctx->rt->now - ring->changed;
        if (ring->current && ring->current->id.index > s.index) s.index = ring->current->id.index;
    }
    return s;
}

static const char *error_or_none(const char *error) {
    return error[0] ? error : "none";
}

const svr_report *svr_show_key_status(const svr_show_context *ctx, const svr_command *command,
                                      svr_error *err) {
    const svr_peers *peers = ctx->peers;
    svr_report_builder *b = ctx->report;
    const svr_key_changes *made = &peers->key_changes;
    key_summary keys = summarize(ctx);
    svr_duration last = peers->metadata_key.index ? ctx->rt->now - peers->metadata_made : SVR_TIME_NEVER;
    (void)command;
    (void)err;
    svr_report_rule(b, KEY_STATUS_RULE);
    svr_report_record(b, ctx->node->name);
    svr_report_text_field(b, "Key Manager State", "keyManagerState", svr_peers_key_manager_state(peers));
    svr_report_number(b, "Rekey Index", "rekeyIndex", keys.index);
    svr_report_span(b, "Last Rekey", "lastRekeySeconds", keys.last);
    svr_report_span(b, "Next Rekey", "nextRekeySeconds", keys.next);
    svr_report_number(b, "Key Change Count", "keyChangeCount", keys.changes + made->metadata_keys);
    svr_report_number(b, "Config Key Change Count", "configKeyChangeCount", made->on_demand);
    svr_report_text_field(b, "Key Change Error", "keyChangeError", error_or_none(made->error));
    svr_report_text_field(b, "Config Key Change Error", "configKeyChangeError",
                          error_or_none(made->demand_error));
    svr_report_number(b, "Metadata Rekey Index", "metadataRekeyIndex", peers->metadata_key.index);
    svr_report_span(b, "Metadata Last Rekey", "metadataLastRekeySeconds", last);
    svr_report_span(b, "Metadata Next Rekey", "metadataNextRekeySeconds", svr_show_until(ctx, &peers->renew));
    return svr_report_blocks(b);
}

/* ---- security-associations ------------------------------------------------------------------ */

static void add_association(const svr_show_context *ctx, const svr_path *path) {
    const svr_peer_config *peer = path->peer->config;
    svr_report_builder *b = ctx->report;
    char addr[SVR_ADDR_TEXT_MAX];
    svr_report_record(b, peer->name);
    svr_report_text_field(b, "Peer", "peer",
                          peer->peering_common_name[0] ? peer->peering_common_name : "unavailable");
    svr_report_text_field(b, "Peer Name", "peerName", peer->name);
    svr_report_text_field(b, "Node", "node", ctx->node->name);
    svr_report_text_field(b, "Network Interface", "networkInterface", path->config->local_if->name);
    svr_report_text_field(b, "Destination", "destination", svr_addr_format(&path->config->remote, addr));
    svr_report_text_field(b, "Status", "status", path->in_service ? "up" : "down");
}

/* Our metadata keys, late ones included, under which the peer may still send. */
static size_t count_accepted(const svr_metadata_receiver *r) {
    size_t n = 0;
    while (n < SVR_METADATA_HOLD_MAX && r->held[n])
        n++;
    return n;
}

/* On the certificate in use, or on the last one refused while there is none. */
static const char *verdict_on(const svr_show_context *ctx, const svr_peer *peer,
                              char out[SVR_SHOW_VERDICT_MAX]) {
    const svr_peer_cert *cert = peer->cert ? peer->cert : peer->refused;
    if (!cert) return "none";
    return svr_show_verdict_name(svr_peer_cert_verdict(cert, svr_runtime_wall(ctx->rt)), out);
}

static void add_detail(const svr_show_context *ctx, const svr_peer *peer) {
    svr_report_builder *b = ctx->report;
    char hex[2 * SALT_SHOWN + 1], verdict[SVR_SHOW_VERDICT_MAX];
    svr_report_record(b, peer->config->name);
    svr_report_text_field(b, "Peer Name", "peerName", peer->config->name);
    svr_report_text_field(b, "State", "state", svr_show_peer_up(peer) ? "UP" : "DOWN");
    svr_report_text_field(b, "Peer Certificate", "peerCertificate", verdict_on(ctx, peer, verdict));
    svr_report_text_field(b, "Public Key", "publicKey", peer->cert ? "Valid" : "none");
    svr_report_text_field(b, "Local salt", "localSalt", svr_hex(peer->salt, SALT_SHOWN, hex));
    svr_report_text_field(b, "Remote salt", "remoteSalt", svr_hex(peer->peer_salt, SALT_SHOWN, hex));
    svr_report_place(b, SVR_PLACE_JOINED);
    svr_report_span(b, "Peer Key Rekey In", "peerKeyRekeyInSeconds", svr_show_until(ctx, &peer->rekey));
    svr_report_number(b, "Peer Rekey Count", "peerRekeyCount", peer->ring.rotations);
    svr_report_span(b, "Metadata Key Rekey In", "metadataKeyRekeyInSeconds",
                    svr_show_until(ctx, &ctx->peers->renew));
    svr_report_number(b, "Local Metadata Key Index", "localMetadataKeyIndex", ctx->peers->metadata_key.index);
    svr_report_number(b, "Local Metadata Keys Held", "localMetadataKeysHeld",
                      count_accepted(&peer->from_peer));
    svr_report_place(b, SVR_PLACE_PARENTHESIS);
    svr_report_number(b, "Remote Metadata Key Index", "remoteMetadataKeyIndex",
                      svr_show_peer_metadata_index(peer));
    svr_report_place(b, SVR_PLACE_JOINED);
    svr_report_number(b, "Remote Metadata Keys Held", "remoteMetadataKeysHeld",
                      (peer->to_peer.current != NULL) + (peer->to_peer.next != NULL));
    svr_report_place(b, SVR_PLACE_PARENTHESIS);
}

/* The peers that the command means: the one it names, or all. False when it names none of them. */
static bool range_of(const svr_show_context *ctx, const svr_command *command, const svr_peer **from,
                     const svr_peer **end, svr_error *err) {
    *from = ctx->peers->peers;
    *end = ctx->peers->peers + ctx->peers->n_peers;
    if (!command->n_args) return true;
    *from = svr_show_find_peer(ctx, command->args[0], err);
    *end = *from ? *from + 1 : NULL;
    return *from != NULL;
}

const svr_report *svr_show_associations(const svr_show_context *ctx, const svr_command *command,
                                        svr_error *err) { /* OPS-SA */
    const svr_peer *peer, *end;
    if (!range_of(ctx, command, &peer, &end, err)) return NULL;
    for (; peer < end; peer++)
        for (size_t k = 0; k < peer->n_paths; k++)
            add_association(ctx, &peer->paths[k]);
    return svr_report_table(ctx->report);
}

const svr_report *svr_show_associations_detail(const svr_show_context *ctx, const svr_command *command,
                                               svr_error *err) { /* OPS-SA */
    const svr_peer *peer, *end;
    if (!range_of(ctx, command, &peer, &end, err)) return NULL;
    for (; peer < end; peer++)
        add_detail(ctx, peer);
    return svr_report_lines(ctx->report);
}

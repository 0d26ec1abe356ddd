/* SPDX-License-Identifier: MIT
 * Paths as sessions see them: which there are, and what they carry. */
#include "ops/show_internal.h"

static void add_path(const svr_show_context *ctx, svr_path *path) {
    svr_report_builder *b = ctx->report;
    const svr_path_config *config = path->config;
    const svr_quality *q = &path->echo.quality;
    const svr_path_load *load = svr_path_get_load(path);
    const char *vector = config->neighborhood->vector;
    char addr[SVR_ADDR_TEXT_MAX];
    svr_report_record(b, path->peer->config->name);
    svr_report_text_field(b, "Peer", "peer", path->peer->config->name);
    svr_report_text_field(b, "Network Interface", "networkInterface", config->local_if->name);
    svr_report_text_field(b, "Source", "source", svr_addr_format(&config->local, addr));
    svr_report_text_field(b, "Destination", "destination", svr_addr_format(&config->remote, addr));
    svr_report_text_field(b, "Vector", "vector", vector ? vector : "");
    svr_report_text_field(b, "Status", "status", path->in_service ? "up" : "down");
    svr_report_number(b, "MTU", "mtu", svr_path_mtu(path));
    svr_report_number(b, "Sessions", "sessions", load->sessions);
    svr_report_number(b, "Moved Off", "movedOff", load->moved);
    svr_report_number(b, "Latency us", "latencyMicroseconds", q->latency / SVR_US);
    svr_report_number(b, "Jitter us", "jitterMicroseconds", q->jitter / SVR_US);
    svr_report_number(b, "Loss 1/1000", "lossPerMille", q->loss_permille);
    svr_report_number(b, "Bursts", "bursts", q->bursts);
    svr_report_number(b, "Sent", "sentPackets", load->sent);
    svr_report_number(b, "Sent Bytes", "sentBytes", load->sent_bytes);
    svr_report_number(b, "Received", "receivedPackets", load->received);
    svr_report_number(b, "Received Bytes", "receivedBytes", load->received_bytes);
}

const svr_report *svr_show_paths(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    (void)command;
    (void)err;
    for (size_t i = 0; i < ctx->peers->n_peers; i++)
        for (size_t k = 0; k < ctx->peers->peers[i].n_paths; k++)
            add_path(ctx, &ctx->peers->peers[i].paths[k]);
    return svr_report_table(ctx->report);
}

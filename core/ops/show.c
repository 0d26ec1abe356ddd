/* SPDX-License-Identifier: MIT */
#include "ops/show_internal.h"

#include <stdio.h>
#include <string.h>

/* In alphabetical order; words before places, so that no peer's name hides a word. */
#define COMMANDS(X)                                                                                          \
    X("show alarms", svr_show_alarms)                                                                        \
    X("show alarms id ID", svr_show_alarm)                                                                   \
    X("show counters", svr_show_counters)                                                                    \
    X("show events", svr_show_events)                                                                        \
    X("show events N", svr_show_events)                                                                      \
    X("show paths", svr_show_paths)                                                                          \
    X("show peers", svr_show_peers)                                                                          \
    X("show peers certificate", svr_show_peers_certificate)                                                  \
    X("show peers security", svr_show_peers_security)                                                        \
    X("show security certificate", svr_show_own_certificate)                                                 \
    X("show security key-status", svr_show_key_status)                                                       \
    X("show security security-associations", svr_show_associations)                                          \
    X("show security security-associations detail", svr_show_associations_detail)                            \
    X("show security security-associations PEER", svr_show_associations)                                     \
    X("show security security-associations PEER detail", svr_show_associations_detail)                       \
    X("show services", svr_show_services)                                                                    \
    X("show sessions", svr_show_sessions)                                                                    \
    X("show sessions count", svr_show_sessions_count)                                                        \
    X("show sessions id ID", svr_show_session)                                                               \
    X("show sessions page N", svr_show_sessions)

static const char *const patterns[] = {
#define X(pattern, run) pattern,
    COMMANDS(X)
#undef X
};

static svr_show_fn *const runs[] = {
#define X(pattern, run) run,
    COMMANDS(X)
#undef X
};

int svr_show(const svr_show_context *ctx, const char *text, const svr_report **out, svr_error *err) {
    svr_command command;
    *out = NULL;
    if (!svr_command_split(&command, text)) {
        svr_strcpy(err->message, sizeof err->message, "the command is too long");
        return -1;
    }
    int which = svr_command_match(&command, patterns, sizeof patterns / sizeof *patterns, err);
    if (which < 0) return -1;
    svr_report_reset(ctx->report);
    err->message[0] = 0;
    *out = runs[which](ctx, &command, err);
    if (*out) return 0;
    if (!err->message[0]) svr_strcpy(err->message, sizeof err->message, "out of memory");
    return -1;
}

const svr_peer *svr_show_find_peer(const svr_show_context *ctx, const char *name, svr_error *err) {
    const svr_peers *peers = ctx->peers;
    for (size_t i = 0; i < peers->n_peers; i++)
        if (strcmp(peers->peers[i].config->name, name) == 0) return &peers->peers[i];
    snprintf(err->message, sizeof err->message, "no peer is named \"%.*s\"; there %s", SVR_NAME_MAX, name,
             peers->n_peers ? "are: " : "are none");
    svr_word_list list = {.err = err};
    for (size_t i = 0; i < peers->n_peers; i++)
        svr_word_list_add(&list, peers->peers[i].config->name);
    return NULL;
}

bool svr_show_peer_up(const svr_peer *peer) {
    return svr_peer_path_in_service(peer) != NULL;
}

const char *svr_show_verdict_name(svr_cert_verdict verdict, char out[SVR_SHOW_VERDICT_MAX]) {
    svr_strcpy(out, SVR_SHOW_VERDICT_MAX, svr_cert_verdict_name(verdict));
    if (out[0] >= 'a' && out[0] <= 'z') out[0] = (char)(out[0] - 'a' + 'A');
    return out;
}

uint32_t svr_show_peer_metadata_index(const svr_peer *peer) {
    return peer->to_peer.next ? peer->to_peer.next_index : peer->to_peer.index;
}

svr_duration svr_show_until(const svr_show_context *ctx, const svr_timer *timer) {
    if (!svr_timer_is_set(timer)) return SVR_TIME_NEVER;
    return timer->when > ctx->rt->now ? timer->when - ctx->rt->now : 0;
}

/* SPDX-License-Identifier: MIT
 * The show commands (OPS-*). */
#ifndef SVR_OPS_SHOW_H
#define SVR_OPS_SHOW_H

#include "ops/report.h"
#include "peer/peers.h"
#include "session/session.h"
#include "svr/node.h"

typedef struct svr_show_context {
    svr_runtime *rt;
    const svr_config *config;
    const svr_peers *peers;
    const svr_sessions *sessions;
    const svr_node_config *node;
    svr_report_builder *report;
} svr_show_context;

/* Runs a command such as "show peers security". 0, or -1 with `err` saying what may stand in place of the
 * word that is wrong. */
int svr_show(const svr_show_context *ctx, const char *command, const svr_report **out, svr_error *err);

#endif

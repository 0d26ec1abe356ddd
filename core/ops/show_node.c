/* SPDX-License-Identifier: MIT
 * The node as a whole. */
#include "ops/show_internal.h"

const svr_report *svr_show_counters(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    (void)command;
    (void)err;
    for (size_t i = 1; i < SVR_DROP_COUNT; i++) {
        svr_report_record(ctx->report, svr_drop_name((svr_drop)i));
        svr_report_text_field(ctx->report, "Drop", "drop", svr_drop_name((svr_drop)i));
        svr_report_number(ctx->report, "Packets", "packets", ctx->rt->drops[i]);
    }
    return svr_report_table(ctx->report);
}

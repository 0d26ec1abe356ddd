/* SPDX-License-Identifier: MIT */
#include "svrd/commands.h"

#include <string.h>

#include "svrd/confine.h"
#include "svrd/metrics.h"
#include "svrd/report.h"
#include "svrd/show.h"

int svrd_commands_reload(svrd_host *h, svr_error *err) {
    svrd_credentials files;
    if (svrd_credentials_read(&files, h->options, h->config, err)) {
        svrd_confine_advise(err);
        return -1;
    }
    svr_credentials credentials = svrd_credentials_get(&files);
    int rc = svr_node_reload_credentials(h->node, &credentials, svrd_clock_now(&h->clock), err);
    svrd_credentials_fini(&files);
    if (rc == 0)
        svrd_log_write(&h->log, SVR_INFO, "certificates, trust and revocation lists were read again");
    return rc;
}

static int regenerate(svrd_host *h, svr_error *err) {
    return svr_node_regenerate_metadata_key(h->node, svrd_clock_now(&h->clock), err);
}

/* What changes something. */
static const struct {
    const char *command;
    int (*run)(svrd_host *h, svr_error *err);
    const char *done;
} actions[] = {
    {"reload local certificates", svrd_commands_reload,
     "Certificates, trust and revocation lists are loaded."},
    {"security metadata-key regenerate", regenerate,
     "A new metadata key is made and goes out to the peers; see show security key-status."},
};

static bool refuse(const svr_control_request *request, const svr_error *err, FILE *out) {
    if (request->json)
        svrd_error_json(err->message, out);
    else
        fprintf(out, "%s\n", err->message);
    return false;
}

/* The node does not know what this host can do besides. */
static void add_own(svr_error *err, const char *command) {
    size_t n = strlen(err->message), left = sizeof err->message - n;
    if (!strstr(err->message, "there may be: ")) return;
    if (strncmp(command, "show ", 5) == 0 || strcmp(command, "show") == 0) {
        if (strstr(err->message, "after \"show\"; ")) snprintf(err->message + n, left, ", host");
        return;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions && n < sizeof err->message; i++)
        n += (size_t)snprintf(err->message + n, sizeof err->message - n, ", %s", actions[i].command);
    if (n < sizeof err->message) snprintf(err->message + n, sizeof err->message - n, ", metrics");
}

static bool show(svrd_host *h, const svr_control_request *request, FILE *out) {
    svr_error err;
    const svr_report *report;
    if (svr_node_show(h->node, request->command, svrd_clock_now(&h->clock), &report, &err)) {
        add_own(&err, request->command);
        return refuse(request, &err, out);
    }
    if (request->json) return svrd_report_json(report, out);
    fputs(report->text, out);
    return true;
}

static bool metrics(svrd_host *h, const svr_control_request *request, FILE *out) {
    svr_error err;
    if (request->json)
        svr_strcpy(err.message, sizeof err.message, "metrics are OpenMetrics text; there is no JSON of them");
    else if (svrd_metrics_write(h, out, &err))
        return true;
    return refuse(request, &err, out);
}

bool svrd_commands_answer(void *ctx, const svr_control_request *request, FILE *out) {
    svrd_host *h = ctx;
    svr_error err;
    if (strcmp(request->command, "show host") == 0) return svrd_show_host(h, request->json, out);
    if (strcmp(request->command, "metrics") == 0) return metrics(h, request, out);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(request->command, actions[i].command) != 0) continue;
        if (actions[i].run(h, &err)) return refuse(request, &err, out);
        return request->json ? svrd_done_json(actions[i].done, out)
                             : fprintf(out, "%s\n", actions[i].done) > 0;
    }
    return show(h, request, out);
}

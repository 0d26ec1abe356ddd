/* SPDX-License-Identifier: MIT
 *
 * A metric is a field of a show command, so that both always say the same. The samples of a family must stand
 * together in the text; that is why a report is made once for each family that it has. */
#define _XOPEN_SOURCE 700
#include "svrd/metrics.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define LABELS_MAX 4

typedef enum form {
    FORM_NUMBER, /* a count, or a number as it is */
    FORM_MICRO,  /* millionths */
    FORM_MILLE,  /* thousandths */
    FORM_SPAN,   /* seconds; no sample for "never" */
    FORM_UP,     /* 1 for the text "up", else 0 */
    FORM_DATE,   /* seconds since 1970; no sample when it is no date */
    FORM_ONE,    /* 1: what is told are the labels */
} form;

typedef struct label {
    const char *name, *key;
} label;

typedef struct family {
    const char *name, *type, *help, *command, *key;
    form form;
    label labels[LABELS_MAX];
} family;

#define COUNTER "counter"
#define GAUGE "gauge"
#define OF_PATH                                                                                              \
    {                                                                                                        \
        {"peer", "peer"}, {"interface", "networkInterface"}, {"source", "source"}, {                         \
            "destination", "destination"                                                                     \
        }                                                                                                    \
    }
#define OF_PEER                                                                                              \
    {                                                                                                        \
        { "peer", "peerName" }                                                                               \
    }

static const family families[] = {
    {"svr_sessions", GAUGE, "Sessions now.", "show sessions count", "sessions", FORM_NUMBER, {{0}}},
    {"svr_sessions_limit",
     GAUGE,
     "Sessions there may be.",
     "show sessions count",
     "most",
     FORM_NUMBER,
     {{0}}},
    {"svr_sessions_created",
     COUNTER,
     "Sessions that began.",
     "show sessions count",
     "created",
     FORM_NUMBER,
     {{0}}},
    {"svr_sessions_ended",
     COUNTER,
     "Sessions that ended.",
     "show sessions count",
     "ended",
     FORM_NUMBER,
     {{0}}},
    {"svr_dropped_packets",
     COUNTER,
     "Packets dropped, by reason.",
     "show counters",
     "packets",
     FORM_NUMBER,
     {{"reason", "drop"}}},
    {"svr_path_up", GAUGE, "Whether the path carries traffic.", "show paths", "status", FORM_UP, OF_PATH},
    {"svr_path_mtu_bytes", GAUGE, "What the path takes.", "show paths", "mtu", FORM_NUMBER, OF_PATH},
    {"svr_path_sessions", GAUGE, "Sessions with a leg on the path.", "show paths", "sessions", FORM_NUMBER,
     OF_PATH},
    {"svr_path_moved_sessions", COUNTER, "Sessions that left the path for another.", "show paths", "movedOff",
     FORM_NUMBER, OF_PATH},
    {"svr_path_latency_seconds", GAUGE, "Mean round trip of the latest burst; 0 before the first.",
     "show paths", "latencyMicroseconds", FORM_MICRO, OF_PATH},
    {"svr_path_jitter_seconds", GAUGE, "Jitter by RFC 3550.", "show paths", "jitterMicroseconds", FORM_MICRO,
     OF_PATH},
    {"svr_path_loss_ratio", GAUGE, "What the last three bursts lost.", "show paths", "lossPerMille",
     FORM_MILLE, OF_PATH},
    {"svr_path_bursts", COUNTER, "Bursts of echo packets measured.", "show paths", "bursts", FORM_NUMBER,
     OF_PATH},
    {"svr_path_sent_packets", COUNTER, "Datagrams of sessions sent.", "show paths", "sentPackets",
     FORM_NUMBER, OF_PATH},
    {"svr_path_sent_bytes", COUNTER, "Their bytes.", "show paths", "sentBytes", FORM_NUMBER, OF_PATH},
    {"svr_path_received_packets", COUNTER, "Datagrams of sessions received.", "show paths", "receivedPackets",
     FORM_NUMBER, OF_PATH},
    {"svr_path_received_bytes", COUNTER, "Their bytes.", "show paths", "receivedBytes", FORM_NUMBER, OF_PATH},
    {"svr_key_changes",
     COUNTER,
     "Peer keys and metadata keys that came into use.",
     "show security key-status",
     "keyChangeCount",
     FORM_NUMBER,
     {{0}}},
    {"svr_peer_key_age_seconds",
     GAUGE,
     "Since any peer key came into use; absent before the first.",
     "show security key-status",
     "lastRekeySeconds",
     FORM_SPAN,
     {{0}}},
    {"svr_metadata_key_age_seconds",
     GAUGE,
     "Since the metadata key was made; absent before the first.",
     "show security key-status",
     "metadataLastRekeySeconds",
     FORM_SPAN,
     {{0}}},
    {"svr_peer_rekeys", COUNTER, "Peer keys that came into use with the peer.",
     "show security security-associations detail", "peerRekeyCount", FORM_NUMBER, OF_PEER},
    {"svr_certificate_not_after_seconds",
     GAUGE,
     "Last second of the router's own certificate, since 1970.",
     "show security certificate",
     "notAfter",
     FORM_DATE,
     {{0}}},
    {"svr_peer_certificate_not_after_seconds",
     GAUGE,
     "The same of the certificates held of peers.",
     "show peers certificate",
     "notAfter",
     FORM_DATE,
     {{"peer", "peer"}, {"use", "use"}, {"fingerprint", "fingerprint"}}},
    {"svr_alarm",
     GAUGE,
     "A standing alarm.",
     "show alarms",
     NULL,
     FORM_ONE,
     {{"id", "id"}, {"severity", "severity"}, {"source", "source"}, {"message", "message"}}},
};

static const svr_field *find(const svr_record *r, const char *key) {
    for (size_t i = 0; key && i < r->n; i++)
        if (strcmp(r->fields[i].key, key) == 0) return &r->fields[i];
    return NULL;
}

/* Names may hold any byte, the text is UTF-8: what is not printable ASCII becomes '\' and two hex digits. */
static void write_escaped(const char *text, FILE *out) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < ' ' || *p > '~')
            fprintf(out, "\\\\%02x", *p);
        else
            fputc(*p, out);
    }
}

/* The router comes first: several may run on a machine. */
static void write_labels(const svrd_host *h, const family *f, const svr_record *r, FILE *out) {
    fputs("{router=\"", out);
    write_escaped(h->cfg->router->name, out);
    fputc('"', out);
    for (size_t n = 0; n < LABELS_MAX && f->labels[n].name; n++) {
        const svr_field *field = find(r, f->labels[n].key);
        fprintf(out, ",%s=\"", f->labels[n].name);
        write_escaped(field && field->text ? field->text : "", out);
        fputc('"', out);
    }
    fputc('}', out);
}

/* Seconds since 1970; -1: no date. */
static int64_t read_date(const char *text) {
    struct tm tm = {0};
    return text && strptime(text, "%Y-%m-%d %H:%M:%S", &tm) ? (int64_t)timegm(&tm) : -1;
}

static bool has_value(const family *f, const svr_field *v) {
    if (f->form == FORM_ONE) return true;
    if (!v) return false;
    if (f->form == FORM_SPAN) return v->span != SVR_TIME_NEVER;
    return f->form != FORM_DATE || read_date(v->text) >= 0;
}

static void write_value(const family *f, const svr_field *v, FILE *out) {
    switch (f->form) {
    case FORM_NUMBER: fprintf(out, "%" PRIu64, v->number); break;
    case FORM_MICRO: fprintf(out, "%" PRIu64 ".%06" PRIu64, v->number / 1000000, v->number % 1000000); break;
    case FORM_MILLE: fprintf(out, "%" PRIu64 ".%03" PRIu64, v->number / 1000, v->number % 1000); break;
    case FORM_SPAN: fprintf(out, "%" PRIu64, (uint64_t)(v->span / SVR_SEC)); break;
    case FORM_UP: fputs(v->text && strcmp(v->text, "up") == 0 ? "1" : "0", out); break;
    case FORM_DATE: fprintf(out, "%" PRId64, read_date(v->text)); break;
    case FORM_ONE: fputc('1', out); break;
    }
}

static void write_family(const svrd_host *h, const family *f, const svr_report *report, FILE *out) {
    fprintf(out, "# TYPE %s %s\n# HELP %s %s\n", f->name, f->type, f->name, f->help);
    for (size_t i = 0; i < report->n; i++) {
        const svr_record *r = &report->records[i];
        const svr_field *value = find(r, f->key);
        if (!has_value(f, value)) continue;
        fprintf(out, "%s%s", f->name, strcmp(f->type, COUNTER) == 0 ? "_total" : "");
        write_labels(h, f, r, out);
        fputc(' ', out);
        write_value(f, value, out);
        fputc('\n', out);
    }
}

bool svrd_metrics_write(svrd_host *h, FILE *out, svr_error *err) {
    svr_time now = svrd_clock_now(&h->clock);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const svr_report *report;
        if (svr_node_show(h->node, families[i].command, now, &report, err)) return false;
        write_family(h, &families[i], report, out);
    }
    fputs("# EOF\n", out);
    return true;
}

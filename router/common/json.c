/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <inttypes.h>
#include <time.h>

static json_t *seconds(svr_time t) {
    return json_sprintf("%" PRIu64 ".%09" PRIu64, t / SVR_SEC, t % SVR_SEC);
}

static json_t *iso_time(svr_wall wall) {
    time_t s = (time_t)(wall / (svr_wall)SVR_SEC);
    char text[32];
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return json_sprintf("%s.%09" PRId64 "Z", text, wall % (svr_wall)SVR_SEC);
}

json_t *svr_json_text(const char *text) {
    json_t *v = json_string(text);
    if (v) return v;
    char clean[SVR_EVENT_DETAIL_MAX];
    size_t n = 0;
    for (; text[n] && n + 1 < sizeof clean; n++)
        clean[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
    clean[n] = '\0';
    return json_string(clean);
}

static void set_text(json_t *o, const char *key, const char *text) {
    if (text && text[0]) json_object_set_new(o, key, svr_json_text(text));
}

bool svr_event_json(const char *router, const char *node, const svr_event *ev, FILE *out) {
    json_t *o = json_object();
    json_object_set_new(o, "t", seconds(ev->time));
    json_object_set_new(o, "wall", iso_time(ev->wall));
    set_text(o, "router", router);
    set_text(o, "node", node);
    set_text(o, "kind", svr_event_kind_name(ev->kind));
    set_text(o, "severity", svr_severity_name(ev->severity));
    set_text(o, "peer", ev->peer);
    set_text(o, "path", ev->path);
    set_text(o, "from", ev->from);
    set_text(o, "to", ev->to);
    set_text(o, "reason", ev->reason);
    json_object_set_new(o, "value", json_integer((json_int_t)ev->value));
    set_text(o, "detail", ev->detail);
    bool done = json_dumpf(o, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
    json_decref(o);
    return done;
}

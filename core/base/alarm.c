/* SPDX-License-Identifier: MIT */
#include "base/alarm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const svr_alarm *svr_alarms(const svr_runtime *rt, size_t *n) {
    *n = rt->n_alarms;
    return rt->alarms;
}

const char *svr_alarm_category(svr_alarm_cause cause) {
    if (cause >= SVR_ALARM_FLOWS) return "SYSTEM";
    return cause == SVR_ALARM_PEER_CERTIFICATE || cause == SVR_ALARM_PEER_AUTHENTICATION ? "PEER"
                                                                                         : "SECURITY";
}

const char *svr_alarm_process(svr_alarm_cause cause) {
    return cause == SVR_ALARM_CERTIFICATE || cause == SVR_ALARM_PEER_CERTIFICATE || cause >= SVR_ALARM_FLOWS
               ? "stateMonitor"
               : "keyManager";
}

static void tell(svr_runtime *rt, const svr_alarm *a, const char *what) {
    svr_event *ev = svr_runtime_event(rt, SVR_EVENT_ALARM);
    ev->severity = a->severity;
    ev->to = what;
    ev->reason = svr_alarm_category(a->cause);
    ev->value = a->id;
    svr_strcpy(ev->peer, sizeof ev->peer, a->source);
    svr_strcpy(ev->detail, sizeof ev->detail, a->message);
}

static size_t find(const svr_runtime *rt, svr_alarm_cause cause, const char *source) {
    size_t i = 0;
    while (i < rt->n_alarms && (rt->alarms[i].cause != cause || strcmp(rt->alarms[i].source, source) != 0))
        i++;
    return i;
}

static svr_alarm *append(svr_runtime *rt) {
    if (rt->n_alarms == rt->alarms_size) {
        size_t size = rt->alarms_size ? 2 * rt->alarms_size : 16;
        svr_alarm *more =
            size > SVR_ALARMS_MAX ? NULL : svr_alloc_resize(rt->alloc, rt->alarms, size, sizeof *more);
        if (!more) return NULL;
        rt->alarms = more;
        rt->alarms_size = size;
    }
    return &rt->alarms[rt->n_alarms++];
}

void svr_alarm_raise(svr_runtime *rt, svr_alarm_cause cause, const char *source, svr_severity severity,
                     const char *format, ...) {
    char message[SVR_ALARM_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t i = find(rt, cause, source);
    if (i < rt->n_alarms && rt->alarms[i].severity == severity && strcmp(rt->alarms[i].message, message) == 0)
        return;
    svr_alarm_clear(rt, cause, source);
    svr_alarm *a = append(rt);
    if (!a) {
        rt->alarms_lost++;
        return;
    }
    *a =
        (svr_alarm){.id = ++rt->alarm_id, .wall = svr_runtime_wall(rt), .severity = severity, .cause = cause};
    svr_strcpy(a->source, sizeof a->source, source);
    svr_strcpy(a->message, sizeof a->message, message);
    tell(rt, a, "raised");
}

void svr_alarm_clear(svr_runtime *rt, svr_alarm_cause cause, const char *source) {
    size_t i = find(rt, cause, source);
    if (i == rt->n_alarms) return;
    tell(rt, &rt->alarms[i], "cleared");
    memmove(&rt->alarms[i], &rt->alarms[i + 1], (--rt->n_alarms - i) * sizeof *rt->alarms);
}

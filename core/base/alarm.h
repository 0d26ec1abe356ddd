/* SPDX-License-Identifier: MIT
 * Alarms: conditions that last, as opposed to events. An alarm is named by its cause and its source; it is
 * raised once, however often the condition is noticed, and cleared when the cause is gone (CRT-EXPIRING,
 * CRT-ALARM-TEXT). Raising, changing and clearing are told as SVR_EVENT_ALARM. */
#ifndef SVR_BASE_ALARM_H
#define SVR_BASE_ALARM_H

#include "base/runtime.h"

#define SVR_ALARMS_MAX 4096 /* alarms standing at a time; more are counted as lost */
#define SVR_ALARM_MESSAGE_MAX SVR_EVENT_DETAIL_MAX

typedef enum svr_alarm_cause {
    SVR_ALARM_NO_CERTIFICATE,      /* none is provisioned (CRT-MISSING) */
    SVR_ALARM_CERTIFICATE,         /* our own expires, has expired, is revoked or invalid */
    SVR_ALARM_PEER_CERTIFICATE,    /* a peer's has expired, is revoked or invalid */
    SVR_ALARM_PEER_AUTHENTICATION, /* a peer cannot be authenticated */
    SVR_ALARM_WEAK_GROUP,          /* a key exchange group that is no longer safe is configured */
    SVR_ALARM_FLOWS,               /* hosts open more flows than permitted */
    SVR_ALARM_WAYPOINTS,           /* sessions find no waypoints */
    SVR_ALARM_SESSIONS,            /* the table of sessions is nearly full */
    SVR_ALARM_CAUSES
} svr_alarm_cause;

typedef struct svr_alarm {
    uint32_t id; /* from 1, never used twice in the life of a node */
    svr_wall wall;
    svr_severity severity;
    svr_alarm_cause cause;
    char source[SVR_NAME_MAX + 1]; /* the router that it is about */
    char message[SVR_ALARM_MESSAGE_MAX];
} svr_alarm;

/* Raises an alarm, with a message made like printf. Nothing when it stands already with this severity and
 * message; a standing one that differs is cleared and raised anew, under a new ID. */
void svr_alarm_raise(svr_runtime *rt, svr_alarm_cause cause, const char *source, svr_severity severity,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Clears it, if it stands. */
void svr_alarm_clear(svr_runtime *rt, svr_alarm_cause cause, const char *source);
/* The standing alarms, oldest first. */
const svr_alarm *svr_alarms(const svr_runtime *rt, size_t *n);

/* What the cause belongs to, as alarms show it: "PEER", "SECURITY" or "SYSTEM". */
const char *svr_alarm_category(svr_alarm_cause cause);
/* The part of the router that watches over it: "stateMonitor" or "keyManager". */
const char *svr_alarm_process(svr_alarm_cause cause);

#endif

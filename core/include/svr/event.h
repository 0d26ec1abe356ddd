/* SPDX-License-Identifier: MIT
 * Events: what a node tells its host about itself. They are pulled, in order; nothing in them is secret. */
#ifndef SVR_EVENT_H
#define SVR_EVENT_H

#include "svr/base.h"

#define SVR_EVENT_PATH_MAX 120
#define SVR_EVENT_DETAIL_MAX 160

typedef enum svr_severity { SVR_INFO, SVR_MINOR, SVR_MAJOR, SVR_CRITICAL } svr_severity;

typedef enum svr_event_kind {
    SVR_EVENT_BFD_STATE,      /* from, to, reason: the BFD session of `path` */
    SVR_EVENT_SECURITY_STATE, /* from, to, reason: the key exchange on `path` */
    SVR_EVENT_PATH_SERVICE, /* `path` began or ceased to carry traffic (to: "in-service", "out-of-service") */
    SVR_EVENT_PATH_QUALITY, /* from, to: "meets" or "violates" a policy; reason: by what; detail: policy,
                               measures */
    SVR_EVENT_PATH_MTU,     /* value: the longest packet that `path` takes; detail: what it was before */
    SVR_EVENT_SESSIONS_MOVED, /* sessions left `path`; reason; value: how many; detail: where to, one of them
                               */
    SVR_EVENT_PEER_KEY,       /* to: "computed", "sending", "erased"; value: key index */
    SVR_EVENT_METADATA_KEY,   /* the same for a metadata key; peer empty: our own; value: rekey index */
    SVR_EVENT_PAYLOAD_KEY,    /* to: "computed", "sending", "erased"; value: key phase; detail: session */
    SVR_EVENT_KEY_REQUEST,    /* a key request went out; value: attempt, from 1 */
    SVR_EVENT_KEY_TIMEOUT,    /* peer-key-timeout passed without a valid answer */
    SVR_EVENT_SESSION,        /* to: "created", "deleted"; detail: session and service */
    SVR_EVENT_ALARM,          /* to: "raised", "cleared"; peer: source; reason: category; value: ID; detail */
    SVR_EVENT_CERTIFICATE,    /* to: "accepted", "refused"; reason: verdict; peer empty: our own */
    SVR_EVENT_PEERING, /* to: "failed" (TOP-LEGACY), "removed", "restored" (CRT-FAIL-HARD); reason says why */
    SVR_EVENT_KEY_MANAGER,  /* from, to: role of this node of two (KEY-HA-PUSH); reason */
    SVR_EVENT_PATH_ADDRESS, /* to: "moved": the peer behind a NAT now sends from detail, port value; "seen":
                               that is where the peer sees us (PD-NAT) */
    SVR_EVENT_KINDS
} svr_event_kind;

typedef struct svr_event {
    svr_time time;
    svr_wall wall;
    svr_event_kind kind;
    svr_severity severity;
    char peer[SVR_NAME_MAX + 1];    /* router name of the peer; "" when none is meant; source of an alarm */
    char path[SVR_EVENT_PATH_MAX];  /* "LOCAL-IF LOCAL-ADDRESS REMOTE-ADDRESS"; "" when none is meant */
    const char *from, *to, *reason; /* static texts; "" when absent */
    uint64_t value;                 /* by kind, see above */
    char detail[SVR_EVENT_DETAIL_MAX];
} svr_event;

/* The kind as one lower-case word, e.g. "bfd-state". */
const char *svr_event_kind_name(svr_event_kind kind);
const char *svr_severity_name(svr_severity severity); /* "INFO", "MINOR", "MAJOR", "CRITICAL" */

#endif

/* SPDX-License-Identifier: MIT */
#include "svr/event.h"

const char *svr_event_kind_name(svr_event_kind kind) {
    switch (kind) {
    case SVR_EVENT_BFD_STATE: return "bfd-state";
    case SVR_EVENT_SECURITY_STATE: return "security-state";
    case SVR_EVENT_PATH_SERVICE: return "path-service";
    case SVR_EVENT_PATH_QUALITY: return "path-quality";
    case SVR_EVENT_PATH_MTU: return "path-mtu";
    case SVR_EVENT_SESSIONS_MOVED: return "session-path-moved";
    case SVR_EVENT_PEER_KEY: return "peer-key";
    case SVR_EVENT_METADATA_KEY: return "metadata-key";
    case SVR_EVENT_PAYLOAD_KEY: return "payload-key";
    case SVR_EVENT_KEY_REQUEST: return "key-request";
    case SVR_EVENT_KEY_TIMEOUT: return "key-timeout";
    case SVR_EVENT_SESSION: return "session";
    case SVR_EVENT_ALARM: return "alarm";
    case SVR_EVENT_CERTIFICATE: return "certificate";
    case SVR_EVENT_PEERING: return "peering";
    case SVR_EVENT_KEY_MANAGER: return "key-manager";
    case SVR_EVENT_PATH_ADDRESS: return "path-address";
    case SVR_EVENT_KINDS: break;
    }
    return "unknown";
}

const char *svr_severity_name(svr_severity severity) {
    switch (severity) {
    case SVR_INFO: return "INFO";
    case SVR_MINOR: return "MINOR";
    case SVR_MAJOR: return "MAJOR";
    case SVR_CRITICAL: return "CRITICAL";
    }
    return "unknown";
}

/* SPDX-License-Identifier: MIT
 * Inside core/ops: what the show commands of all subjects share.
 *
 *   command.c            which command is meant, and with which arguments
 *   show.c               the list of commands
 *   show_peers.c         peers and paths
 *   show_security.c      keys: key-status, security-associations
 *   show_certificates.c  certificates
 *   show_alarms.c        alarms
 *   show_events.c        the latest events
 *   show_paths.c         paths: what they measure and carry
 *   show_sessions.c      sessions and services
 *   show_node.c          the node as a whole: counters
 *   report.c             records, and the text made of them */
#ifndef SVR_OPS_SHOW_INTERNAL_H
#define SVR_OPS_SHOW_INTERNAL_H

#include "ops/command.h"
#include "ops/show.h"
#include "peer/peer_internal.h"

/* Fills ctx->report. The report, or NULL: `err` says why; it is empty when memory is short. */
typedef const svr_report *svr_show_fn(const svr_show_context *ctx, const svr_command *command,
                                      svr_error *err);

/* One function for each line of the list of commands. */
svr_show_fn svr_show_alarms, svr_show_alarm;
svr_show_fn svr_show_peers, svr_show_peers_security;
svr_show_fn svr_show_key_status;
svr_show_fn svr_show_associations, svr_show_associations_detail;
svr_show_fn svr_show_own_certificate, svr_show_peers_certificate;
svr_show_fn svr_show_paths, svr_show_services;
svr_show_fn svr_show_sessions, svr_show_session, svr_show_sessions_count;
svr_show_fn svr_show_counters, svr_show_events;

/* The peer of this name; NULL with `err` listing the peers there are. */
const svr_peer *svr_show_find_peer(const svr_show_context *ctx, const char *name, svr_error *err);
/* Whether any path to the peer carries traffic. */
bool svr_show_peer_up(const svr_peer *peer);
#define SVR_SHOW_VERDICT_MAX 64 /* text of a verdict */
/* A verdict as show commands print it: "Valid", "Expired", ... Returns `out`. */
const char *svr_show_verdict_name(svr_cert_verdict verdict, char out[SVR_SHOW_VERDICT_MAX]);
/* The rekey index of the newest metadata key that the peer gave us; 0: none yet. */
uint32_t svr_show_peer_metadata_index(const svr_peer *peer);
/* From now until a timer is due; SVR_TIME_NEVER when it is not set. */
svr_duration svr_show_until(const svr_show_context *ctx, const svr_timer *timer);

#endif

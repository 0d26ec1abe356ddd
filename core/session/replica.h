/* SPDX-License-Identifier: MIT
 * Sessions of a router with two nodes (PD-HA): what the serving node tells the other, record by record. */
#ifndef SVR_SESSION_REPLICA_H
#define SVR_SESSION_REPLICA_H

#include "base/bytes.h"
#include "session/session.h"

typedef enum svr_replica_kind { SVR_REPLICA_NONE, SVR_REPLICA_SESSION, SVR_REPLICA_GONE } svr_replica_kind;

#define SVR_REPLICA_SESSION_MAX 700 /* bytes of a record */

/* What names in records mean here. */
typedef struct svr_replica_place {
    const svr_config *config;
    const svr_node_config *node;
    const svr_peers *peers;
} svr_replica_place;

/* From here on changes are remembered; all sessions there are count as changed. */
void svr_sessions_replicate(svr_sessions *all);
/* No longer: nobody listens. */
void svr_sessions_keep_to_itself(svr_sessions *all);
/* Writes the next record, and what it is; NONE when there is nothing to tell. */
svr_replica_kind svr_sessions_export(svr_sessions *all, const svr_replica_place *place, svr_writer *w);

/* Reads a record; false when it means nothing here or memory is short. */
bool svr_sessions_import(svr_sessions *all, const svr_replica_place *place, svr_replica_kind kind,
                         svr_reader *r);
/* The other node serves: sessions neither age nor rotate keys here. */
void svr_sessions_stand_by(svr_sessions *all);
/* This node serves: sessions go on; counters jump ahead, and metadata is sent once more. */
void svr_sessions_activate(svr_sessions *all);
/* Counters go `times` jumps ahead. */
void svr_sessions_jump(svr_sessions *all, unsigned times);
/* Deletes all without a word. */
void svr_sessions_forget(svr_sessions *all);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Messages, all enciphered under the key of the two nodes:
 *
 *   HELLO  kind(1) 1 role(1) number(1) paths in service(2) stream(4) next(4)
 *   DATA   kind(1) 2 stream(4) number(4) records: type(1) length(2) bytes
 *
 * HELLO goes out with each tick, and at once in answer to DATA: `stream` and `next` acknowledge everything
 * below `next`. A stream begins when the link comes up, with everything that there is to know; its number is
 * random. What is not acknowledged is sent again, in order, and only the next number is taken. */
#include "forward/ha.h"

#include "forward/forward_internal.h"
#include "keys/exchange.h"
#include "session/replica.h"

#include <string.h>

enum { HELLO = 1, DATA = 2 };
enum { RECORD_NODE = 1, RECORD_PEER, RECORD_SESSION, RECORD_GONE };
#define RECORD_HEADER 3
#define DATA_HEADER 10
#define PEER_ROOM 1000 /* the longest record of each kind */
#define NODE_ROOM 500

#define ROLES(X)                                                                                             \
    X(UNDECIDED, "undecided") /* just started */                                                             \
    X(ACTIVE, "Active Leader")                                                                               \
    X(REDUNDANT, "Redundant Peer")

typedef enum role {
#define X(id, name) ROLE_##id,
    ROLES(X)
#undef X
        ROLE_COUNT
} role;

typedef struct message {
    size_t len;
    uint8_t bytes[SVR_SYNC_MAX];
} message;

struct svr_ha {
    svr_runtime *rt;
    svr_peers *peers;
    svr_forward *forward;
    svr_timer tick;
    svr_time started;
    role role, their_role;
    size_t their_paths; /* in service */
    bool linked, heard; /* the link carries messages; a HELLO came over it */
    bool split;         /* both serve, and we stay */
    /* out */
    uint32_t stream, acked, next; /* stream 0: none */
    svr_time resend;
    size_t next_peer;
    message window[SVR_SYNC_WINDOW]; /* by number, from `acked` to `next` */
    /* in */
    uint32_t in_stream, in_next;
};

static svr_sessions *sessions(svr_ha *ha) {
    return &ha->forward->sessions;
}

static svr_replica_place place(const svr_ha *ha) {
    return (svr_replica_place){.config = ha->forward->config, .node = ha->forward->node, .peers = ha->peers};
}

/* ---- telling -------------------------------------------------------------------------------- */

static void send_hello(svr_ha *ha) {
    uint8_t msg[14];
    svr_writer w = svr_writer_make(msg, sizeof msg);
    svr_write8(&w, SVR_KEX_SYNC);
    svr_write8(&w, HELLO);
    svr_write8(&w, (uint8_t)ha->role);
    svr_write8(&w, (uint8_t)svr_peers_node_number(ha->peers));
    svr_write16(&w, (uint16_t)svr_peers_paths_in_service(ha->peers));
    svr_write32(&w, ha->in_stream);
    svr_write32(&w, ha->in_next);
    svr_peers_send_sync(ha->peers, msg, sizeof msg);
}

static void end_record(uint8_t *head, uint8_t type, const svr_writer *w) {
    head[0] = type;
    svr_put16(head + 1, (uint16_t)(w->p - head - RECORD_HEADER));
}

static bool has_room(const svr_writer *w, size_t n) {
    return (size_t)(w->end - w->p) >= n + RECORD_HEADER;
}

static void write_node(svr_ha *ha, svr_writer *w) {
    if (!svr_peers_node_dirty(ha->peers) || !has_room(w, NODE_ROOM)) return;
    uint8_t *head = svr_write_space(w, RECORD_HEADER);
    svr_peers_export_node(ha->peers, w);
    end_record(head, RECORD_NODE, w);
}

/* Peers in turn, so that none waits for ever. */
static void write_peers(svr_ha *ha, svr_writer *w) {
    size_t n = svr_peers_count(ha->peers);
    for (size_t tried = 0; tried < n && has_room(w, PEER_ROOM); tried++) {
        uint8_t *head = svr_write_space(w, RECORD_HEADER);
        if (svr_peers_export_peer(ha->peers, ha->next_peer, w))
            end_record(head, RECORD_PEER, w);
        else
            w->p = head;
        ha->next_peer = (ha->next_peer + 1) % n;
    }
}

static void write_sessions(svr_ha *ha, svr_writer *w) {
    svr_replica_place where = place(ha);
    while (has_room(w, SVR_REPLICA_SESSION_MAX)) {
        uint8_t *head = svr_write_space(w, RECORD_HEADER);
        svr_replica_kind kind = svr_sessions_export(sessions(ha), &where, w);
        if (kind == SVR_REPLICA_NONE) {
            w->p = head;
            return;
        }
        end_record(head, kind == SVR_REPLICA_SESSION ? RECORD_SESSION : RECORD_GONE, w);
    }
}

/* Fills one message with what changed; false when nothing did. */
static bool fill(svr_ha *ha, message *m) {
    svr_writer w = svr_writer_make(m->bytes, sizeof m->bytes);
    svr_write8(&w, SVR_KEX_SYNC);
    svr_write8(&w, DATA);
    svr_write32(&w, ha->stream);
    svr_write32(&w, ha->next);
    write_node(ha, &w);
    write_peers(ha, &w);
    write_sessions(ha, &w);
    m->len = (size_t)(w.p - m->bytes);
    return w.ok && m->len > DATA_HEADER;
}

static void send_window(svr_ha *ha, uint32_t from) {
    for (uint32_t i = from; i != ha->next; i++) {
        const message *m = &ha->window[i % SVR_SYNC_WINDOW];
        svr_peers_send_sync(ha->peers, m->bytes, m->len);
    }
    ha->resend = ha->rt->now + SVR_HA_RESEND;
}

static void tell_changes(svr_ha *ha) {
    uint32_t from = ha->next;
    while (ha->next - ha->acked < SVR_SYNC_WINDOW && fill(ha, &ha->window[ha->next % SVR_SYNC_WINDOW]))
        ha->next++;
    if (from != ha->next)
        send_window(ha, from);
    else if (ha->acked != ha->next && ha->rt->now >= ha->resend)
        send_window(ha, ha->acked);
}

static void begin_stream(svr_ha *ha) {
    ha->stream = (uint32_t)svr_runtime_jitter(ha->rt, UINT32_MAX) + 1;
    ha->acked = ha->next = 0;
    svr_peers_export_all(ha->peers);
    svr_sessions_replicate(sessions(ha));
}

static void end_stream(svr_ha *ha) {
    ha->stream = 0;
    ha->acked = ha->next;
    svr_sessions_keep_to_itself(sessions(ha));
}

/* ---- roles ---------------------------------------------------------------------------------- */

static const char *role_name(role r) {
    static const char *const names[ROLE_COUNT] = {
#define X(id, name) [ROLE_##id] = name,
        ROLES(X)
#undef X
    };
    return names[r];
}

/* The only writer of `role`. */
static void set_role(svr_ha *ha, role to, const char *reason) {
    role from = ha->role;
    if (from == to) return;
    ha->role = to;
    svr_event *ev = svr_runtime_event(ha->rt, SVR_EVENT_KEY_MANAGER);
    ev->from = role_name(from);
    ev->to = role_name(to);
    ev->reason = reason;
    if (to == ROLE_ACTIVE) {
        svr_peers_activate(ha->peers);
        svr_sessions_activate(sessions(ha));
    } else if (from == ROLE_ACTIVE) {
        end_stream(ha);
        svr_peers_stand_by(ha->peers);
        svr_sessions_stand_by(sessions(ha));
    }
    send_hello(ha);
}

/* What a node knows when it chooses its role. */
typedef struct situation {
    role mine, theirs;
    bool linked;
    bool patient;   /* it may still wait for the other */
    bool preferred; /* of two that might serve: more paths, or first in the configuration */
} situation;

static role next_role(const situation *s, const char **reason) {
    if (!s->linked) {
        *reason = s->mine == ROLE_REDUNDANT ? "the other node is gone" : "no other node";
        return s->mine == ROLE_UNDECIDED && s->patient ? ROLE_UNDECIDED : ROLE_ACTIVE;
    }
    if (s->theirs == ROLE_ACTIVE) {
        *reason = s->mine == ROLE_ACTIVE ? "both served" : "the other node serves";
        return s->mine == ROLE_ACTIVE && s->preferred ? ROLE_ACTIVE : ROLE_REDUNDANT;
    }
    *reason = s->preferred ? "first node" : "second node";
    return s->mine == ROLE_ACTIVE || s->preferred ? ROLE_ACTIVE : ROLE_REDUNDANT;
}

static bool preferred(const svr_ha *ha) {
    size_t ours = svr_peers_paths_in_service(ha->peers);
    if (ours != ha->their_paths) return ours > ha->their_paths;
    return svr_peers_node_number(ha->peers) == 0;
}

/* Peers have heard the other node as well, which was ahead of us by one jump. */
static void end_split(svr_ha *ha) {
    bool split = ha->linked && ha->role == ROLE_ACTIVE && ha->their_role == ROLE_ACTIVE;
    if (split && !ha->split) {
        svr_peers_jump(ha->peers, 2);
        svr_sessions_jump(sessions(ha), 2);
    }
    ha->split = split;
}

static void decide(svr_ha *ha) {
    const char *reason = "";
    if (ha->linked && !ha->heard) return; /* a moment more */
    const situation s = {.mine = ha->role,
                         .theirs = ha->their_role,
                         .linked = ha->linked,
                         .patient = ha->rt->now - ha->started < SVR_HA_PATIENCE,
                         .preferred = preferred(ha)};
    set_role(ha, next_role(&s, &reason), reason);
    end_split(ha);
}

static void look_at_link(svr_ha *ha) {
    bool up = svr_peers_sibling_up(ha->peers);
    if (up == ha->linked) return;
    ha->linked = up;
    ha->heard = false;
    ha->their_role = ROLE_UNDECIDED;
    ha->their_paths = 0;
    if (!up) end_stream(ha);
}

static void tick_due(svr_timer *t, void *ctx, svr_time now) {
    svr_ha *ha = svr_container_of(t, svr_ha, tick);
    (void)ctx;
    svr_timer_set(t, &ha->rt->timers, now + SVR_HA_TICK);
    look_at_link(ha);
    send_hello(ha);
    decide(ha);
    if (ha->role != ROLE_ACTIVE || !ha->linked || !ha->heard) return;
    if (!ha->stream && ha->their_role == ROLE_REDUNDANT) begin_stream(ha);
    if (ha->stream) tell_changes(ha);
}

/* ---- listening ------------------------------------------------------------------------------ */

static bool take_record(svr_ha *ha, uint8_t type, svr_reader *r) {
    svr_replica_place where = place(ha);
    switch (type) {
    case RECORD_NODE: return svr_peers_import_node(ha->peers, r);
    case RECORD_PEER: return svr_peers_import_peer(ha->peers, r);
    case RECORD_SESSION: return svr_sessions_import(sessions(ha), &where, SVR_REPLICA_SESSION, r);
    case RECORD_GONE: return svr_sessions_import(sessions(ha), &where, SVR_REPLICA_GONE, r);
    default: return false;
    }
}

static void take_records(svr_ha *ha, svr_reader *r) {
    while (svr_reader_left(r)) {
        uint8_t type = svr_read8(r);
        size_t len = svr_read16(r);
        const uint8_t *p = svr_read_bytes(r, len);
        svr_reader record = svr_reader_make(p, p ? len : 0);
        if (!p || !take_record(ha, type, &record)) svr_drop_count(ha->rt, SVR_DROP_SYNC_MALFORMED);
        if (!p) return;
    }
}

static void take_data(svr_ha *ha, svr_reader *r) {
    uint32_t stream = svr_read32(r), number = svr_read32(r);
    if (!r->ok || ha->role != ROLE_REDUNDANT) return;
    if (number == 0 && stream != ha->in_stream) {
        ha->in_stream = stream;
        ha->in_next = 0;
        svr_peers_forget(ha->peers);
        svr_sessions_forget(sessions(ha));
    }
    if (stream == ha->in_stream && number == ha->in_next) {
        ha->in_next++;
        take_records(ha, r);
    }
    send_hello(ha);
}

static void take_hello(svr_ha *ha, svr_reader *r) {
    uint8_t theirs = svr_read8(r), number = svr_read8(r);
    size_t paths = svr_read16(r);
    uint32_t stream = svr_read32(r), next = svr_read32(r);
    if (!r->ok || theirs >= ROLE_COUNT || number == svr_peers_node_number(ha->peers)) {
        svr_drop_count(ha->rt, SVR_DROP_SYNC_MALFORMED);
        return;
    }
    ha->heard = true;
    ha->their_role = (role)theirs;
    ha->their_paths = paths;
    if (!ha->stream) return;
    if (stream == ha->stream && next - ha->acked <= ha->next - ha->acked)
        ha->acked = next;
    else if (stream != ha->stream && ha->acked)
        ha->stream = 0; /* it has forgotten all: begin anew */
}

static void take(svr_ha *ha, const uint8_t *bytes, size_t len) {
    svr_reader r = svr_reader_make(bytes, len);
    svr_read8(&r);
    switch (svr_read8(&r)) {
    case HELLO: take_hello(ha, &r); return;
    case DATA: take_data(ha, &r); return;
    default: svr_drop_count(ha->rt, SVR_DROP_SYNC_MALFORMED);
    }
}

void svr_ha_run(svr_ha *ha) {
    uint8_t bytes[SVR_SYNC_MAX];
    size_t len;
    while (svr_peers_next_sync(ha->peers, bytes, &len))
        take(ha, bytes, len);
    svr_wipe(bytes, sizeof bytes);
    /* The link's end is acted upon at once. */
    if (ha->linked && !svr_peers_sibling_up(ha->peers)) {
        look_at_link(ha);
        decide(ha);
    }
}

/* ---- life cycle ----------------------------------------------------------------------------- */

svr_ha *svr_ha_new(svr_runtime *rt, svr_peers *peers, svr_forward *forward) {
    svr_ha *ha = svr_alloc_zero(rt->alloc, 1, sizeof *ha);
    if (!ha) return NULL;
    ha->rt = rt;
    ha->peers = peers;
    ha->forward = forward;
    if (svr_timer_init(&ha->tick, &rt->timers, tick_due)) return ha;
    svr_alloc_free(rt->alloc, ha);
    return NULL;
}

void svr_ha_del(svr_ha *ha) {
    if (!ha) return;
    const svr_allocator *alloc = ha->rt->alloc;
    svr_timer_fini(&ha->tick, &ha->rt->timers);
    svr_wipe(ha, sizeof *ha);
    svr_alloc_free(alloc, ha);
}

void svr_ha_start(svr_ha *ha) {
    ha->started = ha->rt->now;
    svr_sessions_stand_by(sessions(ha));
    svr_timer_set(&ha->tick, &ha->rt->timers, ha->rt->now + SVR_HA_TICK);
}

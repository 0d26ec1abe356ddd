/* SPDX-License-Identifier: MIT
 * The page for people. */
#include "info.h"

#include <string.h>

#include "packet.h"
#include "pcapng/link.h"

/* How a time is told, and that it is in the colours of the terminal. */
typedef struct page {
    const svrpcap_report *r;
    FILE *out;
    svrpcap_line line;
} page;

static void end(page *g) {
    svrpcap_line_end(&g->line, g->out);
}

static void heading(page *g, const char *text) {
    end(g);
    svrpcap_put_colour(&g->line, SVRPCAP_BOLD);
    svrpcap_put(&g->line, text);
    svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    end(g);
}

static void put_when(page *g, svr_wall at) {
    svrpcap_put_time(&g->line, g->r->o->time, at, g->r->totals->first);
}

static void put_moments(page *g, const svrpcap_moments *m) {
    put_when(g, m->first);
    svrpcap_put(&g->line, " to ");
    put_when(g, m->last);
}

static void put_bytes(page *g, uint64_t n) {
    char text[SVRPCAP_TIME_MAX];
    svrpcap_put(&g->line, svrpcap_format_bytes(n, text));
}

static void put_count(page *g, const char *what, const svrpcap_count *c) {
    svrpcap_put(&g->line, what);
    svrpcap_put_number(&g->line, c->packets);
    svrpcap_put(&g->line, c->packets == 1 ? " packet, " : " packets, ");
    put_bytes(g, c->bytes);
}

static void left_out(page *g, const svrpcap_table *t, const char *what, const char *limit) {
    if (!t->left_out) return;
    svrpcap_put_colour(&g->line, SVRPCAP_YELLOW);
    svrpcap_put(&g->line, "  more ");
    svrpcap_put(&g->line, what);
    svrpcap_put(&g->line, " are there than ");
    svrpcap_put_number(&g->line, t->max);
    svrpcap_put(&g->line, " (");
    svrpcap_put(&g->line, limit);
    svrpcap_put(&g->line, "); the rest is counted in totals only");
    svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    end(g);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void tell_comment(page *g) {
    const char *text;
    size_t len, n = 0;
    uint64_t section;
    if (!svr_capture_section_comment(g->r->capture, &text, &len, &section) || svrpcap_is_key_line(text, len))
        return;
    svrpcap_put(&g->line, "  comment     ");
    for (; n < len && n < 200 && text[n] != '\n'; n++)
        svrpcap_put_char(&g->line, text[n] < ' ' || text[n] == 127 ? '?' : text[n]);
    end(g);
}

static void tell_interfaces(page *g) {
    for (size_t i = 0; i < svr_capture_interfaces(g->r->capture); i++) {
        const svr_capture_interface *f = svr_capture_interface_get(g->r->capture, i);
        const char *link = svr_link_name(f->link_type);
        svrpcap_put(&g->line, "  interface   ");
        svrpcap_put(&g->line, f->name[0] ? f->name : "without a name");
        svrpcap_put(&g->line, ", ");
        if (link) {
            svrpcap_put(&g->line, link);
        } else {
            svrpcap_put(&g->line, "link type ");
            svrpcap_put_number(&g->line, f->link_type);
            svrpcap_put(&g->line, ", which is not known: its packets are not looked at");
        }
        end(g);
    }
}

static void tell_file(page *g) {
    const svrpcap_totals *t = g->r->totals;
    char span[SVRPCAP_TIME_MAX];
    svrpcap_put_colour(&g->line, SVRPCAP_BOLD);
    svrpcap_put(&g->line, g->r->o->words[0]);
    svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    svrpcap_put(&g->line, ", ");
    svrpcap_put(&g->line, svr_capture_format(g->r->capture));
    svrpcap_put(&g->line, ", ");
    put_bytes(g, svr_capture_bytes(g->r->capture));
    end(g);
    put_count(g, "  packets     ", &(svrpcap_count){t->packets, t->bytes});
    if (t->matched != t->packets) {
        svrpcap_put(&g->line, "; the filter takes ");
        svrpcap_put_number(&g->line, t->matched);
    }
    end(g);
    if (t->has_time) {
        svrpcap_put(&g->line, "  time        ");
        put_moments(g, &(svrpcap_moments){t->first, t->last});
        svrpcap_put(&g->line, g->r->o->time == SVRPCAP_TIME_UTC ? " UTC (" : " (");
        svrpcap_put(&g->line, svrpcap_format_span((svr_duration)(t->last - t->first), span));
        svrpcap_put_char(&g->line, ')');
        end(g);
    }
    svrpcap_put(&g->line, "  keys        ");
    svrpcap_put_number(&g->line, t->keys);
    svrpcap_put(&g->line,
                t->keys ? " lines" : ": none in the comments of the capture, none given with --keylog");
    end(g);
    tell_comment(g);
    tell_interfaces(g);
}

static void tell_auth(page *g, const char *what, const uint64_t auth[4]) {
    static const struct {
        svr_seen_auth auth;
        const char *text;
        svrpcap_colour colour;
    } kinds[] = {{SVR_AUTH_GOOD, " authentic", SVRPCAP_GREEN},
                 {SVR_AUTH_BAD, " with a bad HMAC", SVRPCAP_RED},
                 {SVR_AUTH_NO_KEY, " without a known key", SVRPCAP_YELLOW}};
    bool any = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!auth[kinds[i].auth]) continue;
        svrpcap_put(&g->line, any ? ", " : what);
        any = true;
        svrpcap_put_colour(&g->line, kinds[i].colour);
        svrpcap_put_number(&g->line, auth[kinds[i].auth]);
        svrpcap_put(&g->line, kinds[i].text);
        svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    }
    if (any) end(g);
}

static void tell_kinds(page *g) {
    const svrpcap_tally *t = g->r->tally;
    heading(g, "What it is");
    put_count(g, "  BFD         ", &t->bfd);
    end(g);
    put_count(g, "  sessions    ", &t->session);
    end(g);
    if (t->other.packets) {
        put_count(g, "  other IP    ", &t->other);
        end(g);
    }
    if (t->no_ip.packets) {
        put_count(g, "  not IP      ", &t->no_ip);
        end(g);
    }
    tell_auth(g, "  metadata    ", t->auth[0]);
    tell_auth(g, "  payloads    ", t->auth[1]);
    if (t->malformed) {
        svrpcap_put(&g->line, "  malformed   ");
        svrpcap_put_number(&g->line, t->malformed);
        end(g);
    }
}

/* ---- routers and paths ---------------------------------------------------------------------- */

static void tell_routers(page *g) {
    const svrpcap_table *t = &g->r->tally->routers;
    if (!t->n) return;
    heading(g, "Routers");
    for (size_t i = 0; i < t->n; i++) {
        const svrpcap_router *r = t->records[i];
        svrpcap_put(&g->line, "  ");
        svrpcap_put_name(&g->line, r->name);
        svrpcap_put_column(&g->line, 36);
        for (size_t k = 0; k < r->n_addresses; k++) {
            if (k) svrpcap_put(&g->line, ", ");
            svrpcap_put_addr(&g->line, &r->addresses[k]);
        }
        end(g);
    }
    left_out(g, t, "routers", "SVRPCAP_ROUTERS_MAX");
}

static void put_path_end(page *g, const svrpcap_path *p, int i) {
    if (p->names[i][0]) {
        svrpcap_put_name(&g->line, p->names[i]);
        svrpcap_put_char(&g->line, ' ');
    }
    svrpcap_put_addr(&g->line, &p->ends[i]);
}

static void tell_changes(page *g, const svrpcap_path *p) {
    size_t kept = svrpcap_ring_kept(p->n_changes, SVRPCAP_UPS_SHOWN);
    for (size_t i = 0; i < kept; i++) {
        const svrpcap_bfd_change *c = &p->changes[svrpcap_ring_at(p->n_changes, SVRPCAP_UPS_SHOWN, i)];
        svrpcap_put(&g->line, i || p->n_changes == kept ? "    BFD       " : "    BFD   ... ");
        put_when(g, c->at);
        svrpcap_put_char(&g->line, ' ');
        svrpcap_put_addr(&g->line, &p->ends[c->end]);
        svrpcap_put(&g->line, " says ");
        svrpcap_put(&g->line, svrpcap_bfd_state_name(c->state));
        end(g);
    }
}

static void tell_messages(page *g, const svrpcap_path *p) {
    for (uint8_t kind = 0; kind < sizeof p->messages / sizeof *p->messages; kind++) {
        if (!p->messages[kind]) continue;
        svrpcap_put(&g->line, "    ");
        svrpcap_put(&g->line, svr_seen_message_name(kind));
        svrpcap_put_column(&g->line, 22);
        svrpcap_put_number(&g->line, p->messages[kind]);
        svrpcap_put_column(&g->line, 28);
        put_moments(g, &p->message_when[kind]);
        end(g);
    }
}

static void tell_paths(page *g) {
    const svrpcap_table *t = &g->r->tally->paths;
    if (!t->n) return;
    heading(g, "Paths");
    for (size_t i = 0; i < t->n; i++) {
        const svrpcap_path *p = t->records[i];
        svrpcap_put(&g->line, "  ");
        put_path_end(g, p, 0);
        svrpcap_put(&g->line, " <-> ");
        put_path_end(g, p, 1);
        end(g);
        put_count(g, "    BFD       ", &p->bfd);
        put_count(g, "; sessions ", &p->sessions);
        end(g);
        tell_changes(g, p);
        tell_messages(g, p);
    }
    left_out(g, t, "paths", "SVRPCAP_PATHS_MAX");
}

/* ---- keys and sessions ---------------------------------------------------------------------- */

static void tell_keys_of(page *g, const char *title, bool peer) {
    const svrpcap_table *t = &g->r->tally->keys;
    bool any = false;
    for (size_t i = 0; i < t->n; i++) {
        const svrpcap_key_use *k = t->records[i];
        if (k->id.peer != peer) continue;
        if (!any) heading(g, title);
        any = true;
        svrpcap_put(&g->line, "  ");
        svrpcap_put_name(&g->line, k->id.sender);
        svrpcap_put(&g->line, " > ");
        svrpcap_put_name(&g->line, k->id.receiver);
        svrpcap_put_column(&g->line, 50);
        svrpcap_put(&g->line, "key ");
        svrpcap_put_number(&g->line, k->id.index);
        svrpcap_put_column(&g->line, 59);
        put_moments(g, &k->when);
        svrpcap_put(&g->line, ", ");
        svrpcap_put_number(&g->line, k->packets);
        svrpcap_put(&g->line, " packets, nonces ");
        svrpcap_put_number(&g->line, k->nonce_first);
        svrpcap_put(&g->line, " to ");
        svrpcap_put_number(&g->line, k->nonce_last);
        end(g);
    }
}

static void tell_phases(page *g, const svrpcap_session *s) {
    size_t kept = svrpcap_ring_kept(s->n_phases, SVRPCAP_PHASES_SHOWN);
    for (size_t i = 0; i < kept; i++) {
        const svrpcap_phase *p = &s->phases[svrpcap_ring_at(s->n_phases, SVRPCAP_PHASES_SHOWN, i)];
        svrpcap_put(&g->line, "    payload key phase ");
        svrpcap_put_number(&g->line, p->phase);
        for (int back = 0; back < 2; back++) {
            if (p->first[back] == INT64_MAX) continue;
            svrpcap_put(&g->line, back ? ", reverse from " : ", forward from ");
            put_when(g, p->first[back]);
        }
        end(g);
    }
}

static void tell_waypoints(page *g, const svrpcap_session *s) {
    size_t kept = svrpcap_ring_kept(s->n_waypoints, SVRPCAP_WAYPOINTS_SHOWN);
    for (size_t i = 0; i < kept; i++) {
        svrpcap_put(&g->line, "    waypoints ");
        svrpcap_put_flow(&g->line,
                         &s->waypoints[svrpcap_ring_at(s->n_waypoints, SVRPCAP_WAYPOINTS_SHOWN, i)]);
        if (i == 0 && s->n_waypoints > kept) svrpcap_put(&g->line, " (and others before)");
        end(g);
    }
}

static void tell_session(page *g, const svrpcap_session *s) {
    char proto[16];
    svrpcap_put(&g->line, "  ");
    svrpcap_put_hex(&g->line, s->uuid, sizeof s->uuid);
    svrpcap_put(&g->line, "  ");
    svrpcap_put_colour(&g->line, SVRPCAP_BOLD);
    svrpcap_put(&g->line, svrpcap_protocol(s->inner.proto, proto));
    svrpcap_put_char(&g->line, ' ');
    svrpcap_put_flow(&g->line, &s->inner);
    svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    svrpcap_put(&g->line, ", service ");
    svrpcap_put_name(&g->line, s->service);
    svrpcap_put(&g->line, ", tenant ");
    svrpcap_put_name(&g->line, s->tenant);
    if (!s->encrypted) svrpcap_put(&g->line, ", payload in clear");
    end(g);
    svrpcap_put(&g->line, "    ");
    put_moments(g, &s->when);
    put_count(g, "; forward ", &s->way[0]);
    put_count(g, "; reverse ", &s->way[1]);
    svrpcap_put(&g->line, "; with metadata ");
    svrpcap_put_number(&g->line, s->metadata);
    if (s->bad) {
        svrpcap_put_colour(&g->line, SVRPCAP_RED);
        svrpcap_put(&g->line, "; with a bad HMAC ");
        svrpcap_put_number(&g->line, s->bad);
        svrpcap_put_colour(&g->line, SVRPCAP_PLAIN);
    }
    end(g);
    tell_waypoints(g, s);
    tell_phases(g, s);
}

static void tell_sessions(page *g) {
    const svrpcap_table *t = &g->r->tally->sessions;
    if (!t->n) return;
    heading(g, "Sessions");
    for (size_t i = 0; i < g->r->n_sessions; i++)
        tell_session(g, g->r->sessions[i]);
    if (g->r->n_sessions < t->n) {
        svrpcap_put(&g->line, "  and ");
        svrpcap_put_number(&g->line, t->n - g->r->n_sessions);
        svrpcap_put(&g->line, " smaller ones: --all tells them");
        end(g);
    }
    left_out(g, t, "sessions", "SVRPCAP_SESSIONS_MAX");
}

void svrpcap_info_text(const svrpcap_report *r, FILE *out) {
    static page g;
    g = (page){.r = r, .out = out, .line.colour = r->o->colour};
    tell_file(&g);
    tell_kinds(&g);
    tell_routers(&g);
    tell_paths(&g);
    tell_keys_of(&g, "Peer keys, as their senders used them", true);
    tell_keys_of(&g, "Metadata keys, as their senders used them", false);
    left_out(&g, &r->tally->keys, "keys", "SVRPCAP_KEY_USES_MAX");
    tell_sessions(&g);
}

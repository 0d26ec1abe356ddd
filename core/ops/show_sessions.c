/* SPDX-License-Identifier: MIT
 * Sessions and services.
 *
 * There may be a million sessions, and the node forwards nothing while it fills a report: a list has one page
 * of them. Pages follow the table's order, which changes when sessions come and go. */
#include "ops/show_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE 100
#define FLOW_END_MAX (SVR_ADDR_TEXT_MAX + 10)
#define ID_MIN 4 /* hex digits that name a session */

static const char *end_text(const svr_addr *a, uint16_t port, char out[FLOW_END_MAX]) {
    char addr[SVR_ADDR_TEXT_MAX];
    snprintf(out, FLOW_END_MAX, a->family == 6 ? "[%s]:%u" : "%s:%u", svr_addr_format(a, addr), port);
    return out;
}

static const char *protocol_name(uint8_t proto) {
    if (proto == SVR_PROTO_TCP) return "tcp";
    if (proto == SVR_PROTO_UDP) return "udp";
    return proto == SVR_PROTO_ICMP || proto == SVR_PROTO_ICMPV6 ? "icmp" : "other";
}

/* The interface of a leg, and the peer behind it where it is a path. */
static const char *leg_text(const svr_leg *leg, char out[SVR_EVENT_PATH_MAX]) {
    if (leg->path)
        snprintf(out, SVR_EVENT_PATH_MAX, "%.40s %.60s", leg->path->config->local_if->name,
                 leg->path->peer->config->name);
    else
        snprintf(out, SVR_EVENT_PATH_MAX, "%.100s", leg->lan->name);
    return out;
}

static void add_flow(svr_report_builder *b, const svr_session *s) {
    char text[FLOW_END_MAX];
    svr_flow flow = svr_session_flow(s);
    svr_report_text_field(b, "Service", "service", s->service->name);
    svr_report_text_field(b, "Tenant", "tenant", s->tenant ? s->tenant->name : "");
    svr_report_text_field(b, "Protocol", "protocol", protocol_name(svr_session_proto(s)));
    svr_report_text_field(b, "Source", "source", end_text(&flow.src, flow.sport, text));
    svr_report_text_field(b, "Destination", "destination", end_text(&flow.dst, flow.dport, text));
}

static void add_load(svr_report_builder *b, const svr_session *s) {
    svr_report_number(b, "Forward", "forwardPackets", s->packets[SVR_ORIGIN]);
    svr_report_number(b, "Forward Bytes", "forwardBytes", s->bytes[SVR_ORIGIN]);
    svr_report_number(b, "Reverse", "reversePackets", s->packets[SVR_TARGET]);
    svr_report_number(b, "Reverse Bytes", "reverseBytes", s->bytes[SVR_TARGET]);
}

static void add_row(const svr_show_context *ctx, const svr_session *s) {
    svr_report_builder *b = ctx->report;
    char id[SVR_SESSION_TEXT_MAX], leg[SVR_EVENT_PATH_MAX];
    svr_report_record(b, svr_session_text(s, id));
    svr_report_text_field(b, "Session", "session", id);
    add_flow(b, s);
    svr_report_text_field(b, "Place", "place", svr_session_place(s));
    svr_report_text_field(b, "In", "in", leg_text(&s->leg[SVR_ORIGIN], leg));
    svr_report_text_field(b, "Out", "out", leg_text(&s->leg[SVR_TARGET], leg));
    add_load(b, s);
}

const svr_report *svr_show_sessions(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    size_t page = command->n_args ? strtoul(command->args[0], NULL, 10) : 1, total = ctx->sessions->by_uuid.n;
    size_t first = page ? (page - 1) * PAGE : 0, pos = 0, n = 0;
    const svr_session *s;
    char note[160];
    if (!page || (page > 1 && first >= total)) {
        snprintf(err->message, sizeof err->message, "there is no page %zu; allowed: 1-%zu", page,
                 total ? (total + PAGE - 1) / PAGE : 1);
        return NULL;
    }
    for (; n < first + PAGE && (s = svr_table_next(&ctx->sessions->by_uuid, &pos)) != NULL; n++)
        if (n >= first) add_row(ctx, s);
    snprintf(note, sizeof note, "Sessions %zu to %zu of %zu%s", n > first ? first + 1 : 0, n, total,
             n < total ? "; the next with show sessions page N" : "");
    svr_report_note(ctx->report, note);
    return svr_report_table(ctx->report);
}

const svr_report *svr_show_sessions_count(const svr_show_context *ctx, const svr_command *command,
                                          svr_error *err) {
    svr_report_builder *b = ctx->report;
    (void)command;
    (void)err;
    svr_report_record(b, ctx->node->name);
    svr_report_number(b, "Sessions", "sessions", ctx->sessions->by_uuid.n);
    svr_report_number(b, "Most", "most", ctx->sessions->by_uuid.limit);
    svr_report_number(b, "Created", "created", ctx->sessions->created);
    svr_report_number(b, "Ended", "ended", ctx->sessions->ended);
    return svr_report_blocks(b);
}

/* ---- one session ---------------------------------------------------------------------------- */

static void add_leg(svr_report_builder *b, const svr_leg *leg, const char *label, const char *key,
                    const char *waypoint_label, const char *waypoint_key) {
    char text[SVR_EVENT_PATH_MAX + 2 * FLOW_END_MAX], from[FLOW_END_MAX], to[FLOW_END_MAX];
    svr_report_text_field(b, label, key, leg_text(leg, text));
    if (!leg->path) return;
    const svr_tuple *t = &leg->arrival; /* of what arrives: the other end's waypoint is the source */
    snprintf(text, sizeof text, "%s -> %s", end_text(&t->dst, t->dport, to),
             end_text(&t->src, t->sport, from));
    svr_report_text_field(b, waypoint_label, waypoint_key, text);
}

static void add_session(const svr_show_context *ctx, const svr_session *s) {
    svr_report_builder *b = ctx->report;
    char id[2 * SVR_UUID_LEN + 1];
    svr_time now = ctx->rt->now;
    svr_report_record(b, svr_hex(s->uuid, SVR_UUID_LEN, id));
    svr_report_text_field(b, "Session", "session", id);
    add_flow(b, s);
    svr_report_text_field(b, "Place", "place", svr_session_place(s));
    svr_report_flag(b, "Encrypted", "encrypted", s->encrypt);
    add_leg(b, &s->leg[SVR_ORIGIN], "In", "in", "In Waypoints", "inWaypoints");
    add_leg(b, &s->leg[SVR_TARGET], "Out", "out", "Out Waypoints", "outWaypoints");
    add_load(b, s);
    svr_report_number(b, "Key Phase", "keyPhase", s->keys.newest.phase);
    svr_report_span(b, "Key Age", "keyAge", now - s->keys.made);
    svr_report_span(b, "Idle", "idle", now - s->last_seen);
    svr_report_span(b, "Ends In", "endsIn", svr_show_until(ctx, &s->timer));
}

/* `text` as 4 to 32 hex digits in lower case; false when it is something else. */
static bool is_id(const char *text) {
    size_t n = strspn(text, "0123456789abcdef");
    return n >= ID_MIN && n <= 2 * SVR_UUID_LEN && !text[n];
}

const svr_report *svr_show_session(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    const char *wanted = command->args[0];
    char id[2 * SVR_UUID_LEN + 1];
    const svr_session *s;
    size_t pos = 0, n = 0;
    if (!is_id(wanted)) {
        snprintf(err->message, sizeof err->message,
                 "\"%.40s\" is no session; allowed: %d-%d hex digits that its UUID begins with", wanted,
                 ID_MIN, 2 * SVR_UUID_LEN);
        return NULL;
    }
    while (n < PAGE && (s = svr_table_next(&ctx->sessions->by_uuid, &pos)) != NULL) {
        if (strncmp(svr_hex(s->uuid, SVR_UUID_LEN, id), wanted, strlen(wanted)) != 0) continue;
        add_session(ctx, s);
        n++;
    }
    if (n) return svr_report_blocks(ctx->report);
    snprintf(err->message, sizeof err->message, "no session here begins with \"%.40s\"", wanted);
    return NULL;
}

/* ---- services ------------------------------------------------------------------------------- */

static const svr_service_route *route_of(const svr_show_context *ctx, const svr_service *service) {
    const svr_router_config *router = ctx->node->router;
    for (size_t i = 0; i < router->n_routes; i++)
        if (router->routes[i].service == service) return &router->routes[i];
    return NULL;
}

/* "peer east (down), interface lan": the hops in their order. */
static const char *hops_text(const svr_show_context *ctx, const svr_service_route *route, char *out,
                             size_t size) {
    size_t n = 0;
    snprintf(out, size, "%s", route ? "" : "none");
    for (size_t i = 0; route && i < route->n_hops && n < size; i++) {
        const svr_next_hop *hop = &route->hops[i];
        const svr_peer *peer = hop->kind == SVR_HOP_PEER ? svr_peers_find(ctx->peers, hop->peer) : NULL;
        n += (size_t)snprintf(out + n, size - n, "%s%s %.64s%s", i ? ", " : "",
                              hop->kind == SVR_HOP_PEER ? "peer" : "interface",
                              hop->kind == SVR_HOP_PEER ? hop->peer->name : hop->out->name,
                              hop->kind == SVR_HOP_PEER && (!peer || !svr_show_peer_up(peer)) ? " (down)"
                                                                                              : "");
    }
    return out;
}

const svr_report *svr_show_services(const svr_show_context *ctx, const svr_command *command, svr_error *err) {
    svr_report_builder *b = ctx->report;
    char hops[320];
    (void)command;
    (void)err;
    for (size_t i = 0; i < ctx->config->n_services; i++) {
        const svr_service *service = &ctx->config->services[i];
        svr_report_record(b, service->name);
        svr_report_text_field(b, "Service", "service", service->name);
        svr_report_text_field(b, "Policy", "policy", service->policy ? service->policy->name : "");
        svr_report_flag(b, "Encrypted", "encrypted", !service->security || service->security->encrypt);
        svr_report_number(b, "Sessions", "sessions", svr_sessions_of_service(ctx->sessions, service));
        svr_report_text_field(b, "Next Hops", "nextHops",
                              hops_text(ctx, route_of(ctx, service), hops, sizeof hops));
    }
    return svr_report_table(b);
}

/* SPDX-License-Identifier: MIT
 *
 * After each call into a node, `settle` takes out what waits there: keys before packets, so that a capture
 * can put a key on the very packet that makes it valid; then packets, events and the next deadline. The timer
 * is set anew only when the deadline comes nearer: a deadline that moves away (each received packet moves
 * some) costs nothing, and the timer, when it fires early, just looks again.
 *
 * The second node of a router has one link of its own, to the first; all others lead to the first's ns-3
 * node, and are used by whichever of the two serves. */
#include "router.h"

#include <stdlib.h>
#include <string.h>

/* The device that a packet leaves by; -1: none of this router's own. */
static int device_for(const svrsim_router *r, const svr_packet *pkt) {
    int chosen = -1;
    for (int d = 0; d < SVRSIM_PORTS_MAX && r->port[d].attached; d++) {
        const svrsim_port *p = &r->port[d];
        if (p->ifid != pkt->ifid) continue;
        bool anyone = p->host[0].family == 0 && p->host[1].family == 0;
        if (anyone) chosen = d;
        if (!anyone && svr_addr_equal(&p->host[pkt->next_hop.family == 6], &pkt->next_hop)) return d;
    }
    return chosen;
}

static void send(svrsim_router *r, const svr_packet *pkt) {
    svrsim_router *by = r;
    int device = device_for(by, pkt);
    if (device < 0 && r->first) {
        by = r->first;
        device = device_for(by, pkt);
    }
    if (device < 0)
        r->unroutable++;
    else
        ns3shim_raw_send(by->node, (uint32_t)device, pkt->data, pkt->len);
}

static void take_keys(svrsim_router *r) {
    char line[SVR_KEYLOG_LINE_MAX];
    while (svr_node_next_key_line(r->svr, line))
        svrsim_take_key(r->sim, line);
    svr_wipe(line, sizeof line);
}

static void rearm(svrsim_router *r) {
    svr_time deadline = svr_node_deadline(r->svr);
    if (deadline >= r->armed) return;
    r->armed = deadline;
    ns3shim_timer_set(r->timer, deadline);
}

static void settle(svrsim_router *r, svr_time now) {
    svr_event ev;
    svr_batch batch = {0};
    r->settling = true;
    take_keys(r);
    while (svr_node_output(r->svr, &batch, now)) {
        for (size_t i = 0; i < batch.n; i++)
            send(r, batch.pkt[i]);
        svr_batch_put(r->pool, &batch);
    }
    while (svr_node_next_event(r->svr, &ev))
        svrsim_take_event(r->sim, r, &ev);
    r->settling = false;
    rearm(r);
}

static void fire(void *ctx) {
    svrsim_router *r = ctx;
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    r->armed = SVR_TIME_NEVER;
    if (!r->svr) return;
    if (svr_node_deadline(r->svr) > now) {
        rearm(r);
        return;
    }
    svr_node_expire(r->svr, now);
    settle(r, now);
}

/* Who gets what arrives on a device: of two nodes the one that serves, but the inter-node link is each one's
 * own. */
static svrsim_router *taker(svrsim_router *r, const svrsim_port *port) {
    return r->second && !port->own && !svrsim_router_serves(r) ? r->second : r;
}

static void receive(void *ctx, uint32_t device, const uint8_t *data, size_t len) {
    const svrsim_port *port = &((svrsim_router *)ctx)->port[device];
    svrsim_router *r = taker(ctx, port);
    svr_ifid ifid = port->ifid;
    if (!r->svr || ifid == SVR_IFID_NONE || len > SVR_PACKET_LEN_MAX) return;
    svr_packet *pkt = svr_packet_get(r->pool, len);
    if (!pkt) return;
    memcpy(pkt->data, data, len);
    pkt->len = (uint32_t)len;
    svr_batch batch = {.n = 1, .pkt = {pkt}};
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    svr_node_input(r->svr, ifid, &batch, now);
    settle(r, now);
}

svrsim_router *svrsim_router_make(svrsim *sim, const char *name) {
    svrsim_router *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->sim = sim;
    r->armed = SVR_TIME_NEVER;
    for (size_t i = 0; i < SVRSIM_PORTS_MAX; i++)
        r->port[i].ifid = SVR_IFID_NONE;
    r->node = ns3shim_raw_new(svrsim_world(sim), name, receive, r);
    r->timer = ns3shim_timer_new(svrsim_world(sim), fire, r);
    if (svr_strcpy(r->name, sizeof r->name, name) && r->node && r->timer) return r;
    svrsim_router_free(r);
    return NULL;
}

void svrsim_router_free(svrsim_router *r) {
    if (!r) return;
    svrsim_router_stop(r);
    svr_config_del(r->config);
    ns3shim_timer_del(r->timer);
    for (size_t i = 0; i < sizeof r->credential / sizeof *r->credential; i++) {
        if (r->credential[i]) svr_wipe(r->credential[i], strlen(r->credential[i]));
        free(r->credential[i]);
    }
    free(r);
}

void svrsim_router_stop(svrsim_router *r) {
    if (r->svr) svr_node_del(r->svr);
    r->svr = NULL;
}

ns3shim_node *svrsim_router_node(svrsim_router *r) {
    return r->node;
}
bool svrsim_router_lives(const svrsim_router *r) {
    return r->svr != NULL;
}

bool svrsim_router_serves(const svrsim_router *r) {
    return r->svr && svr_node_serves(r->svr);
}

const svr_report *svrsim_router_show(svrsim_router *r, const char *command) {
    svr_error err = {0};
    const svr_report *report;
    if (svr_node_show(r->svr, command, ns3shim_now(svrsim_world(r->sim)), &report, &err) == 0) return report;
    svrsim_fail(r->sim, "%s", err.message);
    return NULL;
}

uint64_t svrsim_router_counter(svrsim_router *r, size_t index, const char **name) {
    return svr_node_counter(r->svr, index, name);
}

static int copy_text(char **to, const char *text) {
    if (!text) return 0;
    free(*to);
    *to = strdup(text);
    return *to ? 0 : -1;
}

int svrsim_router_set_credentials(svrsim_router *r, const svr_credentials *t) {
    const char *texts[] = {t->certificate, t->private_key, t->trusted_ca, t->crl};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (copy_text(&r->credential[i], texts[i]) != 0) return svrsim_fail(r->sim, "memory is short");
    return 0;
}

static svr_credentials credentials_of(const svrsim_router *r) {
    return (svr_credentials){r->credential[0], r->credential[1], r->credential[2], r->credential[3]};
}

int svrsim_router_reload(svrsim_router *r) {
    svr_error err = {0};
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    svr_credentials credentials = credentials_of(r);
    if (svr_node_reload_credentials(r->svr, &credentials, now, &err) != 0)
        return svrsim_fail(r->sim, "router '%s': %s", r->name, err.message);
    settle(r, now);
    return 0;
}

int svrsim_router_regenerate(svrsim_router *r) {
    svr_error err = {0};
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    if (svr_node_regenerate_metadata_key(r->svr, now, &err) != 0)
        return svrsim_fail(r->sim, "router '%s': %s", r->name, err.message);
    settle(r, now);
    return 0;
}

void svrsim_router_set_wall(svrsim_router *r, svr_wall wall) {
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    svr_node_set_wall(r->svr, wall, now);
    settle(r, now);
}

int svrsim_router_set_second(svrsim_router *r, svrsim_router *second, const char *node) {
    r->second = second;
    second->first = r;
    if (svr_strcpy(second->which, sizeof second->which, node)) return 0;
    return svrsim_fail(r->sim, "the name '%s' is too long", node);
}

int svrsim_router_attach(svrsim_router *r, uint32_t device, const char *target, const char *host,
                         const svrsim_own *own) {
    svr_addr a = {0};
    (void)own;
    if (device >= SVRSIM_PORTS_MAX)
        return svrsim_fail(r->sim, "router '%s' has more than %d links", r->name, SVRSIM_PORTS_MAX);
    svrsim_port *port = &r->port[device];
    if (!svr_strcpy(port->target, sizeof port->target, target))
        return svrsim_fail(r->sim, "the interface name '%s' is too long", target);
    if (*host && !svr_addr_parse(host, &a)) return svrsim_fail(r->sim, "'%s' is no address", host);
    if (a.family) port->host[a.family == 6] = a;
    port->attached = port->up = true;
    return 0;
}

/* Every link must lead to an interface; an interface without link is just unplugged. */
static int connect_ports(svrsim_router *r) {
    const svr_node_config *config = svr_node_get_config(r->svr);
    r->node_name = config->name;
    for (size_t d = 0; d < SVRSIM_PORTS_MAX && r->port[d].attached; d++) {
        for (size_t i = 0; i < config->n_interfaces; i++)
            if (strcmp(config->interfaces[i].target, r->port[d].target) == 0) {
                r->port[d].ifid = (svr_ifid)i;
                r->port[d].own = config->interfaces[i].fabric;
            }
        if (r->port[d].ifid == SVR_IFID_NONE)
            return svrsim_fail(r->sim, "router '%s' has no interface '%s' in the configuration", r->name,
                               r->port[d].target);
    }
    return 0;
}

int svrsim_router_start(svrsim_router *r, svr_env *env, const svr_config *config, svr_wall wall) {
    svr_error err = {0};
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    svr_node_params params = {
        .env = env,
        .config = r->config ? r->config : config,
        .router = r->name,
        .node = r->which[0] ? r->which : NULL,
        .credentials = credentials_of(r),
        .wall = wall + r->clock,
        .keylog = true,
    };
    r->pool = svr_env_pool(env);
    if (svr_node_new(&params, now, &r->svr, &err) != 0)
        return svrsim_fail(r->sim, "router '%s': %s", r->name, err.message);
    if (connect_ports(r) != 0) return -1;
    for (size_t d = 0; d < SVRSIM_PORTS_MAX && r->port[d].attached; d++)
        if (!r->port[d].up) svr_node_interface_state(r->svr, r->port[d].ifid, false, now);
    settle(r, now);
    return 0;
}

void svrsim_router_carrier(svrsim_router *r, uint32_t device, bool up) {
    if (device >= SVRSIM_PORTS_MAX) return;
    r->port[device].up = up;
    if (!r->svr || r->port[device].ifid == SVR_IFID_NONE) return;
    svr_time now = ns3shim_now(svrsim_world(r->sim));
    svr_node_interface_state(r->svr, r->port[device].ifid, up, now);
    settle(r, now);
}

/* SPDX-License-Identifier: MIT */
#include "svrd/plan.h"

#include <net/if.h>
#include <string.h>

#include "svrd/fail.h"

svrd_role svrd_plan_role(const svr_interface *iface) {
    return iface->n_neighborhoods > 0 || iface->fabric ? SVRD_WAN : SVRD_LAN;
}

/* As the kernel's dev_valid_name. */
static bool valid_device(const char *name) {
    size_t len = strlen(name);
    return len > 0 && len < IFNAMSIZ && !strpbrk(name, "/: \t\n\"") && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static int check_interface(const svr_interface *iface, svr_error *err) {
    if (!valid_device(iface->target))
        return svrd_fail(
            err, "network-interface %s: \"%s\" is no device name: 1 to %d bytes without blank, / or :",
            iface->name, iface->target, IFNAMSIZ - 1);
    if (iface->type != SVR_DEVICE_ETHERNET && iface->n_neighborhoods > 0)
        return svrd_fail(err,
                         "network-interface %s: a neighborhood needs a device-interface of type ethernet",
                         iface->name);
    if (iface->type != SVR_DEVICE_ETHERNET && iface->fabric)
        return svrd_fail(
            err, "network-interface %s: the link between two nodes needs a device-interface of type ethernet",
            iface->name);
    if (iface->type == SVR_DEVICE_ETHERNET && iface->n_addresses == 0)
        return svrd_fail(err, "network-interface %s: needs an address to be reached at", iface->name);
    return 0;
}

int svrd_plan_check(const svr_node_config *node, svr_error *err) {
    for (size_t i = 0; i < node->n_interfaces; i++) {
        const svr_interface *a = &node->interfaces[i];
        if (check_interface(a, err)) return -1;
        for (size_t k = 0; k < i; k++) {
            const svr_interface *b = &node->interfaces[k];
            if (strcmp(a->target, b->target) == 0 &&
                (svrd_plan_role(a) == SVRD_LAN || svrd_plan_role(b) == SVRD_LAN))
                return svrd_fail(
                    err, "network-interfaces %s and %s share the device %s; the device of a LAN serves one",
                    b->name, a->name, a->target);
        }
    }
    if (node->n_interfaces == 0) return svrd_fail(err, "node %s has no network-interface", node->name);
    return 0;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static void remove_range(svrd_ports *p, size_t i) {
    memmove(&p->range[i], &p->range[i + 1], (p->n - i - 1) * sizeof p->range[0]);
    p->n--;
}

/* Unites `r` with every range that it overlaps or touches, then files the union in order. */
static void add_range(svrd_ports *p, svr_port_range r) {
    for (size_t i = p->n; i-- > 0;) {
        svr_port_range *o = &p->range[i];
        if ((uint32_t)o->first > (uint32_t)r.last + 1 || (uint32_t)r.first > (uint32_t)o->last + 1) continue;
        if (o->first < r.first) r.first = o->first;
        if (o->last > r.last) r.last = o->last;
        remove_range(p, i);
    }
    size_t at = 0;
    while (at < p->n && p->range[at].first < r.first)
        at++;
    memmove(&p->range[at + 1], &p->range[at], (p->n - at) * sizeof p->range[0]);
    p->range[at] = r;
    p->n++;
    if (p->n > SVRD_PORT_RANGES_MAX) {
        p->range[p->n - 2].last = p->range[p->n - 1].last;
        p->n--;
    }
}

static bool in_neighborhood(const svr_interface *iface, const char *name) {
    for (size_t i = 0; i < iface->n_neighborhoods; i++)
        if (strcmp(iface->neighborhoods[i].name, name) == 0) return true;
    return false;
}

static void add_interface_ports(const svr_interface *from, const svr_interface *iface, svrd_ports *out) {
    for (size_t i = 0; i < from->n_neighborhoods; i++)
        if (in_neighborhood(iface, from->neighborhoods[i].name)) add_range(out, from->neighborhoods[i].ports);
}

void svrd_plan_ports(const svr_config *config, const svr_interface *iface, svrd_ports *out) {
    out->n = 0;
    for (size_t r = 0; r < config->n_routers; r++)
        for (size_t n = 0; n < config->routers[r].n_nodes; n++) {
            const svr_node_config *node = &config->routers[r].nodes[n];
            for (size_t i = 0; i < node->n_interfaces; i++)
                add_interface_ports(&node->interfaces[i], iface, out);
        }
}

/* ---- the tun device ------------------------------------------------------------------------- */

static bool has_ipv6_wan(const svr_node_config *node) {
    for (size_t i = 0; i < node->n_interfaces; i++) {
        const svr_interface *iface = &node->interfaces[i];
        if (svrd_plan_role(iface) != SVRD_WAN) continue;
        for (size_t k = 0; k < iface->n_addresses; k++)
            if (iface->addresses[k].addr.family == 6) return true;
    }
    return false;
}

uint32_t svrd_plan_tun_mtu(const svr_node_config *node, const svr_interface *tun, uint32_t wan_mtu) {
    uint32_t overhead = has_ipv6_wan(node) ? SVRD_OVERHEAD_IPV6 : SVRD_OVERHEAD_IPV4;
    uint32_t mtu = wan_mtu > overhead ? wan_mtu - overhead : 0;
    return mtu < tun->mtu ? mtu : tun->mtu;
}

static bool only_peers(const svr_service_route *route) {
    for (size_t i = 0; i < route->n_hops; i++)
        if (route->hops[i].kind != SVR_HOP_PEER) return false;
    return route->n_hops > 0;
}

static bool same_prefix(const svr_prefix *a, const svr_prefix *b) {
    return a->len == b->len && svr_addr_equal(&a->addr, &b->addr);
}

static bool has_prefix(const svr_service *service, const svr_prefix *p) {
    for (size_t i = 0; i < service->n_prefixes; i++)
        if (same_prefix(&service->prefixes[i], p)) return true;
    return false;
}

/* A route before this one already hands the prefix over, or any route serves it here. */
static bool taken(const svr_router_config *router, size_t route, const svr_prefix *p) {
    for (size_t i = 0; i < router->n_routes; i++) {
        const svr_service_route *other = &router->routes[i];
        if ((i < route || !only_peers(other)) && has_prefix(other->service, p)) return true;
    }
    return false;
}

static bool may_use(const svr_service *service, const svr_tenant *tenant) {
    for (size_t i = 0; tenant && i < service->n_access; i++)
        if (strcmp(service->access[i]->name, tenant->name) == 0) return true;
    return false;
}

static const svr_interface *tun_for(const svr_node_config *node, const svr_service *service) {
    const svr_interface *first = NULL;
    for (size_t i = 0; i < node->n_interfaces; i++) {
        const svr_interface *iface = &node->interfaces[i];
        if (iface->type != SVR_DEVICE_TUN) continue; /* a tap device is none of the kernel's ways */
        if (may_use(service, iface->tenant)) return iface;
        if (!first) first = iface;
    }
    return first;
}

int svrd_plan_routes(const svr_node_config *node, const svr_interface *tun, svrd_prefix_fn *each, void *ctx) {
    const svr_router_config *router = node->router;
    for (size_t r = 0; r < router->n_routes; r++) {
        const svr_service *service = router->routes[r].service;
        if (!only_peers(&router->routes[r]) || tun_for(node, service) != tun) continue;
        for (size_t i = 0; i < service->n_prefixes; i++) {
            if (taken(router, r, &service->prefixes[i])) continue;
            int rc = each(ctx, service, &service->prefixes[i]);
            if (rc) return rc;
        }
    }
    return 0;
}

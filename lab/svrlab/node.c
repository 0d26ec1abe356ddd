/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRIDGE "br-lan"

ns3shim_node *lab_node_new(ns3shim_world *world, const char *name, lab_kind kind) {
    ns3shim_node *n = calloc(1, sizeof *n);
    if (!n) {
        lab_fail("memory is short");
        return NULL;
    }
    n->world = world;
    n->kind = kind;
    snprintf(n->name, sizeof n->name, "%s", name);
    if (lab_space_make(&n->space, name) != 0) {
        free(n);
        return NULL;
    }
    n->next = world->nodes;
    world->nodes = n;
    return n;
}

ns3shim_node *ns3shim_host_new(ns3shim_world *world, const char *name) {
    return lab_node_new(world, name, LAB_HOST);
}
ns3shim_node *ns3shim_underlay_new(ns3shim_world *world, const char *name) {
    return lab_node_new(world, name, LAB_UNDERLAY);
}

/* The lab's lines are bare: a scenario with a NAT is for the simulator. */
static int no_nat(void) {
    return lab_fail("the lab has no NAT boxes; run this scenario with svrsim");
}

ns3shim_node *ns3shim_nat_new(ns3shim_world *world, const char *name, const ns3shim_nat_opts *opts) {
    (void)world;
    (void)name;
    (void)opts;
    no_nat();
    return NULL;
}

int ns3shim_nat_inside(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t prefix_len) {
    (void)node;
    (void)device;
    (void)prefix;
    (void)prefix_len;
    return no_nat();
}

int ns3shim_nat_outside(ns3shim_node *node, uint32_t device, const char *address) {
    (void)node;
    (void)device;
    (void)address;
    return no_nat();
}

int ns3shim_nat_forget(ns3shim_node *node, bool other_address) {
    (void)node;
    (void)other_address;
    return no_nat();
}

int ns3shim_nat_get_stats(ns3shim_node *node, ns3shim_nat_stats *out) {
    (void)node;
    (void)out;
    return no_nat();
}

/* The first address of each family is what flows come from. */
static void note_own(ns3shim_node *n, const char *address) {
    if (!n->has4 && inet_pton(AF_INET, address, &n->own4) == 1) n->has4 = true;
    if (!n->has6 && inet_pton(AF_INET6, address, &n->own6) == 1) n->has6 = true;
}

static int give_address(const ns3shim_node *n, const char *device, const char *address, uint8_t len) {
    return lab_program("ip -n %s addr add %s/%u dev %s%s", n->space.name, address, len, device,
                       strchr(address, ':') ? " nodad" : "");
}

static bool has_device(const ns3shim_node *n, uint32_t device) {
    if (device < n->n_devices) return true;
    lab_fail("'%s' has no device %u", n->name, device);
    return false;
}

int ns3shim_node_address(ns3shim_node *node, uint32_t device, const char *address, uint8_t prefix_len) {
    if (!has_device(node, device)) return -1;
    note_own(node, address);
    return give_address(node, node->device[device], address, prefix_len);
}

int ns3shim_node_route(ns3shim_node *node, uint32_t device, const char *prefix, uint8_t prefix_len,
                       const char *gateway) {
    bool via = gateway && *gateway;
    if (!has_device(node, device)) return -1;
    return lab_program("ip -n %s route add %s/%u%s%s dev %s", node->space.name, prefix, prefix_len,
                       via ? " via " : "", via ? gateway : "", node->device[device]);
}

/* ---- routers -------------------------------------------------------------------------------- */

static int rename_device(ns3shim_node *n, uint32_t device, const char *to) {
    const char *space = n->space.name, *from = n->device[device];
    if (strcmp(from, to) == 0) return 0;
    if (strlen(to) >= LAB_DEVICE_NAME_MAX) return lab_fail("'%s' is too long for a device's name", to);
    if (lab_program("ip -n %s link set %s down", space, from) != 0) return -1;
    if (lab_program("ip -n %s link set %s name %s up", space, from, to) != 0) return -1;
    strcpy(n->device[device], to);
    return 0;
}

static int make_bridge(ns3shim_node *n) {
    if (n->bridge) return 0;
    n->bridge = true;
    if (lab_program("ip -n %s link add " BRIDGE " type bridge", n->space.name) != 0) return -1;
    return lab_program("ip -n %s link set " BRIDGE " up", n->space.name);
}

/* The second host of a prefix brings an address that is there: replacing it does no harm. */
static int attach_lan(ns3shim_node *n, uint32_t device, const char *address, uint8_t len) {
    if (make_bridge(n) != 0) return -1;
    if (lab_program("ip -n %s link set %s master " BRIDGE, n->space.name, n->device[device]) != 0) return -1;
    return lab_program("ip -n %s addr replace %s/%u dev " BRIDGE "%s", n->space.name, address, len,
                       strchr(address, ':') ? " nodad" : "");
}

int lab_node_attach(ns3shim_node *node, uint32_t device, const char *target, bool lan, const char *address,
                    uint8_t prefix_len) {
    if (!has_device(node, device)) return -1;
    if (lan) return attach_lan(node, device, address, prefix_len);
    if (rename_device(node, device, target) != 0) return -1;
    return give_address(node, node->device[device], address, prefix_len);
}

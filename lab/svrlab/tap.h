/* SPDX-License-Identifier: MIT
 * Where a real router meets the simulated network: a tap device in the router's namespace, whose other side
 * is one or more devices of the router's node in ns-3. IP datagrams pass as they are; Ethernet ends here. */
#ifndef SVRLAB_TAP_H
#define SVRLAB_TAP_H

#include <net/if.h>

#include "svrlab/loop.h"
#include "svrlab/space.h"

#define LAB_TAPS_MAX 64 /* devices of one node */

typedef struct lab_taps lab_taps;

/* A tap, and who is behind it. A LAN has several devices, one to each host. */
typedef struct lab_tap {
    lab_taps *all;
    char name[IFNAMSIZ];
    lab_source frames;
} lab_tap;

/* One end of a link. */
typedef struct lab_port {
    lab_tap *tap;
    svr_addr host[2]; /* IPv4, IPv6: who is behind it; none: whoever it is for */
} lab_port;

/* All taps of one router. */
struct lab_taps {
    lab_loop *loop;
    const lab_space *space;
    ns3shim_node *node;
    bool dark; /* the router has no power: nothing passes */
    lab_tap tap[LAB_TAPS_MAX];
    size_t n;
    lab_port port[LAB_TAPS_MAX]; /* by device of the node */
};

void lab_taps_init(lab_taps *t, lab_loop *loop, const lab_space *space, ns3shim_node *node);
void lab_taps_fini(lab_taps *t);
/* Puts a device of the node behind the tap of that name, which is made when there is none, and gives the tap
 * an address. `host` is who is behind the device (call once for each of its addresses), or "". */
int lab_taps_attach(lab_taps *t, uint32_t device, const char *name, const char *host, const char *address,
                    uint8_t prefix_len);
/* A datagram arrived at a device of the node: the router's kernel gets it. */
void lab_taps_receive(lab_taps *t, uint32_t device, const uint8_t *data, size_t len);
/* Whether anything passes. What was sent before belongs to the time before. */
void lab_taps_power(lab_taps *t, bool on);
/* The kernel sees that the device's tap lost or regained its carrier. */
void lab_taps_carrier(lab_taps *t, uint32_t device, bool up);

#endif

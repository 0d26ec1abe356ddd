/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX (ETH_HLEN + 65535)
#define FRAMES_AT_ONCE 64
#define FRAMES_WAITING 1000 /* as many as the kernel keeps for a tap */

/* Nobody has to ask who is there, since the kernel sends to its own hardware address on a device without ARP.
 * A kernel that asks keeps what it would send, and sends it all when the answer comes at last. */
#define HARDWARE "02:00:00:00:00:01"
static const uint8_t hardware[ETH_ALEN] = {2, 0, 0, 0, 0, 1};

void lab_taps_init(lab_taps *t, lab_loop *loop, const lab_space *space, ns3shim_node *node) {
    *t = (lab_taps){.loop = loop, .space = space, .node = node};
}

void lab_taps_fini(lab_taps *t) {
    for (size_t i = 0; i < t->n; i++)
        lab_unwatch(t->loop, &t->tap[i].frames);
    t->n = 0;
}

/* ---- from the kernel ------------------------------------------------------------------------ */

/* What a kernel tells all its neighbors by itself (who listens to what) is none of the scenario's. */
static bool is_for_many(const uint8_t *data, size_t len) {
    if (data[0] >> 4 == 6) return len < 40 || data[24] == 0xff;
    return len < 20 || data[16] >= 224;
}

static svr_addr destination(const uint8_t *data) {
    bool v6 = data[0] >> 4 == 6;
    svr_addr a = {.family = v6 ? 6 : 4};
    memcpy(a.bytes, data + (v6 ? 24 : 16), v6 ? 16 : 4);
    return a;
}

/* The device behind the tap that leads to the datagram's destination; -1: none. */
static int device_for(const lab_tap *tap, const uint8_t *data) {
    const lab_taps *t = tap->all;
    svr_addr to = destination(data);
    for (int d = 0; d < LAB_TAPS_MAX; d++) {
        const lab_port *p = &t->port[d];
        if (p->tap != tap) continue;
        if (p->host[0].family == 0 && p->host[1].family == 0) return d;
        if (svr_addr_equal(&p->host[to.family == 6], &to)) return d;
    }
    return -1;
}

static void take_frame(lab_tap *tap, const uint8_t *frame, size_t len) {
    const uint8_t *data = frame + ETH_HLEN;
    if (tap->all->dark || len <= ETH_HLEN || is_for_many(data, len - ETH_HLEN)) return;
    int device = device_for(tap, data);
    if (device >= 0) ns3shim_raw_send(tap->all->node, (uint32_t)device, data, len - ETH_HLEN);
}

static void take_frames(lab_tap *tap, int most) {
    static uint8_t frame[FRAME_MAX];
    for (int i = 0; i < most; i++) {
        ssize_t n = read(tap->frames.fd, frame, sizeof frame);
        if (n < 0) return;
        take_frame(tap, frame, (size_t)n);
    }
}

static void on_frames(void *ctx, uint32_t events) {
    (void)events;
    take_frames(ctx, FRAMES_AT_ONCE);
}

/* What waits in a tap was sent before: by a router that had power, or by the kernel of one that has none. */
void lab_taps_power(lab_taps *t, bool on) {
    for (size_t i = 0; i < t->n; i++)
        take_frames(&t->tap[i], FRAMES_WAITING);
    t->dark = !on;
}

/* ---- to the kernel -------------------------------------------------------------------------- */

void lab_taps_receive(lab_taps *t, uint32_t device, const uint8_t *data, size_t len) {
    static uint8_t frame[FRAME_MAX];
    const lab_tap *tap = device < LAB_TAPS_MAX ? t->port[device].tap : NULL;
    if (!tap || t->dark || len == 0 || len > FRAME_MAX - ETH_HLEN) return;
    unsigned type = data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
    memcpy(frame, hardware, ETH_ALEN);
    memcpy(frame + ETH_ALEN, hardware, ETH_ALEN);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    memcpy(frame + ETH_HLEN, data, len);
    /* A device that is down takes nothing, as a cable without a card. */
    if (write(tap->frames.fd, frame, ETH_HLEN + len) < 0) return;
}

void lab_taps_carrier(lab_taps *t, uint32_t device, bool up) {
    int on = up;
    if (device < LAB_TAPS_MAX && t->port[device].tap)
        ioctl(t->port[device].tap->frames.fd, TUNSETCARRIER, &on);
}

/* ---- making --------------------------------------------------------------------------------- */

static int open_tap(const lab_space *space, const char *name) {
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (lab_space_enter(space) != 0) return -1;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
        lab_fail("tap device %s: %s", name, strerror(errno));
        if (fd >= 0) close(fd);
        fd = -1;
    }
    lab_space_leave();
    return fd;
}

static lab_tap *make_tap(lab_taps *t, const char *name, uint32_t mtu) {
    lab_tap *tap = &t->tap[t->n];
    if (strlen(name) >= sizeof tap->name) {
        lab_fail("'%s' is too long for a device's name", name);
        return NULL;
    }
    int fd = open_tap(t->space, name);
    if (fd < 0) return NULL;
    *tap = (lab_tap){.all = t, .frames = {fd, on_frames, tap}};
    snprintf(tap->name, sizeof tap->name, "%s", name);
    t->n++;
    if (lab_watch(t->loop, &tap->frames) != 0) return NULL;
    if (lab_program("ip -n %s link set %s address " HARDWARE " mtu %u arp off up", t->space->name, name,
                    mtu) != 0)
        return NULL;
    return tap;
}

static lab_tap *find_tap(lab_taps *t, const char *name) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->tap[i].name, name) == 0) return &t->tap[i];
    return NULL;
}

int lab_taps_attach(lab_taps *t, uint32_t device, const char *name, const char *host, const char *address,
                    uint8_t prefix_len) {
    svr_addr a = {0};
    if (device >= LAB_TAPS_MAX) return lab_fail("a router has more than %d links", LAB_TAPS_MAX);
    if (*host && !svr_addr_parse(host, &a)) return lab_fail("'%s' is no address", host);
    lab_tap *tap = find_tap(t, name);
    if (!tap) tap = make_tap(t, name, ns3shim_node_mtu(t->node, device));
    if (!tap) return -1;
    lab_port *port = &t->port[device];
    port->tap = tap;
    if (a.family) port->host[a.family == 6] = a;
    /* The second host of a prefix brings an address that is there: replacing it does no harm. */
    return lab_program("ip -n %s addr replace %s/%u dev %s%s", t->space->name, address, prefix_len, name,
                       strchr(address, ':') ? " nodad" : "");
}

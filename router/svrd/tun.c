/* SPDX-License-Identifier: MIT */
#include "svrd/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "svrd/ethernet.h"
#include "svrd/plan.h"

#define TUN_DEVICE "/dev/net/tun"
#define MTU_MIN 576       /* what every IPv4 host takes */
#define MTU_MIN_IPV6 1280 /* below it the kernel has no IPv6 on a device */
#define SERVICE_METRIC 50

/* Newer than the kernel headers that this is compiled with. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static bool is_tap(const svrd_tun *tun) {
    return tun->iface->type == SVR_DEVICE_TAP;
}

static bool is_ethernet(const svrd_tun *tun) {
    return tun->iface->type == SVR_DEVICE_ETHERNET;
}

static int attach(svrd_tun *tun, svr_error *err) {
    const char *name = tun->iface->target;
    tun->fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun->fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return svrd_fail(err,
                         "network-interface %s: no " TUN_DEVICE
                         " here: load the module tun (modprobe tun), or give the container this device",
                         tun->iface->name);
    if (tun->fd < 0) return svrd_fail_errno(err, errno, "CAP_NET_ADMIN", "%s", TUN_DEVICE);
    short kind = is_tap(tun) ? IFF_TAP : IFF_TUN;
    struct ifreq ifr = {.ifr_flags = (short)(kind | IFF_NO_PI | (tun->vnet ? IFF_VNET_HDR : 0))};
    svr_strcpy(ifr.ifr_name, sizeof ifr.ifr_name, name);
    if (ioctl(tun->fd, TUNSETIFF, &ifr) == 0) return 0;
    if (errno == EBUSY)
        return svrd_fail(err, "network-interface %s: device %s is in use by another program",
                         tun->iface->name, name);
    if (errno == EINVAL)
        return svrd_fail(err,
                         "network-interface %s: device %s exists and is no %s device; choose another "
                         "target-interface, or remove it (ip link del %s)",
                         tun->iface->name, name, is_tap(tun) ? "tap" : "tun", name);
    return svrd_fail_errno(err, errno, "CAP_NET_ADMIN", "tun device %s", name);
}

/* UDP as well since Linux 6.2. A kernel that refuses gives and takes single datagrams only. */
static void set_offload(svrd_tun *tun) {
    unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (!tun->vnet) return;
    if (ioctl(tun->fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0)
        tun->join = SVRD_JOIN_TCP | SVRD_JOIN_UDP;
    else if (ioctl(tun->fd, TUNSETOFFLOAD, tcp) == 0)
        tun->join = SVRD_JOIN_TCP;
}

static int check_mtu(const svrd_tun *tun, uint32_t wan_mtu, svr_error *err) {
    uint32_t need = MTU_MIN;
    for (size_t i = 0; i < tun->iface->n_addresses; i++)
        if (tun->iface->addresses[i].addr.family == 6) need = MTU_MIN_IPV6;
    if (tun->mtu >= need) return 0;
    return svrd_fail(
        err,
        "network-interface %s: a WAN MTU of %u leaves %u bytes on the LAN side, but its addresses "
        "need %u; raise the MTU of the WAN devices",
        tun->iface->name, wan_mtu, tun->mtu, need);
}

static int add_addresses(const svrd_tun *tun, svrd_netlink *nl, svr_error *err) {
    char text[SVR_ADDR_TEXT_MAX];
    for (size_t i = 0; i < tun->iface->n_addresses; i++) {
        const svr_if_address *a = &tun->iface->addresses[i];
        int rc = svrd_netlink_add_address(nl, tun->index, &a->addr, a->prefix_len);
        if (rc)
            return svrd_fail_errno(err, -rc, "CAP_NET_ADMIN", "address %s/%u on %s",
                                   svr_addr_format(&a->addr, text), a->prefix_len, tun->iface->target);
    }
    return 0;
}

typedef struct route_job {
    svrd_tun *tun;
    svrd_netlink *nl;
    svrd_log *log;
    svr_error *err;
} route_job;

static int add_route(void *ctx, const svr_service *service, const svr_prefix *prefix) {
    route_job *job = ctx;
    char text[SVR_ADDR_TEXT_MAX];
    svr_addr_format(&prefix->addr, text);
    if (prefix->len == 0) {
        svrd_log_write(
            job->log, SVR_MINOR,
            "service %s covers every address: no route to %s/0 is set, as the machine itself might be "
            "cut off; choose what goes to it with ip route",
            service->name, text);
        return 0;
    }
    svrd_route route = {.to = *prefix, .index = job->tun->index, .metric = SERVICE_METRIC};
    int rc = svrd_netlink_add_route(job->nl, &route);
    if (rc == 0) return 0;
    return svrd_fail_errno(job->err, -rc, "CAP_NET_ADMIN", "service %s: route to %s/%u over %s",
                           service->name, text, prefix->len, job->tun->iface->target);
}

/* ICMP errors to hosts on this side have our own address as their source, which the kernel takes for a
 * forgery when it comes in. Without this they are lost, and hosts never learn what fits. */
static void let_own_address_in(const svrd_tun *tun, svrd_log *log) {
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/accept_local", tun->iface->target);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1", 1) != 1)
        svrd_log_write(log, SVR_MINOR, "%s: %s: ICMP errors of this router do not reach IPv4 hosts behind %s",
                       path, strerror(errno), tun->iface->target);
    if (fd >= 0) close(fd);
}

/* The device belongs to whoever is on its other side: a bridge, or the kernel if somebody gives it an
 * address. */
static int configure_tap(svrd_tun *tun, svrd_netlink *nl, svr_error *err) {
    tun->mtu = tun->iface->mtu;
    tun->index = (int)if_nametoindex(tun->iface->target);
    int rc = svrd_netlink_set_up(nl, tun->index, tun->mtu);
    return rc ? svrd_fail_errno(err, -rc, "CAP_NET_ADMIN", "tap device %s", tun->iface->target) : 0;
}

static int configure(svrd_tun *tun, uint32_t wan_mtu, svrd_netlink *nl, svrd_log *log, svr_error *err) {
    const char *name = tun->iface->target;
    tun->mtu = svrd_plan_tun_mtu(tun->iface->node, tun->iface, wan_mtu);
    if (check_mtu(tun, wan_mtu, err)) return -1;
    tun->index = (int)if_nametoindex(name);
    int rc = svrd_netlink_set_up(nl, tun->index, tun->mtu);
    if (rc) return svrd_fail_errno(err, -rc, "CAP_NET_ADMIN", "tun device %s", name);
    let_own_address_in(tun, log);
    if (add_addresses(tun, nl, err)) return -1;
    route_job job = {tun, nl, log, err};
    return svrd_plan_routes(tun->iface->node, tun->iface, add_route, &job);
}

/* ---- a station on Ethernet ------------------------------------------------------------------ */

static void send_frame(void *ctx, const uint8_t header[SVRD_ETHERNET_LEN], const uint8_t *data, size_t len) {
    svrd_tun *tun = ctx;
    struct iovec iov[] = {{(void *)(uintptr_t)header, SVRD_ETHERNET_LEN}, {(void *)(uintptr_t)data, len}};
    if (is_ethernet(tun) ? svrd_ethernet_send(tun, header, data, len)
                         : writev(tun->fd, iov, 2) == (ssize_t)(SVRD_ETHERNET_LEN + len))
        tun->sent++;
    else
        tun->dropped++;
}

/* The same after each start, so that nobody on the LAN has to find out anew; of a group no router knows. */
static void make_mac(const svrd_tun *tun, uint8_t mac[SVRD_MAC_LEN]) {
    const char *names[] = {tun->iface->node->router->name, "/", tun->iface->name};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    mac[0] = 0x02;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (const char *p = names[i]; *p; p++)
            hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    for (size_t i = 1; i < SVRD_MAC_LEN; i++)
        mac[i] = (uint8_t)(hash >> 8 * i);
}

static int be_station(svrd_tun *tun, const uint8_t mac[SVRD_MAC_LEN], svr_error *err) {
    tun->neighbors = malloc(sizeof *tun->neighbors);
    if (!tun->neighbors) return svrd_fail_errno(err, ENOMEM, NULL, "%s", tun->iface->target);
    svrd_neighbors_init(tun->neighbors, tun->iface, mac, send_frame, tun);
    svrd_neighbors_announce(tun->neighbors);
    return 0;
}

void svrd_tun_expire(svrd_tun *tun, svr_time now) {
    if (tun->neighbors) svrd_neighbors_expire(tun->neighbors, now);
}

/* The datagram lies where it would without Ethernet: the header goes into the packet's headroom. */
static void read_frames(svrd_tun *tun, svr_pool *pool, svr_batch *out) {
    svr_time now = svrd_clock_now(tun->clock);
    while (out->n < SVR_BATCH_MAX) {
        svr_packet *pkt = svr_packet_get(pool, tun->mtu);
        if (!pkt) return; /* what waits in the device's queue will still be there */
        uint8_t *frame = pkt->data - SVRD_ETHERNET_LEN;
        ssize_t n = read(tun->fd, frame, SVRD_ETHERNET_LEN + tun->mtu);
        size_t len = n > 0 ? svrd_neighbors_take(tun->neighbors, frame, (size_t)n, now) : 0;
        if (len == 0) {
            svr_packet_put(pool, pkt);
            if (n <= 0) return;
            continue;
        }
        pkt->len = (uint32_t)len;
        pkt->ifid = tun->iface->id;
        out->pkt[out->n++] = pkt;
        tun->received++;
    }
}

/* A device that is there, or one that is made. */
static int open_station(svrd_tun *tun, svrd_netlink *nl, svr_error *err) {
    uint8_t mac[SVRD_MAC_LEN];
    make_mac(tun, mac);
    if (is_ethernet(tun) ? svrd_ethernet_attach(tun, nl, mac, err)
                         : attach(tun, err) || configure_tap(tun, nl, err))
        return -1;
    return be_station(tun, mac, err);
}

static void write_frames(svrd_tun *tun, svr_packet *const *packets, size_t n) {
    svr_time now = svrd_clock_now(tun->clock);
    for (size_t i = 0; i < n; i++)
        svrd_neighbors_send(tun->neighbors, &packets[i]->next_hop, packets[i]->data, packets[i]->len, now);
}

/* ---- life ----------------------------------------------------------------------------------- */

int svrd_tun_open(svrd_tun *tun, const svr_interface *iface, uint32_t wan_mtu, bool offload, svrd_netlink *nl,
                  svrd_log *log, svr_error *err) {
    *tun = (svrd_tun){
        .iface = iface, .fd = -1, .clock = log->clock, .super = malloc(SVRD_ETHERNET_LEN + SVRD_SUPER_MAX)};
    bool station = is_tap(tun) || is_ethernet(tun);
    tun->vnet = offload && !station;
    if (!tun->super) return svrd_fail_errno(err, ENOMEM, NULL, "%s", iface->target);
    if (station && open_station(tun, nl, err) == 0) return 0;
    if (!station && attach(tun, err) == 0 && configure(tun, wan_mtu, nl, log, err) == 0) {
        set_offload(tun);
        return 0;
    }
    svrd_tun_close(tun);
    return -1;
}

void svrd_tun_close(svrd_tun *tun) {
    if (tun->fd >= 0) close(tun->fd);
    tun->fd = -1;
    free(tun->super);
    tun->super = NULL;
    if (tun->neighbors) svrd_neighbors_fini(tun->neighbors);
    free(tun->neighbors);
    tun->neighbors = NULL;
    tun->pending = (svrd_segmenter){0};
}

/* ---- packets -------------------------------------------------------------------------------- */

/* Room for what may be a super-packet: a packet takes the beginning, as most are not longer, `super` the
 * rest. The header goes into the packet's headroom. */
static ssize_t read_one(svrd_tun *tun, struct virtio_net_hdr *h, svr_packet *pkt) {
    struct iovec iov[] = {{pkt->data - sizeof *h, sizeof *h + tun->mtu},
                          {tun->super + tun->mtu, SVRD_SUPER_MAX - tun->mtu}};
    if (!tun->vnet) return read(tun->fd, pkt->data, tun->mtu);
    ssize_t n = readv(tun->fd, iov, 2);
    if (n <= (ssize_t)sizeof *h) return n < 0 ? n : 0;
    memcpy(h, pkt->data - sizeof *h, sizeof *h);
    return n - (ssize_t)sizeof *h;
}

/* Makes a packet of what was read, or leaves it in `pending`. False: it was not usable as a packet. */
static bool accept_one(svrd_tun *tun, const struct virtio_net_hdr *h, svr_packet *pkt, size_t len) {
    if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        memcpy(tun->super, pkt->data, len < tun->mtu ? len : tun->mtu);
        if (!svrd_segmenter_begin(&tun->pending, h, tun->super, len, true)) tun->dropped++;
        return false;
    }
    if (len > tun->mtu || !svrd_finish_checksum(h, pkt->data, len)) {
        tun->dropped++;
        return false;
    }
    pkt->len = (uint32_t)len;
    return true;
}

static void cut_pending(svrd_tun *tun, svr_pool *pool, svr_batch *out) {
    for (size_t len; out->n < SVR_BATCH_MAX && (len = svrd_segmenter_length(&tun->pending)) > 0;) {
        svr_packet *pkt = svr_packet_get(pool, len);
        if (!pkt) return;
        svrd_segmenter_cut(&tun->pending, pkt->data);
        pkt->len = (uint32_t)len;
        pkt->ifid = tun->iface->id;
        out->pkt[out->n++] = pkt;
        tun->received++;
    }
}

void svrd_tun_read(svrd_tun *tun, svr_pool *pool, svr_batch *out) {
    if (tun->neighbors) {
        (is_ethernet(tun) ? svrd_ethernet_read : read_frames)(tun, pool, out);
        return;
    }
    for (cut_pending(tun, pool, out); out->n < SVR_BATCH_MAX; cut_pending(tun, pool, out)) {
        struct virtio_net_hdr h = {0};
        svr_packet *pkt = svr_packet_get(pool, tun->mtu);
        if (!pkt) return; /* what waits in the device's queue will still be there */
        ssize_t n = read_one(tun, &h, pkt);
        if (n > 0 && accept_one(tun, &h, pkt, (size_t)n)) {
            pkt->ifid = tun->iface->id;
            out->pkt[out->n++] = pkt;
            tun->received++;
        } else {
            svr_packet_put(pool, pkt);
            if (n <= 0) return;
        }
    }
}

/* Kernels before 6.2 refuse super-packets of UDP. What was in this one is lost, as packets may be. */
static void refused(svrd_tun *tun, const svrd_super *s, size_t n) {
    tun->dropped += n;
    if (errno == EINVAL && s->header.gso_type != VIRTIO_NET_HDR_GSO_NONE) tun->join &= ~SVRD_JOIN_UDP;
}

static void write_super(svrd_tun *tun, svrd_super *s, size_t n) {
    struct iovec iov[1 + SVR_BATCH_MAX] = {{&s->header, sizeof s->header}};
    size_t head = tun->vnet ? 1 : 0;
    memcpy(iov + head, s->iov, s->n * sizeof s->iov[0]);
    ssize_t want = (ssize_t)(s->len + head * sizeof s->header);
    if (writev(tun->fd, iov, (int)(head + s->n)) == want)
        tun->sent += n;
    else
        refused(tun, s, n);
}

void svrd_tun_write(svrd_tun *tun, svr_packet *const *packets, size_t n) {
    svrd_super s;
    if (tun->neighbors) {
        write_frames(tun, packets, n);
        return;
    }
    for (size_t i = 0, k; i < n; i += k) {
        k = svrd_super_join(&s, packets + i, n - i, tun->join);
        write_super(tun, &s, k);
    }
}

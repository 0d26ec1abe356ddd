/* SPDX-License-Identifier: MIT */
#include "svrd/ethernet.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (8 << 20)

/* ---- opening -------------------------------------------------------------------------------- */

/* What belongs to a VLAN is another LAN's, though the kernel shows it here without its tag. */
static int refuse_vlans(int fd) {
    static struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

/* Frames to our own address, and to those groups that neighbours are asked in. */
static int join(int fd, int index, unsigned short what, const uint8_t *mac) {
    struct packet_mreq m = {.mr_ifindex = index, .mr_type = what, .mr_alen = mac ? SVRD_MAC_LEN : 0};
    if (mac) memcpy(m.mr_address, mac, SVRD_MAC_LEN);
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m);
}

/* The filter must be in place before the socket hears anything, so the protocol comes with bind. */
static int prepare(int fd, int index, const uint8_t mac[SVRD_MAC_LEN]) {
    int on = 1, size = SOCKET_BUFFER;
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 || refuse_vlans(fd) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        join(fd, index, PACKET_MR_UNICAST, mac) < 0 || join(fd, index, PACKET_MR_ALLMULTI, NULL) < 0)
        return -1;
    return bind(fd, (struct sockaddr *)&at, sizeof at);
}

static int check_kind(const svrd_tun *tun, svr_error *err) {
    struct ifreq ifr = {0};
    svr_strcpy(ifr.ifr_name, sizeof ifr.ifr_name, tun->iface->target);
    if (ioctl(tun->fd, SIOCGIFHWADDR, &ifr) < 0)
        return svrd_fail_errno(err, errno, NULL, "device %s", tun->iface->target);
    if (ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER) return 0;
    return svrd_fail(err,
                     "network-interface %s: device %s is not Ethernet; use a device-interface of type tun",
                     tun->iface->name, tun->iface->target);
}

static int find_device(svrd_tun *tun, svrd_netlink *nl, svr_error *err) {
    svrd_link link = {0};
    const char *device = tun->iface->target;
    int rc = svrd_netlink_get_link(nl, device, &link);
    if (rc == -ENODEV)
        return svrd_fail(err,
                         "network-interface %s: there is no device %s here (ip link shows what there is); "
                         "correct target-interface in the configuration",
                         tun->iface->name, device);
    if (rc) return svrd_fail_errno(err, -rc, NULL, "device %s", device);
    if (link.mtu < tun->iface->mtu)
        return svrd_fail(
            err, "network-interface %s: device %s takes %u bytes, less than the mtu of %u that is configured",
            tun->iface->name, device, link.mtu, tun->iface->mtu);
    tun->index = link.index;
    tun->mtu = tun->iface->mtu;
    return 0;
}

/* Two that answer for one address answer each other's hosts. */
static int check_addresses(const svrd_tun *tun, svrd_netlink *nl, svr_error *err) {
    char text[SVR_ADDR_TEXT_MAX];
    for (size_t i = 0; i < tun->iface->n_addresses; i++) {
        const svr_if_address *a = &tun->iface->addresses[i];
        if (svrd_netlink_find_address(nl, tun->index, &a->addr) != 0) continue;
        svr_addr_format(&a->addr, text);
        return svrd_fail(err,
                         "network-interface %s: the machine answers for %s on its own; leave that to svrd "
                         "(ip addr del %s/%u dev %s)",
                         tun->iface->name, text, text, a->prefix_len, tun->iface->target);
    }
    return 0;
}

int svrd_ethernet_attach(svrd_tun *tun, svrd_netlink *nl, const uint8_t mac[SVRD_MAC_LEN], svr_error *err) {
    if (find_device(tun, nl, err) || check_addresses(tun, nl, err)) return -1;
    tun->vnet = true;
    tun->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (tun->fd >= 0 && check_kind(tun, err)) return -1;
    if (tun->fd < 0 || prepare(tun->fd, tun->index, mac) < 0)
        return svrd_fail_errno(err, errno, "CAP_NET_RAW", "packet socket on %s", tun->iface->target);
    return 0;
}

/* ---- packets -------------------------------------------------------------------------------- */

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

/* A datagram of `len` bytes in `data`, whose virtio header counts from it: becomes a packet, or what is
 * pending. */
static void accept_datagram(svrd_tun *tun, const struct virtio_net_hdr *h, uint8_t *data, size_t len,
                            svr_pool *pool, svr_batch *out) {
    bool super = h->gso_type != VIRTIO_NET_HDR_GSO_NONE;
    bool good = super ? svrd_segmenter_begin(&tun->pending, h, data, len, true)
                      : len <= tun->mtu && svrd_finish_checksum(h, data, len);
    svr_packet *pkt = good && !super ? svr_packet_get(pool, len) : NULL;
    if (!good || (!super && !pkt)) tun->dropped++;
    if (!pkt) return;
    memcpy(pkt->data, data, len);
    pkt->len = (uint32_t)len;
    pkt->ifid = tun->iface->id;
    out->pkt[out->n++] = pkt;
    tun->received++;
}

void svrd_ethernet_read(svrd_tun *tun, svr_pool *pool, svr_batch *out) {
    svr_time now = svrd_clock_now(tun->clock);
    for (cut_pending(tun, pool, out); out->n < SVR_BATCH_MAX; cut_pending(tun, pool, out)) {
        struct virtio_net_hdr h;
        uint8_t *frame = tun->super;
        struct iovec iov[] = {{&h, sizeof h}, {frame, SVRD_ETHERNET_LEN + SVRD_SUPER_MAX}};
        if (svrd_segmenter_length(&tun->pending) > 0) return; /* no packets are left */
        ssize_t n = readv(tun->fd, iov, 2);
        if (n < (ssize_t)sizeof h) return;
        size_t len = svrd_neighbors_take(tun->neighbors, frame, (size_t)n - sizeof h, now);
        if (h.csum_start >= SVRD_ETHERNET_LEN) h.csum_start = (uint16_t)(h.csum_start - SVRD_ETHERNET_LEN);
        if (h.hdr_len >= SVRD_ETHERNET_LEN) h.hdr_len = (uint16_t)(h.hdr_len - SVRD_ETHERNET_LEN);
        if (len) accept_datagram(tun, &h, frame + SVRD_ETHERNET_LEN, len, pool, out);
    }
}

bool svrd_ethernet_send(svrd_tun *tun, const uint8_t header[SVRD_ETHERNET_LEN], const uint8_t *data,
                        size_t len) {
    struct virtio_net_hdr h = {0};
    struct iovec iov[] = {
        {&h, sizeof h}, {(void *)(uintptr_t)header, SVRD_ETHERNET_LEN}, {(void *)(uintptr_t)data, len}};
    return writev(tun->fd, iov, 3) == (ssize_t)(sizeof h + SVRD_ETHERNET_LEN + len);
}

/* SPDX-License-Identifier: MIT
 *
 * The packets of a WAN interface, many per system call, and super-packets where the kernel takes and gives
 * them.
 *
 * A burst of one session is UDP from one waypoint to another: datagrams that differ in nothing but what
 * follows from their order. They leave as one super-packet, which the device cuts, or the kernel right before
 * it; the kernel asks the way once for all of them. Received ones come in one piece where the device or the
 * kernel groups UDP (rx-udp-gro-forwarding), or where both ends share a machine.
 *
 * A checksum that was left open needs no completing for the stack, which believes nothing but its HMACs. */
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svrd/wan.h"

#define IN_FRONT (sizeof(struct virtio_net_hdr) + SVRD_FRAME_HEADER)
#define FEW 4 /* super-packets read at a time: more would not stay in the cache until they are cut */

/* ---- in -------------------------------------------------------------------------------------- */

/* Each message has a packet for what is not longer than the MTU, with the headers in its headroom, and a
 * place of its own for the rest. */
struct svrd_intake {
    bool vnet, supers; /* supers: the last look brought some */
    svr_pool *pool;
    size_t at, n; /* messages handed over, received */
    struct mmsghdr messages[SVR_BATCH_MAX];
    struct iovec iov[SVR_BATCH_MAX][2];
    svr_packet *packets[SVR_BATCH_MAX];
    svrd_segmenter pending; /* what is left of a super-packet */
    uint8_t super[][SVRD_SUPER_MAX];
};

/* Memory that is not touched costs nothing. */
svrd_intake *svrd_intake_new(bool vnet) {
    svrd_intake *in = calloc(1, sizeof *in + (vnet ? SVR_BATCH_MAX * sizeof in->super[0] : 0));
    if (in) in->vnet = vnet;
    return in;
}

void svrd_intake_del(svrd_intake *in) {
    for (; in && in->at < in->n; in->at++)
        if (in->packets[in->at]) svr_packet_put(in->pool, in->packets[in->at]);
    free(in);
}

/* Short frames arrive with the link's padding behind the datagram. */
static uint32_t datagram_length(const svr_packet *pkt, uint32_t len) {
    const uint8_t *d = pkt->data;
    uint32_t said = len;
    if (len >= 20 && d[0] >> 4 == 4) said = (uint32_t)d[2] << 8 | d[3];
    if (len >= 40 && d[0] >> 4 == 6) said = 40 + ((uint32_t)d[4] << 8 | d[5]);
    return said < len ? said : len;
}

/* Without super-packets there are no headers in front, and nothing is longer than the MTU. */
static void lay_out(svrd_intake *in, size_t i, uint32_t mtu) {
    size_t front = in->vnet ? IN_FRONT : 0;
    in->iov[i][0] = (struct iovec){in->packets[i]->data - front, front + mtu};
    if (in->vnet) in->iov[i][1] = (struct iovec){in->super[i] + mtu, SVRD_SUPER_MAX - mtu};
    in->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = in->iov[i], .msg_iovlen = in->vnet ? 2 : 1}};
}

/* False: nothing more is there. */
static bool fill(svrd_wan *wan, int fd, svr_pool *pool) {
    svrd_intake *in = wan->intake;
    size_t n = 0, want = in->supers ? FEW : SVR_BATCH_MAX;
    in->pool = pool;
    in->supers = false;
    for (; n < want && (in->packets[n] = svr_packet_get(pool, wan->mtu)); n++)
        lay_out(in, n, wan->mtu);
    int got = n ? recvmmsg(fd, in->messages, (unsigned)n, 0, NULL) : 0;
    if (got < 0 && errno == EINVAL) wan->oversized++; /* a super-packet that the kernel cannot describe */
    in->at = 0;
    in->n = got > 0 ? (size_t)got : 0;
    for (size_t i = in->n; i < n; i++)
        svr_packet_put(pool, in->packets[i]);
    return in->n > 0;
}

/* What the header says of the checksum counts from the frame's beginning. */
static void finish_checksum(const struct virtio_net_hdr *h, uint8_t *data, size_t len) {
    struct virtio_net_hdr inner = *h;
    inner.csum_start = (uint16_t)(h->csum_start - SVRD_FRAME_HEADER);
    svrd_finish_checksum(&inner, data, len);
}

static void begin_super(svrd_wan *wan, size_t i, const struct virtio_net_hdr *h, size_t len) {
    svrd_intake *in = wan->intake;
    memcpy(in->super[i], in->packets[i]->data, len < wan->mtu ? len : wan->mtu);
    in->supers = true;
    if (!svrd_segmenter_begin(&in->pending, h, in->super[i], len, wan->checksums)) wan->oversized++;
}

/* The message becomes a packet, or what is pending. */
static svr_packet *accept_message(svrd_wan *wan, size_t i) {
    svrd_intake *in = wan->intake;
    svr_packet *pkt = in->packets[i];
    struct virtio_net_hdr h = {0};
    size_t len = in->messages[i].msg_len, front = in->vnet ? IN_FRONT : 0;
    bool whole = !(in->messages[i].msg_hdr.msg_flags & MSG_TRUNC) && len >= front;
    if (in->vnet && whole) memcpy(&h, pkt->data - IN_FRONT, sizeof h);
    len -= whole ? front : 0;
    if (whole && !h.gso_type && len <= wan->mtu) {
        in->packets[i] = NULL;
        if (wan->checksums) finish_checksum(&h, pkt->data, len);
        pkt->len = datagram_length(pkt, (uint32_t)len);
        return pkt;
    }
    if (whole && h.gso_type)
        begin_super(wan, i, &h, len);
    else
        wan->oversized++;
    in->packets[i] = NULL;
    svr_packet_put(in->pool, pkt);
    return NULL;
}

static void hand_over(svrd_wan *wan, svr_packet *pkt, svr_batch *out) {
    pkt->ifid = wan->iface->id;
    out->pkt[out->n++] = pkt;
    wan->received++;
}

static void cut_pending(svrd_wan *wan, svr_pool *pool, svr_batch *out) {
    svrd_segmenter *s = &wan->intake->pending;
    for (size_t len; out->n < SVR_BATCH_MAX && (len = svrd_segmenter_length(s)) > 0;) {
        svr_packet *pkt = svr_packet_get(pool, len);
        if (!pkt) return;
        svrd_segmenter_cut(s, pkt->data);
        pkt->len = (uint32_t)len;
        hand_over(wan, pkt, out);
    }
}

bool svrd_wan_pending(const svrd_wan *wan) {
    return wan->intake->at < wan->intake->n || svrd_segmenter_length(&wan->intake->pending) > 0;
}

void svrd_wan_read(svrd_wan *wan, int fd, svr_pool *pool, svr_batch *out) {
    svrd_intake *in = wan->intake;
    if (!svrd_wan_pending(wan) && !fill(wan, fd, pool)) return;
    for (cut_pending(wan, pool, out); out->n < SVR_BATCH_MAX && in->at < in->n; cut_pending(wan, pool, out)) {
        if (svrd_segmenter_length(&in->pending) > 0) return; /* no packets are left */
        svr_packet *pkt = accept_message(wan, in->at++);
        if (pkt) hand_over(wan, pkt, out);
    }
}

/* ---- out ------------------------------------------------------------------------------------- */

static uint8_t version_of(const svr_packet *pkt) {
    return pkt->data[0] >> 4;
}

static const uint8_t *source_of(const svr_packet *pkt) {
    return pkt->data + (version_of(pkt) == 4 ? 12 : 8);
}

static int socket_for(const svrd_wan *wan, const svr_packet *pkt) {
    svr_addr from = svr_addr_from_bytes(version_of(pkt), source_of(pkt));
    for (size_t i = 0; i < wan->n_sources; i++)
        if (svr_addr_equal(&wan->sources[i].addr, &from)) return wan->sources[i].raw_fd;
    return -1;
}

static bool same_source(const svr_packet *a, const svr_packet *b) {
    return version_of(a) == version_of(b) &&
           memcmp(source_of(a), source_of(b), version_of(a) == 4 ? 4 : 16) == 0;
}

static void refuse(svrd_wan *wan, size_t n, int error) {
    wan->unsent += n;
    wan->send_error = error;
}

/* Sends packets that share a source address. One that the kernel refuses does not hold up the next. */
static void send_run(svrd_wan *wan, svr_packet *const *packets, size_t n) {
    struct mmsghdr messages[SVR_BATCH_MAX];
    struct iovec iov[SVR_BATCH_MAX];
    svrd_endpoint to[SVR_BATCH_MAX];
    int fd = socket_for(wan, packets[0]);
    if (fd < 0) {
        refuse(wan, n, EADDRNOTAVAIL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        svrd_finish_packet(packets[i]);
        uint8_t version = version_of(packets[i]);
        const uint8_t *dst = source_of(packets[i]) + (version == 4 ? 4 : 16);
        socklen_t len = svrd_endpoint_fill(&to[i], version, dst, 0, wan->index);
        iov[i] = (struct iovec){.iov_base = packets[i]->data, .iov_len = packets[i]->len};
        messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_name = &to[i], .msg_namelen = len, .msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    for (size_t done = 0; done < n;) {
        int rc = sendmmsg(fd, messages + done, (unsigned)(n - done), 0);
        if (rc < 0 && errno == EINTR) continue;
        if (rc > 0) {
            wan->sent += (size_t)rc;
            done += (size_t)rc;
        } else if (errno == EAGAIN) { /* the socket's buffer is full and stays so for the rest */
            refuse(wan, n - done, errno);
            return;
        } else {
            refuse(wan, 1, errno);
            done++;
        }
    }
}

/* Sends one by one. */
static void send_singles(svrd_wan *wan, svr_packet *const *packets, size_t n) {
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_source(packets[i], packets[end]); end++)
            ;
        send_run(wan, packets + i, end - i);
    }
}

/* The way to where this packet goes, if super-packets may go there. */
static const uint8_t *frame_header(const svrd_wan *wan, const svr_packet *pkt) {
    if (wan->super_fd < 0 || pkt->len > wan->mtu) return NULL;
    uint8_t version = version_of(pkt);
    svr_addr to = svr_addr_from_bytes(version, source_of(pkt) + (version == 4 ? 4 : 16));
    return svrd_next_hop_find(wan->next_hops, &to);
}

static void send_super(svrd_wan *wan, svrd_super *s, const uint8_t *frame, size_t n) {
    struct iovec iov[2 + SVR_BATCH_MAX] = {{&s->header, sizeof s->header},
                                           {(void *)(uintptr_t)frame, SVRD_FRAME_HEADER}};
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = wan->index};
    struct msghdr message = {
        .msg_name = &at, .msg_namelen = sizeof at, .msg_iov = iov, .msg_iovlen = 2 + s->n};
    memcpy(&at.sll_protocol, frame + 2 * ETH_ALEN, sizeof at.sll_protocol);
    memcpy(iov + 2, s->iov, s->n * sizeof s->iov[0]);
    s->header.hdr_len = (uint16_t)(s->header.hdr_len + SVRD_FRAME_HEADER);
    s->header.csum_start = (uint16_t)(s->header.csum_start + SVRD_FRAME_HEADER);
    if (sendmsg(wan->super_fd, &message, 0) >= 0) {
        wan->sent += n;
        return;
    }
    refuse(wan, n, errno);
    if (errno != EINVAL) return;
    close(wan->super_fd); /* Linux before 6.2: these were the last ones lost */
    wan->super_fd = -1;
}

void svrd_wan_send(svrd_wan *wan, svr_packet *const *packets, size_t n) {
    svrd_super s;
    size_t singles = 0, k; /* those from `singles` on are not sent yet */
    assert(n <= SVR_BATCH_MAX);
    for (size_t i = 0; i < n; i += k) {
        const uint8_t *frame = n - i > 1 ? frame_header(wan, packets[i]) : NULL;
        k = frame ? svrd_super_join(&s, packets + i, n - i, SVRD_JOIN_UDP | SVRD_JOIN_TRUST) : 1;
        if (k == 1) continue;
        send_singles(wan, packets + singles, i - singles);
        send_super(wan, &s, frame, k);
        singles = i + k;
    }
    send_singles(wan, packets + singles, n - singles);
}

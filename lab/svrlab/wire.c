/* SPDX-License-Identifier: MIT
 *
 * Links. Each is two veth pairs, one to either node; their other ends are in the namespace of the wires,
 * where this program carries frames from one to the other. So a link can lose, delay and repeat frames, goes
 * down without its nodes being told, and every frame is seen once, as it leaves its sender. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define FRAME_MAX 65600
#define BUFFER (32 << 20) /* of the socket, in bytes: a pause of this program loses nothing */
#define SETTLE_TRIES 300
#define SETTLE_PAUSE (10 * SVR_MS)
#define MTU 1500

typedef struct frame {
    struct frame *next;
    uint64_t due;
    unsigned direction;
    bool sent; /* it is on the medium and only has to arrive */
    size_t len;
    uint8_t data[];
} frame;

struct ns3shim_link {
    ns3shim_world *world;
    ns3shim_node *node[2];
    uint32_t device[2];
    char port[2][LAB_DEVICE_NAME_MAX]; /* in the namespace of the wires */
    int index[2];
    ns3shim_link_opts opts;
    bool up, recording;
    bool blocked[2]; /* by direction */
    frame *held;     /* to be delivered, by `due` */
    frame *recorded;
    ns3shim_timer *timer;
    uint64_t last_due[2];
    ns3shim_link_stats stats[2];
    ns3shim_tap tap;
    void *tap_ctx;
};

/* ---- chance --------------------------------------------------------------------------------- */

/* splitmix64; from 0 up to but not 1. */
static double chance(ns3shim_world *w) {
    uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

/* ---- frames --------------------------------------------------------------------------------- */

static frame *new_frame(unsigned direction, const uint8_t *data, size_t len) {
    frame *f = malloc(sizeof *f + len);
    if (!f) return NULL;
    *f = (frame){.direction = direction, .len = len};
    memcpy(f->data, data, len);
    return f;
}

static void free_frames(frame *f) {
    while (f) {
        frame *next = f->next;
        free(f);
        f = next;
    }
}

/* Files it behind those that are due earlier or at the same time. */
static void hold(ns3shim_link *link, frame *f) {
    frame **p = &link->held;
    while (*p && (*p)->due <= f->due)
        p = &(*p)->next;
    f->next = *p;
    *p = f;
    ns3shim_timer_set(link->timer, link->held->due);
}

static void deliver(ns3shim_link *link, unsigned direction, const uint8_t *data, size_t len) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = link->index[1 - direction]};
    ns3shim_link_stats *s = &link->stats[direction];
    if (sendto(link->world->sender, data, len, 0, (struct sockaddr *)&to, sizeof to) < 0) {
        s->lost_queue++;
        return;
    }
    s->received++;
    s->received_bytes += len - ETH_HLEN;
}

static bool delayed(const ns3shim_link *link) {
    return link->opts.delay_ns || link->opts.jitter_ns;
}

/* On the medium: it arrives after its delay. */
static void transmit(ns3shim_link *link, unsigned direction, const uint8_t *data, size_t len, uint64_t now) {
    const ns3shim_link_opts *o = &link->opts;
    if (!delayed(link) && !link->held) {
        deliver(link, direction, data, len);
        return;
    }
    frame *f = new_frame(direction, data, len);
    if (!f) return;
    f->sent = true;
    f->due = now + o->delay_ns + (uint64_t)((double)o->jitter_ns * chance(link->world));
    if (!o->reorder && f->due < link->last_due[direction]) f->due = link->last_due[direction];
    link->last_due[direction] = f->due;
    hold(link, f);
}

static bool is_datagram(const uint8_t *data, size_t len) {
    unsigned type = len > ETH_HLEN ? (unsigned)data[12] << 8 | data[13] : 0;
    return type == ETH_P_IP || type == ETH_P_IPV6;
}

/* Where the UDP header of a frame's IPv4 or IPv6 datagram without options or extensions begins; 0: none. */
static size_t udp_header(const uint8_t *data, size_t len) {
    bool v6 = data[ETH_HLEN] >> 4 == 6;
    size_t at = ETH_HLEN + (v6 ? 40 : 20);
    return len >= at + 8 && data[ETH_HLEN + (v6 ? 6 : 9)] == IPPROTO_UDP ? at : 0;
}

/* Flips one bit behind the UDP header. The checksum is what it should be then (RFC 1624), or nobody would
 * look further. */
static void damage(ns3shim_link *link, unsigned direction, uint8_t *data, size_t len) {
    size_t udp = udp_header(data, len), from = udp + 8;
    if (!udp || from >= len) return;
    size_t bit = (size_t)(chance(link->world) * (double)((len - from) * 8)), at = from + bit / 8;
    unsigned shift = (at - udp) % 2 ? 0 : 8;
    uint8_t was = data[at], *sum = data + udp + 6;
    data[at] ^= (uint8_t)(1u << bit % 8);
    if (sum[0] | sum[1]) {
        uint32_t s = (uint16_t) ~(sum[0] << 8 | sum[1]);
        s += (uint16_t) ~(was << shift) + ((uint32_t)data[at] << shift);
        while (s >> 16)
            s = (s & 0xffff) + (s >> 16);
        s = (uint16_t)~s ? (uint16_t)~s : 0xffff;
        sum[0] = (uint8_t)(s >> 8);
        sum[1] = (uint8_t)s;
    }
    link->stats[direction].corrupted++;
}

static void record(ns3shim_link *link, unsigned direction, const uint8_t *data, size_t len) {
    frame **p = &link->recorded, *f = new_frame(direction, data, len);
    while (*p)
        p = &(*p)->next;
    *p = f;
}

/* A frame leaves its sender. */
static void offer(ns3shim_link *link, unsigned direction, uint8_t *data, size_t len, uint64_t now) {
    ns3shim_link_stats *s = &link->stats[direction];
    bool datagram = is_datagram(data, len);
    if (!link->up || link->blocked[direction]) {
        s->lost_down += datagram;
        return;
    }
    s->sent += datagram;
    s->sent_bytes += datagram ? len - ETH_HLEN : 0;
    if (datagram && link->tap)
        link->tap(link->tap_ctx, direction, NS3SHIM_TAP_SENT, data + ETH_HLEN, len - ETH_HLEN, now);
    if (datagram && link->recording) record(link, direction, data, len);
    if (datagram && link->opts.loss > 0 && chance(link->world) < link->opts.loss) {
        s->lost_random++;
        return;
    }
    if (datagram && link->opts.corrupt > 0 && chance(link->world) < link->opts.corrupt)
        damage(link, direction, data, len);
    transmit(link, direction, data, len, now);
    if (!datagram || link->opts.duplicate <= 0 || chance(link->world) >= link->opts.duplicate) return;
    s->duplicated++;
    transmit(link, direction, data, len, now);
}

static void on_timer(void *ctx) {
    ns3shim_link *link = ctx;
    uint64_t now = ns3shim_now(link->world);
    while (link->held && link->held->due <= now) {
        frame *f = link->held;
        link->held = f->next;
        if (f->sent)
            deliver(link, f->direction, f->data, f->len);
        else
            offer(link, f->direction, f->data, f->len, now);
        free(f);
    }
    if (link->held) ns3shim_timer_set(link->timer, link->held->due);
}

/* ---- the socket ----------------------------------------------------------------------------- */

static bool find_port(const ns3shim_world *w, int index, ns3shim_link **link, unsigned *direction) {
    for (size_t i = 0; i < w->n_links; i++)
        for (unsigned end = 0; end < 2; end++)
            if (w->links[i]->index[end] == index) {
                *link = w->links[i];
                *direction = end;
                return true;
            }
    return false;
}

/* When the kernel took the frame from its sender, on the machine's wall clock. */
static uint64_t stamp_of(struct msghdr *msg) {
    struct timespec t = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
            memcpy(&t, CMSG_DATA(c), sizeof t);
    return (uint64_t)t.tv_sec * SVR_SEC + (uint64_t)t.tv_nsec;
}

static bool take_frame(ns3shim_world *w) {
    static uint8_t data[FRAME_MAX];
    char control[128];
    struct sockaddr_ll from;
    struct iovec part = {data, sizeof data};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof from,
                         .msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ns3shim_link *link;
    unsigned direction;
    uint64_t now;
    ssize_t n = recvmsg(w->medium.fd, &msg, 0);
    if (n < 0) return false;
    if (n > ETH_HLEN && find_port(w, from.sll_ifindex, &link, &direction) && !link->node[direction]->dark &&
        lab_world_at(w, stamp_of(&msg), &now))
        offer(link, direction, data, (size_t)n, now);
    return true;
}

static void on_medium(void *ctx, uint32_t events) {
    (void)events;
    for (int i = 0; i < 64 && take_frame(ctx); i++)
        continue;
}

int lab_wires_open(ns3shim_world *world) {
    int on = 1, size = BUFFER;
    if (lab_space_make(&world->wires, "wires") != 0) return -1;
    int in = lab_space_socket(&world->wires, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    int out = lab_space_socket(&world->wires, AF_PACKET, SOCK_RAW, 0);
    world->medium = (lab_source){in, on_medium, world};
    world->sender = out;
    if (in < 0 || out < 0 || setsockopt(in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(in, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        return lab_fail("packet socket: %s", strerror(errno));
    return lab_watch(world, &world->medium, EPOLLIN);
}

void lab_wires_close(ns3shim_world *world) {
    for (size_t i = 0; i < world->n_links; i++) {
        ns3shim_link *l = world->links[i];
        free_frames(l->held);
        free_frames(l->recorded);
        free(l);
    }
    free(world->links);
    lab_unwatch(world, &world->medium);
    if (world->sender >= 0) close(world->sender);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* Flags of a port, and with `up` >= 0 sets whether it is up. */
static short port_flags(ns3shim_world *w, const char *port, int up) {
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", port);
    if (ioctl(w->sender, SIOCGIFFLAGS, &r) != 0) return 0;
    if (up < 0) return r.ifr_flags;
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    ioctl(w->sender, SIOCSIFFLAGS, &r);
    return r.ifr_flags;
}

static int port_index(ns3shim_world *w, const char *port) {
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", port);
    return ioctl(w->sender, SIOCGIFINDEX, &r) == 0 ? r.ifr_ifindex : -1;
}

/* Frames go through here as bytes: whole ones, with their checksums. */
static int no_offload(const ns3shim_node *n, const char *device) {
    struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM, .data = 0};
    struct ifreq r = {.ifr_data = (void *)&off};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
    int fd = lab_space_socket(&n->space, AF_INET, SOCK_DGRAM, 0);
    int rc = fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &r);
    if (rc != 0) lab_fail("%s: checksums: %s", device, strerror(errno));
    if (fd >= 0) close(fd);
    return rc;
}

/* Between two nodes, and not on a router's bridge, nobody has to ask who is there: one hardware address
 * serves both ends. A kernel that asks keeps what it would send, and sends it all when the answer comes at
 * last. */
#define ONLY_ADDRESS " address 02:00:00:00:00:01 arp off"

static bool is_lan(const ns3shim_link *link) {
    lab_kind a = link->node[0]->kind, b = link->node[1]->kind;
    return (a == LAB_HOST && b == LAB_ROUTER) || (a == LAB_ROUTER && b == LAB_HOST);
}

static int make_end(ns3shim_link *link, unsigned end, uint32_t mtu) {
    ns3shim_world *w = link->world;
    ns3shim_node *n = link->node[end];
    if (n->n_devices == LAB_DEVICES_MAX)
        return lab_fail("'%s' has more than %d links", n->name, LAB_DEVICES_MAX);
    uint32_t d = link->device[end] = n->n_devices++;
    snprintf(n->device[d], sizeof n->device[d], "eth%u", d);
    snprintf(link->port[end], sizeof link->port[end], "w%zu%c", w->n_links, end ? 'b' : 'a');
    const char *port = link->port[end], *device = n->device[d];
    if (lab_program("ip link add %s mtu %u netns %s type veth peer name %s mtu %u netns %s", port, mtu,
                    w->wires.name, device, mtu, n->space.name) != 0)
        return -1;
    if (lab_program("ip -n %s link set %s up", w->wires.name, port) != 0) return -1;
    if (lab_program("ip -n %s link set %s%s up", n->space.name, device, is_lan(link) ? "" : ONLY_ADDRESS) !=
        0)
        return -1;
    link->index[end] = port_index(w, port);
    return no_offload(n, device);
}

static int open_link(ns3shim_link *link) {
    ns3shim_world *w = link->world;
    ns3shim_link **more = realloc(w->links, (w->n_links + 1) * sizeof *more);
    if (!more) return lab_fail("memory is short");
    w->links = more;
    link->timer = ns3shim_timer_new(w, on_timer, link);
    if (!link->timer) return -1;
    uint32_t mtu = link->opts.mtu ? link->opts.mtu : MTU;
    return make_end(link, 0, mtu) != 0 ? -1 : make_end(link, 1, mtu);
}

ns3shim_link *ns3shim_link_new(ns3shim_world *world, ns3shim_node *a, ns3shim_node *b,
                               const ns3shim_link_opts *opts) {
    ns3shim_link *link = calloc(1, sizeof *link);
    if (!link) return NULL;
    link->world = world;
    link->node[0] = a;
    link->node[1] = b;
    link->opts = *opts;
    link->up = true;
    if (open_link(link) == 0) return world->links[world->n_links++] = link;
    ns3shim_timer_del(link->timer);
    free(link);
    return NULL;
}

static bool all_run(ns3shim_world *w) {
    for (size_t i = 0; i < w->n_links; i++)
        for (unsigned end = 0; end < 2; end++)
            if (!(port_flags(w, w->links[i]->port[end], -1) & IFF_RUNNING)) return false;
    return true;
}

void lab_wires_settle(ns3shim_world *world) {
    struct timespec pause = {.tv_nsec = (long)SETTLE_PAUSE};
    for (int i = 0; i < SETTLE_TRIES && !all_run(world); i++)
        nanosleep(&pause, NULL);
}

void lab_wire_carrier(ns3shim_node *node, uint32_t device, bool up) {
    ns3shim_world *w = node->world;
    for (size_t i = 0; i < w->n_links; i++)
        for (unsigned end = 0; end < 2; end++)
            if (w->links[i]->node[end] == node && w->links[i]->device[end] == device)
                port_flags(w, w->links[i]->port[end], up);
}

/* ---- what scenarios do to links ------------------------------------------------------------- */

void ns3shim_link_set_up(ns3shim_link *link, bool up) {
    link->up = up;
    if (up) return;
    for (frame *f = link->held; f; f = f->next)
        link->stats[f->direction].lost_in_flight += f->sent;
    free_frames(link->held);
    link->held = NULL;
    ns3shim_timer_cancel(link->timer);
}

void ns3shim_link_block(ns3shim_link *link, unsigned direction, bool blocked) {
    link->blocked[direction & 1] = blocked;
}

int ns3shim_link_adjust(ns3shim_link *link, const ns3shim_link_opts *opts) {
    link->opts = *opts;
    return 0;
}

void ns3shim_link_get_stats(const ns3shim_link *link, unsigned direction, ns3shim_link_stats *out) {
    *out = link->stats[direction & 1];
}

void ns3shim_link_record(ns3shim_link *link, bool on) {
    link->recording = on;
}

size_t ns3shim_link_replay(ns3shim_link *link, unsigned direction, uint64_t spacing_ns) {
    uint64_t now = ns3shim_now(link->world);
    size_t n = 0;
    for (const frame *r = link->recorded; r; r = r->next) {
        frame *f = r->direction == direction ? new_frame(direction, r->data, r->len) : NULL;
        if (!f) continue;
        f->due = now + n++ * spacing_ns;
        hold(link, f);
    }
    return n;
}

uint32_t ns3shim_link_device(const ns3shim_link *link, unsigned end) {
    return link->device[end & 1];
}

void ns3shim_link_set_tap(ns3shim_link *link, unsigned mask, ns3shim_tap tap, void *ctx) {
    link->tap = mask & NS3SHIM_TAP_SENT ? tap : NULL;
    link->tap_ctx = ctx;
}

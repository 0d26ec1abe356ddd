/* SPDX-License-Identifier: MIT
 *
 * The device stays the kernel's: its addresses, ARP and neighbour discovery, its routing table, all other
 * programs.
 *
 * In: a packet socket per IP family, bound to the device, with a filter that copies only what may be SVR. The
 * kernel sees the same packets; firewall.c keeps it silent. Packet sockets tap before the kernel puts
 * fragments together, so fragments are left to the kernel. A checksum that the sending kernel left to its
 * network card cannot come from a router, which sends raw, so none needs completing.
 *
 * Out: a raw socket per address, whose packets bring their own IP header, bound to the device and the
 * address. The kernel chooses the way, fills in the link header, and sends no packet longer than the device's
 * MTU. */
#include "svrd/wan.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svrd/filter.h"

#define SOCKET_BUFFER (8 << 20)
#define GATEWAY_METRIC 4000 /* plus the interface's index: several may lead to one address */

/* ---- opening -------------------------------------------------------------------------------- */

static void set_buffer(int fd, int force, int plain) {
    int size = SOCKET_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

/* The filter must be in place before the socket hears anything, so the protocol comes with bind. */
static int bind_packet(int fd, const svrd_wan *wan, uint8_t family, const struct bpf_program *filter) {
    int on = 1;
    struct sock_fprog prog = {.len = (unsigned short)filter->bf_len, .filter = (void *)filter->bf_insns};
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6),
                             .sll_ifindex = wan->index};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0) return -1;
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0) return -1;
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    return bind(fd, (struct sockaddr *)&at, sizeof at);
}

static int open_packet(svrd_wan *wan, const svrd_ports *ports, uint8_t family, svr_error *err) {
    struct bpf_program filter;
    char *text = svrd_filter_text(wan->iface, family, ports);
    if (!text) return svrd_fail_errno(err, ENOMEM, NULL, "%s", wan->iface->target);
    int rc = svrd_filter_compile(text, &filter, err);
    free(text);
    if (rc) return -1;
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    wan->packet_fd[family == 6] = fd;
    if (fd < 0 || bind_packet(fd, wan, family, &filter) < 0)
        rc = svrd_fail_errno(err, errno, "CAP_NET_RAW", "packet socket on %s", wan->iface->target);
    pcap_freecode(&filter);
    return rc;
}

typedef union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} endpoint;

/* Link-local addresses mean something together with their device only. */
static socklen_t fill_endpoint(endpoint *e, uint8_t family, const uint8_t *addr, uint16_t port, int index) {
    memset(e, 0, sizeof *e);
    if (family == 4) {
        e->v4.sin_family = AF_INET;
        e->v4.sin_port = htons(port);
        memcpy(&e->v4.sin_addr, addr, 4);
        return sizeof e->v4;
    }
    e->v6.sin6_family = AF_INET6;
    e->v6.sin6_port = htons(port);
    memcpy(&e->v6.sin6_addr, addr, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&e->v6.sin6_addr)) e->v6.sin6_scope_id = (uint32_t)index;
    return sizeof e->v6;
}

/* An address that the kernel has, but has not yet found to be unique (IPv6), counts as there. */
static int bind_source(int fd, const svrd_wan *wan, const svr_addr *addr, uint16_t port) {
    endpoint e;
    int on = 1;
    socklen_t len = fill_endpoint(&e, addr->family, addr->bytes, port, wan->index);
    int level = addr->family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (setsockopt(fd, level, addr->family == 4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof on) < 0) return -1;
    return bind(fd, &e.any, len);
}

static int open_raw(const svrd_wan *wan, svrd_wan_source *s, svr_error *err) {
    const char *device = wan->iface->target;
    int af = s->addr.family == 4 ? AF_INET : AF_INET6;
    s->raw_fd = socket(af, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
    if (s->raw_fd < 0 ||
        setsockopt(s->raw_fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0 ||
        bind_source(s->raw_fd, wan, &s->addr, 0) < 0)
        return svrd_fail_errno(err, errno, "CAP_NET_RAW", "raw socket on %s", device);
    set_buffer(s->raw_fd, SO_SNDBUFFORCE, SO_SNDBUF);
    return 0;
}

/* The socket only holds the port: its filter takes nothing. */
static int reserve_bfd(const svrd_wan *wan, svrd_wan_source *s, svr_error *err) {
    char text[SVR_ADDR_TEXT_MAX];
    struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog prog = {.len = 1, .filter = &none};
    svr_addr_format(&s->addr, text);
    s->bfd_fd = socket(s->addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->bfd_fd >= 0 && setsockopt(s->bfd_fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) == 0 &&
        bind_source(s->bfd_fd, wan, &s->addr, SVRD_BFD_PORT) == 0)
        return 0;
    if (errno == EADDRINUSE)
        return svrd_fail(err,
                         "UDP port %d at %s, which BFD needs, is held by another program or another svrd "
                         "(ss -ulpn sport = %d shows it)",
                         SVRD_BFD_PORT, text, SVRD_BFD_PORT);
    return svrd_fail_errno(err, errno, NULL, "UDP port %d at %s", SVRD_BFD_PORT, text);
}

static int open_source(svrd_wan *wan, const svr_if_address *a, svrd_netlink *nl, svr_error *err) {
    char text[SVR_ADDR_TEXT_MAX];
    svrd_wan_source *s = &wan->sources[wan->n_sources++];
    *s = (svrd_wan_source){.addr = a->addr, .raw_fd = -1, .bfd_fd = -1};
    svr_addr_format(&a->addr, text);
    int rc = svrd_netlink_find_address(nl, wan->index, &a->addr);
    if (rc == -EADDRNOTAVAIL)
        return svrd_fail(
            err,
            "network-interface %s: device %s does not have the address %s; give it one (ip address add "
            "%s/%u dev %s) or correct the configuration",
            wan->iface->name, wan->iface->target, text, text, a->prefix_len, wan->iface->target);
    if (rc) return svrd_fail_errno(err, -rc, NULL, "addresses of %s", wan->iface->target);
    if (open_raw(wan, s, err)) return -1;
    return reserve_bfd(wan, s, err);
}

static int open_sources(svrd_wan *wan, const svr_config *config, svrd_netlink *nl, svr_error *err) {
    svrd_ports ports;
    const svr_interface *iface = wan->iface;
    svrd_plan_ports(config, iface, &ports);
    wan->sources = calloc(iface->n_addresses, sizeof *wan->sources);
    if (!wan->sources) return svrd_fail_errno(err, ENOMEM, NULL, "%s", iface->target);
    for (size_t i = 0; i < iface->n_addresses; i++) {
        uint8_t family = iface->addresses[i].addr.family;
        if (open_source(wan, &iface->addresses[i], nl, err)) return -1;
        if (wan->packet_fd[family == 6] < 0 && open_packet(wan, &ports, family, err)) return -1;
    }
    return 0;
}

static int find_device(svrd_wan *wan, svrd_netlink *nl, svr_error *err) {
    svrd_link link = {0};
    const char *device = wan->iface->target;
    int rc = svrd_netlink_get_link(nl, device, &link);
    if (rc == -ENODEV)
        return svrd_fail(
            err,
            "network-interface %s: there is no device %s here (ip link shows what there is); correct "
            "target-interface in the configuration",
            wan->iface->name, device);
    if (rc) return svrd_fail_errno(err, -rc, NULL, "device %s", device);
    wan->index = link.index;
    wan->up = link.up;
    wan->mtu = link.mtu > SVR_PACKET_LEN_MAX ? SVR_PACKET_LEN_MAX : link.mtu;
    return 0;
}

int svrd_wan_open(svrd_wan *wan, const svr_config *config, const svr_interface *iface, svrd_netlink *nl,
                  svr_error *err) {
    *wan = (svrd_wan){.iface = iface, .packet_fd = {-1, -1}};
    if (find_device(wan, nl, err) == 0 && open_sources(wan, config, nl, err) == 0) {
        svrd_wan_restore_routes(wan, nl);
        return 0;
    }
    svrd_wan_close(wan, nl);
    return -1;
}

static void close_fd(int fd) {
    if (fd >= 0) close(fd);
}

/* ---- routes over gateways ------------------------------------------------------------------- */

static const svr_if_address *own_address(const svr_interface *iface, const svr_addr *addr) {
    for (size_t i = 0; i < iface->n_addresses; i++)
        if (svr_addr_equal(&iface->addresses[i].addr, addr)) return &iface->addresses[i];
    return NULL;
}

typedef int route_fn(svrd_netlink *nl, const svrd_route *route);

static void each_gateway_route(const svrd_wan *wan, svrd_netlink *nl, route_fn *change) {
    const svr_router_config *router = wan->iface->node->router;
    for (size_t p = 0; p < router->n_peers; p++)
        for (size_t k = 0; k < router->peers[p].n_paths; k++) {
            const svr_path_config *path = &router->peers[p].paths[k];
            if (path->local_if != wan->iface) continue;
            const svr_if_address *own = own_address(wan->iface, &path->local);
            if (!own || own->gateway.family == 0) continue;
            svr_prefix on_link = svr_prefix_make(&own->addr, own->prefix_len);
            if (svr_prefix_contains(&on_link, &path->remote)) continue;
            svrd_route route = {.to = svr_prefix_make(&path->remote, path->remote.family == 4 ? 32 : 128),
                                .gateway = own->gateway,
                                .index = wan->index,
                                .metric = GATEWAY_METRIC + wan->iface->id};
            change(nl, &route);
        }
}

/* A gateway that is out of reach shows when packets cannot be sent, so results do not matter here. */
void svrd_wan_restore_routes(const svrd_wan *wan, svrd_netlink *nl) {
    each_gateway_route(wan, nl, svrd_netlink_add_route);
}

void svrd_wan_close(svrd_wan *wan, svrd_netlink *nl) {
    if (wan->index) each_gateway_route(wan, nl, svrd_netlink_del_route);
    for (size_t i = 0; i < wan->n_sources; i++) {
        close_fd(wan->sources[i].raw_fd);
        close_fd(wan->sources[i].bfd_fd);
    }
    free(wan->sources);
    wan->sources = NULL;
    wan->n_sources = 0;
    for (int k = 0; k < 2; k++) {
        close_fd(wan->packet_fd[k]);
        wan->packet_fd[k] = -1;
    }
}

/* ---- packets -------------------------------------------------------------------------------- */

/* Short frames arrive with the link's padding behind the datagram. */
static uint32_t datagram_length(const svr_packet *pkt, uint32_t len) {
    const uint8_t *d = pkt->data;
    uint32_t said = len;
    if (len >= 20 && d[0] >> 4 == 4) said = (uint32_t)d[2] << 8 | d[3];
    if (len >= 40 && d[0] >> 4 == 6) said = 40 + ((uint32_t)d[4] << 8 | d[5]);
    return said < len ? said : len;
}

void svrd_wan_read(svrd_wan *wan, int fd, svr_pool *pool, svr_batch *out) {
    struct mmsghdr messages[SVR_BATCH_MAX];
    struct iovec iov[SVR_BATCH_MAX];
    svr_packet *packets[SVR_BATCH_MAX];
    unsigned n = 0;
    while (n < SVR_BATCH_MAX && (packets[n] = svr_packet_get(pool, wan->mtu))) {
        iov[n] = (struct iovec){.iov_base = packets[n]->data, .iov_len = wan->mtu};
        messages[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[n], .msg_iovlen = 1}};
        n++;
    }
    int got = n ? recvmmsg(fd, messages, n, 0, NULL) : 0;
    for (unsigned i = 0; i < n; i++) {
        bool whole = (int)i < got && !(messages[i].msg_hdr.msg_flags & MSG_TRUNC);
        if ((int)i < got && !whole) wan->oversized++;
        if (!whole) {
            svr_packet_put(pool, packets[i]);
            continue;
        }
        packets[i]->len = datagram_length(packets[i], messages[i].msg_len);
        packets[i]->ifid = wan->iface->id;
        out->pkt[out->n++] = packets[i];
        wan->received++;
    }
}

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
    endpoint to[SVR_BATCH_MAX];
    int fd = socket_for(wan, packets[0]);
    if (fd < 0) {
        refuse(wan, n, EADDRNOTAVAIL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t version = version_of(packets[i]);
        const uint8_t *dst = source_of(packets[i]) + (version == 4 ? 4 : 16);
        socklen_t len = fill_endpoint(&to[i], version, dst, 0, wan->index);
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

void svrd_wan_send(svrd_wan *wan, svr_packet *const *packets, size_t n) {
    assert(n <= SVR_BATCH_MAX);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_source(packets[i], packets[end]); end++)
            ;
        send_run(wan, packets + i, end - i);
    }
}

static const char *advice(int error) {
    switch (error) {
    case ENETUNREACH:
    case EHOSTUNREACH: return "; the kernel needs a route to the peer over this device";
    case EMSGSIZE: return "; longer than the MTU of the device";
    case EPERM: return "; a firewall rule on output refuses them";
    default: return "";
    }
}

void svrd_wan_tell(svrd_wan *wan, const svrd_log *log) {
    if (wan->unsent == wan->unsent_told) return;
    svrd_log_write(log, SVR_MINOR, "%s: %llu packets could not be sent: %s%s", wan->iface->target,
                   (unsigned long long)(wan->unsent - wan->unsent_told), strerror(wan->send_error),
                   advice(wan->send_error));
    wan->unsent_told = wan->unsent;
}

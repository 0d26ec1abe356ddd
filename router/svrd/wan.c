/* SPDX-License-Identifier: MIT
 *
 * The device stays the kernel's: its addresses, ARP and neighbour discovery, its routing table, all other
 * programs.
 *
 * In: a packet socket per IP family, bound to the device, with a filter that copies only what may be SVR. The
 * kernel sees the same packets; firewall.c keeps it silent. Packet sockets tap before the kernel puts
 * fragments together, so fragments are left to the kernel.
 *
 * Out: a raw socket per address, whose packets bring their own IP header, bound to the device and the
 * address. The kernel chooses the way, fills in the link header, and sends no packet longer than the device's
 * MTU. Super-packets leave through one more packet socket: raw sockets know nothing of them.
 *
 * What passes through these sockets: wan_packets.c. */
#include "svrd/wan.h"

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
    if (wan->vnet && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0) return -1;
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0) return -1;
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    return bind(fd, (struct sockaddr *)&at, sizeof at);
}

static int open_packet(svrd_wan *wan, const svrd_ports *ports, uint8_t family, svr_error *err) {
    struct bpf_program filter;
    char *text = svrd_filter_text(wan->iface, family, ports);
    if (!text) return svrd_fail_errno(err, ENOMEM, NULL, "%s", wan->iface->target);
    int rc = svrd_filter_compile(text, wan->vnet ? DLT_EN10MB : DLT_RAW, &filter, err);
    free(text);
    if (rc) return -1;
    int fd = socket(AF_PACKET, (wan->vnet ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    wan->packet_fd[family == 6] = fd;
    if (fd < 0 || bind_packet(fd, wan, family, &filter) < 0)
        rc = svrd_fail_errno(err, errno, "CAP_NET_RAW", "packet socket on %s", wan->iface->target);
    pcap_freecode(&filter);
    return rc;
}

socklen_t svrd_endpoint_fill(svrd_endpoint *e, uint8_t family, const uint8_t *addr, uint16_t port,
                             int index) {
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
    svrd_endpoint e;
    int on = 1;
    socklen_t len = svrd_endpoint_fill(&e, addr->family, addr->bytes, port, wan->index);
    int level = addr->family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (setsockopt(fd, level, addr->family == 4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof on) < 0) return -1;
    return bind(fd, &e.any, len);
}

/* What fits is for the stack to find out: the kernel would believe any ICMP that names one of our packets. */
static int ignore_path_mtu(int fd, uint8_t family) {
    int v4 = IP_PMTUDISC_PROBE, v6 = IPV6_PMTUDISC_PROBE;
    return family == 4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4)
                       : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
}

static int open_raw(const svrd_wan *wan, svrd_wan_source *s, svr_error *err) {
    const char *device = wan->iface->target;
    int af = s->addr.family == 4 ? AF_INET : AF_INET6;
    s->raw_fd = socket(af, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
    if (s->raw_fd < 0 ||
        setsockopt(s->raw_fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0 ||
        ignore_path_mtu(s->raw_fd, s->addr.family) < 0 || bind_source(s->raw_fd, wan, &s->addr, 0) < 0)
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

/* Without it all packets leave one by one: nothing to fail for. */
static void open_super(svrd_wan *wan) {
    int on = 1;
    if (!wan->vnet) return;
    wan->super_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wan->super_fd < 0) return;
    set_buffer(wan->super_fd, SO_SNDBUFFORCE, SO_SNDBUF);
    if (setsockopt(wan->super_fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0) return;
    close(wan->super_fd);
    wan->super_fd = -1;
}

/* Sockets with virtio headers carry whole frames, of which we know those of Ethernet. */
static int open_packets(svrd_wan *wan, bool offload, svrd_netlink *nl, svr_error *err) {
    wan->next_hops = svrd_next_hops_new(nl, wan->index);
    wan->vnet = wan->next_hops != NULL;
    wan->intake = svrd_intake_new(wan->vnet);
    if (!wan->intake) return svrd_fail_errno(err, ENOMEM, NULL, "%s", wan->iface->target);
    if (offload) open_super(wan);
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

int svrd_wan_open(svrd_wan *wan, const svr_config *config, const svr_interface *iface, bool offload,
                  svrd_netlink *nl, svr_error *err) {
    *wan = (svrd_wan){.iface = iface, .packet_fd = {-1, -1}, .super_fd = -1};
    if (find_device(wan, nl, err) == 0 && open_packets(wan, offload, nl, err) == 0 &&
        open_sources(wan, config, nl, err) == 0) {
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
    close_fd(wan->super_fd);
    wan->super_fd = -1;
    svrd_next_hops_del(wan->next_hops);
    svrd_intake_del(wan->intake);
    wan->next_hops = NULL;
    wan->intake = NULL;
    free(wan->sources);
    wan->sources = NULL;
    wan->n_sources = 0;
    for (int k = 0; k < 2; k++) {
        close_fd(wan->packet_fd[k]);
        wan->packet_fd[k] = -1;
    }
}

/* ---- what the log is told -------------------------------------------------------------------- */

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

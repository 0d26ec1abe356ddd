/* SPDX-License-Identifier: MIT */
#include "svrd/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MESSAGE_MAX 512
#define REPLY_MAX 32768

typedef union message {
    struct nlmsghdr header;
    char bytes[MESSAGE_MAX];
} message;

int svrd_netlink_init(svrd_netlink *nl) {
    nl->seq = (uint32_t)time(NULL);
    nl->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl->sock) return -errno;
    if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) == 0) return 0;
    int rc = -errno;
    svrd_netlink_fini(nl);
    return rc;
}

void svrd_netlink_fini(svrd_netlink *nl) {
    if (nl->sock) mnl_socket_close(nl->sock);
    nl->sock = NULL;
}

static int af(const svr_addr *a) {
    return a->family == 4 ? AF_INET : AF_INET6;
}

static struct nlmsghdr *begin(svrd_netlink *nl, message *m, uint16_t type, uint16_t flags) {
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(m);
    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST | flags;
    nlh->nlmsg_seq = ++nl->seq;
    return nlh;
}

/* Sends a request and hands each answer to `each` up to the acknowledgement. */
static int ask(svrd_netlink *nl, const struct nlmsghdr *nlh, mnl_cb_t each, void *ctx) {
    static _Alignas(struct nlmsghdr) char reply[REPLY_MAX];
    if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0) return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl->sock, reply, sizeof reply);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        int rc = mnl_cb_run(reply, (size_t)n, nl->seq, mnl_socket_get_portid(nl->sock), each, ctx);
        if (rc < 0) return -errno;
        if (rc == MNL_CB_STOP) return 0;
    }
}

/* ---- links ---------------------------------------------------------------------------------- */

static int link_attribute(const struct nlattr *attr, void *data) {
    svrd_link *link = data;
    int type = mnl_attr_get_type(attr);
    if (type == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
        svr_strcpy(link->name, sizeof link->name, mnl_attr_get_str(attr));
    if (type == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) == 0) link->mtu = mnl_attr_get_u32(attr);
    return MNL_CB_OK;
}

static int parse_link(const struct nlmsghdr *nlh, void *data) {
    svrd_link *link = data;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
    *link = (svrd_link){.index = info->ifi_index,
                        .up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING),
                        .gone = nlh->nlmsg_type == RTM_DELLINK};
    mnl_attr_parse(nlh, sizeof *info, link_attribute, link);
    return MNL_CB_OK;
}

int svrd_netlink_get_link(svrd_netlink *nl, const char *name, svrd_link *out) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_GETLINK, NLM_F_ACK);
    mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    return ask(nl, nlh, parse_link, out);
}

int svrd_netlink_set_up(svrd_netlink *nl, int index, uint32_t mtu) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_NEWLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    info->ifi_index = index;
    info->ifi_change = IFF_UP;
    info->ifi_flags = IFF_UP;
    mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
    return ask(nl, nlh, NULL, NULL);
}

/* ---- addresses ------------------------------------------------------------------------------ */

int svrd_netlink_add_address(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t prefix_len) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    info->ifa_family = (uint8_t)af(addr);
    info->ifa_prefixlen = prefix_len;
    info->ifa_index = (uint32_t)index;
    info->ifa_flags = IFA_F_NODAD; /* on a tun device is nobody else; a shared address must serve at once */
    mnl_attr_put(nlh, IFA_LOCAL, svr_addr_size(addr), addr->bytes);
    mnl_attr_put(nlh, IFA_ADDRESS, svr_addr_size(addr), addr->bytes);
    return ask(nl, nlh, NULL, NULL);
}

int svrd_netlink_del_address(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t prefix_len) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_DELADDR, NLM_F_ACK);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    info->ifa_family = (uint8_t)af(addr);
    info->ifa_prefixlen = prefix_len;
    info->ifa_index = (uint32_t)index;
    mnl_attr_put(nlh, IFA_LOCAL, svr_addr_size(addr), addr->bytes);
    return ask(nl, nlh, NULL, NULL);
}

typedef struct address_search {
    int index;
    const svr_addr *addr;
    bool found;
} address_search;

static int match_address(const struct nlmsghdr *nlh, void *data) {
    address_search *s = data;
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
    if ((int)info->ifa_index != s->index || info->ifa_family != af(s->addr)) return MNL_CB_OK;
    const struct nlattr *attr;
    mnl_attr_for_each(attr, nlh, sizeof *info) {
        /* On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is then ours. IPv6 sends only
         * IFA_ADDRESS where both are the same. */
        int type = mnl_attr_get_type(attr);
        if (type != IFA_LOCAL && !(type == IFA_ADDRESS && info->ifa_family == AF_INET6)) continue;
        size_t size = svr_addr_size(s->addr);
        if (mnl_attr_get_payload_len(attr) == size &&
            memcmp(mnl_attr_get_payload(attr), s->addr->bytes, size) == 0)
            s->found = true;
    }
    return MNL_CB_OK;
}

int svrd_netlink_find_address(svrd_netlink *nl, int index, const svr_addr *addr) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    info->ifa_family = (uint8_t)af(addr);
    address_search s = {.index = index, .addr = addr};
    int rc = ask(nl, nlh, match_address, &s);
    if (rc) return rc;
    return s.found ? 0 : -EADDRNOTAVAIL;
}

/* ---- routes --------------------------------------------------------------------------------- */

static int change_route(svrd_netlink *nl, const svrd_route *route, uint16_t type, uint16_t flags) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, type, NLM_F_ACK | flags);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    info->rtm_family = (uint8_t)af(&route->to.addr);
    info->rtm_dst_len = route->to.len;
    info->rtm_table = RT_TABLE_MAIN;
    info->rtm_protocol = SVRD_ROUTE_PROTOCOL;
    info->rtm_scope = route->gateway.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    info->rtm_type = RTN_UNICAST;
    mnl_attr_put(nlh, RTA_DST, svr_addr_size(&route->to.addr), route->to.addr.bytes);
    mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)route->index);
    mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
    if (route->gateway.family)
        mnl_attr_put(nlh, RTA_GATEWAY, svr_addr_size(&route->gateway), route->gateway.bytes);
    return ask(nl, nlh, NULL, NULL);
}

int svrd_netlink_add_route(svrd_netlink *nl, const svrd_route *route) {
    return change_route(nl, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

int svrd_netlink_del_route(svrd_netlink *nl, const svrd_route *route) {
    return change_route(nl, route, RTM_DELROUTE, 0);
}

/* ---- next hops ------------------------------------------------------------------------------- */

typedef struct gateway_search {
    svr_addr *out;
    int index; /* of the device that the route leads over; 0: none */
} gateway_search;

static bool read_address(const struct nlattr *attr, svr_addr *out) {
    size_t len = mnl_attr_get_payload_len(attr);
    if (len != 4 && len != 16) return false;
    *out = svr_addr_from_bytes(len == 4 ? 4 : 6, mnl_attr_get_payload(attr));
    return true;
}

static int match_gateway(const struct nlmsghdr *nlh, void *data) {
    gateway_search *s = data;
    const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
    const struct nlattr *attr;
    if (info->rtm_type != RTN_UNICAST) return MNL_CB_OK;
    mnl_attr_for_each(attr, nlh, sizeof *info) {
        int type = mnl_attr_get_type(attr);
        if (type == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
            s->index = (int)mnl_attr_get_u32(attr);
        if (type == RTA_VIA) return MNL_CB_OK; /* a gateway of the other family: nothing for us */
        if (type == RTA_GATEWAY && !read_address(attr, s->out)) return MNL_CB_OK;
    }
    return MNL_CB_OK;
}

int svrd_netlink_find_gateway(svrd_netlink *nl, int index, const svr_addr *to, svr_addr *out) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_GETROUTE, NLM_F_ACK);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    gateway_search s = {.out = out};
    info->rtm_family = (uint8_t)af(to);
    info->rtm_dst_len = (uint8_t)(8 * svr_addr_size(to));
    mnl_attr_put(nlh, RTA_DST, svr_addr_size(to), to->bytes);
    mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)index);
    *out = *to;
    int rc = ask(nl, nlh, match_gateway, &s);
    if (rc) return rc;
    return s.index == index ? 0 : -ENETUNREACH;
}

typedef struct neighbor_search {
    uint8_t *out;
    bool found;
} neighbor_search;

static int match_neighbor(const struct nlmsghdr *nlh, void *data) {
    neighbor_search *s = data;
    const struct ndmsg *info = mnl_nlmsg_get_payload(nlh);
    const struct nlattr *attr;
    const unsigned known = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
    if (!(info->ndm_state & known)) return MNL_CB_OK;
    mnl_attr_for_each(attr, nlh, sizeof *info) {
        if (mnl_attr_get_type(attr) != NDA_LLADDR || mnl_attr_get_payload_len(attr) != 6) continue;
        memcpy(s->out, mnl_attr_get_payload(attr), 6);
        s->found = true;
    }
    return MNL_CB_OK;
}

int svrd_netlink_find_neighbor(svrd_netlink *nl, int index, const svr_addr *addr, uint8_t out[6]) {
    message m;
    struct nlmsghdr *nlh = begin(nl, &m, RTM_GETNEIGH, NLM_F_ACK);
    struct ndmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof *info);
    neighbor_search s = {.out = out};
    info->ndm_family = (uint8_t)af(addr);
    info->ndm_ifindex = index;
    mnl_attr_put(nlh, NDA_DST, svr_addr_size(addr), addr->bytes);
    int rc = ask(nl, nlh, match_neighbor, &s);
    if (rc) return rc;
    return s.found ? 0 : -ENOENT;
}

/* ---- watching ------------------------------------------------------------------------------- */

int svrd_netlink_watch_links(svrd_netlink *nl) {
    int group = RTNLGRP_LINK, fd = mnl_socket_get_fd(nl->sock);
    if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) return -errno;
    return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int svrd_netlink_fd(const svrd_netlink *nl) {
    return mnl_socket_get_fd(nl->sock);
}

typedef struct link_reader {
    svrd_link_fn *each;
    void *ctx;
} link_reader;

static int report_link(const struct nlmsghdr *nlh, void *data) {
    const link_reader *reader = data;
    svrd_link link;
    if (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) return MNL_CB_OK;
    parse_link(nlh, &link);
    reader->each(reader->ctx, &link);
    return MNL_CB_OK;
}

int svrd_netlink_read_links(svrd_netlink *nl, svrd_link_fn *each, void *ctx) {
    static _Alignas(struct nlmsghdr) char reply[REPLY_MAX];
    link_reader reader = {each, ctx};
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl->sock, reply, sizeof reply);
        if (n < 0 && errno == EAGAIN) return 0;
        if (n < 0) return -errno;
        mnl_cb_run(reply, (size_t)n, 0, 0, report_link, &reader);
    }
}

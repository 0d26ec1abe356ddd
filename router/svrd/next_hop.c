/* SPDX-License-Identifier: MIT */
#include "svrd/next_hop.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 1024 /* a peer that shares its slot with a busy one is looked up more often */
#define KEEP_MS 1000
#define ASK_AGAIN_MS 50 /* while the kernel does not know the way */

typedef struct slot {
    svr_addr to;
    uint64_t until_ms;
    bool known;
    uint8_t header[SVRD_FRAME_HEADER];
} slot;

struct svrd_next_hops {
    svrd_netlink *nl;
    int index;
    int fd; /* knows the device's own address */
    slot slots[SLOTS];
};

/* The device's own hardware address, which may change. False: not Ethernet, or gone. */
static bool own_address(int fd, uint8_t out[ETH_ALEN]) {
    struct sockaddr_ll at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 || at.sll_hatype != ARPHRD_ETHER ||
        at.sll_halen != ETH_ALEN)
        return false;
    memcpy(out, at.sll_addr, ETH_ALEN);
    return true;
}

/* Hears nothing: it has no protocol. */
static int open_socket(int index) {
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = index};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

svrd_next_hops *svrd_next_hops_new(svrd_netlink *nl, int index) {
    uint8_t own[ETH_ALEN];
    svrd_next_hops *hops = calloc(1, sizeof *hops);
    if (!hops) return NULL;
    hops->nl = nl;
    hops->index = index;
    hops->fd = open_socket(index);
    if (hops->fd >= 0 && own_address(hops->fd, own)) return hops;
    svrd_next_hops_del(hops);
    return NULL;
}

void svrd_next_hops_del(svrd_next_hops *hops) {
    if (hops && hops->fd >= 0) close(hops->fd);
    free(hops);
}

/* A few milliseconds more or less do not matter. */
static uint64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static slot *slot_of(svrd_next_hops *hops, const svr_addr *to) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < svr_addr_size(to); i++)
        h = (h ^ to->bytes[i]) * 16777619u;
    return &hops->slots[(h ^ h >> 16) % SLOTS];
}

static void look_up(svrd_next_hops *hops, slot *s) {
    svr_addr gateway;
    uint16_t type = htons(s->to.family == 4 ? ETH_P_IP : ETH_P_IPV6);
    s->known = svrd_netlink_find_gateway(hops->nl, hops->index, &s->to, &gateway) == 0 &&
               svrd_netlink_find_neighbor(hops->nl, hops->index, &gateway, s->header) == 0 &&
               own_address(hops->fd, s->header + ETH_ALEN);
    memcpy(s->header + 2 * ETH_ALEN, &type, sizeof type);
}

const uint8_t *svrd_next_hop_find(svrd_next_hops *hops, const svr_addr *to) {
    slot *s = slot_of(hops, to);
    uint64_t now = now_ms();
    if (now >= s->until_ms || !svr_addr_equal(&s->to, to)) {
        s->to = *to;
        look_up(hops, s);
        s->until_ms = now + (s->known ? KEEP_MS : ASK_AGAIN_MS);
    }
    return s->known ? s->header : NULL;
}

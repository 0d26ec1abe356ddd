/* SPDX-License-Identifier: MIT */
#include "svrd/announce.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The device's Ethernet address; false when it has none. */
static bool hardware_address(const char *device, uint8_t out[ETH_ALEN]) {
    struct ifreq ifr = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    svr_strcpy(ifr.ifr_name, sizeof ifr.ifr_name, device);
    bool ok = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &ifr) == 0 && ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    if (fd >= 0) close(fd);
    if (ok) memcpy(out, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
    return ok;
}

static void send_arp(int index, const uint8_t hardware[ETH_ALEN], const svr_addr *addr) {
    struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                                       .ar_pro = htons(ETH_P_IP),
                                       .ar_hln = ETH_ALEN,
                                       .ar_pln = 4,
                                       .ar_op = htons(ARPOP_REQUEST)}};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ARP),
                             .sll_ifindex = index,
                             .sll_halen = ETH_ALEN};
    memcpy(arp.arp_sha, hardware, ETH_ALEN);
    memcpy(arp.arp_spa, addr->bytes, 4);
    memcpy(arp.arp_tpa, addr->bytes, 4);
    memset(to.sll_addr, 0xff, ETH_ALEN);
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    sendto(fd, &arp, sizeof arp, 0, (struct sockaddr *)&to, sizeof to);
    close(fd);
}

static void send_advertisement(int index, const uint8_t hardware[ETH_ALEN], const svr_addr *addr) {
    struct {
        struct nd_neighbor_advert advert;
        struct nd_opt_hdr option;
        uint8_t hardware[ETH_ALEN];
    } message = {.advert = {.nd_na_hdr = {.icmp6_type = ND_NEIGHBOR_ADVERT}},
                 .option = {.nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1}};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)index};
    int hops = 255;
    message.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE | ND_NA_FLAG_ROUTER;
    memcpy(&message.advert.nd_na_target, addr->bytes, 16);
    memcpy(message.hardware, hardware, ETH_ALEN);
    inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
    int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
    sendto(fd, &message, sizeof message, 0, (struct sockaddr *)&to, sizeof to);
    close(fd);
}

void svrd_announce(int index, const char *device, const svr_addr *addr) {
    uint8_t hardware[ETH_ALEN];
    if (!hardware_address(device, hardware)) return;
    if (addr->family == 4)
        send_arp(index, hardware, addr);
    else
        send_advertisement(index, hardware, addr);
}

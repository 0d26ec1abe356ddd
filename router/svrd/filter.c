/* SPDX-License-Identifier: MIT */
#include "svrd/filter.h"

#include <pcap/pcap.h>
#include <stdio.h>

#include "svrd/fail.h"

#define SNAPLEN 262144 /* all of any packet */

static void write_addresses(FILE *f, const svr_interface *iface, uint8_t family) {
    char text[SVR_ADDR_TEXT_MAX];
    const char *glue = "";
    for (size_t i = 0; i < iface->n_addresses; i++) {
        if (iface->addresses[i].addr.family != family) continue;
        fprintf(f, "%sdst host %s", glue, svr_addr_format(&iface->addresses[i].addr, text));
        glue = " or ";
    }
}

char *svrd_filter_text(const svr_interface *iface, uint8_t family, const svrd_ports *ports) {
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    fprintf(f, family == 4 ? "ip and (" : "ip6 and (");
    write_addresses(f, iface, family);
    /* A first fragment shows its ports but is no whole packet; pcap's port tests refuse only later ones. */
    fprintf(f, family == 4 ? ") and ip[6:2] & 0x3fff = 0" : ")");
    fprintf(f, " and (udp dst port %u", SVRD_BFD_PORT);
    for (size_t i = 0; i < ports->n; i++)
        fprintf(f, " or ((udp or tcp) and dst portrange %u-%u)", ports->range[i].first, ports->range[i].last);
    /* What routers on the way say of our packets: unreachable, time exceeded; IPv6: too big as well. */
    fprintf(f, family == 4 ? " or icmp[0] = 3 or icmp[0] = 11"
                           : " or (icmp6 and ip6[40] >= 1 and ip6[40] <= 3)");
    fprintf(f, ")");
    if (fclose(f) == 0) return text;
    return NULL;
}

int svrd_filter_compile(const char *text, int link_type, struct bpf_program *out, svr_error *err) {
    pcap_t *dead = pcap_open_dead(link_type, SNAPLEN);
    if (!dead) return svrd_fail(err, "out of memory for the packet filter");
    int rc = 0;
    if (pcap_compile(dead, out, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
        rc = svrd_fail(err, "packet filter \"%.100s\": %.100s", text, pcap_geterr(dead));
    pcap_close(dead);
    return rc;
}

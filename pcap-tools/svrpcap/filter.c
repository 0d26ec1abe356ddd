/* SPDX-License-Identifier: MIT
 * libpcap's filters. A capture may have interfaces of several link types; the expression is compiled for
 * each. */
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "pcapng/link.h"

enum { LINK_TYPES_MAX = 16, SNAPLEN = 262144 };

typedef struct program {
    uint32_t link_type;
    bool usable; /* the expression makes sense there */
    struct bpf_program code;
} program;

struct svrpcap_filter {
    const char *expression;
    program programs[LINK_TYPES_MAX];
    size_t n;
    bool told;
};

static bool compile(const char *expression, uint32_t link_type, struct bpf_program *out,
                    char reason[PCAP_ERRBUF_SIZE]) {
    pcap_t *p = pcap_open_dead(svr_link_to_dlt(link_type), SNAPLEN);
    strcpy(reason, "memory is short");
    if (!p) return false;
    bool good = pcap_compile(p, out, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!good) snprintf(reason, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(p));
    pcap_close(p);
    return good;
}

svrpcap_filter *svrpcap_filter_new(const char *expression) {
    char reason[PCAP_ERRBUF_SIZE];
    struct bpf_program code;
    if (!compile(expression, 1, &code, reason)) { /* what is wrong for Ethernet is wrong everywhere */
        svrpcap_error("filter '%s': %s; see pcap-filter(7)", expression, reason);
        return NULL;
    }
    pcap_freecode(&code);
    svrpcap_filter *f = calloc(1, sizeof *f);
    if (f) f->expression = expression;
    return f;
}

void svrpcap_filter_del(svrpcap_filter *f) {
    if (!f) return;
    for (size_t i = 0; i < f->n; i++)
        if (f->programs[i].usable) pcap_freecode(&f->programs[i].code);
    free(f);
}

static program *program_for(svrpcap_filter *f, uint32_t link_type) {
    char reason[PCAP_ERRBUF_SIZE];
    for (size_t i = 0; i < f->n; i++)
        if (f->programs[i].link_type == link_type) return &f->programs[i];
    if (f->n == LINK_TYPES_MAX) return NULL;
    program *p = &f->programs[f->n++];
    p->link_type = link_type;
    p->usable = compile(f->expression, link_type, &p->code, reason);
    if (!p->usable && !f->told) {
        const char *name = svr_link_name(link_type);
        svrpcap_error("filter '%s' matches nothing on interfaces of link type %s: %s", f->expression,
                      name ? name : "unknown", reason);
        f->told = true;
    }
    return p;
}

bool svrpcap_filter_match(svrpcap_filter *f, uint32_t link_type, const uint8_t *data, uint32_t len,
                          uint32_t orig_len) {
    if (!f) return true;
    const program *p = program_for(f, link_type);
    struct pcap_pkthdr h = {.caplen = len, .len = orig_len};
    return p && p->usable && pcap_offline_filter(&p->code, &h, data) != 0;
}

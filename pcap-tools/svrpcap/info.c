/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <stdlib.h>
#include <string.h>

enum { SESSIONS_TOLD = 30 };

static const char help[] = "Usage: svrpcap info [OPTION]... CAPTURE [FILTER]\n"
                           "A page about a capture: routers and their addresses, paths between them, when "
                           "which key was used, and the sessions\n"
                           "with their original addresses, service and tenant.\n"
                           "\n"
                           "  svrpcap info wan.pcapng\n"
                           "  svrpcap info --keylog keys.log wan.pcap\n"
                           "  svrpcap info --time relative wan.pcapng 'host 192.0.2.1'\n"
                           "  ssh router tcpdump -w - -c 10000 udp | svrpcap info -\n"
                           "\n"
                           "Without keys the waypoints, BFD and the exchange of keys are known; who the "
                           "routers are, and the sessions, are not.\n"
                           "The 30 largest sessions are told; --all tells all.\n";

size_t svrpcap_ring_kept(uint64_t n, size_t size) {
    return n < size ? (size_t)n : size;
}
size_t svrpcap_ring_at(uint64_t n, size_t size, size_t i) {
    return (size_t)((n < size ? i : n + i) % size);
}

static int by_size(const void *a, const void *b) {
    const svrpcap_session *x = *(svrpcap_session *const *)a, *y = *(svrpcap_session *const *)b;
    uint64_t p = x->way[0].bytes + x->way[1].bytes, q = y->way[0].bytes + y->way[1].bytes;
    if (p != q) return p < q ? 1 : -1;
    if (x->when.first != y->when.first) return x->when.first < y->when.first ? -1 : 1;
    return memcmp(x->uuid, y->uuid, sizeof x->uuid);
}

static bool report(const svrpcap_options *o, const svrpcap_input *in, const svrpcap_tally *t) {
    svrpcap_report r = {o, svrpcap_input_capture(in), svrpcap_input_totals(in), t, NULL, t->sessions.n};
    r.sessions = calloc(t->sessions.n + 1, sizeof *r.sessions);
    if (!r.sessions) return false;
    if (t->sessions.n) memcpy(r.sessions, t->sessions.records, t->sessions.n * sizeof *r.sessions);
    qsort(r.sessions, r.n_sessions, sizeof *r.sessions, by_size);
    if (!o->all && !o->json && r.n_sessions > SESSIONS_TOLD) r.n_sessions = SESSIONS_TOLD;
    bool good = true;
    if (o->json)
        good = svrpcap_info_json(&r, o->out);
    else
        svrpcap_info_text(&r, o->out);
    free(r.sessions);
    fflush(o->out);
    return good;
}

static int run(const svrpcap_options *o) {
    svrpcap_packet p;
    svrpcap_tally tally;
    svrpcap_input *in = svrpcap_input_open(o, NULL, NULL);
    if (!in) return SVRPCAP_UNUSABLE;
    svrpcap_tally_init(&tally);
    while (svrpcap_input_next(in, &p))
        if (p.matches) svrpcap_tally_packet(&tally, &p);
    bool told = report(o, in, &tally);
    svrpcap_tally_fini(&tally);
    int status = svrpcap_input_close(in);
    return told || ferror(o->out) ? status : svrpcap_error("memory is short");
}

const svrpcap_command svrpcap_info = {
    .name = "info",
    .summary = "routers, paths, keys, sessions and their times, on a page",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_TIME | SVRPCAP_O_JSON | SVRPCAP_O_ALL |
             SVRPCAP_O_COLOUR,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

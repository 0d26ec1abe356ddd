/* SPDX-License-Identifier: MIT */
#include "packet.h"

static const char help[] =
    "Usage: svrpcap dump [OPTION]... CAPTURE [FILTER]\n"
    "A line for each packet: its number and time, the waypoints, and what it says as far as keys allow.\n"
    "\n"
    "  svrpcap dump wan.pcapng\n"
    "  svrpcap dump --keylog keys.log wan.pcap 'udp port 1280'        BFD and the exchange of keys\n"
    "  svrpcap dump --verbose --count 20 wan.pcapng                   with every TLV\n"
    "  tcpdump -i eth1 -U -w - | svrpcap dump -k keys.log -           as it comes\n"
    "  svrpcap dump --json wan.pcapng | jq 'select(.metadata == \"bad\")'\n"
    "\n"
    "\"good\" and \"bad\" say whether the HMAC holds, \"no key\" that no key is known.\n";

static bool show(svrpcap_line *l, const svrpcap_options *o, const svrpcap_packet *p, svr_wall first) {
    if (o->json) return svrpcap_write_json(svrpcap_packet_json(p, o->verbose), o->out);
    svrpcap_describe(l, o, p, first);
    svrpcap_line_end(l, o->out);
    if (o->verbose) svrpcap_describe_tlvs(l, p, o->out);
    return !ferror(o->out);
}

static int run(const svrpcap_options *o) {
    svrpcap_packet p;
    static svrpcap_line line;
    uint64_t shown = 0;
    svrpcap_input *in = svrpcap_input_open(o, NULL, NULL);
    if (!in) return SVRPCAP_UNUSABLE;
    line.colour = o->colour;
    while ((!o->count || shown < o->count) && svrpcap_input_next(in, &p)) {
        if (!p.matches) continue;
        shown++;
        if (!show(&line, o, &p, svrpcap_input_totals(in)->first)) break;
        if (svr_capture_may_wait(svrpcap_input_capture(in))) fflush(o->out);
    }
    fflush(o->out); /* before what standard error may have to say */
    return svrpcap_input_close(in);
}

const svrpcap_command svrpcap_dump = {
    .name = "dump",
    .summary = "a line, or a JSON object, for each packet",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_COUNT | SVRPCAP_O_TIME | SVRPCAP_O_JSON |
             SVRPCAP_O_VERBOSE | SVRPCAP_O_COLOUR,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

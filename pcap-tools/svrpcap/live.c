/* SPDX-License-Identifier: MIT
 *
 * A key may reach its log a moment after the packet that it belongs to was captured. A packet without a known
 * key therefore waits a little for the log, as long as waiting has helped lately: else traffic of others
 * would be slowed down. */
#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/heap.h"
#include "packet.h"
#include "pcapng/link.h"

enum {
    SNAPLEN = 262144,
    BUFFER = 16 << 20,
    READ_MS = 100,
    PATIENCE_MS = 50, /* for the key log */
    PATIENCE = 3,     /* times in vain before it is given up until the log grows */
    LINES_AT_ONCE = 256,
};

static const char help[] = "Usage: svrpcap live [OPTION]... INTERFACE [FILTER]\n"
                           "Shows packets as they pass an interface of this machine, deciphered with the key "
                           "log that svrd writes meanwhile.\n"
                           "\n"
                           "  svrpcap live eth1 --keylog /run/svr/keys.log\n"
                           "  svrpcap live -k keys.log eth1 'udp and not port 1280'\n"
                           "  svrpcap live -k keys.log eth1 -o wan.pcapng                       and keeps "
                           "them, with the keys as comments\n"
                           "\n"
                           "svrd writes its key log with --keylog FILE. Capturing needs root, or "
                           "CAP_NET_RAW. It ends with --count packets, or Ctrl-C.\n";

typedef struct live {
    const svrpcap_options *o;
    pcap_t *pcap;
    svr_inspector *inspector;
    svrpcap_keylog *log;
    svr_pcapng *file;
    svr_capture_interface interface;
    char *lines[LINES_AT_ONCE]; /* key lines for the next packet of the file */
    size_t n_lines;
    unsigned in_vain;
    bool nanoseconds;
    svr_wall first;
    uint64_t packets;
    svrpcap_line line;
} live;

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

/* ---- the interface -------------------------------------------------------------------------- */

static int cannot(const live *v, const char *what, int rc) {
    const char *fix =
        rc == PCAP_ERROR_PERM_DENIED ? "; run it as root, or with the capability CAP_NET_RAW" : "";
    return svrpcap_error("%s: %s: %s%s", v->o->words[0], what,
                         v->pcap && pcap_geterr(v->pcap)[0] ? pcap_geterr(v->pcap) : pcap_statustostr(rc),
                         fix);
}

static int set_filter(live *v) {
    struct bpf_program code;
    if (!v->o->filter) return SVRPCAP_FINE;
    if (pcap_compile(v->pcap, &code, v->o->filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return svrpcap_error("filter '%s': %s; see pcap-filter(7)", v->o->filter, pcap_geterr(v->pcap));
    int rc = pcap_setfilter(v->pcap, &code);
    pcap_freecode(&code);
    return rc ? cannot(v, "the filter cannot be set", rc) : SVRPCAP_FINE;
}

static int open_interface(live *v) {
    char reason[PCAP_ERRBUF_SIZE];
    v->pcap = pcap_create(v->o->words[0], reason);
    if (!v->pcap) return svrpcap_error("%s: %s", v->o->words[0], reason);
    pcap_set_snaplen(v->pcap, SNAPLEN);
    pcap_set_timeout(v->pcap, READ_MS);
    pcap_set_immediate_mode(v->pcap, 1);
    pcap_set_buffer_size(v->pcap, BUFFER);
    pcap_set_promisc(v->pcap, 1);
    v->nanoseconds = pcap_set_tstamp_precision(v->pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
    int rc = pcap_activate(v->pcap);
    if (rc < 0) return cannot(v, "cannot be captured", rc);
    v->interface.link_type = svr_link_from_dlt(pcap_datalink(v->pcap));
    svr_strcpy(v->interface.name, sizeof v->interface.name, v->o->words[0]);
    if (!svr_link_name(v->interface.link_type))
        return svrpcap_error("%s: its link type %u is not known", v->o->words[0], v->interface.link_type);
    return set_filter(v);
}

static int open_file(live *v) {
    if (!v->o->output) return SVRPCAP_FINE;
    if (strcmp(v->o->output, "-") == 0)
        return svrpcap_error("live shows packets on standard output: name a file with --output");
    v->file = svr_pcapng_new(v->o->output, "svrpcap", NULL);
    if (v->file && svr_pcapng_add_interface(v->file, v->interface.link_type, v->interface.name, NULL) >= 0)
        return SVRPCAP_FINE;
    return svrpcap_error("%s: cannot be written: %s", v->o->output, strerror(errno));
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Takes what the key log has by now; whether that was anything. */
static bool read_keys(live *v) {
    const char *line;
    bool any = false;
    while (v->n_lines < LINES_AT_ONCE && (line = svrpcap_keylog_next(v->log)) != NULL) {
        if (!svr_inspector_add_key(v->inspector, line)) {
            svrpcap_keylog_complain(v->log);
            continue;
        }
        any = true;
        v->in_vain = 0;
        if (v->file && (v->lines[v->n_lines] = strdup(line)) != NULL) v->n_lines++;
    }
    return any;
}

static bool lacks_key(const svr_seen *s) {
    return s->metadata == SVR_AUTH_NO_KEY || s->payload == SVR_AUTH_NO_KEY;
}

static void inspect(live *v, svrpcap_packet *p) {
    static const struct timespec moment = {.tv_nsec = PATIENCE_MS * 1000000};
    svr_inspect(v->inspector, p->ip, p->ip_len, &p->seen);
    if (!v->o->n_keylogs || !lacks_key(&p->seen) || v->in_vain >= PATIENCE) return;
    nanosleep(&moment, NULL);
    v->in_vain++;
    if (read_keys(v)) svr_inspect(v->inspector, p->ip, p->ip_len, &p->seen);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void drop_lines(live *v) {
    for (size_t i = 0; i < v->n_lines; i++) {
        svr_wipe(v->lines[i], strlen(v->lines[i]));
        free(v->lines[i]);
    }
    v->n_lines = 0;
}

static bool keep(live *v, const svr_capture_packet *raw) {
    svr_pcapng_packet p = {.time = raw->time,
                           .data = raw->data,
                           .len = raw->len,
                           .orig_len = raw->orig_len,
                           .comments = (const char *const *)v->lines,
                           .n_comments = v->n_lines};
    bool good = svr_pcapng_write(v->file, &p) == 0;
    drop_lines(v);
    return good;
}

static bool take(live *v, const struct pcap_pkthdr *h, const uint8_t *data) {
    svrpcap_packet p = {.interface = &v->interface, .matches = true};
    p.raw = (svr_capture_packet){.number = ++v->packets,
                                 .has_time = true,
                                 .time = h->ts.tv_sec * INT64_C(1000000000) +
                                         h->ts.tv_usec * (v->nanoseconds ? 1 : 1000),
                                 .data = data,
                                 .len = h->caplen,
                                 .orig_len = h->len};
    const uint8_t *ip = data;
    if (v->packets == 1) v->first = p.raw.time;
    p.ip_len = svr_link_datagram(v->interface.link_type, &ip, h->caplen);
    p.ip = p.ip_len ? ip : NULL;
    read_keys(v);
    inspect(v, &p);
    if (v->file && !keep(v, &p.raw)) return false;
    if (v->o->json) return svrpcap_write_json(svrpcap_packet_json(&p, v->o->verbose), v->o->out);
    svrpcap_describe(&v->line, v->o, &p, v->first);
    svrpcap_line_end(&v->line, v->o->out);
    if (v->o->verbose) svrpcap_describe_tlvs(&v->line, &p, v->o->out);
    return !ferror(v->o->out);
}

static int watch(live *v) {
    struct pcap_pkthdr *h;
    const u_char *data;
    int rc = 0;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fprintf(stderr, "svrpcap: listening on %s, %s\n", v->interface.name,
            svr_link_name(v->interface.link_type));
    while (!stopped && (!v->o->count || v->packets < v->o->count)) {
        rc = pcap_next_ex(v->pcap, &h, &data);
        if (rc < 0) break;
        if (rc == 0)
            fflush(v->o->out); /* a quiet moment */
        else if (!take(v, h, data))
            break;
    }
    fflush(v->o->out);
    return rc < 0 && !stopped ? cannot(v, "the capture ended", rc) : SVRPCAP_FINE;
}

static void tell_losses(const live *v) {
    struct pcap_stat s;
    if (pcap_stats(v->pcap, &s) == 0 && s.ps_drop)
        svrpcap_error("%u packets were lost since this program was too slow for them", s.ps_drop);
}

static int close_all(live *v, int status) {
    drop_lines(v);
    if (v->file && svr_pcapng_del(v->file) != 0 && !status)
        status = svrpcap_error("%s: cannot be written: %s", v->o->output, strerror(errno));
    if (v->pcap) pcap_close(v->pcap);
    svr_inspector_del(v->inspector);
    svrpcap_keylog_close(v->log);
    free(v);
    return status;
}

static int run(const svrpcap_options *o) {
    live *v = calloc(1, sizeof *v);
    if (!v) return svrpcap_error("memory is short");
    v->o = o;
    v->line.colour = o->colour;
    v->inspector = svr_inspector_new(&svr_heap);
    if (!v->inspector) return close_all(v, svrpcap_error("memory is short"));
    if ((v->log = svrpcap_keylog_open(o)) == NULL) return close_all(v, SVRPCAP_UNUSABLE);
    int status = open_interface(v);
    if (!status) status = open_file(v);
    if (!status) {
        status = watch(v);
        tell_losses(v);
    }
    return close_all(v, status);
}

const svrpcap_command svrpcap_live = {
    .name = "live",
    .summary = "packets as they pass an interface, with svrd's key log",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_COUNT | SVRPCAP_O_TIME | SVRPCAP_O_JSON |
             SVRPCAP_O_VERBOSE | SVRPCAP_O_OUTPUT | SVRPCAP_O_COLOUR,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

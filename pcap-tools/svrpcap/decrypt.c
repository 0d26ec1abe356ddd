/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "inner.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define SESSIONS_NOTED_MAX 200000u /* whose first packet gets a comment */

static const char help[] = "Usage: svrpcap decrypt [OPTION]... CAPTURE [FILTER]\n"
                           "Writes a pcapng whose packets are the ones inside: with their original addresses "
                           "and ports, deciphered, at the same times.\n"
                           "The first packet of each session says in a comment which session it is, and "
                           "between which waypoints it was.\n"
                           "\n"
                           "  svrpcap decrypt wan.pcapng -o inner.pcapng\n"
                           "  svrpcap decrypt --keylog keys.log wan.pcap -o - | wireshark -k -i -\n"
                           "  ssh router tcpdump -U -w - udp | svrpcap decrypt -k keys.log - | tshark -r -\n"
                           "\n"
                           "Packets whose key is not known, or whose HMAC does not hold, are left out and "
                           "counted. --all also writes what is not SVR.\n";

typedef struct decryption {
    const svrpcap_options *o;
    svrpcap_input *in;
    svrpcap_output *out;
    svrpcap_table noted;
    uint64_t written, others, no_key, bad, broken;
    uint8_t inner[SVRPCAP_INNER_MAX];
} decryption;

/* The comment for the first packet of a session; NULL for the others. */
static const char *comment(decryption *d, const svr_seen *s, svrpcap_line *l) {
    bool is_new;
    if (!svrpcap_table_add(&d->noted, s->uuid, &is_new) || !is_new) return NULL;
    l->n = 0;
    svrpcap_put(l, "session ");
    svrpcap_put_hex(l, s->uuid, sizeof s->uuid);
    svrpcap_put(l, ", service ");
    svrpcap_put_name(l, s->service);
    svrpcap_put(l, ", tenant ");
    svrpcap_put_name(l, s->tenant);
    svrpcap_put(l, ", waypoints ");
    svrpcap_put_flow(l, &s->outer);
    l->text[l->n] = 0;
    return l->text;
}

static bool write_inner(decryption *d, const svrpcap_packet *p) {
    static svrpcap_line line;
    size_t n = p->seen.has_error ? svrpcap_inner_error(p, d->inner) : svrpcap_inner_write(p, d->inner);
    if (!n) {
        d->broken++;
        return true;
    }
    const char *text = comment(d, &p->seen, &line);
    d->written++;
    return svrpcap_output_write(d->out, &p->raw, d->inner, (uint32_t)n, (uint32_t)n, &text, text != NULL);
}

static bool take(decryption *d, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    if (!p->matches) return true;
    if (s->has_error || (s->has_payload && s->payload == SVR_AUTH_GOOD)) return write_inner(d, p);
    d->bad += s->metadata == SVR_AUTH_BAD || s->payload == SVR_AUTH_BAD;
    d->no_key +=
        s->kind == SVR_SEEN_SESSION && (s->metadata == SVR_AUTH_NO_KEY || s->payload == SVR_AUTH_NO_KEY);
    if (!d->o->all || !p->ip || s->kind != SVR_SEEN_OTHER) return true;
    d->others++;
    return svrpcap_output_write(d->out, &p->raw, p->ip, (uint32_t)p->ip_len, (uint32_t)p->ip_len, NULL, 0);
}

static void tell(const decryption *d) {
    fprintf(stderr, "svrpcap: %llu packets written of %llu", (unsigned long long)(d->written + d->others),
            (unsigned long long)svrpcap_input_totals(d->in)->packets);
    if (d->no_key) fprintf(stderr, ", %llu left out without a known key", (unsigned long long)d->no_key);
    if (d->bad) fprintf(stderr, ", %llu with a bad HMAC", (unsigned long long)d->bad);
    if (d->broken) fprintf(stderr, ", %llu that hold no packet", (unsigned long long)d->broken);
    fputc('\n', stderr);
}

static int decrypt(decryption *d) {
    svrpcap_packet p;
    d->out = svrpcap_output_open(d->o->output, d->o->words[0], svrpcap_input_capture(d->in),
                                 "inner packets, deciphered by svrpcap decrypt", true);
    if (!d->out) return SVRPCAP_UNUSABLE;
    svrpcap_table_init(&d->noted, SVR_SEEN_UUID_LEN, SVR_SEEN_UUID_LEN, SESSIONS_NOTED_MAX);
    while (svrpcap_input_next(d->in, &p) && take(d, &p))
        ;
    svrpcap_table_fini(&d->noted);
    int status = svrpcap_output_close(d->out);
    tell(d);
    if (!d->written && !svrpcap_input_totals(d->in)->keys)
        status = svrpcap_error("%s: there are no keys in its comments: name a key log with --keylog",
                               d->o->words[0]);
    return status;
}

static int run(const svrpcap_options *o) {
    decryption *d = calloc(1, sizeof *d);
    if (!d) return svrpcap_error("memory is short");
    d->o = o;
    d->in = svrpcap_input_open(o, NULL, NULL);
    int status = SVRPCAP_UNUSABLE;
    if (d->in) {
        status = decrypt(d);
        int end = svrpcap_input_close(d->in);
        if (end) status = end;
    }
    svr_wipe(d->inner, sizeof d->inner);
    free(d);
    return status;
}

const svrpcap_command svrpcap_decrypt = {
    .name = "decrypt",
    .summary = "a capture of the packets inside, as they were before ingress",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_OUTPUT | SVRPCAP_O_ALL,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

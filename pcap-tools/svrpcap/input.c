/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "common/heap.h"
#include "pcapng/link.h"

struct svrpcap_input {
    const char *file;
    svr_capture *capture;
    svr_inspector *inspector;
    svrpcap_filter *filter;
    svrpcap_key_seen *seen;
    void *ctx;
    uint64_t section; /* whose comment was read */
    svrpcap_totals totals;
};

static bool take_key(svrpcap_input *in, const char *line) {
    if (in->totals.keys >= SVRPCAP_KEYS_MAX) {
        in->totals.keys_left_out++;
        return true;
    }
    if (!svr_inspector_add_key(in->inspector, line)) return false;
    in->totals.keys++;
    if (in->seen) in->seen(in->ctx, line);
    return true;
}

/* Comments may hold anything: what is no key is none of ours. */
static void take_comment_line(void *ctx, const char *line) {
    if (svrpcap_is_key_line(line, strlen(line))) take_key(ctx, line);
}

static bool read_keylogs(svrpcap_input *in, const svrpcap_options *o) {
    svrpcap_keylog *k = svrpcap_keylog_open(o);
    const char *line;
    bool good = k != NULL;
    while (good && (line = svrpcap_keylog_next(k)) != NULL) {
        good = take_key(in, line);
        if (!good) svrpcap_keylog_complain(k);
    }
    svrpcap_keylog_close(k);
    return good;
}

static bool open_all(svrpcap_input *in, const svrpcap_options *o) {
    char reason[SVR_CAPTURE_ERROR_MAX];
    if (o->filter && (in->filter = svrpcap_filter_new(o->filter)) == NULL) return false;
    in->inspector = svr_inspector_new(&svr_heap);
    if (!in->inspector) return svrpcap_error("memory is short") == SVRPCAP_FINE;
    if (!read_keylogs(in, o)) return false;
    in->capture = svr_capture_open(in->file, reason);
    if (!in->capture) svrpcap_error("%s: %s", in->file, reason);
    return in->capture != NULL;
}

static void del(svrpcap_input *in) {
    svr_capture_close(in->capture);
    svr_inspector_del(in->inspector);
    svrpcap_filter_del(in->filter);
    free(in);
}

svrpcap_input *svrpcap_input_open(const svrpcap_options *o, svrpcap_key_seen *seen, void *ctx) {
    svrpcap_input *in = calloc(1, sizeof *in);
    if (!in) {
        svrpcap_error("memory is short");
        return NULL;
    }
    in->file = o->words[0];
    in->seen = seen;
    in->ctx = ctx;
    if (open_all(in, o)) return in;
    del(in);
    return NULL;
}

static void take_comments(svrpcap_input *in, const svr_capture_packet *p) {
    svr_capture_options o = p->options;
    const char *text;
    size_t len;
    uint64_t section;
    if (svr_capture_section_comment(in->capture, &text, &len, &section) && section != in->section)
        svrpcap_comment_lines(text, len, take_comment_line, in);
    in->section = section;
    while (svr_capture_next_comment(&o, &text, &len))
        svrpcap_comment_lines(text, len, take_comment_line, in);
}

static void count(svrpcap_totals *t, const svrpcap_packet *p) {
    t->packets++;
    t->matched += p->matches;
    t->bytes += p->raw.orig_len;
    if (!p->raw.has_time) return;
    if (!t->has_time || p->raw.time < t->first) t->first = p->raw.time;
    if (!t->has_time || p->raw.time > t->last) t->last = p->raw.time;
    t->has_time = true;
}

bool svrpcap_input_next(svrpcap_input *in, svrpcap_packet *out) {
    if (svr_capture_next(in->capture, &out->raw) != 1) return false;
    out->interface = svr_capture_interface_get(in->capture, out->raw.interface);
    take_comments(in, &out->raw);
    const uint8_t *p = out->raw.data;
    out->ip_len = svr_link_datagram(out->interface->link_type, &p, out->raw.len);
    out->ip = out->ip_len ? p : NULL;
    out->matches = svrpcap_filter_match(in->filter, out->interface->link_type, out->raw.data, out->raw.len,
                                        out->raw.orig_len);
    svr_inspect(in->inspector, p, out->ip_len, &out->seen);
    count(&in->totals, out);
    return true;
}

int svrpcap_input_close(svrpcap_input *in) {
    int status = SVRPCAP_FINE;
    if (in->totals.keys_left_out)
        svrpcap_error("%s: %llu keys were left out: %u are taken (SVRPCAP_KEYS_MAX)", in->file,
                      (unsigned long long)in->totals.keys_left_out, SVRPCAP_KEYS_MAX);
    if (svr_capture_error(in->capture)[0])
        status = svrpcap_error("%s: %s; %llu packets before it were read", in->file,
                               svr_capture_error(in->capture), (unsigned long long)in->totals.packets);
    del(in);
    return status;
}

const svrpcap_totals *svrpcap_input_totals(const svrpcap_input *in) {
    return &in->totals;
}
const svr_capture *svrpcap_input_capture(const svrpcap_input *in) {
    return in->capture;
}

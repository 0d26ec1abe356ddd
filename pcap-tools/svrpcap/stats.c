/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "inner.h"
#include "packet.h"

enum { SESSIONS_TOLD = 20, BAR_MAX = 48 };

static const char help[] = "Usage: svrpcap stats [OPTION]... CAPTURE [FILTER]\n"
                           "Bytes on the wire, session by session: what the packets inside have, what SVR "
                           "added as it was captured, and what GRE,\n"
                           "IPsec ESP (tunnel, AES-CBC-256, HMAC-SHA-384-192) and WireGuard would have added "
                           "to the very same packets between the same\n"
                           "addresses. Padding is counted for each packet.\n"
                           "\n"
                           "  svrpcap stats wan.pcapng\n"
                           "  svrpcap stats --svg overhead.svg wan.pcapng\n"
                           "  svrpcap stats --json wan.pcapng | jq '.total.overhead'\n"
                           "\n"
                           "Only packets whose key is known can be compared. BFD and the exchange of keys "
                           "are told apart; what the others need for\n"
                           "that (IKE, handshakes, keepalives) is not in the comparison. The 20 largest "
                           "sessions are told; --all tells all.\n";

size_t svrpcap_size_limit(size_t i) {
    static const size_t limits[SVRPCAP_SIZES] = {64, 128, 256, 512, 1024, 0};
    return limits[i];
}

double svrpcap_mean(const svrpcap_sums *s, svrpcap_scheme scheme) {
    return s->packets ? (double)s->overhead[scheme] / (double)s->packets : 0;
}

/* ---- counting ------------------------------------------------------------------------------- */

static size_t size_class(size_t inner) {
    size_t i = 0;
    while (svrpcap_size_limit(i) && inner > svrpcap_size_limit(i))
        i++;
    return i;
}

/* `inner` 0: a packet that has metadata only, which is all overhead. */
static void add(svrpcap_sums *s, size_t inner, size_t payload, size_t wire, uint8_t family) {
    s->wire += wire;
    s->overhead[SVRPCAP_SVR] += wire - inner;
    if (!inner) {
        s->metadata_only++;
        return;
    }
    s->packets++;
    s->payload += payload;
    s->inner += inner;
    for (svrpcap_scheme k = SVRPCAP_GRE; k < SVRPCAP_SCHEMES; k++)
        s->overhead[k] += svrpcap_overhead(k, inner, family);
}

static void add_session(svrpcap_statistics *all, const svrpcap_packet *p, size_t wire) {
    const svr_seen *s = &p->seen;
    const uint8_t *data;
    bool is_new;
    uint8_t family = s->outer.src.family;
    size_t inner = svrpcap_inner_len(s), payload = svrpcap_inner_payload(s, &data);
    if (inner > wire) return; /* nothing that this stack sends is shorter than what it carries */
    add(&all->total, inner, payload, wire, family);
    if (inner) add(&all->size[size_class(inner)], inner, payload, wire, family);
    svrpcap_stats_session *session = svrpcap_table_add(&all->sessions, s->uuid, &is_new);
    if (!session) return;
    session->inner = s->inner;
    memcpy(session->service, s->service, sizeof session->service);
    add(&session->sums, inner, payload, wire, family);
}

static void take(svrpcap_statistics *all, const svrpcap_packet *p) {
    const svr_seen *s = &p->seen;
    svr_ip ip;
    if (s->kind == SVR_SEEN_OTHER || svr_ip_decode(p->ip, p->ip_len, &ip) != SVR_IP_OK) return;
    size_t wire = (size_t)ip.header_len + ip.l4_len;
    if (s->kind == SVR_SEEN_BFD) {
        all->bfd++;
        all->bfd_bytes += wire;
    } else if (s->has_session && !s->malformed &&
               (s->has_payload ? s->payload : s->metadata) == SVR_AUTH_GOOD) {
        add_session(all, p, wire);
    } else {
        all->unknown++;
        all->unknown_bytes += wire;
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

static int by_wire(const void *a, const void *b) {
    const svrpcap_stats_session *x = *(svrpcap_stats_session *const *)a,
                                *y = *(svrpcap_stats_session *const *)b;
    if (x->sums.wire != y->sums.wire) return x->sums.wire < y->sums.wire ? 1 : -1;
    return memcmp(x->uuid, y->uuid, sizeof x->uuid);
}

static void tell_sums(FILE *out, const svrpcap_sums *s) {
    fprintf(out, " %9llu %12llu %12llu %12llu", (unsigned long long)s->packets,
            (unsigned long long)s->payload, (unsigned long long)s->inner, (unsigned long long)s->wire);
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++)
        fprintf(out, " %9.1f", svrpcap_mean(s, k));
    fputc('\n', out);
}

static void tell_head(FILE *out, const char *what) {
    fprintf(out, "%-58s %9s %12s %12s %12s   overhead, bytes a packet\n", "", "", "", "", "");
    fprintf(out, "%-58s %9s %12s %12s %12s", what, "packets", "payload", "inside", "on the wire");
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++)
        fprintf(out, " %9s", svrpcap_scheme_name(k));
    fputc('\n', out);
}

static void tell_session(FILE *out, const svrpcap_stats_session *s) {
    svrpcap_line name = {0};
    char proto[16];
    svrpcap_put_hex(&name, s->uuid, 4);
    svrpcap_put_char(&name, ' ');
    svrpcap_put(&name, svrpcap_protocol(s->inner.proto, proto));
    svrpcap_put_char(&name, ' ');
    svrpcap_put_flow(&name, &s->inner);
    name.text[name.n] = 0;
    fprintf(out, "%-58s", name.text);
    tell_sums(out, &s->sums);
}

static void tell_sizes(FILE *out, const svrpcap_statistics *all) {
    size_t from = 1;
    char name[64];
    for (size_t i = 0; i < SVRPCAP_SIZES; from = svrpcap_size_limit(i++) + 1) {
        if (svrpcap_size_limit(i))
            snprintf(name, sizeof name, "%zu to %zu bytes", from, svrpcap_size_limit(i));
        else
            snprintf(name, sizeof name, "%zu bytes and more", from);
        if (!all->size[i].packets) continue;
        fprintf(out, "%-58s", name);
        tell_sums(out, &all->size[i]);
    }
}

static void tell_bars(FILE *out, const svrpcap_statistics *all, bool colour) {
    static const char bar[BAR_MAX + 1] = "################################################";
    double most = 0;
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++)
        if (svrpcap_mean(&all->total, k) > most) most = svrpcap_mean(&all->total, k);
    if (most <= 0) return;
    fputs("\nOverhead, bytes a packet, and in percent of the packets inside\n", out);
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++) {
        double mean = svrpcap_mean(&all->total, k);
        fprintf(out, "%-10s %s%.*s%s %.1f (%.1f %%)\n", svrpcap_scheme_name(k),
                colour && k == SVRPCAP_SVR ? "\033[32m" : "", (int)(mean / most * BAR_MAX + 0.5), bar,
                colour && k == SVRPCAP_SVR ? "\033[0m" : "", mean,
                100 * (double)all->total.overhead[k] / (double)all->total.inner);
    }
}

static void tell(const svrpcap_options *o, const svrpcap_statistics *all, svrpcap_stats_session **sorted) {
    size_t n = all->sessions.n, told = o->all || n < SESSIONS_TOLD ? n : SESSIONS_TOLD;
    tell_head(o->out, "session");
    for (size_t i = 0; i < told; i++)
        tell_session(o->out, sorted[i]);
    if (told < n) fprintf(o->out, "and %zu smaller ones: --all tells them\n", n - told);
    fprintf(o->out, "%-58s", "all sessions");
    tell_sums(o->out, &all->total);
    fputc('\n', o->out);
    tell_head(o->out, "packets inside, by their size");
    tell_sizes(o->out, all);
    if (all->total.metadata_only)
        fprintf(o->out, "\n%llu packets with metadata only are in the overhead of SVR.\n",
                (unsigned long long)all->total.metadata_only);
    fprintf(o->out, "\nBFD and the exchange of keys: %llu packets, %llu bytes, apart from all above.\n",
            (unsigned long long)all->bfd, (unsigned long long)all->bfd_bytes);
    if (all->unknown)
        fprintf(o->out, "Without a known key, or not authentic: %llu packets, %llu bytes, not compared.\n",
                (unsigned long long)all->unknown, (unsigned long long)all->unknown_bytes);
    if (all->sessions.left_out)
        fprintf(o->out,
                "More than %u sessions (SVRPCAP_STATS_SESSIONS_MAX): the others are in the totals only.\n",
                SVRPCAP_STATS_SESSIONS_MAX);
    tell_bars(o->out, all, o->colour);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *sums_json(const svrpcap_sums *s) {
    json_t *o = json_pack("{sIsIsIsIsI}", "packets", (json_int_t)s->packets, "payload",
                          (json_int_t)s->payload, "inside", (json_int_t)s->inner, "wire", (json_int_t)s->wire,
                          "metadata_only", (json_int_t)s->metadata_only),
           *overhead = json_object();
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++)
        json_object_set_new(overhead, svrpcap_scheme_name(k), json_integer((json_int_t)s->overhead[k]));
    json_object_set_new(o, "overhead", overhead);
    return o;
}

static void tell_json(const svrpcap_options *o, const svrpcap_statistics *all,
                      svrpcap_stats_session **sorted) {
    json_t *root = json_object(), *sessions = json_array(), *sizes = json_array();
    for (size_t i = 0; i < all->sessions.n; i++) {
        json_t *s = sums_json(&sorted[i]->sums);
        json_object_set_new(s, "uuid", svrpcap_hex_json(sorted[i]->uuid, SVR_SEEN_UUID_LEN));
        json_object_set_new(s, "inner", svrpcap_flow_json(&sorted[i]->inner));
        json_object_set_new(s, "service", svr_json_text(sorted[i]->service));
        json_array_append_new(sessions, s);
    }
    for (size_t i = 0; i < SVRPCAP_SIZES; i++) {
        json_t *s = sums_json(&all->size[i]);
        json_object_set_new(s, "to", json_integer((json_int_t)svrpcap_size_limit(i)));
        json_array_append_new(sizes, s);
    }
    json_object_set_new(root, "total", sums_json(&all->total));
    json_object_set_new(root, "sizes", sizes);
    json_object_set_new(root, "sessions", sessions);
    json_object_set_new(
        root, "bfd",
        json_pack("{sIsI}", "packets", (json_int_t)all->bfd, "bytes", (json_int_t)all->bfd_bytes));
    json_object_set_new(
        root, "not_compared",
        json_pack("{sIsI}", "packets", (json_int_t)all->unknown, "bytes", (json_int_t)all->unknown_bytes));
    svrpcap_write_json(root, o->out);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int report(const svrpcap_options *o, const svrpcap_statistics *all) {
    svrpcap_stats_session **sorted = calloc(all->sessions.n + 1, sizeof *sorted);
    if (!sorted) return svrpcap_error("memory is short");
    if (all->sessions.n) memcpy(sorted, all->sessions.records, all->sessions.n * sizeof *sorted);
    qsort(sorted, all->sessions.n, sizeof *sorted, by_wire);
    (o->json ? tell_json : tell)(o, all, sorted);
    free(sorted);
    fflush(o->out);
    if (!o->svg || svrpcap_stats_svg(all, o->svg)) return SVRPCAP_FINE;
    return svrpcap_error("%s: cannot be written: %s", o->svg, strerror(errno));
}

static int run(const svrpcap_options *o) {
    svrpcap_packet p;
    svrpcap_statistics all = {0};
    svrpcap_input *in = svrpcap_input_open(o, NULL, NULL);
    if (!in) return SVRPCAP_UNUSABLE;
    svrpcap_table_init(&all.sessions, SVR_SEEN_UUID_LEN, sizeof(svrpcap_stats_session),
                       SVRPCAP_STATS_SESSIONS_MAX);
    while (svrpcap_input_next(in, &p))
        if (p.matches) take(&all, &p);
    int status = report(o, &all), cut = svrpcap_input_close(in);
    if (!cut && !status && !all.total.packets && !all.bfd)
        status = svrpcap_error("%s: there is nothing of SVR in it that could be compared", o->words[0]);
    else if (!cut && !status && !all.total.packets)
        svrpcap_error("%s: no session could be read, so nothing is compared; name a key log with --keylog",
                      o->words[0]);
    svrpcap_table_fini(&all.sessions);
    return cut ? cut : status;
}

const svrpcap_command svrpcap_stats = {
    .name = "stats",
    .summary = "bytes on the wire, against GRE, IPsec ESP and WireGuard",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_JSON | SVRPCAP_O_ALL | SVRPCAP_O_SVG |
             SVRPCAP_O_COLOUR,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* The body's byte at an offset: a pattern whose phase differs by flow and message. */
static uint8_t body(const lab_message *m, size_t offset) {
    return (uint8_t)(((m->flow * 31 + m->seq + offset) & 255) * 167 + 13);
}

static void put(uint8_t *out, uint64_t v, size_t bytes) {
    for (size_t i = bytes; i-- > 0; v >>= 8)
        out[i] = (uint8_t)v;
}

static uint64_t get(const uint8_t *in, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | in[i];
    return v;
}

void lab_message_encode(const lab_message *m, uint8_t *out) {
    put(out, m->magic, 4);
    put(out + 4, m->flow, 4);
    put(out + 8, m->seq, 8);
    put(out + 16, m->time, 8);
    put(out + 24, m->size, 4);
    put(out + 28, m->reply, 4);
    for (size_t at = LAB_HEADER; at < m->size; at++)
        out[at] = body(m, at);
}

bool lab_message_decode(const uint8_t *in, lab_message *out) {
    lab_message m = {(uint32_t)get(in, 4), (uint32_t)get(in + 4, 4),  get(in + 8, 8),
                     get(in + 16, 8),      (uint32_t)get(in + 24, 4), (uint32_t)get(in + 28, 4)};
    if (m.magic != LAB_REQUEST && m.magic != LAB_REPLY) return false;
    if (m.size < LAB_HEADER || m.size > NS3SHIM_MESSAGE_MAX || m.reply > NS3SHIM_MESSAGE_MAX) return false;
    *out = m;
    return true;
}

static bool same_body(const lab_message *m, size_t offset, const uint8_t *in, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (in[i] != body(m, offset + i)) return false;
    return true;
}

bool lab_message_read(const uint8_t *in, size_t n, lab_message *out, bool *intact) {
    if (n < LAB_HEADER || !lab_message_decode(in, out)) return false;
    *intact = n == out->size && same_body(out, LAB_HEADER, in + LAB_HEADER, n - LAB_HEADER);
    return true;
}

/* ---- streams -------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Takes what belongs to the present message; 0: this is no header. */
static size_t take(lab_reader *r, const uint8_t *in, size_t n) {
    if (r->have < LAB_HEADER) {
        n = least(n, LAB_HEADER - r->have);
        memcpy(r->header + r->have, in, n);
        r->have += n;
        r->intact = true;
        return r->have == LAB_HEADER && !lab_message_decode(r->header, &r->now) ? 0 : n;
    }
    n = least(n, r->now.size - r->have);
    r->intact = r->intact && same_body(&r->now, r->have, in, n);
    r->have += n;
    return n;
}

bool lab_reader_feed(lab_reader *r, const uint8_t *in, size_t n,
                     void (*got)(void *ctx, const lab_message *m, bool intact), void *ctx) {
    while (n) {
        size_t took = take(r, in, n);
        if (took == 0) return false;
        in += took;
        n -= took;
        if (r->have < LAB_HEADER || r->have < r->now.size) continue;
        r->have = 0;
        got(ctx, &r->now, r->intact);
    }
    return true;
}

/* ---- sequences ------------------------------------------------------------------------------ */

static bool insert(lab_track *t, size_t at, ns3shim_gap gap) {
    if (t->n == t->max) {
        size_t max = t->max ? 2 * t->max : 16;
        ns3shim_gap *more = realloc(t->gap, max * sizeof *more);
        if (!more) return false;
        t->gap = more;
        t->max = max;
    }
    memmove(&t->gap[at + 1], &t->gap[at], (t->n - at) * sizeof *t->gap);
    t->gap[at] = gap;
    t->n++;
    return true;
}

/* Takes the number out of the gap that it was missing in. */
static lab_verdict fill(lab_track *t, uint64_t seq, uint64_t sent_at) {
    size_t i = 0;
    while (i < t->n && seq >= t->gap[i].first + t->gap[i].count)
        i++;
    if (i == t->n || seq < t->gap[i].first) return LAB_TWICE;
    ns3shim_gap gap = t->gap[i];
    uint64_t before = seq - gap.first, behind = gap.count - before - 1;
    memmove(&t->gap[i], &t->gap[i + 1], (t->n - i - 1) * sizeof *t->gap);
    t->n--;
    if (behind) insert(t, i, (ns3shim_gap){seq + 1, behind, sent_at, gap.before});
    if (before) insert(t, i, (ns3shim_gap){gap.first, before, gap.after, sent_at});
    return LAB_LATE;
}

lab_verdict lab_track_note(lab_track *t, uint64_t seq, uint64_t sent_at) {
    if (seq < t->next) return fill(t, seq, sent_at);
    if (seq > t->next) insert(t, t->n, (ns3shim_gap){t->next, seq - t->next, t->last_sent_at, sent_at});
    t->next = seq + 1;
    t->last_sent_at = sent_at;
    return LAB_FRESH;
}

void lab_track_fini(lab_track *t) {
    free(t->gap);
    *t = (lab_track){0};
}

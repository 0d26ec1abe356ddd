/* SPDX-License-Identifier: MIT */
#include "base/runtime.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *svr_drop_name(svr_drop reason) {
    static const char *const names[SVR_DROP_COUNT] = {
#define X(id, name) [SVR_DROP_##id] = name,
        SVR_DROPS(X)
#undef X
    };
    return reason < SVR_DROP_COUNT ? names[reason] : NULL;
}

bool svr_runtime_init(svr_runtime *rt, const svr_allocator *alloc, struct svr_crypt *crypt, svr_pool *pool,
                      uint64_t seed, bool keylog) {
    *rt = (svr_runtime){.alloc = alloc, .crypt = crypt, .pool = pool, .jitter = seed, .keylog = keylog};
    svr_timer_heap_init(&rt->timers, alloc);
    rt->output = svr_alloc_zero(alloc, SVR_OUTPUT_MAX, sizeof(svr_packet *));
    rt->events = svr_alloc_zero(alloc, SVR_EVENTS_MAX, sizeof(svr_event));
    rt->history = svr_alloc_zero(alloc, SVR_HISTORY_MAX, sizeof(svr_event));
    if (keylog) rt->key_lines = svr_alloc_zero(alloc, SVR_KEY_LINES_MAX, SVR_KEY_LINE_MAX);
    if (rt->output && rt->events && rt->history && (!keylog || rt->key_lines)) return true;
    svr_runtime_fini(rt);
    return false;
}

void svr_runtime_fini(svr_runtime *rt) {
    for (; rt->output_n; rt->output_n--, rt->output_head++)
        svr_packet_put(rt->pool, rt->output[rt->output_head % SVR_OUTPUT_MAX]);
    if (rt->key_lines) svr_wipe(rt->key_lines, SVR_KEY_LINES_MAX * SVR_KEY_LINE_MAX);
    svr_alloc_free(rt->alloc, rt->key_lines);
    svr_alloc_free(rt->alloc, rt->alarms);
    svr_alloc_free(rt->alloc, rt->history);
    svr_alloc_free(rt->alloc, rt->events);
    svr_alloc_free(rt->alloc, rt->output);
    svr_timer_heap_fini(&rt->timers);
    *rt = (svr_runtime){0};
}

svr_wall svr_runtime_wall(const svr_runtime *rt) {
    return rt->wall_then + (svr_wall)(rt->now - rt->wall_at);
}

/* splitmix64: enough to keep timers apart. */
uint64_t svr_runtime_jitter(svr_runtime *rt, uint64_t bound) {
    uint64_t z = rt->jitter += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return bound ? z % bound : 0;
}

void svr_drop_packet(svr_runtime *rt, svr_packet *pkt, svr_drop reason) {
    svr_drop_count(rt, reason);
    svr_packet_put(rt->pool, pkt);
}

void svr_runtime_send(svr_runtime *rt, svr_packet *pkt, svr_ifid out, const svr_addr *next_hop) {
    if (rt->output_n == SVR_OUTPUT_MAX) {
        svr_drop_packet(rt, pkt, SVR_DROP_OUTPUT_FULL);
        return;
    }
    pkt->ifid = out;
    pkt->next_hop = *next_hop;
    rt->output[(rt->output_head + rt->output_n++) % SVR_OUTPUT_MAX] = pkt;
}

/* Sessions come and go by the thousand, and would push out what an operator looks for. */
static bool is_history(const svr_event *ev) {
    return ev->kind != SVR_EVENT_SESSION && ev->kind != SVR_EVENT_PAYLOAD_KEY;
}

/* An event is filled in after svr_runtime_event has returned, so it is copied when the next one comes, or
 * when somebody looks. */
static void settle(svr_runtime *rt) {
    const svr_event *ev = rt->unsettled;
    rt->unsettled = NULL;
    if (ev && is_history(ev)) rt->history[rt->history_n++ % SVR_HISTORY_MAX] = *ev;
}

size_t svr_runtime_history(svr_runtime *rt) {
    settle(rt);
    return rt->history_n < SVR_HISTORY_MAX ? rt->history_n : SVR_HISTORY_MAX;
}

const svr_event *svr_runtime_past_event(const svr_runtime *rt, size_t back) {
    assert(back < SVR_HISTORY_MAX && back < rt->history_n);
    return &rt->history[(rt->history_n - 1 - back) % SVR_HISTORY_MAX];
}

svr_event *svr_runtime_event(svr_runtime *rt, svr_event_kind kind) {
    settle(rt);
    if (rt->events_n == SVR_EVENTS_MAX) {
        rt->events_head = (rt->events_head + 1) % SVR_EVENTS_MAX;
        rt->events_n--;
        rt->events_lost++;
    }
    svr_event *ev = &rt->events[(rt->events_head + rt->events_n++) % SVR_EVENTS_MAX];
    *ev = (svr_event){
        .time = rt->now, .wall = svr_runtime_wall(rt), .kind = kind, .from = "", .to = "", .reason = ""};
    rt->unsettled = ev;
    return ev;
}

void svr_runtime_key_line(svr_runtime *rt, const char *format, ...) {
    if (!rt->keylog) return;
    if (rt->key_lines_n == SVR_KEY_LINES_MAX) {
        rt->key_lines_head = (rt->key_lines_head + 1) % SVR_KEY_LINES_MAX;
        rt->key_lines_n--;
        rt->key_lines_lost++;
    }
    va_list args;
    va_start(args, format);
    char *line = rt->key_lines[(rt->key_lines_head + rt->key_lines_n++) % SVR_KEY_LINES_MAX];
    int n = vsnprintf(line, SVR_KEY_LINE_MAX, format, args);
    va_end(args);
    assert(n >= 0 && n < SVR_KEY_LINE_MAX);
}

char *svr_hex(const void *p, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * len] = 0;
    return out;
}

/* SPDX-License-Identifier: MIT
 * Probes of a path's MTU (PD-PMTU): BFD packets of the size that is tried, under the peer key and with "don't
 * fragment". Whoever gets one answers with its size; nothing else is believed. */
#include "peer/peer_internal.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define PROBE_LEN 8 /* kind, zero, size, id; padding follows in a probe */
#define PROBE_REQUEST 1
#define PROBE_REPLY 2
#define TLV_HEADER_LEN 4
#define CLEAR_LEAST TLV_HEADER_LEN /* of the TLV in clear that makes up for whole cipher blocks */

static bool is_wanted(const svr_path *path) {
    return path->config->neighborhood && path->config->neighborhood->pmtu_discovery && !path->peer->sibling;
}

static void plan(svr_path *path) {
    svr_timer_set(&path->mtu_timer, &path->peer->all->rt->timers, path->mtu.due);
}

static void tell_change(svr_path *path, uint32_t before) {
    if (path->mtu.current == before) return;
    svr_event *ev = svr_path_event(path, SVR_EVENT_PATH_MTU);
    ev->value = path->mtu.current;
    snprintf(ev->detail, sizeof ev->detail, "%u before", before);
}

static void put_probe(svr_writer *w, uint8_t kind, uint32_t size, uint32_t id, size_t padding) {
    svr_write16(w, SVR_TLV_MTU_PROBE);
    svr_write16(w, (uint16_t)(PROBE_LEN + padding));
    svr_write8(w, kind);
    svr_write8(w, 0);
    svr_write16(w, (uint16_t)size);
    svr_write32(w, id);
    uint8_t *p = svr_write_space(w, padding);
    if (p) memset(p, 0, padding);
}

/* The padding of the probe grows the packet in steps of a cipher block; a TLV in clear fills the rest. */
static void send_probe(svr_path *path, uint32_t size) {
    uint8_t secret[TLV_HEADER_LEN + SVR_PACKET_LEN_MAX], clear[CLEAR_LEAST + SVR_AES_BLOCK] = {0};
    size_t least = svr_path_bfd_len(path, CLEAR_LEAST, TLV_HEADER_LEN + PROBE_LEN);
    if (size < least) return; /* no path is that narrow */
    size_t padding = (size - least) / SVR_AES_BLOCK * SVR_AES_BLOCK, rest = (size - least) % SVR_AES_BLOCK;
    svr_writer w = svr_writer_make(secret, sizeof secret);
    put_probe(&w, PROBE_REQUEST, size, path->mtu.id, padding);
    svr_put16(clear, SVR_TLV_PADDING);
    svr_put16(clear + 2, (uint16_t)rest);
    svr_path_send_whole(path, (svr_piece){clear, CLEAR_LEAST + rest},
                        (svr_piece){secret, (size_t)(w.p - secret)});
}

static void mtu_due(svr_timer *t, void *ctx, svr_time now) {
    svr_path *path = svr_container_of(t, svr_path, mtu_timer);
    uint32_t before = path->mtu.current, size = svr_pmtu_run(&path->mtu, now);
    (void)ctx;
    if (size && path->peer->ring.current) send_probe(path, size);
    tell_change(path, before);
    plan(path);
}

bool svr_path_mtu_init(svr_path *path) {
    uint32_t limit = path->config->local_if->mtu;
    svr_pmtu_init(&path->mtu, limit < SVR_PACKET_LEN_MAX ? limit : SVR_PACKET_LEN_MAX);
    return svr_timer_init(&path->mtu_timer, &path->peer->all->rt->timers, mtu_due);
}

void svr_path_mtu_fini(svr_path *path) {
    svr_timer_fini(&path->mtu_timer, &path->peer->all->rt->timers);
}

void svr_path_mtu_service(svr_path *path, bool in_service) {
    uint32_t before = path->mtu.current;
    if (!is_wanted(path)) return;
    if (in_service)
        svr_pmtu_start(&path->mtu, path->peer->all->rt->now);
    else
        svr_pmtu_stop(&path->mtu);
    tell_change(path, before);
    plan(path);
}

svr_drop svr_path_mtu_take(svr_path *path, const svr_tlv *tlv) {
    uint8_t reply[TLV_HEADER_LEN + PROBE_LEN];
    uint32_t before = path->mtu.current;
    if (tlv->len < PROBE_LEN || tlv->value[1]) return SVR_DROP_BFD_MALFORMED;
    uint32_t size = svr_get16(tlv->value + 2), id = svr_get32(tlv->value + 4);
    if (tlv->value[0] == PROBE_REQUEST) {
        svr_writer w = svr_writer_make(reply, sizeof reply);
        put_probe(&w, PROBE_REPLY, size, id, 0);
        svr_path_send(path, (svr_piece){0}, (svr_piece){reply, sizeof reply}, false);
        return SVR_DROP_NONE;
    }
    if (tlv->value[0] != PROBE_REPLY) return SVR_DROP_BFD_MALFORMED;
    if (svr_pmtu_answered(&path->mtu, size, id, path->peer->all->rt->now)) {
        tell_change(path, before);
        plan(path);
    }
    return SVR_DROP_NONE;
}

uint32_t svr_path_mtu(const svr_path *path) {
    return path->mtu.current;
}

void svr_path_mtu_doubt(svr_path *path, uint32_t mtu) {
    svr_pmtu_doubt(&path->mtu, mtu, path->peer->all->rt->now);
    plan(path);
}

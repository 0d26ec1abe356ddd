/* SPDX-License-Identifier: MIT
 * However packets are divided into batches, what leaves at the far end is the same as packet by packet: from
 * the first packet of a session on, for several flows mixed, whole and in parts. */
#include "forward_fixture.h"

#define PACKETS 160
#define SEEDS 60

static uint64_t state_of_chance;

static uint32_t chance(uint32_t bound) {
    state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state_of_chance >> 33) % bound;
}

static void draw(spec specs[PACKETS]) {
    static const uint8_t protos[] = {SVR_PROTO_TCP, SVR_PROTO_UDP, SVR_PROTO_ICMP};
    for (size_t i = 0; i < PACKETS; i++) {
        uint32_t flow = i && chance(3) ? specs[i - 1].sport - 1000u : chance(7);
        specs[i] = (spec){.proto = protos[flow % 3],
                          .src = flow % 2 ? "10.1.0.10" : "fd01::10",
                          .dst = flow % 2 ? "10.2.0.20" : "fd02::20",
                          .sport = (uint16_t)(1000 + flow),
                          .dport = 443,
                          .tcp_flags = 0x10,
                          .fill = chance(9) ? chance(1200) : 0,
                          .tos = (uint8_t)(chance(4) * 4)};
    }
}

static size_t batch_of(bool batched, size_t left) {
    size_t n = batched ? 1 + chance(SVR_BATCH_MAX) : 1;
    return n < left ? n : left;
}

/* Packets on one way to one router, from wire.at[0] on, go in together; one the other way goes by itself. */
static void cross(net *t, bool batched) {
    while (t->wire.n) {
        svr_packet *packets[SVR_BATCH_MAX];
        svr_ip infos[SVR_BATCH_MAX];
        line first = t->wire.at[0];
        size_t most = batch_of(batched, t->wire.n), n = 0;
        for (; n < most && t->wire.at[n].to == first.to && t->wire.at[n].in == first.in; n++) {
            packets[n] = packet_of(t, t->wire.at[n].bytes, t->wire.at[n].len);
            assert_int_equal(svr_ip_decode(packets[n]->data, packets[n]->len, &infos[n]), SVR_IP_OK);
        }
        t->wire.n -= n;
        memmove(t->wire.at, t->wire.at + n, t->wire.n * sizeof(line));
        svr_forward_wan(t->node[first.to].forward, &t->node[first.to].ifs[first.in], packets, infos, n);
        collect(t);
    }
}

static void run(net *t, const spec specs[PACKETS], bool batched) {
    for (size_t i = 0, n; i < PACKETS; i += n) {
        svr_packet *packets[SVR_BATCH_MAX];
        n = batch_of(batched, PACKETS - i);
        for (size_t k = 0; k < n; k++) {
            uint8_t bytes[LINE_MAX_BYTES];
            size_t len = build(&specs[i + k], bytes);
            packets[k] = packet_of(t, bytes, len);
        }
        svr_forward_lan(t->node[0].forward, &t->node[0].ifs[0], packets, n);
        collect(t);
        cross(t, batched);
    }
}

/* The identification counts datagrams of the router, its own ones among them. */
static void hide_identification(line *l) {
    if (l->bytes[0] >> 4 == 4) memset(l->bytes + 4, 0, 2), memset(l->bytes + 10, 0, 2);
}

static void test_forward_batches_give_what_single_packets_give(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        spec specs[PACKETS];
        int routers = seed % 2 ? 2 : 3;
        net *one = net_new(routers, 4), *many = net_new(routers, 4);
        state_of_chance = seed;
        draw(specs);
        run(one, specs, false);
        run(many, specs, true);
        assert_int_equal(one->lan.n, PACKETS);
        assert_int_equal(many->lan.n, PACKETS);
        for (size_t i = 0; i < PACKETS; i++) {
            line *a = &one->lan.at[i], *b = &many->lan.at[i];
            hide_identification(a);
            hide_identification(b);
            assert_int_equal(a->len, b->len);
            assert_memory_equal(a->bytes, b->bytes, a->len);
        }
        assert_int_equal(all_drops(many), 0);
        net_del(one);
        net_del(many);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_batches_give_what_single_packets_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

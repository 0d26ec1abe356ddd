/* SPDX-License-Identifier: MIT
 * The inspector (svr/inspect.h) looks at two routers' packets as a capture has them: with their key log it
 * reads everything, without it nothing, and it survives whatever it is given. */
#include "svr/inspect.h"
#include "svr/node.h"
#include "unit.h"

#include <stdio.h>

#define WALL (INT64_C(1735689600) * (svr_wall)SVR_SEC)
#define CAPTURE_MAX 600
#define LINES_MAX 200
#define FRAME_MAX 1500

static const char authority[] =
    "authority\n enhanced-security-key-management true\n"
    " security-key-management\n  key-exchange-algorithm\n   ecdh\n    curve X25519\n   exit\n  exit\n exit\n"
    " tenant corp\n exit\n"
    " service there\n  address 10.2.0.0/24\n  access-policy corp\n  exit\n exit\n"
    " service back\n  address 10.1.0.0/24\n  access-policy corp\n  exit\n exit\n"
    " router a\n  peering-common-name alias-a\n  node n\n"
    "   device-interface wan\n    network-interface wan\n     neighborhood net\n     exit\n"
    "     address 192.0.2.1\n      prefix-length 24\n     exit\n    exit\n   exit\n"
    "   device-interface lan\n    type tun\n    network-interface lan\n     tenant corp\n"
    "     address 10.1.0.1\n      prefix-length 24\n     exit\n    exit\n   exit\n  exit\n"
    "  service-route r\n   service-name there\n   peer b\n  exit\n"
    "  service-route l\n   service-name back\n   next-hop n lan\n   exit\n  exit\n exit\n"
    " router b\n  peering-common-name alias-b\n  node n\n"
    "   device-interface wan\n    network-interface wan\n     neighborhood net\n     exit\n"
    "     address 192.0.2.2\n      prefix-length 24\n     exit\n    exit\n   exit\n"
    "   device-interface lan\n    type tun\n    network-interface lan\n     tenant corp\n"
    "     address 10.2.0.1\n      prefix-length 24\n     exit\n    exit\n   exit\n  exit\n"
    "  service-route r\n   service-name back\n   peer a\n  exit\n"
    "  service-route l\n   service-name there\n   next-hop n lan\n   exit\n  exit\n exit\n";

/* A capture: packets and key log lines in the order they came. */
typedef struct frame {
    size_t len;
    uint8_t bytes[FRAME_MAX];
} frame;

typedef struct world {
    test_heap heap;
    svr_allocator alloc;
    svr_config *config;
    svr_env *env;
    svr_node *node[2];
    svr_time now;
    frame frames[CAPTURE_MAX];
    size_t n_frames, next;
    char lines[LINES_MAX][SVR_KEYLOG_LINE_MAX];
    size_t n_lines;
} world;

static void drain(world *w, int i) {
    svr_batch out = {0};
    while (w->n_lines < LINES_MAX && svr_node_next_key_line(w->node[i], w->lines[w->n_lines]))
        w->n_lines++;
    while (svr_node_output(w->node[i], &out, w->now)) {
        for (size_t k = 0; k < out.n; k++) {
            if (out.pkt[k]->ifid != 0) continue;
            assert_true(w->n_frames < CAPTURE_MAX && out.pkt[k]->len <= FRAME_MAX);
            frame *f = &w->frames[w->n_frames++];
            f->len = out.pkt[k]->len;
            memcpy(f->bytes, out.pkt[k]->data, f->len);
        }
        svr_batch_put(svr_env_pool(w->env), &out);
    }
}

static void input(world *w, int i, svr_ifid in, const uint8_t *bytes, size_t len) {
    svr_packet *p = svr_packet_get(svr_env_pool(w->env), len);
    memcpy(p->data, bytes, len);
    p->len = (uint32_t)len;
    svr_batch batch = {.n = 1, .pkt = {p}};
    svr_node_input(w->node[i], in, &batch, w->now);
    drain(w, i);
}

/* The wire takes no time. */
static void run(world *w, svr_duration span) {
    svr_time until = w->now + span;
    for (;;) {
        for (; w->next < w->n_frames; w->next++)
            input(w, w->frames[w->next].bytes[19] == 2, 0, w->frames[w->next].bytes, w->frames[w->next].len);
        svr_time t[2] = {svr_node_deadline(w->node[0]), svr_node_deadline(w->node[1])};
        int first = t[1] < t[0];
        if (t[first] > until) break;
        w->now = t[first];
        svr_node_expire(w->node[first], w->now);
        drain(w, first);
    }
    w->now = until;
}

static void send_text(world *w, int from, const char *text) {
    uint8_t b[200];
    size_t n = strlen(text);
    svr_ip_header ip = {.proto = SVR_PROTO_UDP, .ttl = 64, .l4_len = (uint16_t)(8 + n)};
    assert_true(svr_addr_parse(from ? "10.2.0.9" : "10.1.0.9", &ip.src));
    assert_true(svr_addr_parse(from ? "10.1.0.9" : "10.2.0.9", &ip.dst));
    svr_ip_encode(&ip, b);
    memcpy(b + 28, text, n);
    svr_udp_encode(b + 20, &ip.src, &ip.dst, from ? 53 : 4000, from ? 4000 : 53, n);
    input(w, from, 1, b, 28 + n);
    run(w, SVR_MS);
}

static int setup(void **state) {
    world *w = *state = calloc(1, sizeof *w);
    svr_config_error where;
    svr_error err;
    w->now = SVR_SEC;
    w->alloc = test_allocator(&w->heap);
    const svr_env_params params = {.alloc = &w->alloc, .packets_max = 1024};
    w->env = svr_env_new(&params);
    assert_int_equal(svr_config_parse(&w->alloc, authority, strlen(authority), &w->config, &where), 0);
    for (int i = 0; i < 2; i++) {
        const svr_node_params p = {
            .env = w->env, .config = w->config, .router = i ? "b" : "a", .wall = WALL, .keylog = true};
        assert_int_equal(svr_node_new(&p, w->now, &w->node[i], &err), 0);
        drain(w, i);
    }
    run(w, 5 * SVR_SEC);
    send_text(w, 0, "question");
    send_text(w, 1, "answer");
    send_text(w, 0, "next question");
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    svr_node_del(w->node[0]);
    svr_node_del(w->node[1]);
    svr_config_del(w->config);
    svr_env_del(w->env);
    size_t live = w->heap.live;
    free(w);
    return live ? -1 : 0;
}

static svr_inspector *make(world *w, bool keys) {
    svr_inspector *in = svr_inspector_new(&w->alloc);
    assert_non_null(in);
    for (size_t i = 0; keys && i < w->n_lines; i++)
        if (!svr_inspector_add_key(in, w->lines[i])) fail_msg("refused: %s", w->lines[i]);
    return in;
}

static void test_inspect_reads_everything_with_the_key_log(void **state) {
    world *w = *state;
    svr_inspector *in = make(w, true);
    svr_seen s;
    size_t kinds[16] = {0}, texts = 0;
    for (size_t i = 0; i < w->n_frames; i++) {
        svr_inspect(in, w->frames[i].bytes, w->frames[i].len, &s);
        assert_int_not_equal(s.kind, SVR_SEEN_OTHER);
        assert_false(s.malformed);
        if (s.has_key) {
            assert_int_equal(s.metadata, SVR_AUTH_GOOD);
            assert_string_equal(s.sender, s.outer.src.bytes[3] == 1 ? "alias-a" : "alias-b");
            assert_string_equal(s.receiver, s.outer.src.bytes[3] == 1 ? "alias-b" : "alias-a");
        }
        for (size_t k = 0; k < s.n_messages; k++)
            kinds[s.messages[k].kind & 15]++;
        if (s.kind == SVR_SEEN_BFD) assert_true(s.has_bfd);
        if (!s.has_payload) continue;
        static const char *const expected[] = {"question", "answer", "next question"};
        assert_int_equal(s.payload, SVR_AUTH_GOOD);
        assert_int_equal(s.text_len, strlen(expected[texts]));
        assert_memory_equal(s.text, expected[texts], s.text_len);
        assert_int_equal(s.forward, texts != 1);
        assert_int_equal(s.inner.dport, 53);
        assert_string_equal(s.service, "there");
        assert_string_equal(s.tenant, "corp");
        texts++;
    }
    assert_int_equal(texts, 3);
    for (uint8_t kind = 1; kind <= 7; kind++) /* CERT to METADATA_KEY_ACK */
        if (!kinds[kind]) fail_msg("no %s was seen", svr_seen_message_name(kind));
    svr_inspector_del(in);
}

/* Phases begin anew after 256 rotations: two keys of one name, whichever is logged last. And both ends log
 * keys, so that lines come twice. */
static void test_inspect_tries_all_keys_of_a_phase(void **state) {
    world *w = *state;
    for (int before = 0; before < 2; before++) {
        svr_inspector *in = svr_inspector_new(&w->alloc);
        size_t payloads = 0, others = 0;
        svr_seen s;
        for (size_t i = 0; i < w->n_lines; i++) {
            char other[SVR_KEYLOG_LINE_MAX];
            strcpy(other, w->lines[i]);
            char *digit = &other[strlen(other) - 1];
            *digit = *digit == '0' ? '1' : '0';
            bool payload = strncmp(other, "PAYLOAD_KEY", 11) == 0;
            if (payload && before) assert_true(svr_inspector_add_key(in, other));
            for (int twice = 0; twice < 2; twice++)
                assert_true(svr_inspector_add_key(in, w->lines[i]));
            if (payload && !before) assert_true(svr_inspector_add_key(in, other));
            others += payload;
        }
        assert_true(others > 0);
        for (size_t i = 0; i < w->n_frames; i++) {
            svr_inspect(in, w->frames[i].bytes, w->frames[i].len, &s);
            if (s.has_key) assert_int_equal(s.metadata, SVR_AUTH_GOOD);
            if (!s.has_payload) continue;
            assert_int_equal(s.payload, SVR_AUTH_GOOD);
            assert_non_null(s.text);
            payloads++;
        }
        assert_int_equal(payloads, 3);
        svr_inspector_del(in);
    }
}

static void test_inspect_without_keys_reads_what_is_in_clear(void **state) {
    world *w = *state;
    svr_inspector *in = make(w, false);
    svr_seen s;
    size_t certificates = 0;
    for (size_t i = 0; i < w->n_frames; i++) {
        svr_inspect(in, w->frames[i].bytes, w->frames[i].len, &s);
        assert_int_equal(s.metadata, s.has_key ? SVR_AUTH_NO_KEY : SVR_AUTH_NONE);
        assert_int_equal(s.text_len, 0);
        for (size_t k = 0; k < s.n_messages; k++)
            certificates += s.messages[k].kind == 1 && !s.messages[k].secret;
    }
    assert_true(certificates >= 2);
    svr_inspector_del(in);
}

/* CRY-HMAC, as a judge sees it: one bit anywhere behind the L4 header */
static void test_inspect_notices_every_flipped_bit(void **state) {
    world *w = *state;
    svr_inspector *in = make(w, true);
    svr_seen s;
    for (size_t i = 0; i < w->n_frames; i++) {
        svr_inspect(in, w->frames[i].bytes, w->frames[i].len, &s);
        bool hop = s.metadata == SVR_AUTH_GOOD; /* its HMAC covers the payload's, which holds for itself */
        if (!hop && s.payload != SVR_AUTH_GOOD) continue;
        for (size_t n = 28; n < w->frames[i].len; n++) {
            frame bent = w->frames[i];
            bent.bytes[n] ^= (uint8_t)(1 << n % 8);
            svr_inspect(in, bent.bytes, bent.len, &s);
            assert_true(s.malformed || (hop ? s.metadata : s.payload) != SVR_AUTH_GOOD);
        }
    }
    svr_inspector_del(in);
}

static void test_inspect_survives_cut_packets_and_odd_lines(void **state) {
    world *w = *state;
    svr_inspector *in = make(w, true);
    svr_seen s;
    for (size_t i = 0; i < w->n_frames; i += 3) {
        for (size_t n = 0; n < w->frames[i].len; n++) {
            uint8_t *exact = malloc(n + 1);
            memcpy(exact, w->frames[i].bytes, n);
            svr_inspect(in, exact, n, &s);
            free(exact);
        }
    }
    static const char *const odd[] = {"",
                                      "LIFE",
                                      "LIFE a zz",
                                      "PEER_KEY a b x 00 00",
                                      "PEER_KEY a b 1 0011223344556677 00",
                                      "METADATA_KEY a 99999999999 00 00 00",
                                      "PAYLOAD_KEY 00 256 sha384 00",
                                      "PAYLOAD_KEY d0d1d2d3d4d5d6d7d8d9dadbdcdddedf 1 md5 00",
                                      "WHAT is this"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(svr_inspector_add_key(in, odd[i]));
    for (size_t i = 0; i < w->n_lines; i++) {
        char line[SVR_KEYLOG_LINE_MAX];
        for (size_t n = 0; n + 1 < strlen(w->lines[i]); n += 7) {
            snprintf(line, sizeof line, "%.*s", (int)n, w->lines[i]);
            assert_false(svr_inspector_add_key(in, line));
        }
    }
    svr_inspector_del(in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inspect_reads_everything_with_the_key_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inspect_tries_all_keys_of_a_phase, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inspect_without_keys_reads_what_is_in_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inspect_notices_every_flipped_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inspect_survives_cut_packets_and_odd_lines, setup, teardown),
    };
    return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}

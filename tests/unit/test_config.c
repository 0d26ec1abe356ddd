/* SPDX-License-Identifier: MIT
 * core/config: the language, its samples, its refusals. */
#include "config/schema.h"
#include "svr/config.h"
#include "unit.h"

#include <stdio.h>

#define TEXT_MAX 65536

/* Reads a sample file; tests run from the project's folder. */
static size_t read_sample(const char *name, char out[TEXT_MAX]) {
    char path[256];
    snprintf(path, sizeof path, "tests/unit/samples/%s", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, TEXT_MAX - 1, f);
    fclose(f);
    out[n] = 0;
    return n;
}

static svr_config *load(const svr_allocator *alloc, const char *text, size_t len) {
    svr_config *config;
    svr_config_error err;
    if (svr_config_parse(alloc, text, len, &config, &err))
        fail_msg("%u:%u: %s", err.line, err.column, err.message);
    return config;
}

static svr_config *load_sample(const svr_allocator *alloc, const char *name) {
    static char text[TEXT_MAX];
    size_t n = read_sample(name, text);
    return load(alloc, text, n);
}

/* CFG-SAMPLES, CFG-ENABLE, CFG-PCN */
static void test_config_loads_the_samples_of_the_spec_as_they_stand(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_config *c = load_sample(&alloc, "sample-enable.conf");
    assert_true(c->enhanced_security);
    svr_config_del(c);
    c = load_sample(&alloc, "sample-peering-common-name.conf");
    assert_string_equal(svr_config_router(c, "combo-east")->peering_common_name, "second-fake-alias-2");
    svr_config_del(c);
    c = load_sample(&alloc, "sample-rekeying.conf");
    assert_int_equal(c->keys.peer_key_rekey_hours, 24);
    svr_config_del(c);
    c = load_sample(&alloc, "sample-default.conf");
    assert_int_equal(c->n_routers, 3);
    assert_string_equal(svr_config_router(c, "combo-west")->peering_common_name, "second-fake-alias-3");
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* CFG-SAMPLES: an operator who follows the spec pastes one sample after the other. */
static void test_config_loads_the_samples_one_after_the_other(void **state) {
    (void)state;
    static const char *const samples[] = {"sample-enable.conf", "sample-peering-common-name.conf",
                                          "sample-rekeying.conf", "sample-default.conf",
                                          "sample-default.conf"};
    static char text[TEXT_MAX], one[TEXT_MAX];
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    size_t len = 0;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        size_t n = read_sample(samples[i], one);
        assert_true(len + n < sizeof text);
        memcpy(text + len, one, n);
        len += n;
    }
    svr_config *c = load(&alloc, text, len);
    assert_true(c->enhanced_security);
    assert_int_equal(c->n_routers, 3);
    assert_int_equal(svr_config_router(c, "RTR_EAST_CONDUCTOR")->n_nodes, 1);
    assert_string_equal(svr_config_router(c, "RTR_EAST_CONDUCTOR")->peering_common_name, "");
    assert_null(svr_config_router(c, "combo"));
    assert_null(svr_config_node(svr_config_router(c, "combo-east"), NULL));
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* CFG-PAYLOAD-REKEY, CFG-PEER-REKEY, CFG-RETRANSMIT, CFG-TIMEOUT, CFG-INVALID-CERT, CFG-KEX: defaults and
 * given values */
static void test_config_key_management_has_defaults_and_takes_values(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_config *c = load(&alloc, "authority\n", 10);
    assert_false(c->enhanced_security);
    assert_int_equal(c->keys.payload_key_rekey_hours, 24);
    assert_int_equal(c->keys.peer_key_rekey_hours, 24);
    assert_int_equal(c->keys.retransmit_seconds, 30);
    assert_int_equal(c->keys.timeout_seconds, 3600);
    assert_int_equal(c->keys.invalid_certificate, SVR_FAIL_SOFT);
    assert_int_equal(c->keys.kex, SVR_KEX_DH);
    assert_int_equal(c->keys.dh_bits, 4096);
    svr_config_del(c);
    static const char text[] =
        "authority\nsecurity-key-management\n payload-key-rekey-interval never\n"
        " peer-key-rekey-interval 720\n peer-key-retransmit-interval 5\n peer-key-timeout 60\n"
        " invalid-certificate-behavior fail-hard\n"
        " key-exchange-algorithm\n  ecdh\n   curve X25519\n";
    c = load(&alloc, text, sizeof text - 1);
    assert_int_equal(c->keys.payload_key_rekey_hours, SVR_REKEY_NEVER);
    assert_int_equal(c->keys.peer_key_rekey_hours, 720);
    assert_int_equal(c->keys.retransmit_seconds, 5);
    assert_int_equal(c->keys.timeout_seconds, 60);
    assert_int_equal(c->keys.invalid_certificate, SVR_FAIL_HARD);
    assert_int_equal(c->keys.kex, SVR_KEX_X25519);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* CFG-KEX: each choice, and what it is without its inner value. */
static void test_config_selects_the_key_exchange(void **state) {
    (void)state;
    static const struct {
        const char *text;
        svr_kex_algorithm kex;
        uint32_t dh_bits;
    } cases[] = {
        {"diffie-hellman\n", SVR_KEX_DH, 4096},
        {"diffie-hellman\ndh-key-size 1024\n", SVR_KEX_DH, 1024},
        {"diffie-hellman\ndh-key-size 2048\n", SVR_KEX_DH, 2048},
        {"diffie-hellman\ndh-key-size 4096\n", SVR_KEX_DH, 4096},
        {"ecdh\n", SVR_KEX_ECDH_P521, 4096},
        {"ecdh\ncurve P-521\n", SVR_KEX_ECDH_P521, 4096},
        {"ecdh\ncurve X25519\n", SVR_KEX_X25519, 4096},
    };
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[160];
        int n = snprintf(text, sizeof text, "authority\nsecurity-key-management\nkey-exchange-algorithm\n%s",
                         cases[i].text);
        svr_config *c = load(&alloc, text, (size_t)n);
        assert_int_equal(c->keys.kex, cases[i].kex);
        assert_int_equal(c->keys.dh_bits, cases[i].dh_bits);
        svr_config_del(c);
    }
    assert_int_equal(heap.live, 0);
}

/* CFG-PAYLOAD-REKEY, CFG-PEER-REKEY, CFG-RETRANSMIT, CFG-TIMEOUT: the ends of each range are in it, their
 * neighbours are not. */
static void test_config_ranges_end_where_the_spec_says(void **state) {
    (void)state;
    static const struct {
        const char *word;
        uint32_t min, max;
    } ranges[] = {{"payload-key-rekey-interval", 1, 720},
                  {"peer-key-rekey-interval", 1, 720},
                  {"peer-key-retransmit-interval", 5, 3600},
                  {"peer-key-timeout", 1, 1000000}};
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const uint32_t values[] = {ranges[i].min - 1, ranges[i].min, ranges[i].max, ranges[i].max + 1};
        for (size_t k = 0; k < 4; k++) {
            char text[120];
            svr_config *c;
            svr_config_error err;
            int n = snprintf(text, sizeof text, "authority\nsecurity-key-management\n%s %u", ranges[i].word,
                             values[k]);
            bool good = svr_config_parse(&alloc, text, (size_t)n, &c, &err) == 0;
            assert_int_equal(good, k == 1 || k == 2);
            svr_config_del(c);
        }
    }
    assert_int_equal(heap.live, 0);
}

static void test_config_example_holds_what_it_says(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    char text[SVR_ADDR_TEXT_MAX];
    svr_config *c = load_sample(&alloc, "authority-example.conf");
    const svr_router_config *hub = svr_config_router(c, "hub"), *east = svr_config_router(c, "spoke-east");
    assert_string_equal(c->name, "lab");
    assert_string_equal(c->trusted_ca[0].file, "lab-root.pem");
    assert_int_equal(hub->bfd.multiplier, 3);
    assert_int_equal(hub->bfd.link_test_seconds, 10);
    assert_int_equal(hub->bfd.link_test_length, 10);
    const svr_interface *wan = &svr_config_node(hub, "hub-1")->interfaces[0];
    assert_string_equal(wan->target, "eth0");
    assert_int_equal(wan->neighborhoods[0].topology, SVR_TOPOLOGY_HUB);
    assert_true(wan->neighborhoods[0].pmtu_discovery);
    assert_string_equal(svr_addr_format(&wan->addresses[0].gateway, text), "172.16.0.254");
    assert_string_equal(svr_config_node(hub, NULL)->interfaces[1].tenant->name, "corp");
    const svr_service *erp = &c->services[0];
    assert_int_equal(erp->transports[0].proto, 6);
    assert_int_equal(erp->transports[0].ports[0].first, 443);
    assert_int_equal(erp->transports[0].ports[0].last, 443);
    assert_ptr_equal(erp->access[0], &c->tenants[0]);
    assert_ptr_equal(erp->policy, &c->policies[0]);
    assert_string_equal(erp->policy->vectors[0].name, "broadband");
    assert_int_equal(erp->policy->vectors[0].priority, 10);
    assert_int_equal(hub->routes[0].hops[0].kind, SVR_HOP_INTERFACE);
    assert_ptr_equal(hub->routes[0].hops[0].out, &hub->nodes[0].interfaces[1]);
    assert_int_equal(east->routes[0].hops[0].kind, SVR_HOP_PEER);
    assert_ptr_equal(east->routes[0].hops[0].peer, &east->peers[0]);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

static void test_config_service_policy_has_limits_or_none(void **state) {
    static const char text[] =
        "authority\nservice-policy none\nexit\nservice-policy all\n max-latency 100\n max-jitter 20\n"
        " max-loss 2\n session-resiliency failover\n path-quality-filter false\nexit\n"
        "service s\n service-policy all\nexit\nservice t\nexit\nrouter a\n node n\n";
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_config *c;
    svr_config_error err;
    assert_int_equal(svr_config_parse(&alloc, text, strlen(text), &c, &err), 0);
    const svr_service_policy *none = &c->policies[0], *all = &c->policies[1];
    assert_true(none->filter && none->resiliency == SVR_RESILIENCY_REVERTIBLE && none->n_vectors == 0);
    assert_true(none->max_latency_ms == SVR_NO_LIMIT && none->max_loss_percent == SVR_NO_LIMIT);
    assert_int_equal(all->max_latency_ms, 100);
    assert_int_equal(all->max_jitter_ms, 20);
    assert_int_equal(all->max_loss_percent, 2);
    assert_true(!all->filter && all->resiliency == SVR_RESILIENCY_FAILOVER);
    assert_ptr_equal(c->services[0].policy, all);
    assert_null(c->services[1].policy);
    assert_int_equal(c->routers[0].bfd.link_test_seconds, 0); /* no limit counts: nothing is measured */
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* CFG-PEERS-AUTO: the hub sees both WAN addresses of the spoke, the spoke reaches the hub over both. */
static void test_config_generates_peers_from_neighborhoods(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    char text[SVR_ADDR_TEXT_MAX];
    svr_config *c = load_sample(&alloc, "authority-example.conf");
    const svr_peer_config *east = &svr_config_router(c, "hub")->peers[0];
    assert_string_equal(east->name, "spoke-east");
    assert_string_equal(east->peering_common_name, "alias-east");
    assert_true(east->generated);
    assert_int_equal(east->n_paths, 2);
    assert_string_equal(svr_addr_format(&east->paths[0].remote, text), "172.16.1.5");
    assert_string_equal(svr_addr_format(&east->paths[1].remote, text), "100.64.3.9");
    assert_string_equal(east->paths[1].remote_if, "mobile");
    const svr_router_config *spoke = svr_config_router(c, "spoke-east");
    const svr_peer_config *hub = &spoke->peers[0];
    assert_int_equal(spoke->n_peers, 1);
    assert_int_equal(hub->n_paths, 2);
    assert_ptr_equal(hub->paths[0].local_if, &spoke->nodes[0].interfaces[0]);
    assert_ptr_equal(hub->paths[1].local_if, &spoke->nodes[0].interfaces[1]);
    assert_string_equal(hub->paths[1].neighborhood->vector, "lte");
    assert_string_equal(svr_addr_format(&hub->paths[1].remote, text), "172.16.0.1");
    assert_ptr_equal(hub->paths[1].peer, hub);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* One router on 192.0.2.N in the neighborhood "net". */
#define ROUTER(name, topology, address)                                                                      \
    "router " name "\n peering-common-name alias-" name                                                      \
    "\n node n\n  device-interface w\n   network-interface w\n"                                              \
    "    neighborhood net\n     topology " topology "\n    exit\n    address " address                       \
    "\n    exit\n   exit\n  exit\n exit\nexit\n"

static size_t peers_of(const svr_config *c, const char *name) {
    return svr_config_router(c, name)->n_peers;
}

/* CFG-PEERS-AUTO, CFG-ENABLE (off: nobody needs an alias) */
static void test_config_topology_decides_who_peers(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    static const char text[] = "authority\n" ROUTER("h1", "hub", "192.0.2.1") ROUTER("h2", "hub", "192.0.2.2")
        ROUTER("s1", "spoke", "192.0.2.3") ROUTER("s2", "spoke", "192.0.2.4") ROUTER("m", "mesh", "192.0.2.5")
            ROUTER("v6", "mesh", "2001:db8::1");
    svr_config *c = load(&alloc, text, sizeof text - 1);
    assert_int_equal(peers_of(c, "h1"), 4); /* the other hub, both spokes, the mesh router */
    assert_int_equal(peers_of(c, "h2"), 4);
    assert_int_equal(peers_of(c, "s1"), 3); /* both hubs, the mesh router; not the other spoke */
    assert_int_equal(peers_of(c, "s2"), 3);
    assert_int_equal(peers_of(c, "m"), 4);
    assert_int_equal(peers_of(c, "v6"), 0); /* speaks no family that another does */
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* Without adjacencies of its own a peer by hand is the generated one; with some, they are its paths. */
static void test_config_takes_peers_by_hand(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    char remote[SVR_ADDR_TEXT_MAX];
    static const char text[] = "authority\nenhanced-security-key-management true\n" ROUTER("b", "mesh",
                                                                                           "192.0.2.2")
        ROUTER("c", "mesh",
               "192.0.2.3") "router a\n peering-common-name x\n peer far\n"
                            "  peering-common-name alias-far\n exit\n peer later\n exit\n peer b\n  "
                            "peering-common-name alias-b\n exit\n"
                            " peer c\n exit\n node n\n device-interface w\n network-interface w\n address "
                            "192.0.2.1\n exit\n"
                            " address 2001:db8::1\n exit\n neighborhood net\n adjacency 198.51.100.7\n  peer "
                            "far\n exit\n"
                            " adjacency 2001:db8::7\n  peer far\n exit\n adjacency 203.0.113.3\n  peer c\n";
    svr_config *c = load(&alloc, text, sizeof text - 1);
    const svr_router_config *a = svr_config_router(c, "a");
    assert_int_equal(a->n_peers, 4);
    const svr_peer_config *b = &a->peers[0], *pc = &a->peers[1], *far = &a->peers[2], *later = &a->peers[3];
    assert_string_equal(b->name, "b");
    assert_true(b->generated);
    assert_int_equal(b->n_paths, 1);
    assert_string_equal(b->paths[0].remote_if, "w");
    assert_string_equal(pc->peering_common_name, "alias-c"); /* from the text of router c */
    assert_false(pc->generated);
    assert_int_equal(pc->n_paths, 1);
    assert_string_equal(svr_addr_format(&pc->paths[0].remote, remote), "203.0.113.3");
    assert_string_equal(far->peering_common_name, "alias-far");
    assert_false(far->generated);
    assert_int_equal(far->n_paths, 2); /* each from the local address of its family */
    assert_int_equal(far->paths[1].local.family, 6);
    assert_string_equal(far->paths[0].remote_if, "");
    assert_ptr_equal(far->paths[0].peer, far);
    assert_int_equal(later->n_paths, 0);
    assert_false(later->generated);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* Without key exchange the name of a router that has none may be given by hand. */
static void test_config_takes_a_common_name_by_hand_where_there_is_none(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    static const char text[] = "authority\nrouter b\nexit\nrouter a\npeer b\npeering-common-name x\n";
    svr_config *c = load(&alloc, text, sizeof text - 1);
    assert_string_equal(svr_config_router(c, "a")->peers[0].peering_common_name, "x");
    assert_int_equal(svr_config_router(c, "a")->peers[0].n_paths, 0); /* they share no neighborhood */
    assert_false(svr_config_router(c, "a")->peers[0].generated);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

#define WITH_IF "authority\nrouter a\nnode n\ndevice-interface d\nnetwork-interface i\n"

/* CFG-REJECT: place, what was found, what is allowed. */
static const struct refusal {
    const char *text;
    uint32_t line, column;
    const char *message; /* a part of it */
} refusals[] = {
    {"authority\nsecurity-key-management\n peer-key-retransmit-interval 4\n", 3, 31,
     "4 is out of range; allowed: 5-3600 seconds"},
    {"authority\nsecurity-key-management\n peer-key-retransmit-interval 3601\n", 3, 31,
     "allowed: 5-3600 seconds"},
    {"authority\nsecurity-key-management\n peer-key-rekey-interval 721\n", 3, 26,
     "allowed: 1-720 hours, or never"},
    {"authority\nsecurity-key-management\n payload-key-rekey-interval 0\n", 3, 29,
     "allowed: 1-720 hours, or never"},
    {"authority\nsecurity-key-management\n peer-key-timeout\n", 3, 2,
     "needs a value; allowed: 1-1000000 seconds"},
    {"authority\nsecurity-key-management\n invalid-certificate-behavior fail\n", 3, 31,
     "fail-soft, fail-hard"},
    {"authority\nenhanced-security-key-management yes\n", 2, 34, "true, false"},
    {"authority\nenhanced-securty-key-management true\n", 2, 1,
     "did you mean enhanced-security-key-management?"},
    {"authority\nenhanced-securty-key-management true\n", 2, 1,
     "enhanced-security-key-management? allowed: name, description"},
    {"authority\nzzzzzzzzzzz true\n", 2, 1, "in authority; allowed: name, description"},
    {"authority\nzzzzzzzzzzz true\n", 2, 1, "trusted-ca-certificate, ..."}, /* cut between words */
    {"authority\nrouter a\nxyz 1\n", 3, 1, "in router; allowed"},           /* nothing is near */
    {"authority\nrouter a\nbfd\ntennant x\n", 4, 1, "in bfd; did you mean tenant?"},
    {"authority\nexti\n", 2, 1, "did you mean exit?"},
    {"authority\n \033[31mred x\n", 2, 2, "control character 0x1b"},
    {"# noise \001", 1, 9, "control character 0x01"}, /* in a comment, too */
    {"", 1, 1, "nothing is configured here; expected: config or authority"},
    {"# later\n\n", 1, 1, "nothing is configured here"},
    {"authority\nsecurity-key-management\n peer-key-timeout 1h\n", 3, 19,
     "1h is not a number; allowed: 1-1000000 seconds"},
    {"authority\nrouter \"a b\"\n", 2, 8, "a name of 1-63 characters without blanks"},
    {"authority\nrouter a\007\n", 2, 9, "control character 0x07"},
    {"exit\n", 1, 1, "exit without an open block"},
    {"authority\nrouter\n", 2, 1, "router needs a value"},
    {"authority\nrouter a b\n", 2, 10, "takes 1 word"},
    {"authority\nrouter a\n name b\n", 3, 7, "does not repeat the block's own name; allowed: a"},
    {"authority\nrouter a\n description \"x\n", 3, 14, "not closed"},
    {"authority\nservice s\n address 10.0.0.0/33\n", 3, 10, "ADDRESS/LENGTH"},
    {"authority\nservice s\n security none\n", 3, 11, "there is no security \"none\""},
    {"authority\nservice s\n access-policy t\n", 3, 16, "there is no tenant \"t\""},
    {"authority\nservice s\n transport tcp\n port-range 9\n end-port 8\n", 5, 11, "allowed: 9-65535"},
    {"authority\nrouter a\n service-route r\n  service-name x\n", 4, 16, "there is no service \"x\""},
    {"authority\nservice s\nexit\nrouter a\n service-route r\n service-name s\n peer b\n", 7, 7,
     "has no peer \"b\""},
    {"authority\nservice s\nexit\nrouter a\n service-route r\n service-name s\n next-hop n i\n", 7, 11,
     "node \"n\" of this router has no network-interface \"i\""},
    {"authority\nservice s\nexit\nrouter a\n service-route r\n service-name s\n next-hop n i\n  "
     "interface j\n",
     8, 13, "interface: j differs from the block's; allowed: i"},
    {"authority\nservice s\n transport tcp\n  protocol udp\n", 4, 12, "allowed: tcp"},
    {"authority\nrouter a\nnode n\ndevice-interface d\nnetwork-interface f\ntype fabric\nneighborhood x\n", 7,
     1, "f is of type fabric; allowed: addresses only"}, /* PD-HA */
    {"authority\nrouter a\npeering-common-name p2345678901234567890123456789012\n"
     "node n2345678901234567890123456789012\ndevice-interface d\nnetwork-interface f\ntype fabric\n",
     6, 19, "too long for a router with two nodes; allowed: 62 characters"},
    {"authority\nservice-policy p\n max-loss 101\n", 3, 11, "allowed: 0-100 percent"},
    {"authority\nservice-policy p\n session-resiliency x\n", 3, 21,
     "allowed: none, failover, revertible-failover"},
    {"authority\nservice s\n service-policy x\n", 3, 17, "there is no service-policy \"x\""},
    {"authority\nrouter a\n service-route r\n", 3, 2, "service-route r needs a service-name"},
    {WITH_IF "address 10.0.0.1\nprefix-length 33\n", 7, 15, "33 is out of range; allowed: 0-32 bits"},
    {WITH_IF "address 10.0.0.1\ngateway ::1\n", 7, 9, "allowed: IPv4"},
    {WITH_IF "address 10.0.0.1\nip-address 10.0.0.2\n", 7, 12, "allowed: 10.0.0.1"},
    {WITH_IF "address 10.0.0.256\n", 6, 9, "an IPv4 or IPv6 address"},
    {WITH_IF "neighborhood x\nadjacency 192.0.2.1\npeer p\n", 8, 6, "there is no peer \"p\""},
    {WITH_IF "neighborhood x\nadjacency 192.0.2.1\n", 7, 1, "adjacency 192.0.2.1 needs a peer"},
    {WITH_IF "neighborhood x\nadjacency 192.0.2.1\nip-address 192.0.2.2\n", 8, 12, "allowed: 192.0.2.1"},
    {WITH_IF "address 10.0.0.1\nexit\nneighborhood x\nadjacency ::2\npeer "
             "p\nexit\nexit\nexit\nexit\nexit\npeer p\n",
     9, 11, "network-interface i has no address of that family"},
    {"authority\nrouter a\npeer a\n", 3, 6, "names itself as its peer"},
    {"authority\nrouter a\npeering-common-name x\npeer b\npeering-common-name x\n", 5, 21,
     "x is that of router a already"},
    {"authority\nrouter a\npeer b\npeering-common-name x\nexit\npeer c\npeering-common-name x\n", 7, 21,
     "x is that of router b already"},
    {"authority\nrouter a\npeering-common-name x\nexit\nrouter b\npeering-common-name x\n", 6, 21,
     "x is that of router a already"},
    {"authority\nrouter b\npeering-common-name x\nexit\nrouter a\npeer b\npeering-common-name y\n", 7, 21,
     "y is not that of router b; allowed: x"},
    {"authority\nrouter a\nexit\nexit\nrouter a\n", 5, 1, "inside the authority and outside"},
    {WITH_IF "tenant t\n", 6, 8, "there is no tenant \"t\""},
    {WITH_IF "inter-router-security x\n", 6, 23, "there is no security \"x\""},
    {WITH_IF "mtu 1279\n", 6, 5, "1280-9000 bytes"},
    {WITH_IF "address 10.0.0.1\nexit\nexit\nnetwork-interface j\naddress 10.0.0.1\n", 10, 9,
     "node n has it on network-interface i already"},
    {WITH_IF "address ::1\nexit\naddress 0::1\n", 8, 9, "already; allowed: once"},
    {WITH_IF "exit\nexit\ndevice-interface e\nnetwork-interface i\n", 9, 19,
     "stands in device-interface d already"},
    {WITH_IF "neighborhood x\ntopology star\n", 7, 10, "mesh, hub, spoke"},
    {WITH_IF "neighborhood x\nport-range 20000\nend-port 20000\n", 8, 10,
     "20000 is too low for a range from 20000; allowed: 20001-65534"},
    {WITH_IF "neighborhood x\nport-range 16383\n", 7, 12, "allowed: 16384-65533"},
    {WITH_IF "neighborhood x\nport-range 16384\nend-port 65535\n", 8, 10, "allowed: 16385-65534"},
    {WITH_IF "neighborhood x\nport-range 16384\nexit\nport-range 30000\nend-port 29999\n", 10, 10,
     "allowed: 30001-65534"},
    {"config\nauthority\nexit\nexit\nauthority\n", 5, 1, "a second authority"},
};

static void test_config_refuses_with_the_place_and_the_allowed_values(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        svr_config *c = (svr_config *)1;
        svr_config_error err;
        assert_int_equal(svr_config_parse(&alloc, r->text, strlen(r->text), &c, &err), -1);
        assert_null(c);
        if (err.line != r->line || err.column != r->column || !strstr(err.message, r->message))
            fail_msg("case %zu: %u:%u: %s", i, err.line, err.column, err.message);
        assert_int_equal(heap.live, 0);
    }
}

/* What a text says twice counts once. */
static void test_config_merges_what_is_written_twice(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    static const char text[] = "config\nauthority\nservice s\naddress 10.0.0.0/8\n"
                               "config\nauthority\nservice s\naddress 10.0.0.0/8\naddress 2001:db8::1\n"
                               "authority\nname first\nname second\n";
    svr_config *c = load(&alloc, text, sizeof text - 1);
    assert_string_equal(c->name, "second");
    assert_int_equal(c->n_services, 1);
    assert_int_equal(c->services[0].n_prefixes, 2);
    assert_int_equal(c->services[0].prefixes[0].len, 8);
    assert_int_equal(c->services[0].prefixes[1].len, 128); /* an address alone */
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

static void test_config_takes_the_first_of_several_port_ranges(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    static const char text[] = WITH_IF "neighborhood one\nport-range 20000\nend-port 20001\nexit\n"
                                       "port-range 30000\nexit\nexit\nneighborhood two\n";
    svr_config *c = load(&alloc, text, sizeof text - 1);
    const svr_neighborhood *n = c->routers[0].nodes[0].interfaces[0].neighborhoods;
    assert_int_equal(n[0].ports.first, 20000); /* the block's key, without a start-port */
    assert_int_equal(n[0].ports.last, 20001);
    assert_int_equal(n[1].ports.first, 16384);
    assert_int_equal(n[1].ports.last, 65534);
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

static void test_config_keeps_the_order_of_next_hops(void **state) {
    (void)state;
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    static const char text[] = WITH_IF "exit\nexit\nexit\npeer b\nexit\npeer c\nexit\n"
                                       "service-route r\nservice-name s\npeer c\nnext-hop n i\n"
                                       "gateway-ip 192.0.2.9\nexit\npeer b\npeer c\nexit\nexit\nservice s\n";
    svr_config *c = load(&alloc, text, sizeof text - 1);
    const svr_service_route *r = &c->routers[0].routes[0];
    assert_int_equal(r->n_hops, 3); /* c is written twice */
    assert_string_equal(r->hops[0].peer->name, "c");
    assert_int_equal(r->hops[1].kind, SVR_HOP_INTERFACE);
    assert_int_equal(r->hops[1].gateway.family, 4);
    assert_string_equal(r->hops[2].peer->name, "b");
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
}

/* An interface's number has 16 bits. */
static void test_config_bounds_the_interfaces_of_a_node(void **state) {
    (void)state;
    enum { DEVICES = 256, LINE = 32 };
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    size_t size = (size_t)LINE * DEVICES * (DEVICES + 1), n = 0;
    char *text = malloc(size);
    n += (size_t)snprintf(text, size, "router a\nnode n\n");
    for (int d = 0; d < DEVICES; d++) {
        n += (size_t)snprintf(text + n, size - n, "device-interface %d\n", d);
        for (int i = 0; i < DEVICES; i++)
            n += (size_t)snprintf(text + n, size - n, "network-interface %d\n", i);
    }
    svr_config *c;
    svr_config_error err;
    assert_int_equal(svr_config_parse(&alloc, text, n, &c, &err), -1);
    assert_string_equal(err.message, "node n has 65536 network-interfaces; allowed: 0-65535");
    free(text);
    assert_int_equal(heap.live, 0);
}

static void test_config_wants_a_common_name_of_peers_that_exchange_keys(void **state) { /* CFG-PCN */
    (void)state;
    static const char text[] = "authority\nenhanced-security-key-management true\n" ROUTER(
        "a", "mesh", "192.0.2.1") "router b\nnode n\ndevice-interface d\nnetwork-interface i\nneighborhood "
                                  "net\nexit\naddress 192.0.2.2\n";
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_config *c;
    svr_config_error err;
    assert_int_equal(svr_config_parse(&alloc, text, sizeof text - 1, &c, &err), -1);
    assert_non_null(strstr(err.message, "b has no peering-common-name"));
    assert_int_equal(heap.live, 0);
}

/* Whatever the text: a model (true), or an error that fits its field and has a place, and no memory left
 * behind. */
static bool parse_and_forget(const char *text, size_t len, test_heap *heap) {
    svr_allocator alloc = test_allocator(heap);
    svr_config *c;
    svr_config_error err;
    bool good = svr_config_parse(&alloc, text, len, &c, &err) == 0;
    if (!good) {
        bool no_memory = strcmp(err.message, "out of memory") == 0;
        assert_true(no_memory == (err.line == 0) && no_memory == (err.column == 0));
        assert_in_range(strlen(err.message), 1, sizeof err.message - 2);
        for (const char *p = err.message; *p; p++)
            assert_true((unsigned char)*p >= ' ');
    }
    svr_config_del(c);
    assert_int_equal(heap->live, 0);
    return good;
}

/* The example, and a router with peers and paths by hand. */
static size_t read_everything(char out[TEXT_MAX]) {
    static const char more[] = "\nauthority\nrouter x\npeering-common-name px\npeer far\n"
                               "peering-common-name alias-far\nexit\nnode n\ndevice-interface w\n"
                               "network-interface w\naddress 192.0.2.1\nexit\naddress 2001:db8::1\nexit\n"
                               "neighborhood net\nport-range 20000\nexit\nport-range 30000\nexit\n"
                               "adjacency 2001:db8::2\nip-address 2001:db8::2\npeer far\n";
    size_t n = read_sample("authority-example.conf", out), outer = strlen("exit\n");
    assert_true(n + sizeof more < TEXT_MAX);
    memcpy(out + n - outer, more, sizeof more); /* in place of the last exit */
    return n - outer + sizeof more - 1;
}

static void test_config_survives_every_truncation(void **state) {
    (void)state;
    static char text[TEXT_MAX];
    test_heap heap = {0};
    size_t len = read_everything(text);
    svr_allocator alloc = test_allocator(&heap);
    svr_config_del(load(&alloc, text, len));
    for (size_t n = 0; n <= len; n++) {
        char *exact = malloc(n + 1); /* so that reading past the end is seen */
        memcpy(exact, text + len - n, n);
        parse_and_forget(exact, n, &heap); /* the end alone */
        memcpy(exact, text, n);
        parse_and_forget(exact, n, &heap);
        free(exact);
    }
}

/* One byte is another, is missing, or stands twice. */
static void test_config_survives_every_mutation(void **state) {
    (void)state;
    static char text[TEXT_MAX], bent[TEXT_MAX];
    static const char with[] = {0, '"', '#', '\n', ' ', 'x', '9', '/', ':', '-', '\033', (char)0xff};
    test_heap heap = {0};
    size_t len = read_everything(text);
    for (size_t n = 0; n < len; n++) {
        memcpy(bent, text, len);
        bent[n] = with[n * 7 % sizeof with];
        parse_and_forget(bent, len, &heap);
        memcpy(bent + n, text + n + 1, len - n - 1);
        parse_and_forget(bent, len - 1, &heap);
        memcpy(bent + n + 1, text + n, len - n);
        bent[n] = text[n];
        parse_and_forget(bent, len + 1, &heap);
    }
}

/* Memory comes in chunks, so that most places where it may run short lie inside one. A description of growing
 * length in front moves the chunks' borders over all of them. */
static void test_config_survives_every_failing_allocation(void **state) {
    (void)state;
    enum { CHUNK = 16384, STEP = 16 };
    static char text[TEXT_MAX], padded[TEXT_MAX];
    size_t len = read_everything(text);
    for (size_t pad = 0; pad < CHUNK; pad += STEP) {
        int at = snprintf(padded, sizeof padded, "config\nauthority\ndescription \"%0*d\"\nexit\nexit\n",
                          (int)pad, 0);
        memcpy(padded + at, text, len);
        for (size_t n = 1;; n++) {
            test_heap heap = {.fail_at = n};
            bool good = parse_and_forget(padded, (size_t)at + len, &heap);
            assert_true(good == (heap.requests < n));
            if (good) break;
        }
    }
}

/* ---- the reference -------------------------------------------------------------------------- */

static char *read_reference(void) {
    static char doc[TEXT_MAX];
    FILE *f = fopen("docs/configuration.md", "r");
    assert_non_null(f);
    size_t n = fread(doc, 1, sizeof doc - 1, f);
    fclose(f);
    assert_true(n < sizeof doc - 1);
    doc[n] = 0;
    return doc;
}

static bool line_has(const char *line, const char *what) {
    const char *at = strstr(line, what);
    return at && at < line + strcspn(line, "\n");
}

/* Whether the line tells the values that the word takes. */
static bool line_tells(const char *line, const svr_schema *s) {
    char text[40];
    if (s->type == SVR_VALUE_BOOL) return line_has(line, "true") && line_has(line, "false");
    if (s->type == SVR_VALUE_NUMBER_OR_NEVER && !line_has(line, "never")) return false;
    if (s->type == SVR_VALUE_NUMBER || s->type == SVR_VALUE_NUMBER_OR_NEVER) {
        snprintf(text, sizeof text, "%u-%u", s->min, s->max);
        return line_has(line, text);
    }
    for (size_t i = 0; s->type == SVR_VALUE_CHOICE && s->choices[i]; i++)
        if (!line_has(line, s->choices[i])) return false;
    return true;
}

static void look_up_words(const svr_schema *block, const char *doc) {
    for (const svr_schema *s = block->children; s->word; s++) {
        char quoted[80];
        bool told = false;
        snprintf(quoted, sizeof quoted, "`%s`", s->word);
        for (const char *at = strstr(doc, quoted); at && !told; at = strstr(at + 1, quoted)) {
            while (at > doc && at[-1] != '\n')
                at--;
            told = line_tells(at, s);
            at += strcspn(at, "\n");
        }
        if (!told)
            fail_msg("docs/configuration.md does not tell the values of %s in %s", quoted, block->word);
        if (s->kind == SVR_SCHEMA_BLOCK) look_up_words(s, doc);
    }
}

static bool is_word(const svr_schema *block, const char *word, size_t len) {
    if (svr_schema_find(block, word, len)) return true;
    for (const svr_schema *s = block->children; s->word; s++)
        if (s->kind == SVR_SCHEMA_BLOCK && is_word(s, word, len)) return true;
    return false;
}

static void test_config_reference_tells_every_word_and_its_values(void **state) {
    (void)state;
    look_up_words(&svr_schema_root, read_reference());
}

/* The first cells of its tables. */
static void test_config_reference_has_no_word_that_the_language_lacks(void **state) {
    (void)state;
    size_t words = 0;
    for (const char *line = read_reference(); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *end = strncmp(line, "| `", 3) == 0 ? strchr(line + 1, '|') : line;
        for (const char *at = memchr(line, '`', (size_t)(end - line)); at && at < end; words++) {
            size_t len = strcspn(at + 1, "`");
            if (!is_word(&svr_schema_root, at + 1, len)) fail_msg("no such word: %.*s", (int)len, at + 1);
            at = strchr(at + len + 2, '`');
        }
    }
    assert_true(words > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_loads_the_samples_of_the_spec_as_they_stand),
        cmocka_unit_test(test_config_loads_the_samples_one_after_the_other),
        cmocka_unit_test(test_config_key_management_has_defaults_and_takes_values),
        cmocka_unit_test(test_config_selects_the_key_exchange),
        cmocka_unit_test(test_config_ranges_end_where_the_spec_says),
        cmocka_unit_test(test_config_example_holds_what_it_says),
        cmocka_unit_test(test_config_service_policy_has_limits_or_none),
        cmocka_unit_test(test_config_generates_peers_from_neighborhoods),
        cmocka_unit_test(test_config_topology_decides_who_peers),
        cmocka_unit_test(test_config_takes_peers_by_hand),
        cmocka_unit_test(test_config_takes_a_common_name_by_hand_where_there_is_none),
        cmocka_unit_test(test_config_refuses_with_the_place_and_the_allowed_values),
        cmocka_unit_test(test_config_merges_what_is_written_twice),
        cmocka_unit_test(test_config_takes_the_first_of_several_port_ranges),
        cmocka_unit_test(test_config_keeps_the_order_of_next_hops),
        cmocka_unit_test(test_config_bounds_the_interfaces_of_a_node),
        cmocka_unit_test(test_config_wants_a_common_name_of_peers_that_exchange_keys),
        cmocka_unit_test(test_config_survives_every_truncation),
        cmocka_unit_test(test_config_survives_every_mutation),
        cmocka_unit_test(test_config_survives_every_failing_allocation),
        cmocka_unit_test(test_config_reference_tells_every_word_and_its_values),
        cmocka_unit_test(test_config_reference_has_no_word_that_the_language_lacks),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

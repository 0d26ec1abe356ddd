/* SPDX-License-Identifier: MIT
 * router/svrd: what a configuration means for a Linux host, its packet filter and its firewall. */
#include <pcap/pcap.h>
#include <stdio.h>

#include "svrd/filter.h"
#include "svrd/firewall.h"
#include "unit.h"

/* A small authority built by hand: router "r.1" with a WAN in a neighborhood, two LANs, and a peer. */
typedef struct world {
    svr_neighborhood hood[2];
    svr_tenant tenant[2];
    svr_if_address wan_addr[2], lan_addr[1];
    svr_interface ifs[3], far_if;
    svr_node_config node, far_node;
    svr_router_config routers[2];
    svr_peer_config peer;
    svr_path_config paths[2];
    svr_prefix prefix[2];
    svr_service services[3];
    const svr_tenant *access[1];
    svr_next_hop to_peer, to_lan;
    svr_service_route routes[3];
    svr_config config;
} world;

static svr_addr addr(const char *text) {
    svr_addr a;
    assert_true(svr_addr_parse(text, &a));
    return a;
}

static void link_world(world *w) {
    w->node =
        (svr_node_config){.name = "n", .interfaces = w->ifs, .n_interfaces = 3, .router = &w->routers[0]};
    w->far_node =
        (svr_node_config){.name = "f", .interfaces = &w->far_if, .n_interfaces = 1, .router = &w->routers[1]};
    w->paths[0] =
        (svr_path_config){.local_if = &w->ifs[0], .local = w->wan_addr[0].addr, .remote = addr("192.0.2.2")};
    w->paths[1] = (svr_path_config){
        .local_if = &w->ifs[0], .local = w->wan_addr[1].addr, .remote = addr("2001:db8::2")};
    w->peer = (svr_peer_config){.name = "far", .paths = w->paths, .n_paths = 2};
    w->routers[0] = (svr_router_config){.name = "r.1",
                                        .nodes = &w->node,
                                        .n_nodes = 1,
                                        .peers = &w->peer,
                                        .n_peers = 1,
                                        .routes = w->routes,
                                        .n_routes = 3};
    w->routers[1] = (svr_router_config){.name = "far", .nodes = &w->far_node, .n_nodes = 1};
    w->config = (svr_config){.routers = w->routers, .n_routers = 2};
}

static void make_world(world *w) {
    *w = (world){.hood = {{.name = "internet", .ports = {16384, 20000}},
                          {.name = "internet", .ports = {20001, 30000}}},
                 .tenant = {{"corp"}, {"guest"}},
                 .wan_addr = {{.addr = addr("192.0.2.1"), .prefix_len = 24},
                              {.addr = addr("2001:db8::1"), .prefix_len = 64}},
                 .lan_addr = {{.addr = addr("10.0.0.1"), .prefix_len = 32}},
                 .prefix = {{addr("10.1.0.0"), 16}, {addr("10.2.0.0"), 16}}};
    w->ifs[0] = (svr_interface){.id = 0,
                                .name = "wan",
                                .target = "eth0",
                                .mtu = 1500,
                                .addresses = w->wan_addr,
                                .n_addresses = 2,
                                .neighborhoods = w->hood,
                                .n_neighborhoods = 1};
    for (svr_ifid i = 1; i < 3; i++)
        w->ifs[i] = (svr_interface){.id = i,
                                    .name = i == 1 ? "lan" : "guests",
                                    .target = i == 1 ? "svr0" : "svr1",
                                    .type = SVR_DEVICE_TUN,
                                    .mtu = 1500,
                                    .tenant = &w->tenant[i - 1],
                                    .addresses = w->lan_addr,
                                    .n_addresses = 1,
                                    .node = &w->node};
    w->far_if =
        (svr_interface){.name = "wan", .target = "eth0", .neighborhoods = &w->hood[1], .n_neighborhoods = 1};
    w->access[0] = &w->tenant[1];
    w->services[0] = (svr_service){.name = "both", .prefixes = w->prefix, .n_prefixes = 2};
    w->services[1] = (svr_service){.name = "here", .prefixes = &w->prefix[1], .n_prefixes = 1};
    w->services[2] = (svr_service){.name = "again", .prefixes = w->prefix, .n_prefixes = 1};
    w->to_peer = (svr_next_hop){.kind = SVR_HOP_PEER, .peer = &w->peer};
    w->to_lan = (svr_next_hop){.kind = SVR_HOP_INTERFACE, .out = &w->ifs[1]};
    w->routes[0] = (svr_service_route){"a", &w->services[0], &w->to_peer, 1};
    w->routes[1] = (svr_service_route){"b", &w->services[1], &w->to_lan, 1};
    w->routes[2] = (svr_service_route){"c", &w->services[2], &w->to_peer, 1};
    link_world(w);
}

static void test_router_plan_unites_ports_of_both_ends(void **state) {
    (void)state;
    world w;
    svrd_ports p;
    make_world(&w);
    svrd_plan_ports(&w.config, &w.ifs[0], &p);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.range[0].first, 16384);
    assert_int_equal(p.range[0].last, 30000);
    w.hood[1].ports = (svr_port_range){40000, 65535};
    svrd_plan_ports(&w.config, &w.ifs[0], &p);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.range[1].first, 40000);
    w.hood[1].name = "elsewhere";
    svrd_plan_ports(&w.config, &w.ifs[0], &p);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.range[0].last, 20000);
    svrd_plan_ports(&w.config, &w.ifs[1], &p);
    assert_int_equal(p.n, 0);
}

/* More ranges than there is room for: none may be lost. */
static void test_router_plan_covers_every_port_when_ranges_abound(void **state) {
    (void)state;
    world w;
    svrd_ports p;
    static svr_neighborhood many[40];
    make_world(&w);
    for (uint16_t i = 0; i < 40; i++)
        many[i] = (svr_neighborhood){.name = "internet",
                                     .ports = {(uint16_t)(60000 - 1000 * i), (uint16_t)(60010 - 1000 * i)}};
    w.far_if.neighborhoods = many;
    w.far_if.n_neighborhoods = 40;
    svrd_plan_ports(&w.config, &w.ifs[0], &p);
    assert_int_equal(p.n, SVRD_PORT_RANGES_MAX);
    for (uint16_t i = 0; i < 40; i++) {
        bool covered = false;
        for (size_t k = 0; k < p.n; k++)
            covered |= p.range[k].first <= many[i].ports.first && many[i].ports.last <= p.range[k].last;
        assert_true(covered);
    }
    for (size_t k = 1; k < p.n; k++)
        assert_true(p.range[k - 1].last < p.range[k].first);
}

static void test_router_plan_leaves_room_for_svr_in_the_mtu(void **state) {
    (void)state;
    world w;
    make_world(&w);
    assert_int_equal(svrd_plan_tun_mtu(&w.node, &w.ifs[1], 1500), 1380);
    w.ifs[0].n_addresses = 1; /* IPv4 alone */
    assert_int_equal(svrd_plan_tun_mtu(&w.node, &w.ifs[1], 1500), 1400);
    assert_int_equal(svrd_plan_tun_mtu(&w.node, &w.ifs[1], 9000), 1500);
    assert_int_equal(svrd_plan_tun_mtu(&w.node, &w.ifs[1], 50), 0);
}

typedef struct seen {
    int n;
    const svr_prefix *prefix[4];
} seen;

static int note_prefix(void *ctx, const svr_service *service, const svr_prefix *prefix) {
    (void)service;
    seen *s = ctx;
    s->prefix[s->n++] = prefix;
    return 0;
}

/* Of "both" the second prefix is served here; "again" repeats the first. */
static void test_router_plan_routes_each_remote_prefix_once(void **state) {
    (void)state;
    world w;
    seen s = {0}, t = {0};
    make_world(&w);
    svrd_plan_routes(&w.node, &w.ifs[1], note_prefix, &s);
    svrd_plan_routes(&w.node, &w.ifs[2], note_prefix, &t);
    assert_int_equal(s.n, 1);
    assert_ptr_equal(s.prefix[0], &w.prefix[0]);
    assert_int_equal(t.n, 0);
    w.services[0].access = w.access; /* guests only */
    w.services[0].n_access = 1;
    s.n = 0;
    svrd_plan_routes(&w.node, &w.ifs[1], note_prefix, &s);
    svrd_plan_routes(&w.node, &w.ifs[2], note_prefix, &t);
    assert_int_equal(s.n, 0);
    assert_int_equal(t.n, 1);
}

static void expect_refusal(const world *w, const char *part) {
    svr_error err = {0};
    assert_int_equal(svrd_plan_check(&w->node, &err), -1);
    if (!strstr(err.message, part)) fail_msg("\"%s\" not in \"%s\"", part, err.message);
}

static void test_router_plan_refuses_what_it_cannot_host(void **state) {
    (void)state;
    world w;
    svr_error err;
    make_world(&w);
    assert_int_equal(svrd_plan_check(&w.node, &err), 0);
    w.ifs[0].target = "a-name-of-16-by-";
    expect_refusal(&w, "no device name");
    w.ifs[0].target = "et/0";
    expect_refusal(&w, "no device name");
    w.ifs[0].target = "eth0";
    w.ifs[2].target = "svr0";
    expect_refusal(&w, "share the device svr0");
    w.ifs[2].target = "svr1";
    w.ifs[0].n_neighborhoods = 0; /* a LAN, now */
    assert_int_equal(svrd_plan_check(&w.node, &err), 0);
    assert_int_equal(svrd_plan_role(&w.ifs[0]), SVRD_LAN);
    w.ifs[2].target = "eth0";
    expect_refusal(&w, "share the device eth0");
    w.ifs[2].target = "svr1";
    w.ifs[0].n_neighborhoods = 1;
    w.ifs[0].n_addresses = 0;
    expect_refusal(&w, "needs an address");
    w.ifs[0].n_addresses = 1;
    w.ifs[1].neighborhoods = w.hood;
    w.ifs[1].n_neighborhoods = 1;
    expect_refusal(&w, "type ethernet");
    w.node.n_interfaces = 0;
    expect_refusal(&w, "no network-interface");
}

/* ---- filter --------------------------------------------------------------------------------- */

enum { UDP = 17, TCP = 6, ICMP = 1, ICMPV6 = 58 };

/* A datagram of 64 bytes to 192.0.2.`host`, or to 2001:db8::`host`; with `ethernet` in a frame. */
static bool ethernet;
static bool passes_l4(const struct bpf_program *f, uint8_t family, uint8_t proto, uint8_t host, uint8_t first,
                      uint16_t dport, uint16_t fragment) {
    uint8_t frame[14 + 64] = {[12] = family == 4 ? 0x08 : 0x86, [13] = family == 4 ? 0x00 : 0xdd},
                       *p = frame + 14;
    size_t l4 = family == 4 ? 20 : 40;
    svr_addr to = addr(family == 4 ? "192.0.2.0" : "2001:db8::");
    memcpy(p + (family == 4 ? 16 : 24), to.bytes, svr_addr_size(&to));
    p[family == 4 ? 19 : 39] = host;
    p[0] = family == 4 ? 0x45 : 0x60;
    p[family == 4 ? 9 : 6] = proto;
    if (family == 4) {
        p[6] = (uint8_t)(fragment >> 8);
        p[7] = (uint8_t)fragment;
    }
    p[l4] = first; /* of the L4 header: ICMP's type */
    p[l4 + 2] = (uint8_t)(dport >> 8);
    p[l4 + 3] = (uint8_t)dport;
    return ethernet ? bpf_filter(f->bf_insns, frame, sizeof frame, sizeof frame) == 262144
                    : bpf_filter(f->bf_insns, p, 64, 64) == 262144; /* whole, however long */
}

static int compile(const char *text, struct bpf_program *out) {
    svr_error err;
    return svrd_filter_compile(text, ethernet ? DLT_EN10MB : DLT_RAW, out, &err);
}

static bool passes(const struct bpf_program *f, uint8_t family, uint8_t proto, uint8_t host, uint16_t dport,
                   uint16_t fragment) {
    return passes_l4(f, family, proto, host, 0, dport, fragment);
}

static bool passes_icmp(const struct bpf_program *f, uint8_t family, uint8_t type) {
    return passes_l4(f, family, family == 4 ? ICMP : ICMPV6, 1, type, 0, 0);
}

static void test_router_filter_takes_svr_and_nothing_else(void **state) {
    (void)state;
    world w;
    svrd_ports ports;
    make_world(&w);
    svrd_plan_ports(&w.config, &w.ifs[0], &ports);
    for (unsigned k = 0; k < 4; k++) {
        uint8_t family = k & 1 ? 6 : 4;
        ethernet = k & 2;
        struct bpf_program f;
        char *text = svrd_filter_text(&w.ifs[0], family, &ports);
        assert_non_null(text);
        assert_int_equal(compile(text, &f), 0);
        assert_true(passes(&f, family, UDP, 1, 1280, 0));
        assert_true(passes(&f, family, UDP, 1, 16384, 0));
        assert_true(passes(&f, family, UDP, 1, 30000, 0));
        assert_true(passes(&f, family, TCP, 1, 20000, 0));
        assert_false(passes(&f, family, TCP, 1, 1280, 0));
        assert_false(passes(&f, family, TCP, 1, 22, 0));
        assert_false(passes(&f, family, UDP, 1, 16383, 0));
        assert_false(passes(&f, family, UDP, 1, 30001, 0));
        assert_false(passes(&f, family, UDP, 2, 1280, 0)); /* for somebody else */
        assert_false(passes(&f, family, ICMP, 1, 16384, 0));
        assert_false(passes(&f, family == 4 ? 6 : 4, UDP, 1, 1280, 0));
        for (unsigned type = 0; type < 256;
             type++) /* errors about our packets; echo and the like are the kernel's */
            assert_int_equal(passes_icmp(&f, family, (uint8_t)type),
                             family == 4 ? type == 3 || type == 11 : type >= 1 && type <= 3);
        pcap_freecode(&f);
        free(text);
    }
}

static void test_router_filter_leaves_fragments_to_the_kernel(void **state) {
    (void)state;
    world w;
    svrd_ports ports;
    struct bpf_program f;
    make_world(&w);
    svrd_plan_ports(&w.config, &w.ifs[0], &ports);
    char *text = svrd_filter_text(&w.ifs[0], 4, &ports);
    assert_int_equal(compile(text, &f), 0);
    assert_true(passes(&f, 4, UDP, 1, 1280, 0x4000));  /* don't fragment */
    assert_false(passes(&f, 4, UDP, 1, 1280, 0x2000)); /* the first of several */
    assert_false(passes(&f, 4, UDP, 1, 1280, 0x0010)); /* a later one */
    pcap_freecode(&f);
    free(text);
}

static void test_router_firewall_names_each_path(void **state) {
    (void)state;
    world w;
    make_world(&w);
    char *text = svrd_firewall_text(&w.config, &w.node);
    assert_non_null(text);
    assert_non_null(strstr(text, "delete table inet svrd-r_2E1\n"));
    assert_non_null(strstr(text,
                           "iifname \"eth0\" ip saddr 192.0.2.2 ip daddr 192.0.2.1 meta l4proto { tcp, udp } "
                           "th dport { 16384-30000 } goto waypoint\n"));
    assert_non_null(strstr(text, "ip6 saddr 2001:db8::2 ip6 daddr 2001:db8::1 "));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_plan_unites_ports_of_both_ends),
        cmocka_unit_test(test_router_plan_covers_every_port_when_ranges_abound),
        cmocka_unit_test(test_router_plan_leaves_room_for_svr_in_the_mtu),
        cmocka_unit_test(test_router_plan_routes_each_remote_prefix_once),
        cmocka_unit_test(test_router_plan_refuses_what_it_cannot_host),
        cmocka_unit_test(test_router_filter_takes_svr_and_nothing_else),
        cmocka_unit_test(test_router_filter_leaves_fragments_to_the_kernel),
        cmocka_unit_test(test_router_firewall_names_each_path),
    };
    return cmocka_run_group_tests_name("router_plan", tests, NULL, NULL);
}

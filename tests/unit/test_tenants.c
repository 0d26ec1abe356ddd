/* SPDX-License-Identifier: MIT
 * Tenants by source prefix. */
#include "forward_fixture.h"

static svr_tenant_prefix guests[2];

/* On the LAN of A: 10.1.5/24 are guests, but for 10.1.5.7, which is of the company; all others as the LAN. */
static net *begin(void) {
    net *t = net_new(2, 4);
    guests[0] = (svr_tenant_prefix){prefix("10.1.5.0", 24), &t->tenants[1]};
    guests[1] = (svr_tenant_prefix){prefix("10.1.5.7", 32), &t->tenants[0]};
    t->node[0].ifs[0].tenant_prefixes = guests;
    t->node[0].ifs[0].n_tenant_prefixes = 2;
    return t;
}

static void test_tenants_follow_the_longest_prefix(void **state) {
    (void)state;
    net *t = begin();
    static const struct {
        const char *source;
        int tenant;
    } table[] = {{"10.1.0.10", 0}, {"10.1.5.1", 1}, {"10.1.5.7", 0}, {"10.1.6.1", 0}, {"fd01::10", 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        svr_addr a = addr(table[i].source);
        assert_ptr_equal(svr_policy_tenant(&t->node[0].ifs[0], &a), &t->tenants[table[i].tenant]);
    }
    t->node[0].ifs[0].tenant = NULL;
    svr_addr other = addr("10.1.6.1");
    assert_null(svr_policy_tenant(&t->node[0].ifs[0], &other));
    net_del(t);
}

static void test_tenants_decide_on_access_for_each_source(void **state) {
    (void)state;
    net *t = begin();
    spec s = udp4;
    s.src = "10.1.5.1"; /* a guest asks for what is the company's */
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_NO_ACCESS), 1);
    assert_int_equal(t->lan.n, 1);
    assert_int_equal(t->lan.at[0].bytes[20], 3);
    assert_int_equal(t->lan.at[0].bytes[21], 13); /* prohibited */
    s.dst = "10.6.0.1";                           /* and for what is the guests' */
    send(t, 0, &s);
    expect_on_lan(t, 1, &s);
    assert_ptr_equal(first_session(t, 1)->tenant, &t->tenants[1]); /* the egress knows by metadata */
    s.src = "10.1.5.7"; /* the company's machine among them may not */
    send(t, 0, &s);
    assert_int_equal(drops(t, 0, SVR_DROP_NO_ACCESS), 2);
    net_del(t);
}

static const char *error_of(const char *block, svr_config_error *err) {
    static char text[1024];
    test_heap heap = {0};
    svr_allocator alloc = test_allocator(&heap);
    svr_config *c;
    snprintf(text, sizeof text,
             "authority\n tenant corp\n exit\n tenant guest\n exit\n router r\n  node n\n"
             "   device-interface l\n    network-interface l\n     tenant corp\n%s"
             "     address 10.1.0.1\n      prefix-length 16\n",
             block);
    if (svr_config_parse(&alloc, text, strlen(text), &c, err) != 0) return err->message;
    const svr_interface *in = &c->routers[0].nodes[0].interfaces[0];
    svr_addr source = addr("10.1.5.1");
    assert_int_equal(in->n_tenant_prefixes, 2);
    assert_string_equal(svr_policy_tenant(in, &source)->name, "guest");
    svr_config_del(c);
    assert_int_equal(heap.live, 0);
    return NULL;
}

static void test_tenants_are_read_from_the_configuration(void **state) {
    (void)state;
    svr_config_error err;
    assert_null(error_of("     tenant-prefixes guest\n      tenant guest\n      source-address 10.1.5.0/24\n"
                         "      source-address fd01:5::/64\n     exit\n",
                         &err));
    const char *said = error_of("     tenant-prefixes nobody\n     exit\n", &err);
    assert_non_null(said);
    assert_non_null(strstr(said, "nobody"));
    assert_int_equal(err.line, 11);
    said = error_of("     tenant-prefixes guest\n      source-address 10.1.5.0/99\n     exit\n", &err);
    assert_non_null(said);
    assert_int_equal(err.line, 12);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tenants_follow_the_longest_prefix),
        cmocka_unit_test(test_tenants_decide_on_access_for_each_source),
        cmocka_unit_test(test_tenants_are_read_from_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

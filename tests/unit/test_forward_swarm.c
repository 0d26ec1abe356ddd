/* SPDX-License-Identifier: MIT
 * Rotation after rotation of the payload key while the network loses one packet in twenty and turns the
 * others upside down: whatever the network did not lose arrives (KEY-NO-LOSS). First under faults, then
 * healed: all is quiet again. */
#include "forward_fixture.h"

#define FLIGHTS_MAX 256
#define DELAY_MAX (200 * SVR_MS)

typedef struct flight {
    svr_time due;
    line l;
} flight;

typedef struct swarm {
    net *t;
    uint64_t seed, lost, loss_percent;
    svr_duration delay_max;
    size_t n;
    flight at[FLIGHTS_MAX];
} swarm;

static uint64_t draw(swarm *s, uint64_t bound) {
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return (s->seed >> 11) % bound;
}

/* A packet that carries payload is lost for good; one with metadata only is not counted. */
static bool has_payload(const line *l) {
    size_t len;
    svr_metadata m;
    const uint8_t *body = body_of(l, &len);
    return svr_metadata_decode(body, len, &m) != SVR_METADATA_OK || len > m.total + SVR_TAG_MAX;
}

static void take_off(swarm *s) {
    net *t = s->t;
    collect(t);
    for (size_t i = 0; i < t->wire.n; i++) {
        const line *l = &t->wire.at[i];
        if (draw(s, 100) < s->loss_percent) {
            s->lost += has_payload(l);
            continue;
        }
        assert_true(s->n < FLIGHTS_MAX);
        s->at[s->n++] = (flight){.due = t->node[0].rt.now + draw(s, s->delay_max + 1), .l = *l};
    }
    t->wire.n = 0;
}

static void land(swarm *s) {
    for (size_t i = 0; i < s->n;) {
        if (s->at[i].due > s->t->node[0].rt.now) {
            i++;
            continue;
        }
        line l = s->at[i].l;
        s->at[i] = s->at[--s->n];
        s->t->tap.n = 0;
        deliver_line(s->t, &l);
        take_off(s);
    }
}

static void pass_time(swarm *s, svr_duration by) {
    for (; by; by -= 20 * SVR_MS) {
        advance(s->t, 20 * SVR_MS);
        take_off(s);
        land(s);
    }
}

/* `every`: a packet each way each so many steps of 100 ms; 0: that side is silent. Returns what arrived. */
static uint64_t talk(swarm *s, int steps, int forward_every, int reverse_every, uint64_t *sent) {
    uint64_t arrived = 0;
    spec r = reply_to(&udp4);
    for (int i = 0; i < steps; i++) {
        if (forward_every && i % forward_every == 0) {
            host_sends(s->t, 0, &udp4);
            ++*sent;
        }
        if (reverse_every && i % reverse_every == 0 && i > 60) {
            host_sends(s->t, s->t->n - 1, &r);
            ++*sent;
        }
        s->t->lan.n = 0;
        pass_time(s, 100 * SVR_MS);
        arrived += s->t->lan.n;
    }
    return arrived;
}

static void run(int routers, int forward_every, int reverse_every, uint64_t seed) {
    swarm *s = calloc(1, sizeof *s);
    uint64_t sent = 0, arrived;
    *s = (swarm){.t = net_new(routers, 4), .seed = seed, .loss_percent = 0, .delay_max = 0};
    arrived = talk(s, 80, 1, 1, &sent); /* the flow begins */
    s->loss_percent = 5;
    s->delay_max = DELAY_MAX;
    s->t->node[0].forward->sessions.rekey_ns = 61 * SVR_SEC;
    arrived += talk(s, 10000, forward_every, reverse_every, &sent);
    uint8_t phase = first_session(s->t, 0)->keys.newest.phase;
    s->loss_percent = 0;
    arrived += talk(s, 1200, forward_every, reverse_every, &sent);
    s->t->lan.n = 0;
    pass_time(s, SVR_SEC);
    arrived += s->t->lan.n;
    print_message("# %d routers, forward %d, reverse %d, seed %llu: %llu sent, %llu lost, phase %u\n",
                  routers, forward_every, reverse_every, (unsigned long long)seed, (unsigned long long)sent,
                  (unsigned long long)s->lost, phase);
    for (int i = 0; i < routers; i++)
        for (int d = 1; d < SVR_DROP_COUNT; d++)
            assert_int_equal(drops(s->t, i, (svr_drop)d), 0);
    assert_int_equal(arrived + s->lost, sent);
    assert_true(phase >= 5);
    net_del(s->t);
    free(s);
}

static void test_forward_rotation_loses_nothing_under_loss_and_reordering(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(2, 1, 1, seed);
        run(3, 1, 2, seed);
        run(3, 1, 0, seed); /* one-way */
        run(2, 0, 1, seed); /* only the far end speaks */
        run(3, 37, 0, seed);
        run(3, 41, 300, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_rotation_loses_nothing_under_loss_and_reordering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * The key exchange under every small set of accidents (PD-KEX, PD-GLARE, PD-GRACE).
 *
 * Two routers with a key start an exchange: one of them, the other, both at once, or one shortly after the
 * other; 100 s later they do so again. Each message of the exchange may be delivered, delayed by 20 s, or
 * lost; one router may restart at any of a row of instants. A run is named by what deviates from plain
 * delivery: the program repeats it from that name alone. All runs with no or one deviation are made, and of
 * those with two each STRIDE-th (all with SVR_SEARCH=full in the environment).
 *
 * Held against each run:
 *   1. while nobody restarted, no packet ever comes in under a key that its receiver does not hold;
 *   2. once losses stop, both agree on one key, no rotation stays unfinished, and the path carries traffic.
 */
#include "peer_fixture.h"

#define MESSAGES 16 /* the first so many messages may deviate */
#define RESTARTS 12 /* instants of a restart, from the first exchange on */
#define RESTART_STEP (9 * SVR_SEC)
#define LATE (20 * SVR_SEC)    /* less than the grace of 30 s */
#define OUTAGE (120 * SVR_SEC) /* more than both graces together */
#define PLAIN_MAX 196          /* longest packet without a message */
#define STRIDE 23

typedef enum accident { DELIVERED, DELAYED, LOST, CUT } accident;

typedef struct plan {
    int start;                   /* 0: a, 1: b, 2: both, 3: a, then b while a's request is on its way */
    int restart_who, restart_at; /* who: -1 nobody */
    struct {
        int message;
        accident what;
    } deviation[2];
    int n;
} plan;

static const plan *current;
static int messages;
static svr_time cut_until[2]; /* towards either side */

static accident accident_of(int message) {
    for (int i = 0; i < current->n; i++)
        if (current->deviation[i].message == message) return current->deviation[i].what;
    return DELIVERED;
}

static bool meddle(bench *b, svr_packet *p, int to) {
    b->delay = 10 * SVR_MS;
    if (p->len > PLAIN_MAX) {
        accident what = accident_of(messages++);
        if (what == DELAYED) b->delay = LATE;
        if (what == LOST) return true;
        if (what == CUT) cut_until[to] = b->now + OUTAGE;
    }
    return b->now < cut_until[to];
}

static void want_rekey(bench *b, int i) {
    svr_peer *peer = bench_peer(b, i);
    b->s[i].rt.now = b->now;
    if (peer->request.pending || svr_keyring_unfinished(&peer->ring))
        return; /* PD-GRACE rule 1, as the timer has it */
    peer->rekey_wanted = true;
    svr_peer_progress(peer);
}

static void start_exchange(bench *b) {
    if (current->start != 1) want_rekey(b, 0);
    if (current->start == 3) bench_run(b, b->now + 5 * SVR_MS);
    if (current->start != 0) want_rekey(b, 1);
}

static void restart_if_due(bench *b, svr_time began, svr_time until) {
    svr_time at = began + (svr_time)current->restart_at * RESTART_STEP;
    if (current->restart_who < 0 || at < b->now || at >= until) return;
    bench_run(b, at);
    bench_stop(b, current->restart_who);
    bench_start(b, current->restart_who, 0);
}

static void fail_plan(const char *what) {
    static const char *const names[] = {"delivered", "delayed", "lost", "first of an outage"};
    print_error("start %d, restart %d at %d", current->start, current->restart_who, current->restart_at);
    for (int i = 0; i < current->n; i++)
        print_error(", message %d %s", current->deviation[i].message, names[current->deviation[i].what]);
    print_error("\n");
    fail_msg("%s", what);
}

static bool agreed(bench *b) {
    svr_keyring *r0 = &bench_peer(b, 0)->ring, *r1 = &bench_peer(b, 1)->ring;
    return r0->current && r1->current &&
           memcmp(r0->current->secret, r1->current->secret, SVR_PEER_KEY_LEN) == 0 &&
           !svr_keyring_unfinished(r0) && !svr_keyring_unfinished(r1) &&
           svr_path_in_service(bench_path(b, 0)) && svr_path_in_service(bench_path(b, 1));
}

static void run_plan(const plan *p) {
    bench b;
    current = p;
    cut_until[0] = cut_until[1] = 0;
    messages = MESSAGES; /* the first exchange of all is left alone */
    bench_init(&b);
    b.lose = meddle;
    bench_run(&b, 5 * SVR_SEC);
    svr_time began = b.now;
    messages = 0;
    start_exchange(&b);
    restart_if_due(&b, began, began + 100 * SVR_SEC);
    bench_run(&b, began + 100 * SVR_SEC);
    start_exchange(&b);
    restart_if_due(&b, began, began + 200 * SVR_SEC);
    bench_run(&b, began + 600 * SVR_SEC);
    for (int i = 0; i < 2; i++)
        if (p->restart_who < 0 && b.s[i].rt.drops[SVR_DROP_BFD_UNKNOWN_KEY])
            fail_plan("a packet came in under a key that its receiver does not hold");
    if (!agreed(&b)) fail_plan("no agreement on one key");
    bench_fini(&b);
}

static void run_with_deviations(plan p) {
    p.n = 0;
    run_plan(&p);
    p.n = 1;
    for (int m = 0; m < MESSAGES; m++) {
        for (int what = DELAYED; what <= CUT; what++) {
            p.deviation[0].message = m;
            p.deviation[0].what = (accident)what;
            run_plan(&p);
        }
    }
}

static void test_interleaving_with_one_accident(void **state) {
    (void)state;
    for (int start = 0; start < 4; start++)
        run_with_deviations((plan){.start = start, .restart_who = -1});
}

static void test_interleaving_with_two_accidents(void **state) {
    (void)state;
    int stride = getenv("SVR_SEARCH") ? 1 : STRIDE, n = 0;
    for (int start = 0; start < 4; start++)
        for (int first = 0; first < MESSAGES; first++)
            for (int second = first + 1; second < MESSAGES; second++)
                for (int what = 0; what < 9; what++)
                    if (n++ % stride == 0)
                        run_plan(&(plan){.start = start,
                                         .restart_who = -1,
                                         .deviation = {{first, (accident)(DELAYED + what % 3)},
                                                       {second, (accident)(DELAYED + what / 3)}},
                                         .n = 2});
}

static void test_interleaving_with_a_restart(void **state) {
    (void)state;
    int stride = getenv("SVR_SEARCH") ? 1 : STRIDE, n = 0;
    for (int start = 0; start < 4; start++)
        for (int at = 0; at < RESTARTS; at++)
            for (int m = 0; m < MESSAGES; m++)
                for (int what = 0; what < 6; what++)
                    if (n++ % stride == 0)
                        run_plan(&(plan){.start = start,
                                         .restart_who = what % 2,
                                         .restart_at = at,
                                         .deviation = {{m, (accident)(DELAYED + what / 2)}},
                                         .n = 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interleaving_with_one_accident),
        cmocka_unit_test(test_interleaving_with_two_accidents),
        cmocka_unit_test(test_interleaving_with_a_restart),
    };
    return cmocka_run_group_tests_name("interleaving", tests, NULL, NULL);
}

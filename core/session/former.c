/* SPDX-License-Identifier: MIT */
#include "session/former.h"

#include "session/session.h"

#include <string.h>

#define FREED_AT_ONCE 1024 /* the host is not to wait for the rest of very many */

typedef struct svr_former {
    svr_tuple arrival;
    uint8_t uuid[SVR_UUID_LEN]; /* no pointer: the session may end before */
    uint8_t side;
    svr_time until;
    struct svr_former *newer;
} svr_former;

static void forget_oldest(svr_formers *all) {
    svr_former *f = all->oldest;
    all->oldest = f->newer;
    if (!all->oldest) all->newest = NULL;
    svr_table_remove(&all->by_tuple, f);
    svr_alloc_free(all->rt->alloc, f);
}

static void timer_due(svr_timer *t, void *ctx, svr_time now) {
    svr_formers *all = svr_container_of(t, svr_formers, timer);
    (void)ctx;
    for (int i = 0; i < FREED_AT_ONCE && all->oldest && all->oldest->until <= now; i++)
        forget_oldest(all);
    if (!all->oldest) return;
    svr_timer_set(t, &all->rt->timers, all->oldest->until > now ? all->oldest->until : now + SVR_MS);
}

bool svr_formers_init(svr_formers *all, svr_runtime *rt) {
    *all = (svr_formers){.rt = rt};
    svr_table_init(&all->by_tuple, rt->alloc, offsetof(svr_former, arrival), sizeof(svr_tuple),
                   SVR_FORMERS_MAX, svr_runtime_jitter(rt, UINT64_MAX));
    return svr_timer_init(&all->timer, &rt->timers, timer_due);
}

void svr_formers_fini(svr_formers *all) {
    if (!all->rt) return;
    while (all->oldest)
        forget_oldest(all);
    svr_table_fini(&all->by_tuple);
    svr_timer_fini(&all->timer, &all->rt->timers);
    *all = (svr_formers){0};
}

void svr_formers_add(svr_formers *all, const svr_leg *leg) {
    if (all->by_tuple.n == SVR_FORMERS_MAX) forget_oldest(all);
    svr_former *f = svr_alloc_zero(all->rt->alloc, 1, sizeof *f);
    if (!f) return;
    f->arrival = leg->arrival;
    f->side = (uint8_t)leg->side;
    f->until = all->rt->now + SVR_FORMER_GRACE;
    memcpy(f->uuid, svr_leg_session(leg)->uuid, SVR_UUID_LEN);
    if (!svr_table_put(&all->by_tuple, f)) { /* or it left the same ones a moment ago */
        svr_alloc_free(all->rt->alloc, f);
        return;
    }
    if (all->newest)
        all->newest->newer = f;
    else
        all->oldest = f;
    all->newest = f;
    if (!svr_timer_is_set(&all->timer)) svr_timer_set(&all->timer, &all->rt->timers, f->until);
}

svr_leg *svr_sessions_find_former(const svr_sessions *all, const svr_tuple *arrival) {
    const svr_former *f = svr_table_get(&all->former.by_tuple, arrival);
    svr_session *s = f ? svr_sessions_find_uuid(all, f->uuid) : NULL;
    return s && s->leg[f->side].path ? &s->leg[f->side] : NULL;
}

/* SPDX-License-Identifier: MIT */
#include "peer/pmtu.h"

void svr_pmtu_init(svr_pmtu *m, uint32_t limit) {
    *m = (svr_pmtu){.limit = limit, .current = limit, .due = SVR_TIME_NEVER};
}

static void try_size(svr_pmtu *m, uint32_t size, svr_time now) {
    m->probe = size;
    m->id++;
    m->tries = 0;
    m->due = now;
}

static void search(svr_pmtu *m, uint32_t high, uint32_t first, svr_time now) {
    m->phase = SVR_PMTU_SEARCH;
    m->low = m->current;
    m->high = high;
    try_size(m, first, now);
}

static void confirm(svr_pmtu *m, svr_time now) {
    m->phase = SVR_PMTU_CONFIRMING;
    try_size(m, m->current, now);
}

static void rest(svr_pmtu *m, svr_time now) {
    m->phase = SVR_PMTU_DONE;
    m->hint = 0;
    m->due = now + SVR_PMTU_CONFIRM;
}

/* The next size between what passes and what may. */
static void narrow(svr_pmtu *m, svr_time now) {
    if (m->high < m->low + SVR_PMTU_GRAIN) {
        m->raise_at = now + SVR_PMTU_RAISE;
        rest(m, now);
        return;
    }
    uint32_t size = m->low + (m->high - m->low + 1) / 2;
    if (m->hint > m->low && m->hint <= m->high) size = m->hint;
    m->hint = 0;
    try_size(m, size, now);
}

void svr_pmtu_start(svr_pmtu *m, svr_time now) {
    bool first = !m->id;
    if (first && m->current > SVR_PMTU_BASE) m->current = SVR_PMTU_BASE;
    m->hint = 0;
    if (m->current == m->limit && m->limit <= SVR_PMTU_BASE)
        rest(m, now);
    else if (first)
        search(m, m->limit, m->limit, now);
    else
        confirm(m, now);
}

void svr_pmtu_stop(svr_pmtu *m) {
    m->phase = SVR_PMTU_OFF;
    m->due = SVR_TIME_NEVER;
}

/* What was in use does not pass any more. */
static void fall_back(svr_pmtu *m, svr_time now) {
    uint32_t lost = m->current;
    if (lost <= SVR_PMTU_BASE) {
        rest(m, now);
        return;
    }
    m->current = SVR_PMTU_BASE;
    m->phase = SVR_PMTU_SEARCH;
    m->low = m->current;
    m->high = lost - 1;
    narrow(m, now);
}

static void give_up(svr_pmtu *m, svr_time now) {
    if (m->phase == SVR_PMTU_CONFIRMING) {
        fall_back(m, now);
        return;
    }
    m->high = m->probe - 1;
    narrow(m, now);
}

static void wake(svr_pmtu *m, svr_time now) {
    if (m->current < m->limit && now >= m->raise_at)
        search(m, m->limit, m->limit, now);
    else if (m->current > SVR_PMTU_BASE)
        confirm(m, now);
    else
        rest(m, now);
}

uint32_t svr_pmtu_run(svr_pmtu *m, svr_time now) {
    if (m->phase == SVR_PMTU_OFF || now < m->due) return 0;
    if (m->phase == SVR_PMTU_DONE)
        wake(m, now);
    else if (m->tries == SVR_PMTU_TRIES)
        give_up(m, now);
    if (m->phase == SVR_PMTU_DONE) return 0;
    m->tries++;
    m->due = now + (m->hint ? SVR_PMTU_WAIT_HINTED : SVR_PMTU_WAIT);
    return m->probe;
}

bool svr_pmtu_answered(svr_pmtu *m, uint32_t size, uint32_t id, svr_time now) {
    bool waits = (m->phase == SVR_PMTU_SEARCH || m->phase == SVR_PMTU_CONFIRMING) && m->tries;
    if (!waits || size != m->probe || id != m->id) return false;
    if (m->phase == SVR_PMTU_CONFIRMING) {
        rest(m, now);
        return true;
    }
    m->low = m->current = size;
    narrow(m, now);
    return true;
}

void svr_pmtu_doubt(svr_pmtu *m, uint32_t mtu, svr_time now) {
    if (m->phase == SVR_PMTU_OFF || mtu < SVR_PMTU_BASE || m->hint) return;
    if (m->phase == SVR_PMTU_SEARCH && mtu < m->probe && mtu > m->low) { /* about the probe, it seems */
        m->hint = mtu;
        if (m->tries < SVR_PMTU_TRIES - 1) m->tries = SVR_PMTU_TRIES - 1;
    } else if (m->phase == SVR_PMTU_DONE && mtu < m->current) {
        confirm(m, now);
        m->hint = mtu;
    }
}

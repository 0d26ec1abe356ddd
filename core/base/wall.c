/* SPDX-License-Identifier: MIT */
#include "svr/base.h"

#include <stdio.h>

#define DAY 86400

/* The date that many days after 1970-01-01, by years that begin in March, so that a leap day comes last. */
static void civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d) {
    int64_t z = days + 719468; /* days since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned of_era = (unsigned)(z - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *d = of_year - (153 * month + 2) / 5 + 1;
    *m = month < 10 ? month + 3 : month - 9;
    *y = (int64_t)year + era * 400 + (*m <= 2);
}

const char *svr_wall_format(svr_wall wall, char out[SVR_WALL_TEXT_MAX]) {
    int64_t s = wall / (svr_wall)SVR_SEC - (wall % (svr_wall)SVR_SEC < 0);
    int64_t days = s / DAY - (s % DAY < 0), y;
    unsigned m, d, of_day = (unsigned)(s - days * DAY);
    civil_from_days(days, &y, &m, &d);
    snprintf(out, SVR_WALL_TEXT_MAX, "%04lld-%02u-%02u %02u:%02u:%02u", (long long)y, m, d, of_day / 3600,
             of_day / 60 % 60, of_day % 60);
    return out;
}

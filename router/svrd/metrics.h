/* SPDX-License-Identifier: MIT
 * Metrics: numbers of the reports as OpenMetrics text, for Prometheus and what reads the same. */
#ifndef SVRD_METRICS_H
#define SVRD_METRICS_H

#include "svrd/host.h"

/* Writes all of them, with the line that ends them. False, with `err` filled, when memory is short. */
bool svrd_metrics_write(svrd_host *h, FILE *out, svr_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * Events as lines of JSON, the same from a router and from a simulation. */
#ifndef SVR_JSON_H
#define SVR_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "svr/event.h"

/* Text as a JSON string. What comes from certificates and the wire need not be UTF-8, which JSON must be:
 * bytes that are not ASCII then become '?', and the text is cut at SVR_EVENT_DETAIL_MAX. NULL when memory is
 * short. */
json_t *svr_json_text(const char *text);

/* One event as one line: `t`, seconds of the router's clock as text with nanoseconds; `wall`, RFC 3339 in
 * UTC; then `router`, `node`, `kind`, `severity`, `value`, and of `peer`, `path`, `from`, `to`, `reason`,
 * `detail` what the event has. False when memory is short or `out` fails. */
bool svr_event_json(const char *router, const char *node, const svr_event *ev, FILE *out);

#endif

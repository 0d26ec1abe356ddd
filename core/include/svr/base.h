/* SPDX-License-Identifier: MIT
 * Vocabulary of the whole stack: instants and durations, addresses, flows, memory. */
#ifndef SVR_BASE_H
#define SVR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An instant of the host's monotonic clock, in nanoseconds. Its origin is the host's choice. */
typedef uint64_t svr_time;
/* A span between two instants, in nanoseconds. */
typedef uint64_t svr_duration;
/* Wall time in nanoseconds since 1970-01-01 00:00:00 UTC. Only certificates, request numbers, alarms and
 * events look at it. */
typedef int64_t svr_wall;

#define SVR_TIME_NEVER UINT64_MAX
#define SVR_US UINT64_C(1000)
#define SVR_MS UINT64_C(1000000)
#define SVR_SEC UINT64_C(1000000000)
#define SVR_HOUR (UINT64_C(3600) * SVR_SEC)

/* Names of routers, services, tenants and the like: at most this many bytes, without the closing NUL. */
#define SVR_NAME_MAX 63

/* Index of a network interface of one node, from 0 in the order of the configuration. */
typedef uint16_t svr_ifid;
#define SVR_IFID_NONE UINT16_MAX

/* An IP address. `family` is 4, 6, or 0 for "none". Bytes past the address are zero, so that addresses
 * compare and hash as plain memory. */
typedef struct svr_addr {
    uint8_t family;
    uint8_t bytes[16];
} svr_addr;

#define SVR_ADDR_TEXT_MAX 46 /* longest text form with its NUL */

/* Parses dotted-quad or RFC 4291 text. False when `text` is neither; `out` is then untouched. */
bool svr_addr_parse(const char *text, svr_addr *out);
/* Writes the canonical text (RFC 5952) into `out`; "none" for family 0. Returns `out`. */
const char *svr_addr_format(const svr_addr *a, char out[SVR_ADDR_TEXT_MAX]);
bool svr_addr_equal(const svr_addr *a, const svr_addr *b);
/* Total order (family, then bytes), for tie-breaking and sorting. */
int svr_addr_compare(const svr_addr *a, const svr_addr *b);
/* Length of the address in bytes: 4, 16, or 0. */
size_t svr_addr_size(const svr_addr *a);
/* Makes an address from network-order bytes. `family` is 4 or 6. */
svr_addr svr_addr_from_bytes(uint8_t family, const uint8_t *bytes);

/* An address prefix; `len` counts bits. Host bits of `addr` are zero after svr_prefix_make. */
typedef struct svr_prefix {
    svr_addr addr;
    uint8_t len;
} svr_prefix;

svr_prefix svr_prefix_make(const svr_addr *a, uint8_t len);
/* Host bits of the prefix do not matter. */
bool svr_prefix_contains(const svr_prefix *p, const svr_addr *a);

/* A transport flow as its first packet shows it. For ICMP echo both ports are the identifier. */
typedef struct svr_flow {
    svr_addr src, dst;
    uint16_t sport, dport; /* host order */
    uint8_t proto;         /* IP protocol number; ICMPv6 is 58 */
} svr_flow;

svr_flow svr_flow_reverse(const svr_flow *f);
bool svr_flow_equal(const svr_flow *a, const svr_flow *b);

#define SVR_WALL_TEXT_MAX 40
/* Writes "2025-01-28 19:07:00" (UTC, the second that has begun) into `out`; returns `out`. */
const char *svr_wall_format(svr_wall wall, char out[SVR_WALL_TEXT_MAX]);

/* Memory comes from the host. `resize` behaves like realloc, and frees when `size` is 0; it may return
 * NULL, which every caller survives. `ctx` is handed back untouched. */
typedef struct svr_allocator {
    void *(*resize)(void *ctx, void *p, size_t size);
    void *ctx;
} svr_allocator;

/* Zeroed memory for `n` objects of `size` bytes, or NULL (also when the product overflows). */
void *svr_alloc_zero(const svr_allocator *a, size_t n, size_t size);
/* As realloc; the old block stays valid on NULL. */
void *svr_alloc_resize(const svr_allocator *a, void *p, size_t n, size_t size);
void svr_alloc_free(const svr_allocator *a, void *p);
/* Overwrites `len` bytes so that no compiler may skip it: for secrets. */
void svr_wipe(void *p, size_t len);

/* Copies text into a fixed array, always closed by NUL; false when it had to cut. */
bool svr_strcpy(char *dst, size_t size, const char *src);

#endif

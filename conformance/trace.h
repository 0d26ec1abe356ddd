/* SPDX-License-Identifier: MIT
 * What Lua sees of captures and of what belongs to them: the module `conform.core`. Whatever fails raises a
 * Lua error that names the file. */
#ifndef CONFORMANCE_TRACE_H
#define CONFORMANCE_TRACE_H

#include <lua.h>

#include "svr/inspect.h"

/* Opener of the module. Its functions:
 *
 * - captures({FILE, ...}, KEYLOG, {NAME, ...}): packets of all files in the order of time, those that several
 *   saw once: an object with next(), which gives a table for each packet, then nil. KEYLOG may be nil; a
 *   packet in which a NAME stands in clear `exposes` it.
 * - lines(FILE, WHAT): a list of the objects in a file of JSON lines (events, a story), each with `what`, and
 *   with `time` in nanoseconds.
 * - settings(FILE): the key management of an authority configuration (lua/settings.h).
 * - start(PROGRAM, ARGUMENT...): begins a program: its process.
 * - wait(): waits until one ends: the process, and its exit status.
 * - processors(): how many of them run at a time.
 * - program(NAME): the path of a program beside this one.
 * - folder(PATH): makes a folder, with those above it.
 * - files(PATTERN): the files that a pattern of the shell names, in order.
 * - clock(): seconds, of a clock that only goes forward.
 * - probe{...}, issue(...), sha384, hkdf, hmac, encrypt, decrypt, datagram: see probe.c, credentials.c,
 * crypto.c.
 */
int conform_open_core(lua_State *L);

/* An IP datagram, and where it stands. */
typedef struct conform_datagram {
    const char *file;
    uint64_t number; /* of the packet in that file, from 1 */
    int64_t time;    /* nanoseconds of wall time */
    const uint8_t *data;
    size_t len;
} conform_datagram;

/* Pushes the table that next() of captures gives for a packet which shows `seen`. */
void conform_push_packet(lua_State *L, const conform_datagram *d, const svr_seen *seen);

#endif

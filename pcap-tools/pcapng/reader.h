/* SPDX-License-Identifier: MIT
 * A reader of capture files: pcapng and classic pcap, of either byte order, as a stream.
 *
 * libpcap reads both, but drops the comments of packets, in which keys travel, and says nothing of where in
 * the file it stopped. This reader keeps both. It holds one block at a time, so that files may be of any
 * size, and believes nothing that a file says before it has looked. Formats: draft-ietf-opsawg-pcapng,
 * draft-ietf-opsawg-pcap. */
#ifndef SVR_PCAPNG_READER_H
#define SVR_PCAPNG_READER_H

#include "pcapng/pcapng.h"

#define SVR_CAPTURE_BLOCK_MAX (16u << 20) /* longest block, as in libpcap and Wireshark */
#define SVR_CAPTURE_PACKET_MAX 262144u    /* longest packet of a classic file, as in libpcap */
#define SVR_CAPTURE_INTERFACES_MAX 4096u  /* of all sections of a file together */
#define SVR_CAPTURE_NAME_MAX 127
#define SVR_CAPTURE_ERROR_MAX 320

typedef struct svr_capture_interface {
    uint32_t link_type; /* LINKTYPE_... as registered for files; 1 Ethernet, 101 raw IP, ... */
    char name[SVR_CAPTURE_NAME_MAX + 1], description[SVR_CAPTURE_NAME_MAX + 1]; /* "" when not told */
} svr_capture_interface;

/* Options of a block that have not been looked at yet. */
typedef struct svr_capture_options {
    const uint8_t *p, *end;
    bool big; /* byte order */
} svr_capture_options;

/* Pointers hold until the next packet is read. */
typedef struct svr_capture_packet {
    uint64_t number;    /* from 1 */
    uint64_t offset;    /* of its block in the file */
    uint32_t interface; /* counted through all sections, from 0 */
    bool has_time;      /* simple packet blocks have none; `time` is then that of the packet before */
    svr_wall time;
    const uint8_t *data;
    uint32_t len, orig_len; /* captured, and on the wire */
    svr_pcapng_direction direction;
    svr_capture_options options;
} svr_capture_packet;

typedef struct svr_capture svr_capture;

/* Opens a file, or standard input for "-". NULL when it cannot be opened or is no capture; `error` says why,
 * with the offset where that is the fault. */
svr_capture *svr_capture_open(const char *file, char error[SVR_CAPTURE_ERROR_MAX]);
void svr_capture_close(svr_capture *c);

/* 1: a packet; 0: the end; -1: the rest is cut off or corrupt, svr_capture_error() says how and where. */
int svr_capture_next(svr_capture *c, svr_capture_packet *out);
/* Whether the next call may have to wait for whoever writes the file: a moment to flush what was made of it.
 */
bool svr_capture_may_wait(const svr_capture *c);
/* "offset 1234: ..."; "" before there is a fault. */
const char *svr_capture_error(const svr_capture *c);

/* "pcapng" or "pcap". */
const char *svr_capture_format(const svr_capture *c);
/* Bytes that have been read. */
uint64_t svr_capture_bytes(const svr_capture *c);
size_t svr_capture_interfaces(const svr_capture *c);
const svr_capture_interface *svr_capture_interface_get(const svr_capture *c, size_t i);

/* The comment of the section that began last, not closed by NUL; false when it has none. It grows with each
 * section, so
 * `*section` counts them. */
bool svr_capture_section_comment(const svr_capture *c, const char **text, size_t *len, uint64_t *section);
/* Takes the next comment out of the options of a packet; false at their end. The text is not closed by NUL.
 */
bool svr_capture_next_comment(svr_capture_options *o, const char **text, size_t *len);

#endif

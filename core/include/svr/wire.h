/* SPDX-License-Identifier: MIT
 * The wire profile: metadata, TLVs, BFD, and the headers around them. Pure encoding and decoding; nothing
 * here has a key, a clock or memory of its own. Decoders never read past what they are given, and change
 * `out` only on success. All integers on the wire are in network order. Format: docs/protocol.md. */
#ifndef SVR_WIRE_H
#define SVR_WIRE_H

#include "svr/base.h"

/* ---- metadata ------------------------------------------------------------------------------- */

#define SVR_COOKIE UINT64_C(0x4c48dbc6ddf6670c)
#define SVR_COOKIE_LEN 8
#define SVR_METADATA_VERSION 1
#define SVR_METADATA_HEADER_LEN 12
#define SVR_METADATA_MAX 1400 /* header, header TLVs and payload TLVs of one packet */
#define SVR_BFD_PORT 1280
#define SVR_WAYPOINT_PORT_MIN 16384
#define SVR_WAYPOINT_PORT_MAX 65534

/* TLV types: those below 0x8000 are public facts of SVR, the others this profile's own. */
typedef enum svr_tlv_type {
    SVR_TLV_FRAGMENT = 1,
    SVR_TLV_FORWARD_CONTEXT_V4 = 2,
    SVR_TLV_FORWARD_CONTEXT_V6 = 3,
    SVR_TLV_REVERSE_CONTEXT_V4 = 4,
    SVR_TLV_REVERSE_CONTEXT_V6 = 5,
    SVR_TLV_SESSION_UUID = 6,
    SVR_TLV_TENANT = 7,
    SVR_TLV_SERVICE = 10,
    SVR_TLV_SESSION_ENCRYPTED = 11,
    SVR_TLV_TCP_SYN = 12,
    SVR_TLV_SOURCE_ROUTER = 14,
    SVR_TLV_SECURITY_POLICY = 15,
    SVR_TLV_SECURITY_ID = 16,
    SVR_TLV_DESTINATION_ROUTER = 17,
    SVR_TLV_DISABLE_FORWARD_METADATA = 18,
    SVR_TLV_PEER_PATH_ID = 19,
    SVR_TLV_ICMP_ERROR_V4 = 20,
    SVR_TLV_ICMP_ERROR_V6 = 21,
    SVR_TLV_CONTROL = 24,
    SVR_TLV_SOURCE_NAT = 25,
    SVR_TLV_PATH_METRICS = 26,
    SVR_TLV_MODIFY = 28,
    SVR_TLV_APPLICATION = 35,
    SVR_TLV_REMAINING_TIME = 42,
    SVR_TLV_PAYLOAD_KEY = 46, /* length 1: session health check */
    SVR_TLV_MULTICAST_50 = 50,
    SVR_TLV_MULTICAST_51 = 51,
    SVR_TLV_NONCE = 0x8001, /* 8 bytes (PD-BLOCK) */
    SVR_TLV_KEX_PART =
        0x8002, /* message id(4) total(4) offset(4) bytes: a key exchange message in clear (PD-KEX) */
    SVR_TLV_KEX_SECRET =
        0x8003, /* the same, inside encrypted metadata: METADATA_KEY and its acknowledgement */
    SVR_TLV_KEYS_HELD = 0x8004, /* n x (index(4) fingerprint(8)): the peer keys that the sender accepts */
    SVR_TLV_TRANSPORT = 0x8005, /* 1 byte: the inner protocol when the packet is UDP for another reason */
    SVR_TLV_ECHO = 0x8006,      /* kind(1) number(1) length(1) zero(1) burst(4): measures a path (PD-ECHO) */
    SVR_TLV_MTU_PROBE =
        0x8008, /* kind(1) zero(1) size(2) id(4) padding: whether a packet of that size arrives (PD-PMTU) */
    SVR_TLV_PADDING = 0x8009,    /* nothing, in a header */
    SVR_TLV_ROOM = 0x800a,       /* 2 bytes: longest body that goes on from the sender (PD-PMTU) */
    SVR_TLV_ICMP_ERROR = 0x8007, /* type(1) code(1) value(4) quote(8): an ICMP error crosses (PD-ICMP) */
    SVR_TLV_COOKIE = 0x8012,     /* 16 bytes: its sender receives what is sent to its address (PD-COOKIE) */
    SVR_TLV_CLAIM = 0x8010,      /* 4 bytes: the BFD discriminator of its sender, behind a NAT (PD-NAT) */
    SVR_TLV_SEEN_AS = 0x8011, /* port(2) address(4 or 16): where the receiver's packets come from (PD-NAT) */
} svr_tlv_type;

typedef enum svr_control { /* value of SVR_TLV_CONTROL */
                           SVR_CONTROL_KEEP_ALIVE = 1,
                           SVR_CONTROL_ENABLE_METADATA = 2,
                           SVR_CONTROL_DISABLE_METADATA = 3,
                           SVR_CONTROL_DELETE_SESSION = 6,
                           SVR_CONTROL_SESSION_EXISTS = 8,
} svr_control;

/* Where things are in a packet's metadata; pointers go into the caller's bytes. */
typedef struct svr_metadata {
    const uint8_t *start;   /* the cookie */
    const uint8_t *header;  /* header TLVs */
    size_t header_len;      /* bytes of header TLVs */
    const uint8_t *payload; /* payload TLVs, or IV and ciphertext */
    size_t payload_len;
    size_t total; /* bytes from the cookie to the end of the payload TLVs */
} svr_metadata;

typedef enum svr_metadata_result {
    SVR_METADATA_NONE, /* does not start with the cookie */
    SVR_METADATA_OK,
    SVR_METADATA_BAD, /* cookie, but version or lengths are wrong */
} svr_metadata_result;

/* Looks at the bytes right behind the L4 header. */
svr_metadata_result svr_metadata_decode(const uint8_t *p, size_t len, svr_metadata *out);
/* True for a bare 12-byte header: what follows is a payload that merely starts with the cookie. */
bool svr_metadata_is_false_positive(const svr_metadata *m);
/* Writes the 12-byte header in front of TLVs of the given lengths. */
void svr_metadata_encode_header(uint8_t out[SVR_METADATA_HEADER_LEN], size_t header_tlv_len,
                                size_t payload_tlv_len);

typedef struct svr_tlv {
    uint16_t type, len;
    const uint8_t *value;
} svr_tlv;

typedef struct svr_tlv_cursor {
    const uint8_t *p, *end;
    bool ok; /* false once a TLV was cut off */
} svr_tlv_cursor;

svr_tlv_cursor svr_tlv_first(const uint8_t *p, size_t len);
/* False at the end, or when the rest is not a whole TLV (cursor's `ok` tells which). */
bool svr_tlv_next(svr_tlv_cursor *c, svr_tlv *out);
/* True when all bytes are whole TLVs. */
bool svr_tlv_well_formed(const uint8_t *p, size_t len);
/* The first TLV of a type. */
bool svr_tlv_find(const uint8_t *p, size_t len, uint16_t type, svr_tlv *out);
const char *svr_tlv_name(uint16_t type); /* as docs/protocol.md names it; "unknown" */

/* An output buffer for TLVs; goes bad (and stays bad) when something does not fit. */
typedef struct svr_tlv_writer {
    uint8_t *start, *p, *end;
    bool ok;
} svr_tlv_writer;

svr_tlv_writer svr_tlv_writer_make(uint8_t *buf, size_t size);
size_t svr_tlv_written(const svr_tlv_writer *w);
void svr_tlv_put(svr_tlv_writer *w, uint16_t type, const void *value, size_t len);
void svr_tlv_put8(svr_tlv_writer *w, uint16_t type, uint8_t v);
void svr_tlv_put32(svr_tlv_writer *w, uint16_t type, uint32_t v);
void svr_tlv_put64(svr_tlv_writer *w, uint16_t type, uint64_t v);
void svr_tlv_put_text(svr_tlv_writer *w, uint16_t type, const char *text);
/* Forward or reverse context: type 2..5 chosen from `reverse` and the family. */
void svr_tlv_put_context(svr_tlv_writer *w, bool reverse, const svr_flow *flow);
/* Decodes TLV 2..5: source, destination, source port, destination port, protocol (13 or 37 bytes). */
bool svr_context_decode(const svr_tlv *tlv, svr_flow *out);
/* Copies a text TLV into a name; false when longer than SVR_NAME_MAX, empty or with a NUL inside. */
bool svr_text_decode(const svr_tlv *tlv, char out[SVR_NAME_MAX + 1]);

/* TLV 46: the payload key of a session. */
#define SVR_PAYLOAD_KEY_LEN 32
typedef struct svr_payload_key_tlv {
    uint8_t phase; /* key phase on the wire (PD-DATA) */
    uint8_t hmac;  /* svr_hmac */
    uint8_t key[SVR_PAYLOAD_KEY_LEN];
} svr_payload_key_tlv;
void svr_tlv_put_payload_key(svr_tlv_writer *w, const svr_payload_key_tlv *key);
bool svr_payload_key_decode(const svr_tlv *tlv, svr_payload_key_tlv *out);

/* Value of SVR_TLV_ECHO: one packet of a burst, or the answer to it. */
#define SVR_ECHO_LEN 8
#define SVR_ECHO_BURST_MAX 50 /* packets of a burst */
typedef struct svr_echo_tlv {
    bool reply;
    uint8_t number, length; /* of the packet in its burst, from 0; of the burst */
    uint32_t burst;
} svr_echo_tlv;
void svr_tlv_put_echo(svr_tlv_writer *w, const svr_echo_tlv *echo);
/* False when the value is not one. */
bool svr_echo_decode(const svr_tlv *tlv, svr_echo_tlv *out);

/* TLV 1: which part of a datagram a packet carries (PD-FRAGMENT). Offsets count bytes behind the inner IP
 * header; all but the last part are multiples of 8 long. */
typedef struct svr_fragment {
    uint32_t extended_id; /* the same for all parts of a datagram; unique in a session's direction */
    uint16_t original_id; /* IPv4 identification, or the low half of the IPv6 one; 0: there was none */
    uint16_t offset;
    bool more, dont_fragment;
    uint16_t largest; /* longest IP datagram of those that the whole came in, as far as seen */
} svr_fragment;
/* A header that has this TLV only: it stands in front of the nonce of each part. */
#define SVR_PIECE_HEADER_LEN (SVR_METADATA_HEADER_LEN + 14)
void svr_piece_encode(const svr_fragment *f, uint8_t out[SVR_PIECE_HEADER_LEN]);
/* Whether this metadata is the header of a part, which belongs to the payload and not to the hop. */
bool svr_piece_decode(const svr_metadata *m, svr_fragment *out);

/* ---- BFD (RFC 5880) ------------------------------------------------------------------------- */

#define SVR_BFD_LEN 24

typedef enum svr_bfd_state { SVR_BFD_ADMIN_DOWN, SVR_BFD_DOWN, SVR_BFD_INIT, SVR_BFD_UP } svr_bfd_state;

typedef struct svr_bfd_packet {
    uint8_t diag;
    svr_bfd_state state;
    bool poll, final;
    uint8_t multiplier;
    uint32_t my_discriminator, your_discriminator;
    uint32_t desired_tx_us, required_rx_us, required_echo_rx_us;
} svr_bfd_packet;

/* Why a control packet is refused (RFC 5880 section 6.8.6). */
typedef enum svr_bfd_result {
    SVR_BFD_OK,
    SVR_BFD_BAD_VERSION,
    SVR_BFD_BAD_LENGTH,
    SVR_BFD_BAD_MULTIPLIER,
    SVR_BFD_BAD_DISCRIMINATOR, /* my discriminator 0, or your discriminator 0 in state Init or Up */
    SVR_BFD_BAD_FLAGS,         /* multipoint, or authentication that we do not use */
} svr_bfd_result;

void svr_bfd_encode(const svr_bfd_packet *b, uint8_t out[SVR_BFD_LEN]);
svr_bfd_result svr_bfd_decode(const uint8_t *p, size_t len, svr_bfd_packet *out);

/* ---- IP, TCP, UDP, ICMP --------------------------------------------------------------------- */

#define SVR_PROTO_ICMP 1
#define SVR_PROTO_TCP 6
#define SVR_PROTO_UDP 17
#define SVR_PROTO_ICMPV6 58
#define SVR_UDP_HEADER_LEN 8
#define SVR_TCP_HEADER_MIN 20
#define SVR_IP_HEADER_MAX 40 /* what we write: 20 or 40 */

/* What a fragment says of itself. */
typedef struct svr_ip_part {
    uint32_t id;
    uint16_t offset; /* bytes, a multiple of 8 */
    bool more;
} svr_ip_part;

/* An IP datagram taken apart. */
typedef struct svr_ip {
    svr_flow flow;          /* addresses and, when has_ports, ports (echo: the identifier twice) */
    bool has_ports;         /* TCP, UDP or ICMP echo, and not a later fragment */
    bool fragment;          /* part of a fragmented datagram */
    uint8_t tos, ttl;       /* traffic class, hop limit */
    bool dont_fragment;     /* IPv6: always */
    svr_ip_part part;       /* of a fragment */
    uint16_t part_at;       /* of a fragment: where its part of the datagram begins */
    uint16_t header_len;    /* bytes in front of the L4 header, IPv6 extension headers included */
    uint16_t l4_len;        /* L4 header and payload, as the IP header says (link padding cut) */
    uint16_t l4_header_len; /* TCP with options, UDP 8, ICMP 8; 0 for others */
    uint8_t tcp_flags;
} svr_ip;

typedef enum svr_ip_result {
    SVR_IP_OK,
    SVR_IP_BAD_VERSION,
    SVR_IP_BAD_LENGTH,   /* shorter than its headers say */
    SVR_IP_BAD_CHECKSUM, /* IPv4 header */
    SVR_IP_BAD_L4,       /* TCP or UDP header wrong or cut off */
} svr_ip_result;

svr_ip_result svr_ip_decode(const uint8_t *p, size_t len, svr_ip *out);

typedef struct svr_ip_header {
    svr_addr src, dst;
    uint8_t proto, tos, ttl;
    bool dont_fragment;
    uint16_t id; /* IPv4 */
    uint16_t l4_len;
} svr_ip_header;

/* Bytes of the IP header for a family: 20 or 40. */
size_t svr_ip_header_len(uint8_t family);
/* Writes an IPv4 header with its checksum, or an IPv6 header; by the family of `src`. Returns its length. */
size_t svr_ip_encode(const svr_ip_header *h, uint8_t *out);
/* The same for a fragment: 20 bytes, or 48 with the fragment header of IPv6. `h->l4_len` is that of the part,
 * and `h->id` is not looked at. */
size_t svr_ip_part_header_len(uint8_t family);
size_t svr_ip_encode_part(const svr_ip_header *h, const svr_ip_part *part, uint8_t *out);
/* Writes a UDP header and its checksum over `len` bytes of payload behind it. */
void svr_udp_encode(uint8_t *udp, const svr_addr *src, const svr_addr *dst, uint16_t sport, uint16_t dport,
                    size_t payload_len);
/* The same, with the pseudo header's sum alone in place of the checksum: whoever sends it is to complete
 * that. */
void svr_udp_encode_open(uint8_t *udp, const svr_addr *src, const svr_addr *dst, uint16_t sport,
                         uint16_t dport, size_t payload_len);
/* Where a TCP segment is in its connection. */
#define SVR_TCP_FIN 0x01
#define SVR_TCP_SYN 0x02
#define SVR_TCP_RST 0x04
#define SVR_TCP_PSH 0x08
#define SVR_TCP_ACK 0x10
typedef struct svr_tcp_segment {
    uint32_t seq, ack;
    size_t len; /* of its data */
    uint8_t flags;
} svr_tcp_segment;

/* `tcp` is the L4 header that svr_ip_decode found whole. */
svr_tcp_segment svr_tcp_decode(const svr_ip *ip, const uint8_t *tcp);

typedef struct svr_tcp_header {
    uint16_t sport, dport, window;
    uint32_t seq, ack;
    uint8_t flags;
    uint8_t window_scale; /* of a SYN, as is `mss` */
    uint16_t mss;
} svr_tcp_header;

/* 28 for a SYN, with its options; else 20. */
size_t svr_tcp_header_len(uint8_t flags);
/* Writes a TCP header and its checksum over `len` bytes of data behind it. */
void svr_tcp_encode(uint8_t *tcp, const svr_tcp_header *h, const svr_addr *src, const svr_addr *dst,
                    size_t len);
/* Fills in the checksum of an L4 segment (TCP, UDP, ICMP, ICMPv6) at `l4`. */
void svr_l4_checksum_set(uint8_t *l4, size_t len, uint8_t proto, const svr_addr *src, const svr_addr *dst);
bool svr_l4_checksum_ok(const uint8_t *l4, size_t len, uint8_t proto, const svr_addr *src,
                        const svr_addr *dst);
/* The folded sum over the pseudo header of a segment of `len` bytes, not inverted: what stands in place of
 * the checksum while somebody else is to complete it. */
uint16_t svr_l4_checksum_pseudo(uint8_t proto, const svr_addr *src, const svr_addr *dst, size_t len);
/* One's complement sum of bytes, folded to 16 bits, not inverted; `sum` continues an earlier one (even
 * length). */
uint32_t svr_checksum_add(uint32_t sum, const uint8_t *p, size_t len);
uint16_t svr_checksum_fold(uint32_t sum);
/* Lowers the MSS option of a SYN to `mss` when it is larger, mending the checksum. True when it changed
 * something. */
bool svr_tcp_clamp_mss(uint8_t *tcp, size_t len, uint16_t mss);

/* ICMP errors that a router answers with. */
typedef enum svr_icmp_error {
    SVR_ICMP_TTL_EXCEEDED,
    SVR_ICMP_PROHIBITED, /* no service allows it */
    SVR_ICMP_UNREACHABLE,
    SVR_ICMP_TOO_BIG,
} svr_icmp_error;
/* Builds the whole IP datagram of an error about `orig` (quoting as much as RFC 792, RFC 1812 and RFC 4443
 * allow) from `src` to the source of `orig`. Returns its length; 0 when `orig` must not be answered (an ICMP
 * error, a fragment other than the first, multicast, broadcast, no source) or `size` is too small. */
size_t svr_icmp_error_encode(svr_icmp_error what, uint32_t mtu, const svr_addr *src, const uint8_t *orig,
                             size_t orig_len, uint8_t *out, size_t size);

/* An ICMP error about a packet of a flow, without what follows from the flow (PD-ICMP). */
#define SVR_ICMP_QUOTE_LEN 8
typedef struct svr_icmp_report {
    svr_addr location; /* who found fault */
    uint8_t type, code;
    uint32_t value;                    /* MTU or pointer, where the type has one; else 0 */
    uint8_t quote[SVR_ICMP_QUOTE_LEN]; /* first bytes of the packet's L4 header */
} svr_icmp_report;

/* Reads an ICMP error (at `icmp`, as svr_ip_decode found it) about a packet with ports: not redirects. Its
 * checksum must hold and its quote reach over the first 8 bytes of the L4 header. `*about` is the quoted
 * packet's flow. */
bool svr_icmp_report_decode(const svr_ip *ip, const uint8_t *icmp, svr_icmp_report *out, svr_flow *about);
/* What a router says of a packet of this flow; without `quote` (NULL) the flow has to do. */
svr_icmp_report svr_icmp_report_make(svr_icmp_error what, uint32_t mtu, const svr_addr *location,
                                     const svr_flow *about, const uint8_t *quote);
/* Builds the whole IP datagram to the source of `about`. Returns its length; 0 when the report is none that
 * this family has, or `size` is too small. */
size_t svr_icmp_report_encode(const svr_icmp_report *r, const svr_flow *about, const svr_addr *src,
                              uint8_t *out, size_t size);
/* The two TLVs of a report: icmp-error-location and icmp-error. */
void svr_tlv_put_report(svr_tlv_writer *w, const svr_icmp_report *r);
/* Takes one of them; false when it is malformed. Other TLVs are let pass. */
bool svr_report_decode(const svr_tlv *tlv, svr_icmp_report *out);

#endif

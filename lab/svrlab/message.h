/* SPDX-License-Identifier: MIT
 * Messages of the traffic generators, as in the simulator (libns3shim/message.hh): a header and a body whose
 * bytes follow from the header, so that the receiver can tell to which flow it belongs and whether it is
 * intact. And which of a sequence of messages have come. */
#ifndef SVRLAB_MESSAGE_H
#define SVRLAB_MESSAGE_H

#include "libns3shim/ns3shim.h"

#define LAB_REQUEST 0x6e733371u
#define LAB_REPLY 0x6e733372u
#define LAB_HEADER 32

typedef struct lab_message {
    uint32_t magic; /* LAB_REQUEST or LAB_REPLY */
    uint32_t flow;  /* index of the flow */
    uint64_t seq;   /* from 0 */
    uint64_t time;  /* when the request was sent */
    uint32_t size;  /* of the message, header included */
    uint32_t reply; /* size of the wanted answer; 0: none */
} lab_message;

/* Writes the `size` bytes of the message to `out`. */
void lab_message_encode(const lab_message *m, uint8_t *out);
/* Reads a header of LAB_HEADER bytes; false when it is none. */
bool lab_message_decode(const uint8_t *in, lab_message *out);
/* Reads a datagram that is one message. `*intact`: its length and body are as they were sent. */
bool lab_message_read(const uint8_t *in, size_t n, lab_message *out, bool *intact);

/* Takes a stream of messages apart. All zero at the beginning. */
typedef struct lab_reader {
    uint8_t header[LAB_HEADER];
    size_t have;
    lab_message now;
    bool intact;
} lab_reader;

/* Calls `got` for each message that `in` completes. False when the stream makes no sense. */
bool lab_reader_feed(lab_reader *r, const uint8_t *in, size_t n,
                     void (*got)(void *ctx, const lab_message *m, bool intact), void *ctx);

/* Which numbers have come. All zero at the beginning, but for `last_sent_at`: NS3SHIM_NEVER. */
typedef struct lab_track {
    uint64_t next;         /* one above the highest that came */
    uint64_t last_sent_at; /* of the highest that came */
    ns3shim_gap *gap;      /* what is missing, in order */
    size_t n, max;
} lab_track;

typedef enum lab_verdict { LAB_FRESH, LAB_LATE, LAB_TWICE } lab_verdict;

lab_verdict lab_track_note(lab_track *t, uint64_t seq, uint64_t sent_at);
void lab_track_fini(lab_track *t);

#endif

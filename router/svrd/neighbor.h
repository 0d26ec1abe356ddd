/* SPDX-License-Identifier: MIT
 * Who is where on an Ethernet LAN that the router itself serves: ARP (RFC 826) and neighbour discovery (RFC
 * 4861). Frames go in and out; nothing here has a device or a clock.
 *
 * Bounded: SVRD_NEIGHBORS neighbours, of which the one heard of longest ago makes room, and
 * SVRD_NEIGHBOR_WAITING packets that wait for each. An address that nobody asked about is learned only from
 * who asks for one of ours. */
#ifndef SVRD_NEIGHBOR_H
#define SVRD_NEIGHBOR_H

#include "svr/config.h"
#include "svr/packet.h"

#define SVRD_MAC_LEN 6
#define SVRD_ETHERNET_LEN 14
#define SVRD_NEIGHBORS 512
#define SVRD_NEIGHBOR_WAITING 3
#define SVRD_NEIGHBOR_TRIES 3              /* questions without an answer */
#define SVRD_NEIGHBOR_RETRY SVR_SEC        /* between them */
#define SVRD_NEIGHBOR_FRESH (30 * SVR_SEC) /* after that it is asked again, and serves meanwhile */

typedef void svrd_frame_fn(void *ctx, const uint8_t header[SVRD_ETHERNET_LEN], const uint8_t *data,
                           size_t len);

typedef struct svrd_waiting {
    uint8_t *bytes;
    size_t len;
} svrd_waiting;

typedef struct svrd_neighbor {
    svr_addr addr; /* family 0: free */
    uint8_t mac[SVRD_MAC_LEN];
    bool known;
    unsigned asked;         /* questions since it was heard of; 0: none is open */
    svr_time heard, ask_at; /* when it was; when to ask again */
    svrd_waiting waiting[SVRD_NEIGHBOR_WAITING];
    size_t n_waiting;
} svrd_neighbor;

typedef struct svrd_neighbors {
    const svr_interface *iface;
    uint8_t mac[SVRD_MAC_LEN]; /* ours */
    svrd_frame_fn *send;
    void *ctx;
    svrd_neighbor at[SVRD_NEIGHBORS];
    svr_time next;        /* when svrd_neighbors_expire has something to do */
    uint64_t unreachable; /* packets that waited in vain */
} svrd_neighbors;

void svrd_neighbors_init(svrd_neighbors *t, const svr_interface *iface, const uint8_t mac[SVRD_MAC_LEN],
                         svrd_frame_fn *send, void *ctx);
void svrd_neighbors_fini(svrd_neighbors *t);
/* Tells the LAN where our addresses are. */
void svrd_neighbors_announce(svrd_neighbors *t);
/* Looks at a frame. The length of the IP datagram behind its header, when it has one for us to route; else 0.
 */
size_t svrd_neighbors_take(svrd_neighbors *t, const uint8_t *frame, size_t len, svr_time now);
/* Sends a datagram to `next_hop`, at once or when it is known where that is. */
void svrd_neighbors_send(svrd_neighbors *t, const svr_addr *next_hop, const uint8_t *datagram, size_t len,
                         svr_time now);
/* Asks again what was not answered, and gives up what never was. */
void svrd_neighbors_expire(svrd_neighbors *t, svr_time now);

#endif

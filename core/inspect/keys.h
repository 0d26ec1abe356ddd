/* SPDX-License-Identifier: MIT
 * The keys that a key log names, and which of them a packet may be of. */
#ifndef SVR_INSPECT_KEYS_H
#define SVR_INSPECT_KEYS_H

#include "base/table.h"
#include "keys/exchange.h"
#include "keys/metadata_key.h"
#include "session/payload_key.h"

/* A peer key, ready for both directions: [0] from `name[0]` to `name[1]`. */
typedef struct svr_logged_peer_key {
    svr_key_id id;
    char name[2][SVR_NAME_MAX + 1];
    svr_crypt_key key[2];
} svr_logged_peer_key;

typedef struct svr_logged_metadata_key {
    char owner[SVR_NAME_MAX + 1];
    svr_metadata_key key;
} svr_logged_metadata_key;

typedef struct svr_logged_life {
    char router[SVR_NAME_MAX + 1];
    uint8_t life[SVR_LIFE_LEN];
} svr_logged_life;

/* What a sender derives from a metadata key in one of its lives; made when it is first tried. */
typedef struct svr_logged_use {
    const svr_logged_metadata_key *of;
    const svr_logged_life *by;
    svr_crypt_key key;
} svr_logged_use;

typedef struct svr_logged_payload_key {
    uint8_t name[SVR_UUID_LEN + 1]; /* session and phase */
    uint8_t secret[SVR_PAYLOAD_KEY_LEN];
    svr_crypt_key key[2]; /* forward, reverse */
    /* Another one of this name: phases begin anew after 256 rotations. */
    const struct svr_logged_payload_key *older;
} svr_logged_payload_key;

/* A list of pointers that grows. */
typedef struct svr_list {
    void **at;
    size_t n, size;
} svr_list;

typedef struct svr_logged_keys {
    const svr_allocator *alloc;
    svr_crypt *crypt;
    svr_list peer, metadata, lives, uses, payload;
    svr_table payload_by_name, use_by_pair;
} svr_logged_keys;

bool svr_logged_keys_init(svr_logged_keys *k, const svr_allocator *alloc);
void svr_logged_keys_fini(svr_logged_keys *k);
bool svr_logged_keys_add(svr_logged_keys *k, const char *line);

/* Walks the peer keys with this index: *pos starts at 0. NULL at the end. */
const svr_logged_peer_key *svr_logged_next_peer(const svr_logged_keys *k, uint32_t index, size_t *pos);
/* Walks what every sender makes of every metadata key with this index. NULL at the end, or when memory is
 * short. */
const svr_logged_use *svr_logged_next_use(svr_logged_keys *k, uint32_t index, size_t *pos);
/* The key that was logged last; its `older` ones may be meant, too. */
const svr_logged_payload_key *svr_logged_payload(const svr_logged_keys *k, const uint8_t uuid[SVR_UUID_LEN],
                                                 uint8_t phase);

#endif

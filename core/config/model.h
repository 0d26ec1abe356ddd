/* SPDX-License-Identifier: MIT
 * From the tree to the model that nodes use. Inside core/config only. */
#ifndef SVR_CONFIG_MODEL_H
#define SVR_CONFIG_MODEL_H

#include "config/tree.h"

/* The model with the memory that holds it. */
typedef struct svr_config_box {
    svr_config config; /* first: svr_config_del gets a pointer to it */
    svr_arena arena;
} svr_config_box;

typedef struct svr_builder {
    svr_arena *arena;
    svr_config *config;
    svr_config_error *err;
} svr_builder;

/* Each is false with `err` filled, or (memory) with arena->failed. */
bool svr_build_authority(svr_builder *b, const svr_tree *authority); /* model.c: all but routers */
bool svr_build_routers(svr_builder *b, const svr_tree *root, const svr_tree *authority); /* routers.c */
bool svr_build_peers(svr_builder *b);  /* peers.c: once all routers are there */
bool svr_build_routes(svr_builder *b); /* routers.c: once peers are there */

/* A prefix or address text that the schema has checked. */
svr_prefix svr_build_prefix(const char *text);
svr_addr svr_build_address(const char *text);
/* What a leaf refers to. True with `*out` NULL when `leaf` is NULL; false when there is no such thing. */
bool svr_build_tenant_ref(svr_builder *b, const svr_tree *leaf, const svr_tenant **out);
/* The tenant that a block's key names. */
bool svr_build_tenant_key(svr_builder *b, const svr_tree *block, const svr_tenant **out);
bool svr_build_security_ref(svr_builder *b, const svr_tree *leaf, const svr_security **out);
/* Fails because nothing has that name: `what` is the word of the blocks that do. */
bool svr_fail_reference(svr_builder *b, svr_place at, const char *what, const char *name);
/* A `port-range` block: from `start-port`, or its key, to `end-port`, or `last` (0: a single port). It must
 * hold `least` ports. */
bool svr_build_port_range(svr_builder *b, const svr_tree *t, uint32_t last, uint32_t least,
                          svr_port_range *out);
/* Whether the block's leaf of this word, when it is there, repeats the block's key. */
bool svr_check_repeats(svr_builder *b, const svr_tree *block, const char *word, size_t key);
/* The same for `ip-address` in a block whose key is an address: equal ones may be spelled in several ways. */
bool svr_check_ip_address(svr_builder *b, const svr_tree *block);

#endif

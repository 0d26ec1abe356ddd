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
/* Lookups by name; NULL when `name` is NULL or unknown. */
const svr_tenant *svr_find_tenant(const svr_config *c, const char *name);
const svr_security *svr_find_security(const svr_config *c, const char *name);

#endif

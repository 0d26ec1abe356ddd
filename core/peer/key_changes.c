/* SPDX-License-Identifier: MIT */
#include "peer/peer_internal.h"

#include <stdio.h>

void svr_key_changes_peer_failed(svr_peer *peer, const char *why) {
    svr_key_changes *made = &peer->all->key_changes;
    snprintf(made->error, sizeof made->error, "%s: %s", peer->config->name, why);
}

void svr_key_changes_metadata(svr_peers *peers, const char *why) {
    svr_key_changes *made = &peers->key_changes;
    if (why)
        svr_strcpy(made->error, sizeof made->error, why);
    else
        made->metadata_keys++;
}

void svr_key_changes_demand(svr_peers *peers, const char *why) {
    svr_key_changes *made = &peers->key_changes;
    if (why)
        svr_strcpy(made->demand_error, sizeof made->demand_error, why);
    else
        made->on_demand++;
}

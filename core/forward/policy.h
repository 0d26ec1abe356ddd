/* SPDX-License-Identifier: MIT
 * Who may go where: services by destination, access by tenant, next hops by service-route. */
#ifndef SVR_FORWARD_POLICY_H
#define SVR_FORWARD_POLICY_H

#include "base/drop.h"
#include "peer/peer.h"

/* Who sends from this interface with this source address: the tenant of the longest prefix, else that of the
 * interface; NULL: nobody. */
const svr_tenant *svr_policy_tenant(const svr_interface *in, const svr_addr *source);
/* The service of a flow: of those whose prefix and transport match, the one with the longest prefix; of equal
 * ones the first that the tenant may use. 0, NO_SERVICE or NO_ACCESS. */
svr_drop svr_policy_service(const svr_config *config, const svr_flow *flow, const svr_tenant *tenant,
                            const svr_service **out);
/* By name, from metadata: the service must exist, hold the flow and admit the tenant. 0, NO_SERVICE or
 * NO_ACCESS. */
svr_drop svr_policy_named(const svr_config *config, const char *service, const char *tenant,
                          const svr_flow *flow, const svr_service **service_out,
                          const svr_tenant **tenant_out);

/* The path to a peer that a session of this flow takes, of those in service: the best standing with the
 * policy first, then its vectors in order of priority (paths of none of them come last), then any one, but
 * for equal flows the same one, so that flows spread over equal paths and none wanders when another path
 * comes or goes. Without a policy the first in configuration order. NULL when none is in service. */
svr_path *svr_policy_path(const svr_peer *peer, const svr_service_policy *policy, const svr_flow *flow);

/* Where a service's packets go next. */
typedef struct svr_policy_hop {
    svr_path *path;           /* to a peer */
    const svr_interface *out; /* or onto a LAN of this node */
    svr_addr gateway;         /* family 0: the destination is on link */
} svr_policy_hop;

/* The first hop that can be used, in order of the configuration; not back to the peer `from` (NULL: none). 0,
 * NO_ROUTE, or NO_PATH when there are only peers without a path in service. */
svr_drop svr_policy_route(const svr_peers *peers, const svr_node_config *node, const svr_service *service,
                          const svr_flow *flow, const svr_peer *from, svr_policy_hop *out);

/* NULL security: encrypted, sha384. */
bool svr_policy_encrypts(const svr_service *service);

#endif

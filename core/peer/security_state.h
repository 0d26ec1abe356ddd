/* SPDX-License-Identifier: MIT
 * The states of a peer's key exchange (PD-STATES), as `show peers security` prints them. */
#ifndef SVR_PEER_SECURITY_STATE_H
#define SVR_PEER_SECURITY_STATE_H

#include <stdbool.h>

#define SVR_SECURITY_STATES(X)                                                                               \
    X(ESKM_DISABLED)  /* enhanced-security-key-management is false */                                        \
    X(ESKM_STANDBY)   /* no interface towards the peer is up, or the other node serves */                    \
    X(CERT_EXCH)      /* certificates are being exchanged */                                                 \
    X(SALT_EXCH)      /* the first peer key is being agreed upon */                                          \
    X(MKEY_EXCH)      /* there is a peer key; metadata keys are being exchanged */                           \
    X(MKEY_EXCH_COMP) /* both metadata keys are known and acknowledged: traffic may flow */                  \
    X(KEY_TIMEOUT)    /* peer-key-timeout passed without a valid answer */                                   \
    X(CERT_INVALID)   /* the peer's certificate, or our own, does not permit peering */

typedef enum svr_security_state {
#define X(name) SVR_##name,
    SVR_SECURITY_STATES(X)
#undef X
        SVR_SECURITY_STATE_COUNT
} svr_security_state;

#define SVR_SECURITY_INPUTS(X)                                                                               \
    X(ENABLE)          /* the feature is on */                                                               \
    X(LINK_UP)         /* an interface towards the peer is up */                                             \
    X(LINK_DOWN)       /* none is */                                                                         \
    X(CERTS_EXCHANGED) /* theirs accepted, ours acknowledged */                                              \
    X(CERT_REFUSED)    /* theirs, or ours, is not acceptable */                                              \
    X(CERT_ACCEPTED)   /* both are acceptable (again) */                                                     \
    X(PEER_KEY)        /* a peer key is in use for sending */                                                \
    X(METADATA_KEYS)   /* peer key, and both metadata keys received and acknowledged */                      \
    X(NEW_LIFE)        /* the peer has restarted: its metadata key, and its copy of ours, are gone */        \
    X(TIMEOUT)         /* peer-key-timeout */                                                                \
    X(OTHER_NODE)      /* the other node of this router serves (PD-HA) */

typedef enum svr_security_input {
#define X(name) SVR_IN_##name,
    SVR_SECURITY_INPUTS(X)
#undef X
        SVR_SECURITY_INPUT_COUNT
} svr_security_input;

/* Where `input` leads from `state`; the same state when it has no effect there. */
svr_security_state svr_security_next_state(svr_security_state state, svr_security_input input);
const char *svr_security_state_name(svr_security_state state);
const char *svr_security_input_name(svr_security_input input);

#endif

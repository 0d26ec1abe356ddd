/* SPDX-License-Identifier: MIT */
#include "peer/security_state.h"

/* In the order of the states; an input that a row does not name has no effect there. A zero in the table
 * (ESKM_DISABLED) is never a destination: the feature cannot be switched off in a running node. */
static const svr_security_state table[SVR_SECURITY_STATE_COUNT][SVR_SECURITY_INPUT_COUNT] = {
    [SVR_ESKM_DISABLED] = {[SVR_IN_ENABLE] = SVR_ESKM_STANDBY},
    [SVR_ESKM_STANDBY] = {[SVR_IN_LINK_UP] = SVR_CERT_EXCH, [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID},
    [SVR_CERT_EXCH] = {[SVR_IN_CERTS_EXCHANGED] = SVR_SALT_EXCH,
                       [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID,
                       [SVR_IN_PEER_KEY] = SVR_MKEY_EXCH,
                       [SVR_IN_LINK_DOWN] = SVR_ESKM_STANDBY,
                       [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY,
                       [SVR_IN_TIMEOUT] = SVR_KEY_TIMEOUT},
    [SVR_SALT_EXCH] = {[SVR_IN_PEER_KEY] = SVR_MKEY_EXCH,
                       [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID,
                       [SVR_IN_LINK_DOWN] = SVR_ESKM_STANDBY,
                       [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY,
                       [SVR_IN_TIMEOUT] = SVR_KEY_TIMEOUT},
    [SVR_MKEY_EXCH] = {[SVR_IN_METADATA_KEYS] = SVR_MKEY_EXCH_COMP,
                       [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY,
                       [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID,
                       [SVR_IN_TIMEOUT] = SVR_KEY_TIMEOUT},
    [SVR_MKEY_EXCH_COMP] = {[SVR_IN_NEW_LIFE] = SVR_MKEY_EXCH,
                            [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY,
                            [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID,
                            [SVR_IN_TIMEOUT] = SVR_KEY_TIMEOUT},
    [SVR_KEY_TIMEOUT] = {[SVR_IN_PEER_KEY] = SVR_MKEY_EXCH,
                         [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY,
                         [SVR_IN_METADATA_KEYS] = SVR_MKEY_EXCH_COMP,
                         [SVR_IN_CERTS_EXCHANGED] = SVR_SALT_EXCH,
                         [SVR_IN_CERT_REFUSED] = SVR_CERT_INVALID},
    [SVR_CERT_INVALID] = {[SVR_IN_CERT_ACCEPTED] = SVR_CERT_EXCH, [SVR_IN_OTHER_NODE] = SVR_ESKM_STANDBY},
};

svr_security_state svr_security_next_state(svr_security_state state, svr_security_input input) {
    svr_security_state next = table[state][input];
    return next == SVR_ESKM_DISABLED ? state : next;
}

const char *svr_security_state_name(svr_security_state state) {
    static const char *const names[SVR_SECURITY_STATE_COUNT] = {
#define X(name) [SVR_##name] = #name,
        SVR_SECURITY_STATES(X)
#undef X
    };
    return state < SVR_SECURITY_STATE_COUNT ? names[state] : "unknown";
}

const char *svr_security_input_name(svr_security_input input) {
    static const char *const names[SVR_SECURITY_INPUT_COUNT] = {
#define X(name) [SVR_IN_##name] = #name,
        SVR_SECURITY_INPUTS(X)
#undef X
    };
    return input < SVR_SECURITY_INPUT_COUNT ? names[input] : "unknown";
}

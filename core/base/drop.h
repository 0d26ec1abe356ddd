/* SPDX-License-Identifier: MIT
 * Why packets are dropped. Every drop names one of these; each has a counter that an operator can read. */
#ifndef SVR_BASE_DROP_H
#define SVR_BASE_DROP_H

#define SVR_DROPS(X)                                                                                         \
    /* any interface */                                                                                      \
    X(NO_MEMORY, "no-memory")                                                                                \
    X(OUTPUT_FULL, "output-queue-full")                                                                      \
    X(IP_MALFORMED, "ip-malformed")                                                                          \
    X(IP_FRAGMENT, "ip-fragment")                                                                            \
    X(FRAGMENT_OVERLAP, "fragment-overlap")                                                                  \
    X(FRAGMENT_REPEATED, "fragment-repeated")                                                                \
    X(FRAGMENT_LIMIT, "fragment-limit")                                                                      \
    X(FRAGMENT_TIMEOUT, "fragment-timeout")                                                                  \
    X(TTL_EXCEEDED, "ttl-exceeded")                                                                          \
    X(PROTOCOL_UNSUPPORTED, "protocol-unsupported")                                                          \
    X(TOO_BIG, "too-big")                                                                                    \
    X(CRYPTO_FAILED, "crypto-failed")                                                                        \
    X(ICMP_UNRELATED, "icmp-error-unrelated")                                                                \
    X(ICMP_LIMIT, "icmp-error-limit")                                                                        \
    /* LAN side */                                                                                           \
    X(NO_SERVICE, "no-service")                                                                              \
    X(NO_ACCESS, "no-access")                                                                                \
    X(NO_ROUTE, "no-service-route")                                                                          \
    X(NO_PATH, "no-path-in-service")                                                                         \
    X(FLOW_LIMIT, "new-flow-limit")                                                                          \
    X(SESSION_LIMIT, "session-limit")                                                                        \
    X(NO_WAYPOINT, "waypoint-ports-exhausted")                                                               \
    X(SESSION_CONFLICT, "session-conflict")                                                                  \
    /* WAN side */                                                                                           \
    X(REDUNDANT_NODE, "other-node-serves")                                                                   \
    X(NOT_OURS, "not-our-address")                                                                           \
    X(UNKNOWN_PEER, "unknown-peer")                                                                          \
    X(UNKNOWN_SESSION, "unknown-session")                                                                    \
    X(PATH_NOT_IN_SERVICE, "path-not-in-service")                                                            \
    X(METADATA_MALFORMED, "metadata-malformed")                                                              \
    X(METADATA_UNKNOWN_KEY, "metadata-unknown-key")                                                          \
    X(METADATA_BAD_HMAC, "metadata-bad-hmac")                                                                \
    X(METADATA_REPLAY, "metadata-replay")                                                                    \
    X(METADATA_INCOMPLETE, "metadata-incomplete")                                                            \
    X(SECURITY_MISMATCH, "security-mismatch")                                                                \
    X(PAYLOAD_MALFORMED, "payload-malformed")                                                                \
    X(PAYLOAD_UNKNOWN_KEY, "payload-unknown-key")                                                            \
    X(PAYLOAD_BAD_HMAC, "payload-bad-hmac")                                                                  \
    X(PAYLOAD_REPLAY, "payload-replay")                                                                      \
    /* BFD and key exchange */                                                                               \
    X(NOT_PARTICIPATING, "own-certificate-invalid")                                                          \
    X(BFD_MALFORMED, "bfd-malformed")                                                                        \
    X(BFD_PLAIN, "bfd-without-metadata")                                                                     \
    X(BFD_UNKNOWN_KEY, "bfd-unknown-key")                                                                    \
    X(BFD_UNAUTHENTICATED, "bfd-unauthenticated")                                                            \
    X(BFD_BAD_HMAC, "bfd-bad-hmac")                                                                          \
    X(BFD_REPLAY, "bfd-replay")                                                                              \
    X(BFD_ECHO, "bfd-echo-unexpected")                                                                       \
    X(BFD_ECHO_RATE, "bfd-echo-rate")                                                                        \
    X(BFD_DISCRIMINATOR, "bfd-discriminator")                                                                \
    X(KEX_MALFORMED, "key-exchange-malformed")                                                               \
    X(KEX_STALE, "key-exchange-stale")                                                                       \
    X(KEX_UNEXPECTED, "key-exchange-unexpected")                                                             \
    X(KEX_UNFINISHED, "key-exchange-rotation-unfinished")                                                    \
    X(KEX_BAD_SIGNATURE, "key-exchange-bad-signature")                                                       \
    X(KEX_BAD_CONFIRM, "key-exchange-bad-confirm")                                                           \
    X(KEX_BAD_GROUP, "key-exchange-bad-group")                                                               \
    X(KEX_BAD_PUBLIC, "key-exchange-bad-public-value")                                                       \
    X(KEX_LIMIT, "key-exchange-limit")                                                                       \
    X(KEX_NO_COOKIE, "key-exchange-no-cookie")                                                               \
    X(KEX_NO_CERTIFICATE, "key-exchange-no-certificate")                                                     \
    X(CERT_REFUSED, "certificate-refused")                                                                   \
    X(SYNC_MALFORMED, "replica-malformed")

typedef enum svr_drop {
    SVR_DROP_NONE, /* not a reason: the packet was taken */
#define X(id, name) SVR_DROP_##id,
    SVR_DROPS(X)
#undef X
        SVR_DROP_COUNT
} svr_drop;

const char *svr_drop_name(svr_drop reason);

#endif

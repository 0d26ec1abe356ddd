/* SPDX-License-Identifier: MIT
 * Certificates: a router's own identity, and the verdict on a peer's (CRT-*, CFG-PCN-MATCH). */
#ifndef SVR_PKI_H
#define SVR_PKI_H

#include "crypto/crypt.h"
#include "svr/node.h"

#define SVR_CHAIN_MAX 8192 /* bytes of a chain on the wire: each certificate as length(2) | DER */
#define SVR_CHAIN_CERTS_MAX 6
#define SVR_SIGNATURE_MAX 1024

/* Our own certificate chain with its private key. */
typedef struct svr_identity svr_identity;

/* From PEM texts. NULL with `err` filled: not PEM, key and certificate do not belong together, chain too
 * long. */
svr_identity *svr_identity_new(svr_crypt *c, const char *chain_pem, const char *key_pem, svr_error *err);
/* A self-signed certificate (CRT-SELF): P-256, CN = SAN URI urn:ssr:peering: = `common_name`, valid from one
 * day before `wall` for ten years; its serial number and key come from the library context's RAND. */
svr_identity *svr_identity_new_self_signed(svr_crypt *c, const char *common_name, svr_wall wall,
                                           svr_error *err);
void svr_identity_del(svr_identity *id);
bool svr_identity_is_self_signed(const svr_identity *id);
/* The chain in wire form; owned by the identity. */
svr_piece svr_identity_chain(const svr_identity *id);
/* Signs with the certificate's key (RSA-PSS/SHA-384, ECDSA with SHA-384, or Ed25519). Returns the length; 0
 * on failure. */
size_t svr_identity_sign(const svr_identity *id, const svr_piece *pieces, size_t n,
                         uint8_t out[SVR_SIGNATURE_MAX]);

/* What received certificates are judged against. */
typedef struct svr_trust svr_trust;
/* From PEM texts, each NULL or one or more objects. NULL with `err` filled when one cannot be read. */
svr_trust *svr_trust_new(svr_crypt *c, const char *ca_pem, const char *crl_pem, svr_error *err);
void svr_trust_del(svr_trust *trust);
bool svr_trust_has_ca(const svr_trust *trust);

typedef enum svr_cert_verdict {
    SVR_CERT_VALID,
    SVR_CERT_MALFORMED,     /* not a chain of certificates, or a key that we cannot use */
    SVR_CERT_NAME_MISMATCH, /* neither CN nor SAN URI is the peering-common-name */
    SVR_CERT_UNTRUSTED,     /* no path to a trusted CA */
    SVR_CERT_NOT_YET_VALID,
    SVR_CERT_EXPIRED,
    SVR_CERT_REVOKED,
    SVR_CERT_BAD_SIGNATURE, /* a signature in the chain does not verify */
} svr_cert_verdict;
const char *svr_cert_verdict_name(svr_cert_verdict verdict); /* "valid", "expired", ... */

/* Whether the clock or a revocation list alone decided against a chain that is otherwise in order: what
 * fail-soft goes on with (CRT-FAIL-SOFT). */
bool svr_cert_verdict_is_soft(svr_cert_verdict verdict);

/* A chain that was judged, with its public key. The judgement on names, signatures, trust and revocation is
 * kept in it; the clock is asked each time (CRT-WHEN). */
typedef struct svr_peer_cert svr_peer_cert;
/* Judges a chain in wire form at wall time `wall`. Without a CA in `trust` a self-signed certificate, or a
 * chain whose links verify, passes by name and time alone. *out is set unless the verdict is
 * SVR_CERT_MALFORMED; whether it may be used is for the caller to decide by the verdict. */
svr_cert_verdict svr_trust_judge(svr_trust *trust, svr_piece chain, const char *common_name, svr_wall wall,
                                 svr_peer_cert **out);
/* How many chains were judged in full so far (CRT-WHEN). */
uint64_t svr_trust_judgements(const svr_trust *trust);
/* Judges a kept chain anew, against other trust or other lists. */
svr_cert_verdict svr_peer_cert_rejudge(svr_peer_cert *cert, const svr_trust *trust, const char *common_name,
                                       svr_wall wall);
/* The verdict as of `wall`: the kept judgement and the clock. */
svr_cert_verdict svr_peer_cert_verdict(const svr_peer_cert *cert, svr_wall wall);
void svr_peer_cert_del(svr_peer_cert *cert);
svr_wall svr_peer_cert_not_before(const svr_peer_cert *cert); /* the latest beginning in the chain */
svr_wall svr_peer_cert_not_after(const svr_peer_cert *cert);  /* the earliest end, a whole second */
/* The first instant at which it has expired: the second named by not-after still counts (RFC 5280 section
 * 4.1.2.5). */
svr_wall svr_peer_cert_expires(const svr_peer_cert *cert);
const uint8_t *svr_peer_cert_fingerprint(const svr_peer_cert *cert); /* SHA-384 of the chain in wire form */
/* Checks a signature of the peer (CRT-PUBKEY). */
bool svr_peer_cert_verify(const svr_peer_cert *cert, const svr_piece *pieces, size_t n, svr_piece signature);

/* A certificate for people: of a chain, its first one. Texts are printable ASCII, cut to their arrays. */
typedef struct svr_cert_facts {
    char subject[256], issuer[256]; /* "CN=alias-b, O=Example" */
    char serial[96];                /* octets as hex, with colons */
    char key[32];                   /* "P-256", "RSA 3072 bits", "Ed25519" */
    char fingerprint[96];           /* SHA-256, as `openssl x509 -fingerprint -sha256` prints it */
    svr_wall not_before, not_after;
} svr_cert_facts;
void svr_peer_cert_describe(const svr_peer_cert *cert, svr_cert_facts *out);
void svr_identity_describe(const svr_identity *id, svr_cert_facts *out);

#endif

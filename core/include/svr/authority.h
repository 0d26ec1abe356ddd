/* SPDX-License-Identifier: MIT
 * A small certificate authority, for simulations, tests and tools: roots, intermediates, routers'
 * certificates and revocation lists (CRT-*, CFG-PCN-MATCH).
 *
 * Keys, signatures and serial numbers come from the RAND of the crypt's library context, and times are
 * given: equal randomness and equal calls make equal octets. Wall times are cut to whole seconds; both ends
 * of a validity are included, as in RFC 5280. Where a function can fail it fills `err`.
 */
#ifndef SVR_AUTHORITY_H
#define SVR_AUTHORITY_H

#include "svr/node.h"

/* Kinds of key that the profile admits. */
typedef enum svr_key_kind {
    SVR_KEY_P256,
    SVR_KEY_P384,
    SVR_KEY_P521,
    SVR_KEY_ED25519,
    SVR_KEY_RSA_2048,
    SVR_KEY_RSA_3072,
    SVR_KEY_RSA_4096,
    SVR_KEY_KINDS, /* how many there are */
} svr_key_kind;

/* "p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa4096". NULL past the last. */
const char *svr_key_kind_name(svr_key_kind kind);
/* The kind of that name; false when there is none. */
bool svr_key_kind_parse(const char *name, svr_key_kind *out);

/* A CA with its private key, and what it revoked. Independent of the CA above it, once made. */
typedef struct svr_ca svr_ca;

typedef struct svr_ca_params {
    const char *common_name; /* 1 to 63 octets */
    svr_key_kind key;
    svr_wall not_before, not_after;
} svr_ca_params;

/* A self-signed CA. `crypt` must outlive it. NULL on failure. */
svr_ca *svr_ca_new_root(struct svr_crypt *crypt, const svr_ca_params *params, svr_error *err);
/* A CA that `above` certifies. NULL on failure; also when a chain from it would be too long for the wire. */
svr_ca *svr_ca_new_intermediate(const svr_ca *above, const svr_ca_params *params, svr_error *err);
/* A CA that was written down: its own certificate first and the root last, its private key, and the list that
 * it gave out last, or NULL. All PEM; the texts are not kept. NULL on failure: also when they do not belong
 * together. */
svr_ca *svr_ca_load(struct svr_crypt *crypt, const char *chain, const char *key, const char *crl,
                    svr_error *err);
/* To write it down: PEM, as svr_ca_load takes it. NULL when memory is short. Free with svr_ca_text_free. */
char *svr_ca_chain_pem(const svr_ca *ca);
char *svr_ca_key_pem(const svr_ca *ca);
/* Wipes the private key; NULL is allowed. */
void svr_ca_del(svr_ca *ca);
/* Serial number of its own certificate: what the CA above revokes. */
uint64_t svr_ca_serial(const svr_ca *ca);
/* PEM text of the root that its certificates rest on (svr_credentials.trusted_ca). Owned by the CA. */
const char *svr_ca_root_pem(const svr_ca *ca);

/* Where a certificate says the peering-common-name; either place is enough (CFG-PCN-MATCH). */
typedef enum svr_name_place {
    SVR_NAME_IN_BOTH,
    SVR_NAME_IN_CN,  /* no alternative name */
    SVR_NAME_IN_SAN, /* URI urn:ssr:peering:NAME, critical; the subject is empty (RFC 5280 section 4.2.1.6) */
} svr_name_place;

typedef struct svr_ca_order {
    const char *name; /* peering-common-name, 1 to 63 octets */
    svr_name_place place;
    svr_key_kind key;
    svr_wall not_before, not_after;
    uint64_t serial; /* below 2^63; 0: a random one */
} svr_ca_order;

/* What was issued: a router's credentials, but for its trust. */
typedef struct svr_ca_issued {
    char *certificate; /* PEM: the certificate, then intermediates; without the root */
    char *private_key; /* PEM, PKCS#8, not encrypted */
    uint64_t serial;
} svr_ca_issued;

/* Makes a key and a certificate for it. 0; or -1, then *out is empty. Free with svr_ca_issued_free. */
int svr_ca_issue(const svr_ca *ca, const svr_ca_order *order, svr_ca_issued *out, svr_error *err);
/* A key and a request for a certificate of it (PKCS #10), in the name of a router: CN and alternative name.
 * `out` as of svr_ca_issue, with the request in place of the certificate; free with svr_ca_request_free. */
int svr_ca_request(struct svr_crypt *crypt, const char *name, svr_key_kind key, svr_ca_issued *out,
                   svr_error *err);
void svr_ca_request_free(struct svr_crypt *crypt, svr_ca_issued *request);
/* Issues a certificate for such a request (PEM), which must be signed with its own key and be in the name of
 * the order; its kind of key is the request's. There is no private key in *out. 0; or -1, then *out is empty.
 */
int svr_ca_sign(const svr_ca *ca, const svr_ca_order *order, const char *request, svr_ca_issued *out,
                svr_error *err);
/* Wipes the key and frees both texts; may be called on an empty one. */
void svr_ca_issued_free(const svr_ca *ca, svr_ca_issued *issued);

/* Notes that the certificate of that serial number is revoked as of `when`; its next list says so. Twice is
 * as good as once. 0, or -1. */
int svr_ca_revoke(svr_ca *ca, uint64_t serial, svr_wall when, svr_error *err);
/* The list of all that was revoked so far, with a list number one higher each time: PEM text for
 * svr_credentials.crl, where lists of several CAs may stand one after the other. NULL on failure. Free with
 * svr_ca_text_free. */
char *svr_ca_crl(svr_ca *ca, svr_wall this_update, svr_wall next_update, svr_error *err);
/* Wipes and frees a text; NULL is allowed. */
void svr_ca_text_free(const svr_ca *ca, char *text);

#endif

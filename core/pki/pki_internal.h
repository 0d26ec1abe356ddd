/* SPDX-License-Identifier: MIT
 * Inside core/pki: what identity and trust share. */
#ifndef SVR_PKI_INTERNAL_H
#define SVR_PKI_INTERNAL_H

#include "pki/pki.h"
#include "svr/authority.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* Reads a chain in wire form into at most SVR_CHAIN_CERTS_MAX certificates. Their number; 0 when it is
 * malformed (then nothing is left to free). */
size_t svr_chain_decode(svr_crypt *c, svr_piece chain, X509 *out[SVR_CHAIN_CERTS_MAX]);
/* Appends one certificate; the new length, or 0 when it does not fit. */
size_t svr_chain_append(uint8_t *buf, size_t len, X509 *cert);
/* A key that the profile admits: RSA from 2048 bits, P-256, P-384, P-521, Ed25519. */
bool svr_key_usable(EVP_PKEY *key);
/* CN, or else the SAN URI urn:ssr:peering:NAME (CFG-PCN-MATCH). */
bool svr_cert_has_name(X509 *cert, const char *common_name);
/* Wall time of an ASN.1 time; the epoch when it cannot be read. What svr_wall cannot hold (99991231235959Z
 * stands for "no end", RFC 5280 section 4.1.2.5) is cut to its range. */
svr_wall svr_asn1_wall(const ASN1_TIME *t);
/* Prepares a context for signing (or verifying) with the algorithm of the key, over SHA-384 where it takes a
 * digest. */
bool svr_digest_init(svr_crypt *c, EVP_MD_CTX *ctx, EVP_PKEY *key, bool sign);
/* Checks a signature over the pieces in one. */
bool svr_key_verify(svr_crypt *c, EVP_PKEY *key, const svr_piece *pieces, size_t n, svr_piece signature);

/* What a certificate is to say. */
#define SVR_PEERING_URN "urn:ssr:peering:"
#define SVR_SERIAL_LEN 16
typedef struct svr_cert_spec {
    const char *common_name; /* NULL: an empty subject */
    const char *uri_name;    /* NAME of the SAN URI urn:ssr:peering:NAME; NULL: no alternative name */
    bool is_ca;
    uint8_t serial[SVR_SERIAL_LEN]; /* big-endian, positive */
    svr_wall not_before, not_after;
} svr_cert_spec;
/* A certificate for `key`, signed with `signer`. The issuer's certificate; NULL: self-signed. NULL on
 * failure. */
X509 *svr_cert_make(svr_crypt *c, const svr_cert_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer);
/* Adds an extension in OpenSSL's syntax of values; some kinds look at the issuer. */
bool svr_cert_extend(X509 *cert, X509 *issuer, int nid, const char *value);
/* Sets an ASN.1 time, to the second below. */
bool svr_asn1_set_wall(ASN1_TIME *t, svr_wall wall);

/* A memory BIO over text, or NULL. */
BIO *svr_pem_open(const char *text);
/* The next certificate of a PEM text, or NULL at its end. */
X509 *svr_pem_next_cert(svr_crypt *c, BIO *bio);

/* What was written into a memory BIO (when that was `ok`), in memory of the host's; ends the BIO. */
char *svr_pem_take(svr_crypt *c, BIO *bio, bool ok);
/* A private key as PEM, PKCS#8. NULL on failure. */
char *svr_key_pem(svr_crypt *c, EVP_PKEY *key);
EVP_PKEY *svr_key_generate(svr_crypt *c, svr_key_kind kind);

/* make.c: the extension's value subjectAltName with the URI urn:ssr:peering:NAME. NULL on failure. */
GENERAL_NAMES *svr_peering_uri(const char *name);

/* request.c: the public key of a request, when it is signed with that key, which the profile admits, and is
 * in this name. NULL, with `err`, otherwise. */
EVP_PKEY *svr_request_key(svr_crypt *c, const char *request, const char *name, svr_error *err);

/* describe.c */
void svr_cert_describe(X509 *cert, svr_cert_facts *out);

#endif

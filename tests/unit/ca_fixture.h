/* SPDX-License-Identifier: MIT
 * Certificates by hand, such as svr/authority.h does not make: other curves, odd names, and nothing in
 * certificates and revocation lists but what must be. */
#ifndef TESTS_CA_FIXTURE_H
#define TESTS_CA_FIXTURE_H

#include "unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define CA_PEM_MAX 8192

/* A certificate with its key. */
typedef struct pair {
    X509 *cert;
    EVP_PKEY *key;
} pair;

static inline EVP_PKEY *p256(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static inline void ca_extend(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

/* Signed by `by`, or by itself; takes the key over. Valid from `begin` to `end`, seconds since 1970. A CA
 * when `san` is NULL; "": no alternative name. */
static inline pair ca_issue(const pair *by, EVP_PKEY *key, const char *cn, const char *san, int64_t begin,
                            int64_t end) {
    static long serial = 1;
    pair p = {X509_new(), key};
    X509_NAME *name = X509_get_subject_name(p.cert);
    X509_set_version(p.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
    ASN1_TIME_set(X509_getm_notBefore(p.cert), begin);
    ASN1_TIME_set(X509_getm_notAfter(p.cert), end);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(p.cert, by ? X509_get_subject_name(by->cert) : name);
    X509_set_pubkey(p.cert, key);
    ca_extend(p.cert, NID_basic_constraints, san ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (san && san[0]) ca_extend(p.cert, NID_subject_alt_name, san);
    EVP_PKEY *signer = by ? by->key : key;
    const EVP_MD *md = EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha384();
    assert_true(X509_sign(p.cert, signer, md) > 0);
    return p;
}

static inline void ca_free(pair *p) {
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    *p = (pair){0};
}

static inline void ca_take_text(char *out, size_t size, BIO *bio) {
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    assert_true(strlen(out) + (size_t)n < size);
    strncat(out, p, (size_t)n);
    BIO_free(bio);
}

/* Appends the PEM text of a certificate, or of a key. */
static inline void ca_append_pem(char *out, size_t size, X509 *cert, EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (cert) PEM_write_bio_X509(bio, cert);
    if (key) PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    ca_take_text(out, size, bio);
}

/* The list of `by` that names `revoked`, or nothing when that is NULL. */
static inline void ca_write_crl(char *out, size_t size, const pair *by, const X509 *revoked, int64_t time) {
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, time);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
    X509_CRL_set1_lastUpdate(crl, t);
    if (revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(revoked));
        X509_REVOKED_set_revocationDate(entry, t);
        X509_CRL_add0_revoked(crl, entry);
    }
    assert_true(X509_CRL_sign(crl, by->key, EVP_sha384()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(bio, crl);
    out[0] = 0;
    ca_take_text(out, size, bio);
    ASN1_TIME_free(t);
    X509_CRL_free(crl);
}

#endif

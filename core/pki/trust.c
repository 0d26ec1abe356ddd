/* SPDX-License-Identifier: MIT */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <string.h>

struct svr_trust {
    svr_crypt *crypt;
    X509_STORE *store; /* the roots; empty without a CA */
    STACK_OF(X509_CRL) * crls;
    bool has_ca;
    uint64_t judgements;
};

struct svr_peer_cert {
    svr_crypt *crypt;
    X509 *certs[SVR_CHAIN_CERTS_MAX];
    size_t n;
    svr_cert_verdict basis;         /* all but the clock's say */
    svr_wall not_before, not_after; /* of the whole chain, with the root where one is trusted */
    uint8_t fingerprint[SVR_HASH_LEN];
};

const char *svr_cert_verdict_name(svr_cert_verdict verdict) {
    switch (verdict) {
    case SVR_CERT_VALID: return "valid";
    case SVR_CERT_MALFORMED: return "malformed";
    case SVR_CERT_NAME_MISMATCH: return "peering-common-name does not match";
    case SVR_CERT_UNTRUSTED: return "not signed by a trusted CA";
    case SVR_CERT_NOT_YET_VALID: return "not yet valid";
    case SVR_CERT_EXPIRED: return "expired";
    case SVR_CERT_REVOKED: return "revoked";
    case SVR_CERT_BAD_SIGNATURE: return "bad signature";
    }
    return "unknown";
}

bool svr_cert_verdict_is_soft(svr_cert_verdict verdict) {
    return verdict == SVR_CERT_EXPIRED || verdict == SVR_CERT_NOT_YET_VALID || verdict == SVR_CERT_REVOKED;
}

/* ---- trust ---------------------------------------------------------------------------------- */

static bool read_cas(svr_trust *t, const char *pem) {
    BIO *bio = svr_pem_open(pem);
    X509 *cert;
    bool ok = bio != NULL;
    while (ok && (cert = svr_pem_next_cert(t->crypt, bio)) != NULL) {
        ok = X509_STORE_add_cert(t->store, cert) == 1;
        t->has_ca = true;
        X509_free(cert);
    }
    BIO_free(bio);
    return ok && t->has_ca;
}

static bool read_crls(svr_trust *t, const char *pem) {
    BIO *bio = svr_pem_open(pem);
    X509_CRL *crl = NULL;
    bool ok = bio != NULL;
    while (ok) {
        crl = X509_CRL_new_ex(svr_crypt_libctx(t->crypt), NULL);
        if (!crl || !PEM_read_bio_X509_CRL(bio, &crl, NULL, NULL)) break;
        ok = sk_X509_CRL_push(t->crls, crl) > 0;
    }
    X509_CRL_free(ok ? crl : NULL);
    ERR_clear_error();
    BIO_free(bio);
    return ok && sk_X509_CRL_num(t->crls) > 0;
}

svr_trust *svr_trust_new(svr_crypt *c, const char *ca_pem, const char *crl_pem, svr_error *err) {
    svr_trust *t = svr_alloc_zero(svr_crypt_allocator(c), 1, sizeof *t);
    const char *message = NULL;
    if (t) {
        t->crypt = c;
        t->store = X509_STORE_new();
        t->crls = sk_X509_CRL_new_null();
    }
    if (!t || !t->store || !t->crls)
        message = "out of memory";
    else if (ca_pem && !read_cas(t, ca_pem))
        message = "the trusted CA is not a PEM certificate";
    else if (crl_pem && !read_crls(t, crl_pem))
        message = "the revocation list is not a PEM CRL";
    if (!message) return t;
    svr_trust_del(t);
    svr_strcpy(err->message, sizeof err->message, message);
    return NULL;
}

void svr_trust_del(svr_trust *t) {
    if (!t) return;
    X509_STORE_free(t->store);
    sk_X509_CRL_pop_free(t->crls, X509_CRL_free);
    svr_alloc_free(svr_crypt_allocator(t->crypt), t);
}

bool svr_trust_has_ca(const svr_trust *t) {
    return t->has_ca;
}
uint64_t svr_trust_judgements(const svr_trust *t) {
    return t->judgements;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* Time and revocation are judged here, at the node's own wall time and to the nanosecond; OpenSSL judges the
 * rest. */
static int ignore_time(int ok, X509_STORE_CTX *ctx) {
    int e = X509_STORE_CTX_get_error(ctx);
    if (!ok && (e == X509_V_ERR_CERT_HAS_EXPIRED || e == X509_V_ERR_CERT_NOT_YET_VALID)) return 1;
    return ok;
}

static svr_cert_verdict verdict_of(int error) {
    switch (error) {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return SVR_CERT_BAD_SIGNATURE;
    default: return SVR_CERT_UNTRUSTED;
    }
}

/* Narrows the validity of `p` to that of a certificate it rests on. */
static void narrow(svr_peer_cert *p, X509 *cert) {
    svr_wall begin = svr_asn1_wall(X509_get0_notBefore(cert));
    svr_wall end = svr_asn1_wall(X509_get0_notAfter(cert));
    if (begin > p->not_before) p->not_before = begin;
    if (end < p->not_after) p->not_after = end;
}

static svr_cert_verdict verify(svr_peer_cert *p, X509_STORE_CTX *ctx, svr_wall wall) {
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(wall / (svr_wall)SVR_SEC));
    X509_STORE_CTX_set_verify_cb(ctx, ignore_time);
    if (X509_verify_cert(ctx) != 1) return verdict_of(X509_STORE_CTX_get_error(ctx));
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    for (int i = 0; i < sk_X509_num(path); i++)
        narrow(p, sk_X509_value(path, i));
    return SVR_CERT_VALID;
}

static svr_cert_verdict check_with_ca(const svr_trust *t, svr_peer_cert *p, svr_wall wall) {
    svr_cert_verdict verdict = SVR_CERT_UNTRUSTED;
    STACK_OF(X509) *middle = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(svr_crypt_libctx(t->crypt), NULL);
    bool ok = middle && ctx;
    for (size_t i = 1; ok && i < p->n; i++)
        ok = sk_X509_push(middle, p->certs[i]) > 0;
    if (ok && X509_STORE_CTX_init(ctx, t->store, p->certs[0], middle) == 1) verdict = verify(p, ctx, wall);
    X509_STORE_CTX_free(ctx);
    sk_X509_free(middle);
    ERR_clear_error();
    return verdict;
}

/* Without a CA each link must be signed by the next one, and the last by itself. */
static svr_cert_verdict check_links(X509 *const *certs, size_t n) {
    svr_cert_verdict verdict = SVR_CERT_VALID;
    for (size_t i = 0; verdict == SVR_CERT_VALID && i < n; i++) {
        X509 *issuer = certs[i + 1 < n ? i + 1 : i];
        if (X509_verify(certs[i], X509_get0_pubkey(issuer)) != 1) verdict = SVR_CERT_BAD_SIGNATURE;
    }
    ERR_clear_error();
    return verdict;
}

/* A list counts when the next certificate of the chain, or a root, has signed it. */
static bool signed_by(X509_CRL *crl, X509 *issuer) {
    bool ok = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
              X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return ok;
}

static bool signed_by_root(const svr_trust *t, X509_CRL *crl) {
    STACK_OF(X509_OBJECT) *roots = X509_STORE_get0_objects(t->store);
    for (int i = 0; i < sk_X509_OBJECT_num(roots); i++) {
        X509 *root = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(roots, i));
        if (root && signed_by(crl, root)) return true;
    }
    return false;
}

static bool is_revoked(const svr_trust *t, X509 *cert, X509 *issuer) {
    for (int i = 0; i < sk_X509_CRL_num(t->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(t->crls, i);
        X509_REVOKED *entry;
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(cert)) != 0) continue;
        if (!(issuer && signed_by(crl, issuer)) && !signed_by_root(t, crl)) continue;
        if (X509_CRL_get0_by_cert(crl, &entry, cert) == 1) return true;
    }
    return false;
}

static bool any_revoked(const svr_trust *t, const svr_peer_cert *p) {
    for (size_t i = 0; i < p->n; i++)
        if (is_revoked(t, p->certs[i], i + 1 < p->n ? p->certs[i + 1] : NULL)) return true;
    return false;
}

/* Everything but the clock. */
static svr_cert_verdict judge_basis(const svr_trust *t, svr_peer_cert *p, const char *name, svr_wall wall) {
    p->not_before = INT64_MIN;
    p->not_after = INT64_MAX;
    for (size_t i = 0; i < p->n; i++)
        narrow(p, p->certs[i]);
    if (!svr_cert_has_name(p->certs[0], name)) return SVR_CERT_NAME_MISMATCH;
    svr_cert_verdict verdict = t->has_ca ? check_with_ca(t, p, wall) : check_links(p->certs, p->n);
    return verdict == SVR_CERT_VALID && any_revoked(t, p) ? SVR_CERT_REVOKED : verdict;
}

svr_cert_verdict svr_peer_cert_rejudge(svr_peer_cert *cert, const svr_trust *trust, const char *common_name,
                                       svr_wall wall) {
    cert->basis = judge_basis(trust, cert, common_name, wall);
    return svr_peer_cert_verdict(cert, wall);
}

static svr_peer_cert *read_cert(svr_crypt *c, svr_piece chain) {
    svr_peer_cert *p = svr_alloc_zero(svr_crypt_allocator(c), 1, sizeof *p);
    if (!p) return NULL;
    p->crypt = c;
    p->n = chain.len <= SVR_CHAIN_MAX ? svr_chain_decode(c, chain, p->certs) : 0;
    if (p->n && svr_key_usable(X509_get0_pubkey(p->certs[0])) && svr_sha384(c, &chain, 1, p->fingerprint))
        return p;
    svr_peer_cert_del(p);
    return NULL;
}

svr_cert_verdict svr_trust_judge(svr_trust *trust, svr_piece chain, const char *common_name, svr_wall wall,
                                 svr_peer_cert **out) {
    trust->judgements++;
    *out = read_cert(trust->crypt, chain);
    return *out ? svr_peer_cert_rejudge(*out, trust, common_name, wall) : SVR_CERT_MALFORMED;
}

/* ---- a peer's certificate ------------------------------------------------------------------- */

void svr_peer_cert_del(svr_peer_cert *cert) {
    if (!cert) return;
    while (cert->n)
        X509_free(cert->certs[--cert->n]);
    svr_alloc_free(svr_crypt_allocator(cert->crypt), cert);
}

svr_cert_verdict svr_peer_cert_verdict(const svr_peer_cert *cert, svr_wall wall) {
    if (cert->basis != SVR_CERT_VALID) return cert->basis;
    if (wall < cert->not_before) return SVR_CERT_NOT_YET_VALID;
    return wall < svr_peer_cert_expires(cert) ? SVR_CERT_VALID : SVR_CERT_EXPIRED;
}

svr_wall svr_peer_cert_not_before(const svr_peer_cert *cert) {
    return cert->not_before;
}
svr_wall svr_peer_cert_not_after(const svr_peer_cert *cert) {
    return cert->not_after;
}
svr_wall svr_peer_cert_expires(const svr_peer_cert *cert) {
    return cert->not_after + (svr_wall)SVR_SEC;
}
const uint8_t *svr_peer_cert_fingerprint(const svr_peer_cert *cert) {
    return cert->fingerprint;
}

bool svr_peer_cert_verify(const svr_peer_cert *cert, const svr_piece *pieces, size_t n, svr_piece signature) {
    return svr_key_verify(cert->crypt, X509_get0_pubkey(cert->certs[0]), pieces, n, signature);
}

void svr_peer_cert_describe(const svr_peer_cert *cert, svr_cert_facts *out) {
    svr_cert_describe(cert->certs[0], out);
}

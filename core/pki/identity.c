/* SPDX-License-Identifier: MIT */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define DAY (INT64_C(86400) * (svr_wall)SVR_SEC)
#define SELF_SIGNED_DAYS 3650
#define MESSAGE_MAX (4 * SVR_CHAIN_MAX) /* more than any message of the exchange */

struct svr_identity {
    svr_crypt *crypt;
    X509 *cert;
    EVP_PKEY *key;
    bool self_signed;
    size_t chain_len;
    uint8_t chain[SVR_CHAIN_MAX];
};

static svr_identity *fail(svr_identity *id, svr_error *err, const char *message) {
    svr_identity_del(id);
    ERR_clear_error();
    svr_strcpy(err->message, sizeof err->message, message);
    return NULL;
}

static svr_identity *alloc_identity(svr_crypt *c) {
    svr_identity *id = svr_alloc_zero(svr_crypt_allocator(c), 1, sizeof *id);
    if (id) id->crypt = c;
    return id;
}

void svr_identity_del(svr_identity *id) {
    if (!id) return;
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
    svr_alloc_free(svr_crypt_allocator(id->crypt), id);
}

/* ---- provisioned ---------------------------------------------------------------------------- */

static bool read_chain(svr_identity *id, BIO *bio) {
    X509 *cert;
    for (size_t n = 0; (cert = svr_pem_next_cert(id->crypt, bio)) != NULL; n++) {
        id->chain_len = n < SVR_CHAIN_CERTS_MAX ? svr_chain_append(id->chain, id->chain_len, cert) : 0;
        if (n == 0)
            id->cert = cert;
        else
            X509_free(cert);
        if (!id->chain_len) return false;
    }
    return id->cert != NULL;
}

svr_identity *svr_identity_new(svr_crypt *c, const char *chain_pem, const char *key_pem, svr_error *err) {
    svr_identity *id = alloc_identity(c);
    if (!id) return fail(id, err, "out of memory");
    if (!key_pem) return fail(id, err, "a certificate without its private key; give both");
    BIO *chain = svr_pem_open(chain_pem), *key = svr_pem_open(key_pem);
    bool chain_ok = chain && read_chain(id, chain);
    id->key = key ? PEM_read_bio_PrivateKey_ex(key, NULL, NULL, NULL, svr_crypt_libctx(c), NULL) : NULL;
    BIO_free(chain);
    BIO_free(key);
    if (!chain_ok)
        return fail(id, err, "the certificate is not a PEM chain of 1 to 6 certificates within 8192 bytes");
    if (!id->key) return fail(id, err, "the private key is not an unencrypted PEM key");
    if (!svr_key_usable(id->key))
        return fail(
            id, err,
            "the private key is of a kind that is not supported; use RSA from 2048 bits, P-256, P-384, "
            "P-521 or Ed25519");
    if (X509_check_private_key(id->cert, id->key) != 1)
        return fail(id, err, "the private key does not belong to the certificate");
    return id;
}

/* ---- self-signed ---------------------------------------------------------------------------- */

static bool make_cert(svr_identity *id, const char *name, svr_wall wall) {
    svr_cert_spec spec = {
        .common_name = name,
        .uri_name = name,
        .not_before = wall - DAY,
        .not_after = wall + SELF_SIGNED_DAYS * DAY,
    };
    if (!svr_random(id->crypt, spec.serial, sizeof spec.serial)) return false;
    spec.serial[0] = (spec.serial[0] & 0x7f) | 0x40; /* positive, and always of full length */
    id->cert = svr_cert_make(id->crypt, &spec, id->key, NULL, id->key);
    return id->cert != NULL;
}

svr_identity *svr_identity_new_self_signed(svr_crypt *c, const char *common_name, svr_wall wall,
                                           svr_error *err) {
    svr_identity *id = alloc_identity(c);
    if (!id) return fail(id, err, "out of memory");
    id->self_signed = true;
    id->key = EVP_PKEY_Q_keygen(svr_crypt_libctx(c), NULL, "EC", "P-256");
    if (!id->key || !make_cert(id, common_name, wall))
        return fail(id, err, "the self-signed certificate could not be made");
    id->chain_len = svr_chain_append(id->chain, 0, id->cert);
    return id->chain_len ? id : fail(id, err, "the self-signed certificate is too long");
}

/* ---- use ------------------------------------------------------------------------------------ */

bool svr_identity_is_self_signed(const svr_identity *id) {
    return id->self_signed;
}
svr_piece svr_identity_chain(const svr_identity *id) {
    return (svr_piece){id->chain, id->chain_len};
}

void svr_identity_describe(const svr_identity *id, svr_cert_facts *out) {
    svr_cert_describe(id->cert, out);
}

/* Ed25519 signs a message in one piece, so all kinds do. */
static uint8_t *join(svr_crypt *c, const svr_piece *pieces, size_t n, size_t *len) {
    *len = 0;
    for (size_t i = 0; i < n; i++)
        *len += pieces[i].len;
    if (*len == 0 || *len > MESSAGE_MAX) return NULL;
    uint8_t *buf = svr_alloc_resize(svr_crypt_allocator(c), NULL, *len, 1), *p = buf;
    for (size_t i = 0; buf && i < n; i++) {
        if (pieces[i].len) memcpy(p, pieces[i].p, pieces[i].len);
        p += pieces[i].len;
    }
    return buf;
}

size_t svr_identity_sign(const svr_identity *id, const svr_piece *pieces, size_t n,
                         uint8_t out[SVR_SIGNATURE_MAX]) {
    size_t len, sig_len = SVR_SIGNATURE_MAX;
    uint8_t *msg = join(id->crypt, pieces, n, &len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = msg && ctx && svr_digest_init(id->crypt, ctx, id->key, true) &&
              EVP_DigestSign(ctx, out, &sig_len, msg, len) == 1;
    EVP_MD_CTX_free(ctx);
    svr_alloc_free(svr_crypt_allocator(id->crypt), msg);
    ERR_clear_error();
    return ok ? sig_len : 0;
}

bool svr_key_verify(svr_crypt *c, EVP_PKEY *key, const svr_piece *pieces, size_t n, svr_piece signature) {
    size_t len;
    uint8_t *msg = join(c, pieces, n, &len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = msg && ctx && signature.len && svr_digest_init(c, ctx, key, false) &&
              EVP_DigestVerify(ctx, signature.p, signature.len, msg, len) == 1;
    EVP_MD_CTX_free(ctx);
    svr_alloc_free(svr_crypt_allocator(c), msg);
    ERR_clear_error();
    return ok;
}

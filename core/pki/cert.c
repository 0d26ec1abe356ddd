/* SPDX-License-Identifier: MIT */
#include "pki/pki_internal.h"

#include "base/bytes.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define RSA_BITS_MIN 2048

size_t svr_chain_append(uint8_t *buf, size_t len, X509 *cert) {
    int der = i2d_X509(cert, NULL);
    if (der <= 0 || der > UINT16_MAX || len + 2 + (size_t)der > SVR_CHAIN_MAX) return 0;
    svr_put16(buf + len, (uint16_t)der);
    uint8_t *p = buf + len + 2;
    return i2d_X509(cert, &p) == der ? len + 2 + (size_t)der : 0;
}

static X509 *decode_cert(svr_crypt *c, const uint8_t *der, size_t len) {
    X509 *cert = X509_new_ex(svr_crypt_libctx(c), NULL);
    const uint8_t *p = der;
    if (!cert) return NULL;
    if (d2i_X509(&cert, &p, (long)len) && p == der + len) return cert;
    X509_free(cert); /* NULL after a failure */
    ERR_clear_error();
    return NULL;
}

size_t svr_chain_decode(svr_crypt *c, svr_piece chain, X509 *out[SVR_CHAIN_CERTS_MAX]) {
    svr_reader r = svr_reader_make(chain.p, chain.len);
    size_t n = 0;
    while (svr_reader_left(&r) && n < SVR_CHAIN_CERTS_MAX) {
        size_t len = svr_read16(&r);
        const uint8_t *der = svr_read_bytes(&r, len);
        out[n] = der && len ? decode_cert(c, der, len) : NULL;
        if (!out[n]) break;
        n++;
    }
    if (n && r.ok && svr_reader_left(&r) == 0) return n;
    while (n)
        X509_free(out[--n]);
    return 0;
}

bool svr_key_usable(EVP_PKEY *key) {
    char group[32];
    if (!key) return false;
    if (EVP_PKEY_is_a(key, "ED25519")) return true;
    if (EVP_PKEY_is_a(key, "RSA")) return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof group, NULL)) return false;
    return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
           strcmp(group, "secp521r1") == 0;
}

static bool text_is(const ASN1_STRING *s, const char *prefix, const char *name) {
    size_t len = (size_t)ASN1_STRING_length(s), p = strlen(prefix), n = strlen(name);
    const unsigned char *data = ASN1_STRING_get0_data(s);
    return len == p + n && memcmp(data, prefix, p) == 0 && memcmp(data + p, name, n) == 0;
}

static bool has_uri(X509 *cert, const char *name) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        found = g->type == GEN_URI && text_is(g->d.uniformResourceIdentifier, SVR_PEERING_URN, name);
    }
    GENERAL_NAMES_free(names);
    return found;
}

bool svr_cert_has_name(X509 *cert, const char *common_name) {
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (!common_name[0]) return false;
    if (at >= 0 && text_is(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), "", common_name))
        return true;
    return has_uri(cert, common_name);
}

/* Days from 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d) {
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

svr_wall svr_asn1_wall(const ASN1_TIME *t) {
    const int64_t most = INT64_MAX / (int64_t)SVR_SEC - 1; /* one second is left to add */
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm)) return 0;
    int64_t s = days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 86400 + tm.tm_hour * 3600 +
                tm.tm_min * 60 + tm.tm_sec;
    if (s > most) s = most;
    if (s < -most) s = -most;
    return s * (svr_wall)SVR_SEC;
}

bool svr_digest_init(svr_crypt *c, EVP_MD_CTX *ctx, EVP_PKEY *key, bool sign) {
    const char *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA384";
    EVP_PKEY_CTX *params = NULL;
    int ok = sign ? EVP_DigestSignInit_ex(ctx, &params, digest, svr_crypt_libctx(c), NULL, key, NULL)
                  : EVP_DigestVerifyInit_ex(ctx, &params, digest, svr_crypt_libctx(c), NULL, key, NULL);
    if (ok != 1) return false;
    if (!EVP_PKEY_is_a(key, "RSA")) return true;
    return EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST) == 1;
}

BIO *svr_pem_open(const char *text) {
    return BIO_new_mem_buf(text, -1);
}

X509 *svr_pem_next_cert(svr_crypt *c, BIO *bio) {
    X509 *cert = X509_new_ex(svr_crypt_libctx(c), NULL);
    if (cert && PEM_read_bio_X509(bio, &cert, NULL, NULL)) return cert;
    X509_free(cert);
    ERR_clear_error();
    return NULL;
}

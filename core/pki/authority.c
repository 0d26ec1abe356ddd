/* SPDX-License-Identifier: MIT */
#include "svr/authority.h"

#include "base/bytes.h"
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define SERIAL_MOST INT64_MAX

static void fail(svr_error *err, const char *message) {
    ERR_clear_error();
    svr_strcpy(err->message, sizeof err->message, message);
}

/* ---- kinds of key --------------------------------------------------------------------------- */

static const struct {
    const char *name, *type, *group;
    size_t bits;
} kinds[SVR_KEY_KINDS] = {
    [SVR_KEY_P256] = {"p256", "EC", "P-256", 0},         [SVR_KEY_P384] = {"p384", "EC", "P-384", 0},
    [SVR_KEY_P521] = {"p521", "EC", "P-521", 0},         [SVR_KEY_ED25519] = {"ed25519", "ED25519", NULL, 0},
    [SVR_KEY_RSA_2048] = {"rsa2048", "RSA", NULL, 2048}, [SVR_KEY_RSA_3072] = {"rsa3072", "RSA", NULL, 3072},
    [SVR_KEY_RSA_4096] = {"rsa4096", "RSA", NULL, 4096},
};

const char *svr_key_kind_name(svr_key_kind kind) {
    return kind < SVR_KEY_KINDS ? kinds[kind].name : NULL;
}

bool svr_key_kind_parse(const char *name, svr_key_kind *out) {
    for (svr_key_kind k = 0; k < SVR_KEY_KINDS; k++) {
        if (strcmp(kinds[k].name, name) != 0) continue;
        *out = k;
        return true;
    }
    return false;
}

EVP_PKEY *svr_key_generate(svr_crypt *c, svr_key_kind kind) {
    OSSL_LIB_CTX *lib = svr_crypt_libctx(c);
    const char *type = kinds[kind].type;
    if (kinds[kind].group) return EVP_PKEY_Q_keygen(lib, NULL, type, kinds[kind].group);
    if (kinds[kind].bits) return EVP_PKEY_Q_keygen(lib, NULL, type, kinds[kind].bits);
    return EVP_PKEY_Q_keygen(lib, NULL, type);
}

struct svr_ca {
    svr_crypt *crypt;
    EVP_PKEY *key;
    X509 *certs[SVR_CHAIN_CERTS_MAX]; /* its own first, the root last */
    size_t n;
    uint64_t serial;
    uint64_t crl_number;
    X509_CRL *crl; /* what was revoked; dates and signature come when the list is written */
    char *root_pem;
};

/* ---- PEM ------------------------------------------------------------------------------------ */

void svr_ca_text_free(const svr_ca *ca, char *text) {
    if (!text) return;
    svr_wipe(text, strlen(text));
    svr_alloc_free(svr_crypt_allocator(ca->crypt), text);
}

char *svr_pem_take(svr_crypt *c, BIO *bio, bool ok) {
    char *data = NULL;
    long len = bio ? BIO_get_mem_data(bio, &data) : 0;
    char *text = ok && len > 0 ? svr_alloc_zero(svr_crypt_allocator(c), (size_t)len + 1, 1) : NULL;
    if (text) memcpy(text, data, (size_t)len);
    BIO_free(bio); /* wipes what it held */
    return text;
}

char *svr_key_pem(svr_crypt *c, EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    return svr_pem_take(c, bio, bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
}

static char *certs_pem(svr_crypt *c, X509 *first, X509 *const *more, size_t n) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio && PEM_write_bio_X509(bio, first) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = PEM_write_bio_X509(bio, more[i]) == 1;
    return svr_pem_take(c, bio, ok);
}

/* ---- certificates --------------------------------------------------------------------------- */

static bool spec_ok(const svr_cert_spec *spec, const char *name, svr_key_kind key, svr_error *err) {
    const char *message = NULL;
    if (!name || !name[0] || strlen(name) > SVR_NAME_MAX)
        message = "a certificate's name has 1 to 63 octets";
    else if (key >= SVR_KEY_KINDS)
        message = "there is no such kind of key";
    else if (spec->not_after < spec->not_before)
        message = "the certificate would end before it begins";
    if (message) fail(err, message);
    return !message;
}

/* Writes the serial number, random when none is wanted. */
static bool set_serial(svr_crypt *c, svr_cert_spec *spec, uint64_t wanted, uint64_t *out) {
    uint8_t *low = spec->serial + SVR_SERIAL_LEN - 8;
    if (wanted > SERIAL_MOST) return false;
    if (wanted) {
        svr_put64(low, wanted);
    } else {
        if (!svr_random(c, low, 8)) return false;
        low[0] = (low[0] & 0x7f) | 0x40;
    }
    *out = svr_get64(low);
    return true;
}

/* The list without entries, which names its issuer. */
static X509_CRL *empty_crl(svr_crypt *c, X509 *issuer) {
    X509V3_CTX ctx;
    X509_CRL *crl = X509_CRL_new_ex(svr_crypt_libctx(c), NULL);
    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool ok = crl && id && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
              X509_CRL_add_ext(crl, id, -1) == 1;
    X509_EXTENSION_free(id);
    if (ok) return crl;
    X509_CRL_free(crl);
    return NULL;
}

/* Takes over a reference to each certificate above. */
static bool stack(svr_ca *ca, const svr_ca *above) {
    ca->n = 1;
    for (size_t i = 0; above && i < above->n; i++) {
        if (X509_up_ref(above->certs[i]) != 1) return false;
        ca->certs[ca->n++] = above->certs[i];
    }
    return true;
}

static bool make_ca(svr_ca *ca, const svr_ca *above, const svr_ca_params *p, svr_cert_spec *spec) {
    if (!set_serial(ca->crypt, spec, 0, &ca->serial)) return false;
    ca->key = svr_key_generate(ca->crypt, p->key);
    if (!ca->key) return false;
    X509 *issuer = above ? above->certs[0] : NULL;
    ca->certs[0] = svr_cert_make(ca->crypt, spec, ca->key, issuer, above ? above->key : ca->key);
    if (!ca->certs[0] || !stack(ca, above)) return false;
    ca->crl = empty_crl(ca->crypt, ca->certs[0]);
    ca->root_pem = certs_pem(ca->crypt, ca->certs[ca->n - 1], NULL, 0);
    return ca->crl && ca->root_pem;
}

static svr_ca *new_ca(svr_crypt *c, const svr_ca *above, const svr_ca_params *p, svr_error *err) {
    svr_cert_spec spec = {
        .common_name = p->common_name, .is_ca = true, .not_before = p->not_before, .not_after = p->not_after};
    if (!spec_ok(&spec, p->common_name, p->key, err)) return NULL;
    svr_ca *ca = svr_alloc_zero(svr_crypt_allocator(c), 1, sizeof *ca);
    if (ca) {
        ca->crypt = c;
        if (make_ca(ca, above, p, &spec)) return ca;
    }
    svr_ca_del(ca);
    fail(err, "the CA could not be made");
    return NULL;
}

svr_ca *svr_ca_new_root(svr_crypt *crypt, const svr_ca_params *params, svr_error *err) {
    return new_ca(crypt, NULL, params, err);
}

svr_ca *svr_ca_new_intermediate(const svr_ca *above, const svr_ca_params *params, svr_error *err) {
    /* A chain is the router's certificate and those of all CAs but the root. */
    if (above->n < SVR_CHAIN_CERTS_MAX) return new_ca(above->crypt, above, params, err);
    fail(err, "there are too many CAs above: a chain has at most 6 certificates");
    return NULL;
}

/* ---- written down ---------------------------------------------------------------------------- */

static bool read_chain(svr_ca *ca, const char *text) {
    BIO *bio = svr_pem_open(text);
    while (bio && ca->n < SVR_CHAIN_CERTS_MAX && (ca->certs[ca->n] = svr_pem_next_cert(ca->crypt, bio)))
        ca->n++;
    BIO_free(bio);
    return ca->n > 0 && X509_check_ca(ca->certs[0]) == 1;
}

static bool read_key(svr_ca *ca, const char *text) {
    BIO *bio = svr_pem_open(text);
    ca->key =
        bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, svr_crypt_libctx(ca->crypt), NULL) : NULL;
    BIO_free(bio);
    return ca->key && X509_check_private_key(ca->certs[0], ca->key) == 1;
}

static bool read_crl(svr_ca *ca, const char *text) {
    BIO *bio = svr_pem_open(text);
    ca->crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!ca->crl || X509_CRL_verify(ca->crl, ca->key) != 1) return false;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(ca->crl, NID_crl_number, NULL, NULL);
    bool ok = number && ASN1_INTEGER_get_uint64(&ca->crl_number, number) == 1;
    ASN1_INTEGER_free(number);
    return ok;
}

/* What is wrong with the texts; NULL: nothing. */
static const char *load(svr_ca *ca, const char *chain, const char *key, const char *crl) {
    if (!read_chain(ca, chain)) return "the chain is no PEM text that begins with a CA's certificate";
    if (ASN1_INTEGER_get_uint64(&ca->serial, X509_get0_serialNumber(ca->certs[0])) != 1) ca->serial = 0;
    if (!read_key(ca, key)) return "the private key is no PEM key, or not that of the CA's certificate";
    ca->root_pem = certs_pem(ca->crypt, ca->certs[ca->n - 1], NULL, 0);
    if (crl && !read_crl(ca, crl)) return "the revocation list is none of this CA's";
    if (!crl) ca->crl = empty_crl(ca->crypt, ca->certs[0]);
    return ca->crl && ca->root_pem ? NULL : "out of memory";
}

svr_ca *svr_ca_load(svr_crypt *crypt, const char *chain, const char *key, const char *crl, svr_error *err) {
    svr_ca *ca = svr_alloc_zero(svr_crypt_allocator(crypt), 1, sizeof *ca);
    if (ca) ca->crypt = crypt;
    const char *wrong = ca ? load(ca, chain, key, crl) : "out of memory";
    if (!wrong) return ca;
    svr_ca_del(ca);
    fail(err, wrong);
    return NULL;
}

char *svr_ca_chain_pem(const svr_ca *ca) {
    return certs_pem(ca->crypt, ca->certs[0], ca->certs + 1, ca->n - 1);
}

char *svr_ca_key_pem(const svr_ca *ca) {
    return svr_key_pem(ca->crypt, ca->key);
}

void svr_ca_del(svr_ca *ca) {
    if (!ca) return;
    while (ca->n)
        X509_free(ca->certs[--ca->n]);
    X509_CRL_free(ca->crl);
    EVP_PKEY_free(ca->key);
    svr_alloc_free(svr_crypt_allocator(ca->crypt), ca->root_pem);
    svr_alloc_free(svr_crypt_allocator(ca->crypt), ca);
}

uint64_t svr_ca_serial(const svr_ca *ca) {
    return ca->serial;
}
const char *svr_ca_root_pem(const svr_ca *ca) {
    return ca->root_pem;
}

static bool certify(const svr_ca *ca, svr_cert_spec *spec, EVP_PKEY *key, svr_ca_issued *out) {
    X509 *cert = svr_cert_make(ca->crypt, spec, key, ca->certs[0], ca->key);
    if (cert) out->certificate = certs_pem(ca->crypt, cert, ca->certs, ca->n - 1);
    X509_free(cert);
    return out->certificate != NULL;
}

/* Certifies `key`, or one that is made. */
static bool fill_order(const svr_ca *ca, const svr_ca_order *order, svr_cert_spec *spec, EVP_PKEY *key,
                       svr_ca_issued *out) {
    if (!set_serial(ca->crypt, spec, order->serial, &out->serial)) return false;
    if (key) return certify(ca, spec, key, out);
    key = svr_key_generate(ca->crypt, order->key);
    bool ok = key && certify(ca, spec, key, out);
    if (ok) out->private_key = svr_key_pem(ca->crypt, key);
    EVP_PKEY_free(key);
    return ok && out->private_key;
}

static int issue(const svr_ca *ca, const svr_ca_order *order, EVP_PKEY *key, svr_ca_issued *out,
                 svr_error *err) {
    svr_cert_spec spec = {.common_name = order->place == SVR_NAME_IN_SAN ? NULL : order->name,
                          .uri_name = order->place == SVR_NAME_IN_CN ? NULL : order->name,
                          .not_before = order->not_before,
                          .not_after = order->not_after};
    if (!spec_ok(&spec, order->name, order->key, err)) return -1;
    if (fill_order(ca, order, &spec, key, out)) return 0;
    svr_ca_issued_free(ca, out);
    fail(err, "the certificate could not be made");
    return -1;
}

int svr_ca_issue(const svr_ca *ca, const svr_ca_order *order, svr_ca_issued *out, svr_error *err) {
    *out = (svr_ca_issued){0};
    return issue(ca, order, NULL, out, err);
}

int svr_ca_sign(const svr_ca *ca, const svr_ca_order *order, const char *request, svr_ca_issued *out,
                svr_error *err) {
    *out = (svr_ca_issued){0};
    EVP_PKEY *key = svr_request_key(ca->crypt, request, order->name, err);
    int rc = key ? issue(ca, order, key, out, err) : -1;
    EVP_PKEY_free(key);
    return rc;
}

void svr_ca_issued_free(const svr_ca *ca, svr_ca_issued *issued) {
    svr_ca_text_free(ca, issued->certificate);
    svr_ca_text_free(ca, issued->private_key);
    *issued = (svr_ca_issued){0};
}

/* ---- revocation ----------------------------------------------------------------------------- */

static bool add_revoked(X509_CRL *crl, ASN1_INTEGER *serial, const ASN1_TIME *when) {
    X509_REVOKED *entry = X509_REVOKED_new();
    if (entry && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
        X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when) == 1 &&
        X509_CRL_add0_revoked(crl, entry) == 1)
        return true;
    X509_REVOKED_free(entry);
    return false;
}

int svr_ca_revoke(svr_ca *ca, uint64_t serial, svr_wall when, svr_error *err) {
    X509_REVOKED *known;
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_TIME *t = ASN1_TIME_new();
    bool ok = number && t && ASN1_INTEGER_set_uint64(number, serial) == 1 && svr_asn1_set_wall(t, when) &&
              (X509_CRL_get0_by_serial(ca->crl, &known, number) == 1 || add_revoked(ca->crl, number, t));
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(t);
    if (ok) return 0;
    fail(err, "the certificate could not be revoked");
    return -1;
}

static bool set_dates(X509_CRL *crl, svr_wall this_update, svr_wall next_update) {
    ASN1_TIME *from = ASN1_TIME_new(), *to = ASN1_TIME_new();
    bool ok = from && to && svr_asn1_set_wall(from, this_update) && svr_asn1_set_wall(to, next_update) &&
              X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return ok;
}

static bool set_number(X509_CRL *crl, uint64_t number) {
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    bool ok = n && ASN1_INTEGER_set_uint64(n, number) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, X509V3_ADD_REPLACE) == 1;
    ASN1_INTEGER_free(n);
    return ok;
}

char *svr_ca_crl(svr_ca *ca, svr_wall this_update, svr_wall next_update, svr_error *err) {
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = bio && ctx && set_dates(ca->crl, this_update, next_update) &&
              set_number(ca->crl, ++ca->crl_number) && X509_CRL_sort(ca->crl) == 1 &&
              svr_digest_init(ca->crypt, ctx, ca->key, true) && X509_CRL_sign_ctx(ca->crl, ctx) > 0 &&
              PEM_write_bio_X509_CRL(bio, ca->crl) == 1;
    EVP_MD_CTX_free(ctx);
    char *text = svr_pem_take(ca->crypt, bio, ok);
    if (!text) fail(err, "the revocation list could not be made");
    return text;
}

/* SPDX-License-Identifier: MIT
 * Requests for certificates (PKCS #10, RFC 2986): for routers whose private key is not to leave them. */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static int fail(svr_error *err, const char *message) {
    ERR_clear_error();
    svr_strcpy(err->message, sizeof err->message, message);
    return -1;
}

static bool add_names(X509_REQ *request, const char *name) {
    GENERAL_NAMES *names = svr_peering_uri(name);
    STACK_OF(X509_EXTENSION) *list = NULL;
    bool ok = names && X509V3_add1_i2d(&list, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
              X509_REQ_add_extensions(request, list) == 1;
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return ok;
}

static bool fill(X509_REQ *request, const char *name, EVP_PKEY *key) {
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1 &&
           X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
           add_names(request, name);
}

static char *write_request(svr_crypt *c, const char *name, EVP_PKEY *key) {
    X509_REQ *request = X509_REQ_new_ex(svr_crypt_libctx(c), NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = request && ctx && bio && fill(request, name, key) && svr_digest_init(c, ctx, key, true) &&
              X509_REQ_sign_ctx(request, ctx) > 0 && PEM_write_bio_X509_REQ(bio, request) == 1;
    EVP_MD_CTX_free(ctx);
    X509_REQ_free(request);
    return svr_pem_take(c, bio, ok);
}

int svr_ca_request(svr_crypt *crypt, const char *name, svr_key_kind kind, svr_ca_issued *out,
                   svr_error *err) {
    *out = (svr_ca_issued){0};
    if (!name || !*name || strlen(name) > SVR_NAME_MAX)
        return fail(err, "a certificate's name has 1 to 63 octets");
    EVP_PKEY *key = svr_key_generate(crypt, kind);
    if (key) {
        out->certificate = write_request(crypt, name, key);
        out->private_key = svr_key_pem(crypt, key);
    }
    EVP_PKEY_free(key);
    if (out->certificate && out->private_key) return 0;
    svr_ca_request_free(crypt, out);
    return fail(err, "the request could not be made");
}

static void free_text(svr_crypt *c, char *text) {
    if (text) svr_wipe(text, strlen(text));
    svr_alloc_free(svr_crypt_allocator(c), text);
}

void svr_ca_request_free(svr_crypt *crypt, svr_ca_issued *request) {
    free_text(crypt, request->certificate);
    free_text(crypt, request->private_key);
    *request = (svr_ca_issued){0};
}

static bool is_named(X509_REQ *request, const char *name) {
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return false;
    const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    size_t len = (size_t)ASN1_STRING_length(cn);
    return len == strlen(name) && memcmp(ASN1_STRING_get0_data(cn), name, len) == 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *judge(svr_crypt *c, X509_REQ *request, const char *name) {
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    if (!key) return "the request is no PEM text of a certificate request";
    if (!svr_key_usable(key))
        return "the request's key is none that routers accept: RSA from 2048 bits, P-256, P-384, P-521, "
               "Ed25519";
    if (X509_REQ_verify_ex(request, key, svr_crypt_libctx(c), NULL) != 1)
        return "the request is not signed with its own key";
    return is_named(request, name) ? NULL : "the request's CN is another name than the one to certify";
}

EVP_PKEY *svr_request_key(svr_crypt *c, const char *text, const char *name, svr_error *err) {
    BIO *bio = svr_pem_open(text);
    X509_REQ *request = X509_REQ_new_ex(svr_crypt_libctx(c), NULL);
    if (!bio || !request || !PEM_read_bio_X509_REQ(bio, &request, NULL, NULL)) {
        X509_REQ_free(request);
        request = NULL;
    }
    BIO_free(bio);
    const char *wrong = judge(c, request, name);
    EVP_PKEY *key = wrong ? NULL : X509_REQ_get_pubkey(request);
    X509_REQ_free(request);
    if (!key) fail(err, wrong ? wrong : "out of memory");
    return key;
}

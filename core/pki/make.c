/* SPDX-License-Identifier: MIT
 * Making certificates: what a router that signs its own and a CA share. */
#include "pki/pki_internal.h"

#include <openssl/x509v3.h>
#include <stdio.h>

bool svr_cert_extend(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* The name is taken as it is: OpenSSL's own syntax of values would let a comma in it begin another name. */
GENERAL_NAMES *svr_peering_uri(const char *name) {
    char uri[sizeof SVR_PEERING_URN + SVR_NAME_MAX];
    if (snprintf(uri, sizeof uri, "%s%s", SVR_PEERING_URN, name) >= (int)sizeof uri) return NULL;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (names && g && text && ASN1_STRING_set(text, uri, -1) == 1) {
        GENERAL_NAME_set0_value(g, GEN_URI, text);
        text = NULL;
        if (sk_GENERAL_NAME_push(names, g) > 0) return names;
    }
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(g);
    GENERAL_NAMES_free(names);
    return NULL;
}

static bool add_uri(X509 *cert, const char *name, bool critical) {
    GENERAL_NAMES *names = svr_peering_uri(name);
    bool ok =
        names && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool set_serial(X509 *cert, const svr_cert_spec *spec) {
    BIGNUM *bn = BN_bin2bn(spec->serial, SVR_SERIAL_LEN, NULL);
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
    BN_free(bn);
    return ok;
}

static int64_t seconds(svr_wall wall) {
    return wall / (svr_wall)SVR_SEC - (wall % (svr_wall)SVR_SEC < 0);
}

bool svr_asn1_set_wall(ASN1_TIME *t, svr_wall wall) {
    return ASN1_TIME_set(t, (time_t)seconds(wall)) != NULL;
}

static bool fill(X509 *cert, const svr_cert_spec *spec, EVP_PKEY *key, X509 *issuer) {
    X509_NAME *subject = X509_get_subject_name(cert);
    const unsigned char *cn = (const unsigned char *)spec->common_name;
    if (cn && X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, cn, -1, -1, 0) != 1)
        return false;
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert, spec) &&
           svr_asn1_set_wall(X509_getm_notBefore(cert), spec->not_before) &&
           svr_asn1_set_wall(X509_getm_notAfter(cert), spec->not_after) &&
           X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
           X509_set_pubkey(cert, key) == 1;
}

/* RFC 5280 section 4.2.1: who may do what; CAs and what they issue also name the keys. */
static bool extend(X509 *cert, const svr_cert_spec *spec, X509 *issuer) {
    const char *basic = spec->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
    const char *usage = spec->is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
    bool named = spec->is_ca || issuer;
    return svr_cert_extend(cert, NULL, NID_basic_constraints, basic) &&
           svr_cert_extend(cert, NULL, NID_key_usage, usage) &&
           (!named || svr_cert_extend(cert, NULL, NID_subject_key_identifier, "hash")) &&
           (!issuer || svr_cert_extend(cert, issuer, NID_authority_key_identifier, "keyid:always")) &&
           (!spec->uri_name || add_uri(cert, spec->uri_name, !spec->common_name));
}

X509 *svr_cert_make(svr_crypt *c, const svr_cert_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer) {
    X509 *cert = X509_new_ex(svr_crypt_libctx(c), NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = cert && ctx && fill(cert, spec, key, issuer) && extend(cert, spec, issuer) &&
              svr_digest_init(c, ctx, signer, true) && X509_sign_ctx(cert, ctx) > 0;
    EVP_MD_CTX_free(ctx);
    if (ok) return cert;
    X509_free(cert);
    return NULL;
}

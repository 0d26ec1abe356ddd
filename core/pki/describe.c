/* SPDX-License-Identifier: MIT */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* Text that grows in a fixed array and is cut at its end. */
typedef struct text {
    char *p;
    size_t size, n;
} text;

static void put(text *t, char c) {
    if (t->n + 1 >= t->size) return;
    t->p[t->n++] = c;
    t->p[t->n] = 0;
}

static void put_all(text *t, const char *s) {
    for (; *s; s++)
        put(t, *s);
}

static void put_hex(text *t, uint8_t octet) {
    static const char digits[] = "0123456789ABCDEF";
    put(t, digits[octet >> 4]);
    put(t, digits[octet & 15]);
}

static void put_octets(text *t, const uint8_t *p, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (i) put(t, ':');
        put_hex(t, p[i]);
    }
}

/* What a certificate says goes to terminals: nothing but printable ASCII leaves here (escapes as in RFC
 * 4514).
 */
static void put_escaped(text *t, uint8_t c) {
    if (c < ' ' || c > '~') {
        put(t, '\\');
        put_hex(t, c);
        return;
    }
    if (strchr(",+\"\\<>;", c)) put(t, '\\');
    put(t, (char)c);
}

static void put_value(text *t, const ASN1_STRING *value) {
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, value);
    for (int i = 0; i < n; i++)
        put_escaped(t, utf8[i]);
    OPENSSL_free(utf8);
}

static void put_entry(text *t, const X509_NAME_ENTRY *entry) {
    char oid[64];
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    int nid = OBJ_obj2nid(type);
    if (nid == NID_undef) OBJ_obj2txt(oid, sizeof oid, type, 1);
    put_all(t, nid == NID_undef ? oid : OBJ_nid2sn(nid));
    put(t, '=');
    put_value(t, X509_NAME_ENTRY_get_data(entry));
}

static void describe_name(const X509_NAME *name, char *out, size_t size) {
    text t = {out, size, 0};
    out[0] = 0;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        if (i) put_all(&t, ", ");
        put_entry(&t, X509_NAME_get_entry(name, i));
    }
}

static void describe_key(EVP_PKEY *key, char *out, size_t size) {
    static const char *const curves[][2] = {
        {"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
    char group[32] = "";
    svr_strcpy(out, size, "unknown");
    if (!key) return;
    if (EVP_PKEY_is_a(key, "ED25519")) svr_strcpy(out, size, "Ed25519");
    if (EVP_PKEY_is_a(key, "RSA")) snprintf(out, size, "RSA %d bits", EVP_PKEY_get_bits(key));
    if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof group, NULL)) return;
    svr_strcpy(out, size, group);
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(group, curves[i][0]) == 0) svr_strcpy(out, size, curves[i][1]);
}

void svr_cert_describe(X509 *cert, svr_cert_facts *out) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    *out = (svr_cert_facts){.not_before = svr_asn1_wall(X509_get0_notBefore(cert)),
                            .not_after = svr_asn1_wall(X509_get0_notAfter(cert))};
    text number = {out->serial, sizeof out->serial, 0};
    text print = {out->fingerprint, sizeof out->fingerprint, 0};
    describe_name(X509_get_subject_name(cert), out->subject, sizeof out->subject);
    describe_name(X509_get_issuer_name(cert), out->issuer, sizeof out->issuer);
    describe_key(X509_get0_pubkey(cert), out->key, sizeof out->key);
    put_octets(&number, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    if (X509_digest(cert, EVP_sha256(), digest, &digest_len) == 1) put_octets(&print, digest, digest_len);
    ERR_clear_error();
}

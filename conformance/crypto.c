/* SPDX-License-Identifier: MIT
 * What it takes to write packets of the profile by hand. OpenSSL alone and nothing of the stack, so that a
 * packet that is made here and accepted there shows that both read the profile alike. */
#include <string.h>

#include <lauxlib.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "core.h"
#include "svr/packet.h"
#include "svr/wire.h"

#define HASH_LEN 48
#define DERIVED_MAX 128
#define CIPHER_KEY_LEN 32
#define BLOCK_LEN 16
#define ENCIPHERED_MAX 65536

static const void *check_bytes(lua_State *L, int at, size_t *len) {
    return luaL_checklstring(L, at, len);
}

/* hkdf(SECRET, INFO, LENGTH): HKDF-SHA-384 without salt */
static int crypto_hkdf(lua_State *L) {
    uint8_t out[DERIVED_MAX];
    size_t secret_len, info_len;
    const void *secret = check_bytes(L, 1, &secret_len), *info = check_bytes(L, 2, &info_len);
    lua_Integer len = luaL_checkinteger(L, 3);
    luaL_argcheck(L, len > 0 && len <= DERIVED_MAX, 3, "too long");
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA384"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok = ctx && EVP_KDF_derive(ctx, out, (size_t)len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (!ok) return conform_fail(L, "OpenSSL does no HKDF");
    lua_pushlstring(L, (const char *)out, (size_t)len);
    return 1;
}

/* hmac(KEY, BYTES): HMAC-SHA-384 */
static int crypto_hmac(lua_State *L) {
    uint8_t out[HASH_LEN];
    size_t key_len, len;
    const void *key = check_bytes(L, 1, &key_len), *p = check_bytes(L, 2, &len);
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA384", NULL, key, key_len, p, len, out, sizeof out, NULL))
        return conform_fail(L, "OpenSSL does no HMAC");
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* sha384(BYTES) */
static int crypto_sha384(lua_State *L) {
    uint8_t out[HASH_LEN];
    size_t len;
    const void *p = check_bytes(L, 1, &len);
    if (!EVP_Q_digest(NULL, "SHA384", NULL, p, len, out, NULL))
        return conform_fail(L, "OpenSSL does no SHA-384");
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* AES-256: with an IV in CBC mode, else block by block. No padding is added or taken off. */
static int run_cipher(lua_State *L, int encrypt) {
    size_t key_len, iv_len = 0, len;
    const void *key = check_bytes(L, 1, &key_len);
    const void *iv = lua_isnil(L, 2) ? NULL : check_bytes(L, 2, &iv_len);
    const void *p = check_bytes(L, 3, &len);
    int done = 0;
    luaL_argcheck(L, key_len == CIPHER_KEY_LEN, 1, "not a key of 32 octets");
    luaL_argcheck(L, !iv || iv_len == BLOCK_LEN, 2, "not 16 octets");
    luaL_argcheck(L, len % BLOCK_LEN == 0 && len <= ENCIPHERED_MAX, 3, "not whole blocks");
    luaL_Buffer b;
    uint8_t *out = (uint8_t *)luaL_buffinitsize(L, &b, len + BLOCK_LEN);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int ok = ctx &&
             EVP_CipherInit_ex2(ctx, iv ? EVP_aes_256_cbc() : EVP_aes_256_ecb(), key, iv, encrypt, NULL) &&
             EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_CipherUpdate(ctx, out, &done, p, (int)len);
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) return conform_fail(L, "OpenSSL does no AES");
    luaL_pushresultsize(&b, (size_t)done);
    return 1;
}

/* encrypt(KEY, IV or nil, BYTES), decrypt(KEY, IV or nil, BYTES) */
static int crypto_encrypt(lua_State *L) {
    return run_cipher(L, 1);
}
static int crypto_decrypt(lua_State *L) {
    return run_cipher(L, 0);
}

/* ---- datagrams ------------------------------------------------------------------------------ */

/* datagram(SOURCE, DESTINATION, PAYLOAD): UDP between the ports of BFD, in IP with a TTL of 255 */
static int crypto_datagram(lua_State *L) {
    svr_ip_header ip = {.proto = SVR_PROTO_UDP, .ttl = 255};
    size_t len;
    luaL_argcheck(L, svr_addr_parse(luaL_checkstring(L, 1), &ip.src), 1, "no address");
    luaL_argcheck(L, svr_addr_parse(luaL_checkstring(L, 2), &ip.dst), 2, "no address");
    luaL_argcheck(L, ip.src.family == ip.dst.family, 2, "another family");
    const void *p = check_bytes(L, 3, &len);
    luaL_argcheck(L, len <= SVR_PACKET_LEN_MAX - SVR_IP_HEADER_MAX - SVR_UDP_HEADER_LEN, 3, "too long");
    luaL_Buffer b;
    uint8_t *out = (uint8_t *)luaL_buffinitsize(L, &b, len + SVR_IP_HEADER_MAX + SVR_UDP_HEADER_LEN);
    ip.l4_len = (uint16_t)(len + SVR_UDP_HEADER_LEN);
    size_t at = svr_ip_encode(&ip, out);
    memcpy(out + at + SVR_UDP_HEADER_LEN, p, len);
    svr_udp_encode(out + at, &ip.src, &ip.dst, SVR_BFD_PORT, SVR_BFD_PORT, len);
    luaL_pushresultsize(&b, at + SVR_UDP_HEADER_LEN + len);
    return 1;
}

void conform_open_crypto(lua_State *L) {
    static const luaL_Reg functions[] = {{"hkdf", crypto_hkdf},
                                         {"hmac", crypto_hmac},
                                         {"sha384", crypto_sha384},
                                         {"encrypt", crypto_encrypt},
                                         {"decrypt", crypto_decrypt},
                                         {"datagram", crypto_datagram},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

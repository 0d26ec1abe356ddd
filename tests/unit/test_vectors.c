/* SPDX-License-Identifier: MIT
 * The test vectors of docs/test-vectors.md: each value is computed twice, by the stack and by OpenSSL's HKDF,
 * AES and HMAC alone, and compared with the page. SVR_VECTORS=print prints the page's values instead. */
#include "base/bytes.h"
#include "keys/exchange.h"
#include "keys/metadata_key.h"
#include "svr/wire.h"
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>

#define PAGE "docs/test-vectors.md"
#define VALUE_MAX 512

static char page[131072];
static bool printing, telling = true;

/* ---- the page ------------------------------------------------------------------------------- */

static void read_page(void) {
    FILE *f = fopen(PAGE, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
}

/* A line "NAME = HEX" of the page must say these bytes. */
static void vector(const char *name, const void *p, size_t len) {
    char line[2 * VALUE_MAX + 80], hex[2 * VALUE_MAX + 1];
    assert_true(len <= VALUE_MAX);
    if (!telling) return;
    snprintf(line, sizeof line, "\n%s = %s\n", name, svr_hex(p, len, hex));
    if (printing)
        printf("%s", line + 1);
    else if (!strstr(page, line))
        fail_msg(PAGE " lacks the line %s", line + 1);
}

static void heading(const char *text) {
    if (printing) printf("\n# %s\n", text);
}

/* ---- by OpenSSL alone ----------------------------------------------------------------------- */

static void raw_hkdf(svr_piece secret, svr_piece salt, svr_piece info, uint8_t *out, size_t len) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA384";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.p, secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p, salt.len),
        OSSL_PARAM_construct_end()};
    if (!salt.len) params[3] = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void raw_aes(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, const uint8_t *in,
                    size_t len, uint8_t *out) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, in, (int)len), 1);
    assert_int_equal(n, len);
    EVP_CIPHER_CTX_free(ctx);
}

static void raw_hmac(const uint8_t *key, size_t key_len, const void *p, size_t len,
                     uint8_t out[SVR_HASH_LEN]) {
    size_t n;
    char digest[] = "SHA384";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, NULL, params, key, key_len, p, len, out, SVR_HASH_LEN, &n));
    assert_int_equal(n, SVR_HASH_LEN);
}

/* ---- both ----------------------------------------------------------------------------------- */

typedef struct world {
    test_heap heap;
    svr_allocator alloc;
    svr_crypt *c;
    svr_runtime rt;
} world;

typedef struct triple {
    uint8_t cipher[32], iv[32], hmac[48];
} triple;

static size_t make_info(uint8_t *out, const char *label, svr_piece context) {
    size_t n = (size_t)sprintf((char *)out, "svr %s", label) + 1;
    if (context.len) memcpy(out + n, context.p, context.len);
    return n + context.len;
}

/* HKDF by the stack and by OpenSSL; says info and output. */
static void derive(world *w, const char *name, svr_piece secret, svr_piece salt, const char *label,
                   svr_piece context, uint8_t *out, size_t len) {
    uint8_t info[VALUE_MAX], again[VALUE_MAX];
    char line[80];
    size_t n = make_info(info, label, context);
    assert_true(svr_kdf(w->c, secret, salt, label, context, out, len));
    raw_hkdf(secret, salt, (svr_piece){info, n}, again, len);
    assert_memory_equal(out, again, len);
    snprintf(line, sizeof line, "%s_info", name);
    vector(line, info, n);
    if (len != sizeof(triple)) vector(name, out, len);
}

static void derive_triple(world *w, const char *name, svr_piece secret, svr_piece salt, const char *label,
                          svr_piece context, triple *out) {
    char line[80];
    derive(w, name, secret, salt, label, context, (uint8_t *)out, sizeof *out);
    snprintf(line, sizeof line, "%s_cipher_key", name);
    vector(line, out->cipher, sizeof out->cipher);
    snprintf(line, sizeof line, "%s_iv_key", name);
    vector(line, out->iv, sizeof out->iv);
    snprintf(line, sizeof line, "%s_hmac_key", name);
    vector(line, out->hmac, sizeof out->hmac);
}

/* IV of a nonce (NIST SP 800-38A, appendix C). */
static void make_iv(const triple *k, uint64_t nonce, uint8_t out[16]) {
    uint8_t block[16] = {0};
    svr_put64(block, nonce);
    raw_aes(EVP_aes_256_ecb(), k->iv, NULL, block, sizeof block, out);
}

static svr_piece names(uint8_t *out, const char *a, const char *b) {
    size_t n = strlen(a) + 1, m = strlen(b) + 1;
    memcpy(out, a, n);
    memcpy(out + n, b, m);
    return (svr_piece){out, n + m};
}

static void fill(void *p, size_t len, uint8_t first) {
    uint8_t *b = p;
    for (size_t i = 0; i < len; i++)
        b[i] = (uint8_t)(first + i);
}

static int setup(void **state) {
    world *w = *state = calloc(1, sizeof *w);
    printing = getenv("SVR_VECTORS") && strcmp(getenv("SVR_VECTORS"), "print") == 0;
    if (!printing) read_page();
    w->alloc = test_allocator(&w->heap);
    w->c = svr_crypt_new(&w->alloc, NULL, SVR_ENGINE_AUTO);
    return svr_runtime_init(&w->rt, &w->alloc, w->c, NULL, 1, false) ? 0 : -1;
}

static int teardown(void **state) {
    world *w = *state;
    svr_runtime_fini(&w->rt);
    svr_crypt_del(w->c);
    size_t live = w->heap.live;
    free(w);
    return live ? -1 : 0;
}

/* ---- peer key ------------------------------------------------------------------------------- */

static const char self_name[] = "alias-a", peer_name[] = "alias-b";

/* PD-KDF, PD-KEX: from the Diffie-Hellman secret to the peer key */
static void make_peer_key(world *w, uint8_t peer_key[SVR_PEER_KEY_LEN]) {
    uint8_t dh[32], salts[2 * SVR_SALT_LEN], context[200];
    static const char request[] = "a KEY_REQUEST, all bytes of it",
                      response[] = "a KEY_RESPONSE, all bytes of it";
    svr_piece transcript[2] = {{request, sizeof request - 1}, {response, sizeof response - 1}};
    fill(dh, sizeof dh, 0x00);
    fill(salts, sizeof salts, 0x20);
    size_t n = names(context, self_name, peer_name).len;
    assert_true(svr_sha384(w->c, transcript, 2, context + n));
    vector("request", request, sizeof request - 1);
    vector("response", response, sizeof response - 1);
    vector("dh_secret", dh, sizeof dh);
    vector("request_salt", salts, SVR_SALT_LEN);
    vector("response_salt", salts + SVR_SALT_LEN, SVR_SALT_LEN);
    vector("transcript_hash", context + n, SVR_HASH_LEN);
    derive(w, "peer_key", (svr_piece){dh, sizeof dh}, (svr_piece){salts, sizeof salts}, "peer key",
           (svr_piece){context, n + SVR_HASH_LEN}, peer_key, SVR_PEER_KEY_LEN);
}

static void test_vectors_peer_key_and_what_follows_from_it(void **state) {
    world *w = *state;
    uint8_t peer_key[SVR_PEER_KEY_LEN], confirm[48], context[200], mac[SVR_HASH_LEN];
    svr_key_id id = {.index = 7};
    triple t;
    heading("Peer key");
    make_peer_key(w, peer_key);
    svr_piece secret = {peer_key, sizeof peer_key}, none = {0};
    derive(w, "fingerprint", secret, none, "fingerprint", none, id.fingerprint, sizeof id.fingerprint);
    derive_triple(w, "bfd_a_to_b", secret, none, "bfd metadata", names(context, self_name, peer_name), &t);
    derive_triple(w, "bfd_b_to_a", secret, none, "bfd metadata", names(context, peer_name, self_name), &t);
    derive(w, "confirm_hmac_key", secret, none, "confirm", names(context, self_name, peer_name), confirm,
           sizeof confirm);
    uint8_t body[] = {SVR_KEX_CONFIRM, 0, 0, 0, 0, 7, 0};
    raw_hmac(confirm, sizeof confirm, body, sizeof body, mac);
    vector("confirm_body", body, sizeof body);
    vector("confirm_mac", mac, sizeof mac);
    /* The stack's own key, from the same secret. */
    const svr_kex_ends ends = {.rt = &w->rt, .self_name = self_name, .peer_name = peer_name};
    svr_peer_key *key = svr_kex_key_restore(&ends, &id, peer_key);
    assert_non_null(key);
    svr_peer_key_del(&w->alloc, key);
}

/* A real exchange comes to the key that the formula gives. */
static void test_vectors_formula_is_that_of_the_exchange(void **state) {
    world *w = *state;
    svr_error err;
    svr_identity *id[2] = {svr_identity_new_self_signed(w->c, "alias-a", 0, &err),
                           svr_identity_new_self_signed(w->c, "alias-b", 0, &err)};
    uint8_t life[2][SVR_LIFE_LEN] = {{1}, {2}};
    const svr_kex_ends a = {&w->rt, id[0], "alias-a", "alias-b", life[0], SVR_GROUP_X25519};
    const svr_kex_ends b = {&w->rt, id[1], "alias-b", "alias-a", life[1], SVR_GROUP_X25519};
    svr_keyring ring;
    svr_kex_request *request = calloc(1, sizeof *request);
    svr_kex_answer *answer = calloc(1, sizeof *answer);
    svr_kex_fields f;
    svr_peer_key *key;
    uint8_t dh[SVR_KEX_SECRET_MAX], salts[2 * SVR_SALT_LEN], context[200], expected[SVR_PEER_KEY_LEN];
    svr_keyring_init(&ring, &w->rt, "b");
    assert_true(svr_kex_request_create(request, &a, 9, &ring));
    svr_piece sent = {request->bytes, request->len};
    assert_int_equal(svr_kex_fields_decode(&f, w->c, SVR_KEX_REQUEST, sent), 0);
    assert_int_equal(svr_kex_answer_create(answer, &b, &f, sent, 1, &ring, &key), 0);
    svr_piece got = {answer->bytes, answer->len};
    memcpy(salts, f.salt, SVR_SALT_LEN);
    assert_int_equal(svr_kex_fields_decode(&f, w->c, SVR_KEX_RESPONSE, got), 0);
    memcpy(salts + SVR_SALT_LEN, f.salt, SVR_SALT_LEN);
    size_t dh_len = svr_kex_secret(request->kex, f.public_value.p, f.public_value.len, dh);
    svr_piece transcript[2] = {sent, got};
    size_t n = names(context, "alias-a", "alias-b").len;
    assert_true(svr_sha384(w->c, transcript, 2, context + n));
    uint8_t info[300];
    size_t info_len = make_info(info, "peer key", (svr_piece){context, n + SVR_HASH_LEN});
    raw_hkdf((svr_piece){dh, dh_len}, (svr_piece){salts, sizeof salts}, (svr_piece){info, info_len}, expected,
             sizeof expected);
    assert_memory_equal(key->secret, expected, sizeof expected);
    svr_peer_key_del(&w->alloc, key);
    svr_kex_request_drop(request);
    free(request);
    free(answer);
    svr_identity_del(id[0]);
    svr_identity_del(id[1]);
}

/* ---- packets -------------------------------------------------------------------------------- */

/* metadata | rest | HMAC by OpenSSL alone. `text` is padded already. */
static size_t raw_block(const triple *k, uint32_t index, uint64_t nonce, const uint8_t *text, size_t text_len,
                        const uint8_t *rest, size_t rest_len, uint8_t *out) {
    svr_tlv_writer w = svr_tlv_writer_make(out + SVR_METADATA_HEADER_LEN, 100);
    svr_tlv_put32(&w, SVR_TLV_SECURITY_ID, index);
    svr_tlv_put64(&w, SVR_TLV_NONCE, nonce);
    size_t header = svr_tlv_written(&w), n = SVR_METADATA_HEADER_LEN + header;
    svr_metadata_encode_header(out, header, 16 + text_len);
    make_iv(k, nonce, out + n);
    raw_aes(EVP_aes_256_cbc(), k->cipher, out + n, text, text_len, out + n + 16);
    n += 16 + text_len;
    if (rest_len) memcpy(out + n, rest, rest_len);
    n += rest_len;
    raw_hmac(k->hmac, sizeof k->hmac, out, n, out + n);
    return n + SVR_HASH_LEN;
}

/* The same by the stack, and compares. */
static void seal_block(world *w, const svr_crypt_key *key, uint32_t index, uint64_t nonce,
                       const uint8_t *text, size_t text_len, const uint8_t *rest, size_t rest_len,
                       const uint8_t *expected, size_t len) {
    uint8_t out[VALUE_MAX];
    svr_tlv_writer tlvs = svr_tlv_writer_make(out + SVR_METADATA_HEADER_LEN, 100);
    svr_tlv_put32(&tlvs, SVR_TLV_SECURITY_ID, index);
    svr_tlv_put64(&tlvs, SVR_TLV_NONCE, nonce);
    size_t n = SVR_METADATA_HEADER_LEN + svr_tlv_written(&tlvs);
    svr_metadata_encode_header(out, svr_tlv_written(&tlvs), 16 + text_len);
    svr_crypt_op op = {.key = key,
                       .nonce = nonce,
                       .iv_wire = out + n,
                       .text = out + n + 16,
                       .text_len = (uint32_t)text_len,
                       .auth = out};
    memcpy(op.text, text, text_len);
    n += 16 + text_len;
    if (rest_len) memcpy(out + n, rest, rest_len);
    n += rest_len;
    op.auth_len = (uint32_t)n;
    op.tag = out + n;
    svr_crypt_seal(w->c, &op, 1);
    assert_true(op.ok);
    assert_int_equal(n + SVR_TAG_MAX, len);
    assert_memory_equal(out, expected, len);
}

/* PD-BLOCK: a BFD packet with metadata, from a to b */
static void test_vectors_bfd_packet(void **state) {
    world *w = *state;
    uint8_t peer_key[SVR_PEER_KEY_LEN], context[200], text[64], bfd[SVR_BFD_LEN], packet[VALUE_MAX], held[12];
    triple t;
    svr_key_id id = {.index = 7};
    heading("BFD packet");
    telling = false; /* the key of the first test */
    make_peer_key(w, peer_key);
    telling = true;
    svr_piece secret = {peer_key, sizeof peer_key}, none = {0};
    assert_true(svr_kdf(w->c, secret, none, "fingerprint", none, id.fingerprint, sizeof id.fingerprint));
    assert_true(svr_kdf(w->c, secret, none, "bfd metadata", names(context, self_name, peer_name),
                        (uint8_t *)&t, sizeof t));
    svr_put32(held, id.index);
    memcpy(held + 4, id.fingerprint, sizeof id.fingerprint);
    svr_tlv_writer tlvs = svr_tlv_writer_make(text, sizeof text);
    svr_tlv_put(&tlvs, SVR_TLV_KEYS_HELD, held, sizeof held);
    vector("bfd_payload_tlvs", text, svr_tlv_written(&tlvs));
    size_t text_len = svr_pad(text, svr_tlv_written(&tlvs));
    const svr_bfd_packet p = {.state = SVR_BFD_UP,
                              .multiplier = 3,
                              .my_discriminator = 0x11223344,
                              .your_discriminator = 0x55667788,
                              .desired_tx_us = 1000000,
                              .required_rx_us = 500000};
    svr_bfd_encode(&p, bfd);
    vector("bfd_control_packet", bfd, sizeof bfd);
    size_t n = raw_block(&t, id.index, 1, text, text_len, bfd, sizeof bfd, packet);
    vector("bfd_packet", packet, n);
    const svr_kex_ends ends = {.rt = &w->rt, .self_name = self_name, .peer_name = peer_name};
    svr_peer_key *key = svr_kex_key_restore(&ends, &id, peer_key);
    assert_non_null(key);
    seal_block(w, &key->send, id.index, 1, text, text_len, bfd, sizeof bfd, packet, n);
    svr_peer_key_del(&w->alloc, key);
}

/* KEY-META-PEERS: metadata of a session from a to b, under b's metadata key */
static void test_vectors_session_metadata(void **state) {
    world *w = *state;
    svr_metadata_key key = {.index = 12};
    uint8_t life[SVR_LIFE_LEN], secret[80], context[200], text[200], packet[VALUE_MAX];
    svr_payload_key_tlv payload = {.phase = 3, .hmac = SVR_HMAC_SHA384};
    svr_flow flow = {.sport = 40000, .dport = 443, .proto = 17};
    triple t;
    heading("Metadata key");
    fill(key.key, sizeof key.key, 0x40);
    fill(key.iv, sizeof key.iv, 0x60);
    fill(key.hmac_key, sizeof key.hmac_key, 0x70);
    fill(life, sizeof life, 0xa0);
    vector("metadata_key", key.key, sizeof key.key);
    vector("metadata_key_iv", key.iv, sizeof key.iv);
    vector("metadata_key_hmac_key", key.hmac_key, sizeof key.hmac_key);
    vector("life_of_a", life, sizeof life);
    memcpy(secret, key.key, 32);
    memcpy(secret + 32, key.hmac_key, 48);
    size_t n = names(context, self_name, peer_name).len;
    memcpy(context + n, life, sizeof life);
    derive_triple(w, "svr_metadata_a_to_b", (svr_piece){secret, sizeof secret},
                  (svr_piece){key.iv, sizeof key.iv}, "svr metadata", (svr_piece){context, n + sizeof life},
                  &t);
    assert_true(svr_addr_parse("10.1.0.10", &flow.src) && svr_addr_parse("10.2.0.10", &flow.dst));
    fill(payload.key, sizeof payload.key, 0xb0);
    svr_tlv_writer tlvs = svr_tlv_writer_make(text, sizeof text);
    svr_tlv_put_context(&tlvs, false, &flow);
    svr_tlv_put_payload_key(&tlvs, &payload);
    vector("session_payload_tlvs", text, svr_tlv_written(&tlvs));
    size_t text_len = svr_pad(text, svr_tlv_written(&tlvs));
    size_t len = raw_block(&t, key.index, 5, text, text_len, NULL, 0, packet);
    vector("session_metadata_packet", packet, len);
    svr_metadata_sender s;
    svr_metadata_sender_init(&s, &w->rt, "b");
    assert_true(svr_metadata_sender_accept(&s, &key, peer_name, self_name, life, true));
    seal_block(w, s.current, key.index, 5, text, text_len, NULL, 0, packet, len);
    svr_metadata_sender_fini(&s);
}

/* PD-DATA: one datagram, forward */
static void test_vectors_data_packet(void **state) {
    world *w = *state;
    uint8_t key[SVR_PAYLOAD_KEY_LEN], uuid[16], text[32] = "sixteen bytes of a user's data",
                                                packet[VALUE_MAX], iv[16];
    triple forward, reverse;
    svr_crypt_key k;
    heading("Payload key");
    fill(key, sizeof key, 0xb0);
    fill(uuid, sizeof uuid, 0xd0);
    svr_piece secret = {key, sizeof key}, none = {0}, context = {uuid, sizeof uuid};
    vector("payload_key", key, sizeof key);
    vector("session_uuid", uuid, sizeof uuid);
    derive_triple(w, "payload_forward", secret, none, "payload forward", context, &forward);
    derive_triple(w, "payload_reverse", secret, none, "payload reverse", context, &reverse);
    uint64_t nonce = UINT64_C(3) << 56 | 1;
    vector("data_text", text, 16);
    size_t text_len = svr_pad(text, 16);
    make_iv(&forward, nonce, iv);
    vector("data_iv", iv, sizeof iv);
    svr_put64(packet, nonce);
    raw_aes(EVP_aes_256_cbc(), forward.cipher, iv, text, text_len, packet + 8);
    raw_hmac(forward.hmac, sizeof forward.hmac, packet, 8 + text_len, packet + 8 + text_len);
    vector("data_packet", packet, 8 + text_len + 48);
    vector("data_packet_sha384_192", packet, 8 + text_len + 24);
    assert_true(svr_crypt_key_derive(w->c, &k, secret, none, "payload forward", context, SVR_HMAC_SHA384));
    uint8_t out[VALUE_MAX];
    svr_put64(out, nonce);
    memcpy(out + 8, text, text_len);
    svr_crypt_op op = {.key = &k,
                       .nonce = nonce,
                       .text = out + 8,
                       .text_len = (uint32_t)text_len,
                       .auth = out,
                       .auth_len = (uint32_t)(8 + text_len),
                       .tag = out + 8 + text_len};
    svr_crypt_seal(w->c, &op, 1);
    assert_true(op.ok);
    assert_memory_equal(out, packet, 8 + text_len + 48);
    svr_crypt_key_fini(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors_peer_key_and_what_follows_from_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vectors_formula_is_that_of_the_exchange, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vectors_bfd_packet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vectors_session_metadata, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vectors_data_packet, setup, teardown),
    };
    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}

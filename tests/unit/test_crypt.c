/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "crypto/crypt.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>

/* Both engines, side by side; ipsec is NULL where the CPU lacks it. */
static test_heap heap;
static svr_allocator alloc;
static svr_crypt *openssl, *ipsec;

static int setup(void **state) {
    (void)state;
    alloc = test_allocator(&heap);
    openssl = svr_crypt_new(&alloc, NULL, SVR_ENGINE_OPENSSL);
    ipsec = svr_crypt_new(&alloc, NULL, SVR_ENGINE_IPSEC_MB);
    return openssl ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    svr_crypt_del(ipsec);
    svr_crypt_del(openssl);
    return heap.live == 0 ? 0 : -1;
}

static svr_crypt *need_ipsec(void) {
    if (!ipsec) skip();
    return ipsec;
}

/* Bytes from hex text into `out`; their number. */
static size_t unhex(const char *text, uint8_t *out) {
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

/* A small generator of our own, so that a failure happens again. */
static uint64_t seed;
static uint32_t draw(uint32_t below) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}
static void draw_bytes(uint8_t *p, size_t n) {
    while (n--)
        *p++ = (uint8_t)draw(256);
}

static void count_up(uint8_t *p, uint8_t from, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(from + i);
}

/* ---- keys of the known answers: 00..1f, 20..3f, 40..6f -------------------------------------- */
static void known_key(svr_crypt *c, svr_crypt_key *key, svr_hmac hmac) {
    uint8_t raw[112];
    count_up(raw, 0, sizeof raw);
    svr_crypt_key_init(c, key, raw, raw + 32, raw + 64, hmac);
}

/* A packet as IV | text | tag, with room for all of it. */
typedef struct test_packet {
    uint8_t iv[16], text[1536], tag[48];
} test_packet;

#define KNOWN_NONCE UINT64_C(0x0102030405060708)

static svr_crypt_op known_op(const svr_crypt_key *key, uint8_t *bytes, uint32_t text_len) {
    return (svr_crypt_op){.key = key,
                          .nonce = KNOWN_NONCE,
                          .iv_wire = bytes,
                          .text = bytes + 16,
                          .text_len = text_len,
                          .auth = bytes,
                          .auth_len = 16 + text_len,
                          .tag = bytes + 16 + text_len};
}

/* Answers computed with the openssl command and Python's hmac module. */
static void check_known_packet(svr_crypt *c, svr_hmac hmac) {
    svr_crypt_key key;
    known_key(c, &key, hmac);
    uint8_t bytes[16 + 48 + 48], expected[sizeof bytes];
    unhex("24c9e4a9ebd0574c6025800ed8ea78d4"
          "7e0202998377da0836e808bde7dabe9cb5258aff542cc9a8cca49d88671b430092c7c69080ccfe9b6e4fc77d12400e87"
          "c41bce71d2526680ee1cb04f7a41a356805d268ef856e9acf6c27cd8e71304d5da1f7b68f9fcbed1ba7c8a04a80371f1",
          expected);
    memset(bytes, 0xee, sizeof bytes);
    memset(expected + 64 + svr_tag_len(hmac), 0xee,
           48 - svr_tag_len(hmac)); /* a short tag ends where it ends */
    count_up(bytes + 16, 0x80, 48);
    svr_crypt_op op = known_op(&key, bytes, 48);
    svr_crypt_seal(c, &op, 1);
    assert_true(op.ok);
    assert_memory_equal(bytes, expected, sizeof bytes);
    svr_crypt_open(c, &op, 1);
    assert_true(op.ok);
    count_up(expected, 0x80, 48);
    assert_memory_equal(bytes + 16, expected, 48);
    svr_crypt_key_fini(&key);
}

static void test_crypt_openssl_gives_the_known_packet(void **state) {
    (void)state;
    check_known_packet(openssl, SVR_HMAC_SHA384);
    check_known_packet(openssl, SVR_HMAC_SHA384_192);
}

static void test_crypt_ipsec_mb_gives_the_known_packet(void **state) {
    (void)state;
    check_known_packet(need_ipsec(), SVR_HMAC_SHA384);
    check_known_packet(need_ipsec(), SVR_HMAC_SHA384_192);
}

/* NIST SP 800-38A, F.2.6: CBC-AES256.Decrypt. */
static void check_nist_cbc(svr_crypt *c) {
    uint8_t cipher_key[32], other[48] = {0}, bytes[16 + 64 + 48], plain[64];
    unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", cipher_key);
    unhex("000102030405060708090a0b0c0d0e0f"
          "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
          "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
          bytes);
    unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
          plain);
    svr_crypt_key key;
    svr_crypt_key_init(c, &key, cipher_key, other, other, SVR_HMAC_SHA384);
    svr_piece all = {bytes, 80};
    assert_true(svr_hmac_sha384(c, other, 48, &all, 1, bytes + 80));
    svr_crypt_op op = known_op(&key, bytes, 64);
    svr_crypt_open(c, &op, 1);
    assert_true(op.ok);
    assert_memory_equal(bytes + 16, plain, sizeof plain);
}

static void test_crypt_openssl_deciphers_nist_cbc(void **state) {
    (void)state;
    check_nist_cbc(openssl);
}

static void test_crypt_ipsec_mb_deciphers_nist_cbc(void **state) {
    (void)state;
    check_nist_cbc(need_ipsec());
}

/* RFC 4231, test cases 1, 2 and 6, in one piece and cut in two. */
static void test_crypt_hmac_rfc4231(void **state) {
    (void)state;
    static const struct {
        const char *key, *data, *mac;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
        {"4a656665", "what do ya want for nothing?",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
        {NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t key[131], expected[48], out[48];
        memset(key, 0xaa, sizeof key);
        size_t key_len = cases[i].key ? unhex(cases[i].key, key) : sizeof key, len = strlen(cases[i].data);
        unhex(cases[i].mac, expected);
        svr_piece whole = {cases[i].data, len}, parts[2] = {{cases[i].data, 3}, {cases[i].data + 3, len - 3}};
        assert_true(svr_hmac_sha384(openssl, key, key_len, &whole, 1, out));
        assert_memory_equal(out, expected, 48);
        assert_true(svr_hmac_sha384(openssl, key, key_len, parts, 2, out));
        assert_memory_equal(out, expected, 48);
    }
}

/* FIPS 180-4's "abc". */
static void test_crypt_sha384_of_pieces(void **state) {
    (void)state;
    uint8_t expected[48], out[48];
    unhex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
          expected);
    svr_piece pieces[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    assert_true(svr_sha384(openssl, pieces, 3, out));
    assert_memory_equal(out, expected, 48);
}

/* Expected bytes: RFC 5869 written out with Python's hmac module. */
static void test_crypt_kdf_follows_rfc5869(void **state) {
    (void)state;
    uint8_t secret[22], salt[13], context[10], expected[112], out[112];
    memset(secret, 0x0b, sizeof secret);
    count_up(salt, 0, sizeof salt);
    count_up(context, 0xf0, sizeof context);
    svr_piece s = {secret, sizeof secret}, none = {NULL, 0};
    unhex("4b4b5e8c3048b3f029139d169be519f78942d9841ba5581166b1b028b4bd784256d6d1f131511e323f41a0fedc8ff45d"
          "0771782b2a6401a2ebaaa7abe4933d85e86025b2263dbd6840d59bce76425b167677c3d9f18334a998d92adaee3ec00d"
          "bcacdc60d3e96cb97565c5865b5252b9",
          expected);
    assert_true(svr_kdf(openssl, s, (svr_piece){salt, 13}, "test", (svr_piece){context, 10}, out, 112));
    assert_memory_equal(out, expected, 112);
    unhex("af0ec1a3141c8d9ae4361eb163effe448872670a3031075fa974d45b2cb7458561f8a40869379583e860ea289eb8e1f4",
          expected);
    assert_true(svr_kdf(openssl, s, none, "test", none, out, 48));
    assert_memory_equal(out, expected, 48);
}

static void test_crypt_kdf_refuses_what_hkdf_cannot_do(void **state) {
    (void)state;
    static uint8_t out[255 * 48 + 1], context[1024];
    svr_piece s = {"secret", 6}, none = {NULL, 0};
    assert_true(svr_kdf(openssl, s, none, "x", none, out, 255 * 48));
    assert_false(svr_kdf(openssl, s, none, "x", none, out, 255 * 48 + 1));
    assert_true(svr_kdf(openssl, s, none, "x", (svr_piece){context, 1024 - 6}, out, 48));
    assert_false(svr_kdf(openssl, s, none, "x", (svr_piece){context, 1024 - 5}, out, 48));
}

static void test_crypt_key_derive_cuts_cipher_iv_hmac_in_this_order(void **state) {
    (void)state;
    uint8_t raw[112];
    svr_piece secret = {"secret", 6}, salt = {"salt", 4}, context = {"context", 7};
    svr_crypt_key derived, key;
    assert_true(svr_kdf(openssl, secret, salt, "label", context, raw, sizeof raw));
    svr_crypt_key_init(openssl, &key, raw, raw + 32, raw + 64, SVR_HMAC_SHA384_192);
    assert_true(svr_crypt_key_derive(openssl, &derived, secret, salt, "label", context, SVR_HMAC_SHA384_192));
    assert_memory_equal(&derived, &key, sizeof key);
    svr_crypt_key_fini(&key);
    uint8_t zero[sizeof key] = {0};
    assert_memory_equal(&key, zero, sizeof key);
}

/* ---- many packets --------------------------------------------------------------------------- */
#define MANY 200

typedef struct test_batch {
    svr_crypt_key keys[4];
    test_packet packets[MANY];
    svr_crypt_op ops[MANY];
} test_batch;

static void batch_keys(svr_crypt *c, test_batch *b) {
    for (size_t i = 0; i < 4; i++) {
        uint8_t raw[112];
        draw_bytes(raw, sizeof raw);
        svr_crypt_key_init(c, &b->keys[i], raw, raw + 32, raw + 64,
                           i & 1 ? SVR_HMAC_SHA384_192 : SVR_HMAC_SHA384);
    }
}

/* Random packets from `seed`: the same seed gives the same ones. A third carry their IV; a few have no text.
 */
static void batch_fill(svr_crypt *c, test_batch *b, size_t n, uint64_t from) {
    seed = from;
    batch_keys(c, b);
    for (size_t i = 0; i < n; i++) {
        test_packet *p = &b->packets[i];
        uint32_t len = draw(8) == 0 ? 0 : 16 * draw(draw(4) == 0 ? 96 : 12);
        draw_bytes((uint8_t *)p, sizeof *p);
        b->ops[i] = (svr_crypt_op){.key = &b->keys[draw(4)],
                                   .nonce = (uint64_t)draw(UINT32_MAX) << 32 | i,
                                   .iv_wire = draw(3) == 0 ? p->iv : NULL,
                                   .text = len ? p->text : NULL,
                                   .text_len = len,
                                   .auth = p->iv,
                                   .auth_len = 16 + len,
                                   .tag = p->tag};
        if (draw(5) == 0) b->ops[i].auth_len -= draw(16); /* what is signed need not end with a block */
    }
}

static void seal_one_by_one(svr_crypt *c, test_batch *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        svr_crypt_seal(c, &b->ops[i], 1);
}

static void check_same_packets(const test_batch *a, const test_batch *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert_true(a->ops[i].ok && b->ops[i].ok);
        assert_memory_equal(&a->packets[i], &b->packets[i], sizeof a->packets[i]);
    }
}

/* `whole` seals batches of every size at once; `single` one packet at a time. */
static void check_same_bytes(svr_crypt *whole, svr_crypt *single) {
    static test_batch a, b;
    for (size_t n = 1; n <= MANY; n++) {
        batch_fill(whole, &a, n, n);
        batch_fill(single, &b, n, n);
        svr_crypt_seal(whole, a.ops, n);
        seal_one_by_one(single, &b, n);
        check_same_packets(&a, &b, n);
    }
}

static void test_crypt_engines_give_the_same_bytes(void **state) {
    (void)state;
    check_same_bytes(need_ipsec(), openssl);
}

static void test_crypt_ipsec_mb_batch_equals_one_by_one(void **state) {
    (void)state;
    check_same_bytes(need_ipsec(), ipsec);
}

static void test_crypt_openssl_batch_equals_one_by_one(void **state) {
    (void)state;
    check_same_bytes(openssl, openssl);
}

/* Seals with one engine, spoils every third tag, opens with another: exactly the others come back. */
static void check_open(svr_crypt *sealer, svr_crypt *opener) {
    static test_batch sealed, plain, opened;
    for (size_t n = 1; n <= MANY; n += 9) {
        batch_fill(sealer, &plain, n, n);
        batch_fill(sealer, &sealed, n, n);
        svr_crypt_seal(sealer, sealed.ops, n);
        batch_fill(opener, &opened, n, n);
        memcpy(opened.packets, sealed.packets, sizeof opened.packets);
        for (size_t i = 0; i < n; i += 3)
            opened.packets[i].tag[i % 24] ^= 0x10;
        svr_crypt_open(opener, opened.ops, n);
        for (size_t i = 0; i < n; i++) {
            const test_packet *expected = i % 3 == 0 ? &sealed.packets[i] : &plain.packets[i];
            assert_int_equal(opened.ops[i].ok, i % 3 != 0);
            assert_memory_equal(opened.packets[i].text, expected->text, sizeof expected->text);
        }
    }
}

static void test_crypt_open_returns_what_was_sealed(void **state) {
    (void)state;
    check_open(openssl, openssl);
    check_open(openssl, need_ipsec());
    check_open(ipsec, openssl);
    check_open(ipsec, ipsec);
}

/* ---- forgeries ------------------------------------------------------------------------------ */
enum { HEAD = 12, TEXT = 48, FLIP_LEN = HEAD + 16 + TEXT + 48 };

static svr_crypt_op flip_op(const svr_crypt_key *key, uint8_t *bytes) {
    return (svr_crypt_op){.key = key,
                          .nonce = KNOWN_NONCE,
                          .iv_wire = bytes + HEAD,
                          .text = bytes + HEAD + 16,
                          .text_len = TEXT,
                          .auth = bytes,
                          .auth_len = HEAD + 16 + TEXT,
                          .tag = bytes + HEAD + 16 + TEXT};
}

/* Every bit of header, IV, text and tag in turn, between two good packets: those open, this one fails and is
 * left as it came. */
static void check_flips(svr_crypt *c, svr_hmac hmac) {
    svr_crypt_key key;
    known_key(c, &key, hmac);
    uint8_t good[FLIP_LEN] = {0}, bytes[3][FLIP_LEN], bad[FLIP_LEN];
    svr_crypt_op op = flip_op(&key, good);
    svr_crypt_seal(c, &op, 1);
    assert_true(op.ok);
    size_t len = HEAD + 16 + TEXT + svr_tag_len(hmac);
    for (size_t bit = 0; bit < len * 8; bit++) {
        svr_crypt_op ops[3];
        for (size_t i = 0; i < 3; i++) {
            memcpy(bytes[i], good, FLIP_LEN);
            ops[i] = flip_op(&key, bytes[i]);
        }
        bytes[1][bit / 8] ^= (uint8_t)(1u << bit % 8);
        memcpy(bad, bytes[1], FLIP_LEN);
        ops[1].ok = true; /* left over from before */
        svr_crypt_open(c, ops, 3);
        assert_true(ops[0].ok && ops[2].ok);
        assert_false(ops[1].ok);
        assert_memory_equal(bytes[1], bad, FLIP_LEN);
    }
}

static void test_crypt_openssl_refuses_every_flipped_bit(void **state) {
    (void)state;
    check_flips(openssl, SVR_HMAC_SHA384);
    check_flips(openssl, SVR_HMAC_SHA384_192);
}

static void test_crypt_ipsec_mb_refuses_every_flipped_bit(void **state) {
    (void)state;
    check_flips(need_ipsec(), SVR_HMAC_SHA384);
    check_flips(ipsec, SVR_HMAC_SHA384_192);
}

/* With the IV not on the wire a wrong nonce deciphers to other text only in the first block; the caller signs
 * the nonce. A wrong IV key alone must show that the IV really comes from it. */
static void test_crypt_iv_depends_on_nonce_and_iv_key(void **state) {
    (void)state;
    svr_crypt_key key, other;
    uint8_t raw[112], a[FLIP_LEN] = {0}, b[FLIP_LEN] = {0}, c[FLIP_LEN] = {0};
    count_up(raw, 0, sizeof raw);
    known_key(openssl, &key, SVR_HMAC_SHA384);
    raw[40] ^= 1;
    svr_crypt_key_init(openssl, &other, raw, raw + 32, raw + 64, SVR_HMAC_SHA384);
    svr_crypt_op ops[3] = {flip_op(&key, a), flip_op(&key, b), flip_op(&other, c)};
    ops[1].nonce++;
    svr_crypt_seal(openssl, ops, 3);
    assert_memory_not_equal(a + HEAD, b + HEAD, 16);
    assert_memory_not_equal(a + HEAD, c + HEAD, 16);
    assert_memory_not_equal(a + HEAD + 16, b + HEAD + 16, 16);
}

static void check_malformed(svr_crypt *c) {
    static uint8_t big[70000];
    svr_crypt_key key;
    known_key(c, &key, SVR_HMAC_SHA384);
    uint8_t good[FLIP_LEN] = {0}, bytes[FLIP_LEN];
    svr_crypt_op op = flip_op(&key, good);
    svr_crypt_seal(c, &op, 1);
    for (uint32_t i = 0; i < 5; i++) {
        memcpy(bytes, good, FLIP_LEN);
        svr_crypt_op ops[2] = {flip_op(&key, bytes), flip_op(&key, bytes)};
        if (i == 0) ops[0].text_len = TEXT - 1;
        if (i == 1) ops[0].text_len = 1;
        if (i == 2) ops[0].auth_len = 0;
        if (i == 3) ops[0].auth = big, ops[0].auth_len = sizeof big;
        if (i == 4) ops[0].text = big, ops[0].text_len = 65536;
        svr_crypt_open(c, ops, 2);
        assert_false(ops[0].ok);
        assert_true(ops[1].ok);
    }
    svr_crypt_open(c, NULL, 0);
    svr_crypt_seal(c, NULL, 0);
}

static void test_crypt_open_refuses_impossible_lengths(void **state) {
    (void)state;
    check_malformed(openssl);
    check_malformed(need_ipsec());
}

/* ---- padding -------------------------------------------------------------------------------- */
static void test_crypt_pad_and_unpad_every_length(void **state) {
    (void)state;
    for (size_t len = 0; len <= 64; len++) {
        uint8_t text[80];
        memset(text, 0xee, sizeof text);
        size_t padded = svr_pad(text, len);
        assert_int_equal(padded, len / 16 * 16 + 16);
        for (size_t i = 0; i < sizeof text; i++)
            assert_int_equal(text[i], i >= len && i < padded ? padded - len : 0xee);
        assert_int_equal(svr_unpad(text, padded), len);
    }
}

static void test_crypt_unpad_refuses_every_malformed_end(void **state) {
    (void)state;
    uint8_t text[32] = {0};
    assert_int_equal(svr_unpad(text, 0), -1);
    for (unsigned n = 0; n < 256; n++) {
        memset(text, (int)n, sizeof text);
        assert_int_equal(svr_unpad(text, 32), n >= 1 && n <= 16 ? (int)(32 - n) : -1);
        for (size_t len = 1; len < 32; len++)
            if (len != 16) assert_int_equal(svr_unpad(text, len), -1);
        for (size_t i = 32 - n; n <= 16 && n >= 1 && i < 31; i++) {
            text[i] ^= 1; /* one wrong byte before the last */
            assert_int_equal(svr_unpad(text, 32), -1);
            text[i] ^= 1;
        }
    }
}

/* ---- life cycle ----------------------------------------------------------------------------- */
static void test_crypt_equal_compares_all_bytes(void **state) {
    (void)state;
    uint8_t a[48] = {0}, b[48] = {0};
    assert_true(svr_equal_constant_time(a, b, 48));
    for (size_t i = 0; i < 48; i++) {
        b[i] = 0x80;
        assert_false(svr_equal_constant_time(a, b, 48));
        assert_true(svr_equal_constant_time(a, b, i));
        b[i] = 0;
    }
}

static void test_crypt_random_fills_and_differs(void **state) {
    (void)state;
    uint8_t a[65] = {0}, b[65] = {0};
    assert_true(svr_random(openssl, a, 64));
    assert_true(svr_random(openssl, b, 64));
    assert_memory_not_equal(a, b, 64);
    assert_int_equal(a[64], 0);
}

static void test_crypt_new_survives_every_short_allocation(void **state) {
    (void)state;
    static const svr_engine engines[] = {SVR_ENGINE_AUTO, SVR_ENGINE_OPENSSL, SVR_ENGINE_IPSEC_MB};
    for (size_t i = 0; i < (ipsec ? 3 : 2); i++) {
        svr_crypt *c = NULL;
        size_t tries = 0;
        while (!c && ++tries < 10) {
            test_heap h = {.fail_at = tries};
            svr_allocator a = test_allocator(&h);
            c = svr_crypt_new(&a, NULL, engines[i]);
            svr_crypt_del(c);
            assert_int_equal(h.live, 0);
        }
        assert_in_range(tries, 3, 9);
    }
}

static void test_crypt_new_fails_without_algorithms(void **state) {
    (void)state;
    OSSL_LIB_CTX *empty = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *null = OSSL_PROVIDER_load(empty, "null");
    size_t live = heap.live;
    assert_non_null(null);
    assert_null(svr_crypt_new(&alloc, empty, SVR_ENGINE_OPENSSL));
    assert_null(svr_crypt_new(&alloc, empty, SVR_ENGINE_AUTO));
    assert_int_equal(heap.live, live);
    OSSL_PROVIDER_unload(null);
    OSSL_LIB_CTX_free(empty);
}

static void test_crypt_auto_prefers_ipsec_mb(void **state) {
    (void)state;
    svr_crypt *c = svr_crypt_new(&alloc, NULL, SVR_ENGINE_AUTO);
    assert_non_null(c);
    assert_string_equal(svr_crypt_engine_name(c), svr_crypt_engine_name(ipsec ? ipsec : openssl));
    assert_string_equal(svr_crypt_engine_name(openssl), "OpenSSL");
    if (ipsec) assert_memory_equal(svr_crypt_engine_name(ipsec), "ipsec-mb", 8);
    assert_ptr_equal(svr_crypt_allocator(c), &alloc);
    assert_null(svr_crypt_libctx(c));
    svr_crypt_del(c);
    svr_crypt_del(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypt_openssl_gives_the_known_packet),
        cmocka_unit_test(test_crypt_ipsec_mb_gives_the_known_packet),
        cmocka_unit_test(test_crypt_openssl_deciphers_nist_cbc),
        cmocka_unit_test(test_crypt_ipsec_mb_deciphers_nist_cbc),
        cmocka_unit_test(test_crypt_hmac_rfc4231),
        cmocka_unit_test(test_crypt_sha384_of_pieces),
        cmocka_unit_test(test_crypt_kdf_follows_rfc5869),
        cmocka_unit_test(test_crypt_kdf_refuses_what_hkdf_cannot_do),
        cmocka_unit_test(test_crypt_key_derive_cuts_cipher_iv_hmac_in_this_order),
        cmocka_unit_test(test_crypt_engines_give_the_same_bytes),
        cmocka_unit_test(test_crypt_ipsec_mb_batch_equals_one_by_one),
        cmocka_unit_test(test_crypt_openssl_batch_equals_one_by_one),
        cmocka_unit_test(test_crypt_open_returns_what_was_sealed),
        cmocka_unit_test(test_crypt_openssl_refuses_every_flipped_bit),
        cmocka_unit_test(test_crypt_ipsec_mb_refuses_every_flipped_bit),
        cmocka_unit_test(test_crypt_iv_depends_on_nonce_and_iv_key),
        cmocka_unit_test(test_crypt_open_refuses_impossible_lengths),
        cmocka_unit_test(test_crypt_pad_and_unpad_every_length),
        cmocka_unit_test(test_crypt_unpad_refuses_every_malformed_end),
        cmocka_unit_test(test_crypt_equal_compares_all_bytes),
        cmocka_unit_test(test_crypt_random_fills_and_differs),
        cmocka_unit_test(test_crypt_new_survives_every_short_allocation),
        cmocka_unit_test(test_crypt_new_fails_without_algorithms),
        cmocka_unit_test(test_crypt_auto_prefers_ipsec_mb),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

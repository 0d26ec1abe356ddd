/* SPDX-License-Identifier: MIT
 * What the stack alone does on one core, against the libraries underneath in the same run. Routers of one
 * process, no system calls.
 *
 *     core_seal data      packets of 1400 bytes into an ingress and through an egress, in batches of 64,
 * against bare bursts of intel-ipsec-mb over equal lengths core_seal keys DH   a hub and its spokes exchange
 * their first keys; only the hub's time counts; against the same Diffie-Hellman operations in OpenSSL. DH:
 * 2048, 4096, P-521, X25519
 *
 * Prints lines "name value unit". Turns alternate; each value is the median of all. */
#if __has_include(<intel-ipsec-mb.h>) /* elsewhere there is nothing to compare with */
#include <assert.h>
#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/heap.h"
#include "svr/node.h"
#include "svr/wire.h"

#define NODES_MAX 33
#define SPOKES 16
#define TURNS 5
#define BATCHES 2000
#define PAYLOAD 1400
#define TEXT 1408 /* padded */
#define AUTH (8 + TEXT)

static double seconds(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* others on the machine do not count */
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *of, size_t n) {
    qsort(of, n, sizeof *of, compare);
    return of[n / 2];
}

/* ---- routers ---------------------------------------------------------------------------------- */

typedef struct router {
    svr_node *node;
    svr_ifid wan, lan;
    size_t keys;  /* peer keys that came up */
    bool serves;  /* a path is in service */
    double spent; /* seconds in its calls */
} router;

static svr_env *env;
static svr_config *config;
static router routers[NODES_MAX];
static size_t n_routers;
static svr_time now = SVR_SEC;

static void write_router(FILE *f, size_t i) {
    fprintf(
        f,
        "router r%zu\nname r%zu\npeering-common-name r%zu\nnode n\nname n\n"
        "device-interface wan\nname wan\ntype ethernet\ntarget-interface wan\nnetwork-interface wan\nname "
        "wan\n"
        "neighborhood net\nname net\ntopology %s\nexit\n"
        "address 192.0.2.%zu\nip-address 192.0.2.%zu\nprefix-length 24\nexit\nexit\nexit\n"
        "device-interface lan\nname lan\ntype tun\ntarget-interface lan\nnetwork-interface lan\nname lan\n"
        "tenant corp\naddress 10.%zu.0.1\nip-address 10.%zu.0.1\nprefix-length 16\nexit\nexit\nexit\nexit\n",
        i, i, i, i ? "spoke" : "hub", i + 1, i + 1, i, i);
    for (size_t k = 0; k < n_routers; k++) {
        if (k != i && k && i) continue; /* spokes have the hub alone */
        fprintf(f, "service-route s%zu\nname s%zu\nservice-name s%zu\n", k, k, k);
        if (k == i)
            fprintf(f, "next-hop n lan\nnode-name n\ninterface lan\nexit\nexit\n");
        else
            fprintf(f, "peer r%zu\nexit\n", k);
    }
    fprintf(f, "exit\n");
}

static void make_config(const char *kex) {
    char *text;
    size_t len;
    svr_config_error where;
    FILE *f = open_memstream(&text, &len);
    fprintf(f,
            "config\nauthority\nname bench\nenhanced-security-key-management true\n"
            "security-key-management\nkey-exchange-algorithm\n%s\nexit\nexit\ntenant corp\nname corp\nexit\n",
            kex);
    for (size_t i = 0; i < n_routers; i++)
        fprintf(
            f,
            "service s%zu\nname s%zu\naddress 10.%zu.0.0/16\naccess-policy corp\nsource corp\nexit\nexit\n",
            i, i, i);
    for (size_t i = 0; i < n_routers; i++)
        write_router(f, i);
    fprintf(f, "exit\nexit\n");
    fclose(f);
    if (svr_config_parse(&svr_heap, text, len, &config, &where)) {
        fprintf(stderr, "configuration: line %u: %s\n%s", where.line, where.message, text);
        exit(1);
    }
    free(text);
}

static void start(router *r, size_t i) {
    char name[8];
    svr_error err;
    snprintf(name, sizeof name, "r%zu", i);
    const svr_node_params params = {.env = env,
                                    .config = config,
                                    .router = name,
                                    .wall = 1735689600 * (svr_wall)1000000000,
                                    .open_checksums = true};
    double began = seconds();
    if (svr_node_new(&params, now, &r->node, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    r->spent = seconds() - began;
    const svr_node_config *cfg = svr_node_get_config(r->node);
    for (svr_ifid k = 0; k < cfg->n_interfaces; k++)
        *(cfg->interfaces[k].n_neighborhoods ? &r->wan : &r->lan) = k;
}

/* Hands packets to the routers that they are for, by the last byte of the destination. */
static void carry(svr_batch *out) {
    for (size_t i = 0; i < out->n; i++) {
        svr_packet *pkt = out->pkt[i];
        size_t to = (size_t)pkt->data[19] - 1;
        svr_batch one = {.n = 1, .pkt = {pkt}};
        if (to >= n_routers) {
            svr_packet_put(svr_env_pool(env), pkt);
            continue;
        }
        double began = seconds();
        svr_node_input(routers[to].node, routers[to].wan, &one, now);
        routers[to].spent += seconds() - began;
    }
    out->n = 0;
}

static bool drain(router *r) {
    svr_batch out = {0};
    svr_event ev;
    double began = seconds();
    size_t n = svr_node_output(r->node, &out, now);
    r->spent += seconds() - began;
    carry(&out);
    while (svr_node_next_event(r->node, &ev)) {
        r->keys += ev.kind == SVR_EVENT_PEER_KEY && strcmp(ev.to, "computed") == 0;
        if (ev.kind == SVR_EVENT_PATH_SERVICE) r->serves = strcmp(ev.to, "in-service") == 0;
    }
    return n > 0;
}

static void settle(void) {
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n_routers; i++)
            more |= drain(&routers[i]);
    }
}

static bool all_serve(void) {
    size_t n = 0;
    for (size_t i = 0; i < n_routers; i++)
        n += routers[i].serves;
    return n == n_routers && routers[0].keys >= n_routers - 1;
}

/* Time passes from deadline to deadline until all paths are in service. */
static void come_up(void) {
    svr_time end = now + 120 * SVR_SEC;
    for (settle(); !all_serve(); settle()) {
        svr_time next = SVR_TIME_NEVER;
        for (size_t i = 0; i < n_routers; i++)
            if (svr_node_deadline(routers[i].node) < next) next = svr_node_deadline(routers[i].node);
        if (next > end) {
            fprintf(stderr, "the routers do not come up\n");
            exit(1);
        }
        now = next;
        for (size_t i = 0; i < n_routers; i++) {
            if (svr_node_deadline(routers[i].node) > now) continue;
            double began = seconds();
            svr_node_expire(routers[i].node, now);
            routers[i].spent += seconds() - began;
        }
    }
}

static void open_world(size_t n, const char *kex) {
    const svr_env_params params = {.alloc = &svr_heap};
    env = svr_env_new(&params);
    n_routers = n;
    make_config(kex);
    for (size_t i = 0; i < n; i++) {
        routers[i] = (router){0};
        start(&routers[i], i);
    }
}

static void close_world(void) {
    for (size_t i = 0; i < n_routers; i++)
        svr_node_del(routers[i].node);
    svr_config_del(config);
    svr_env_del(env);
}

/* ---- data ------------------------------------------------------------------------------------- */

/* A batch of one flow from the hub's LAN to the spoke's. */
static void make_batch(svr_batch *b) {
    static uint8_t datagram[20 + 8 + PAYLOAD];
    if (!datagram[0]) {
        const svr_ip_header h = {.src = svr_addr_from_bytes(4, (const uint8_t[]){10, 0, 0, 9}),
                                 .dst = svr_addr_from_bytes(4, (const uint8_t[]){10, 1, 0, 9}),
                                 .proto = SVR_PROTO_UDP,
                                 .ttl = 64,
                                 .dont_fragment = true,
                                 .l4_len = 8 + PAYLOAD};
        memset(datagram, 0x5a, sizeof datagram);
        svr_ip_encode(&h, datagram);
        svr_udp_encode(datagram + 20, &h.src, &h.dst, 1000, 2000, PAYLOAD);
    }
    for (b->n = 0; b->n < SVR_BATCH_MAX; b->n++) {
        svr_packet *pkt = b->pkt[b->n] = svr_packet_get(svr_env_pool(env), sizeof datagram);
        assert(pkt);
        memcpy(pkt->data, datagram, sizeof datagram);
        pkt->len = sizeof datagram;
    }
}

/* One batch through a router; its time. What came out is in `b`. */
static double pass(router *r, svr_ifid in, svr_batch *b) {
    double began = seconds();
    svr_node_input(r->node, in, b, now);
    svr_node_output(r->node, b, now);
    return seconds() - began;
}

typedef struct rates {
    double seal[TURNS], open[TURNS], bare_seal[TURNS], bare_open[TURNS];
} rates;

static void run_stack(double *seal, double *open) {
    double sealing = 0, opening = 0;
    size_t sealed = 0, opened = 0;
    for (int i = 0; i < BATCHES; i++) {
        svr_batch b = {0};
        make_batch(&b);
        sealing += pass(&routers[0], routers[0].lan, &b);
        sealed += b.n;
        opening += pass(&routers[1], routers[1].wan, &b);
        opened += b.n;
        svr_batch_put(svr_env_pool(env), &b);
        now += SVR_MS / 10;
    }
    if (sealed != (size_t)BATCHES * SVR_BATCH_MAX || opened != sealed) {
        fprintf(stderr, "%zu packets sealed, %zu opened\n", sealed, opened);
        exit(1);
    }
    *seal = (double)sealed / sealing;
    *open = (double)opened / opening;
}

/* ---- the library alone ------------------------------------------------------------------------- */

typedef struct bare {
    IMB_MGR *mgr;
    _Alignas(16) uint8_t enc[15 * 16], dec[15 * 16];
    uint8_t ipad[64], opad[64], iv[16];
    IMB_JOB jobs[SVR_BATCH_MAX];
    uint8_t (*packets)[2048];
    uint8_t tags[SVR_BATCH_MAX][48];
} bare;

static void bare_init(bare *b) {
    uint8_t block[128] = {7};
    b->mgr = alloc_mb_mgr(0);
    init_mb_mgr_auto(b->mgr, NULL);
    IMB_AES_KEYEXP_256(b->mgr, block, b->enc, b->dec);
    IMB_SHA384_ONE_BLOCK(b->mgr, block, b->ipad);
    IMB_SHA384_ONE_BLOCK(b->mgr, block, b->opad);
    b->packets = calloc(SVR_BATCH_MAX, sizeof *b->packets);
}

static void bare_cipher(bare *b, IMB_CIPHER_DIRECTION direction) {
    for (size_t i = 0; i < SVR_BATCH_MAX; i++)
        b->jobs[i] = (IMB_JOB){.enc_keys = b->enc,
                               .dec_keys = b->dec,
                               .key_len_in_bytes = 32,
                               .src = b->packets[i] + 8,
                               .dst = b->packets[i] + 8,
                               .msg_len_to_cipher_in_bytes = TEXT,
                               .iv = b->iv,
                               .iv_len_in_bytes = 16};
    uint32_t done =
        IMB_SUBMIT_CIPHER_BURST(b->mgr, b->jobs, SVR_BATCH_MAX, IMB_CIPHER_CBC, direction, IMB_KEY_256_BYTES);
    assert(done == SVR_BATCH_MAX);
    (void)done;
}

static void bare_hash(bare *b) {
    for (size_t i = 0; i < SVR_BATCH_MAX; i++) {
        b->jobs[i] = (IMB_JOB){.src = b->packets[i],
                               .msg_len_to_hash_in_bytes = AUTH,
                               .auth_tag_output = b->tags[i],
                               .auth_tag_output_len_in_bytes = 48};
        b->jobs[i].u.HMAC._hashed_auth_key_xor_ipad = b->ipad;
        b->jobs[i].u.HMAC._hashed_auth_key_xor_opad = b->opad;
    }
    uint32_t done = IMB_SUBMIT_HASH_BURST(b->mgr, b->jobs, SVR_BATCH_MAX, IMB_AUTH_HMAC_SHA_384);
    assert(done == SVR_BATCH_MAX);
    (void)done;
}

static void run_bare(bare *b, double *seal, double *open) {
    double sealing = 0, opening = 0;
    for (int i = 0; i < BATCHES; i++) {
        double began = seconds();
        bare_cipher(b, IMB_DIR_ENCRYPT);
        bare_hash(b);
        double between = seconds();
        bare_hash(b);
        bare_cipher(b, IMB_DIR_DECRYPT);
        sealing += between - began;
        opening += seconds() - between;
    }
    *seal = BATCHES * (double)SVR_BATCH_MAX / sealing;
    *open = BATCHES * (double)SVR_BATCH_MAX / opening;
}

/* The first answer ends what goes along with the first packets of a session. */
static void acknowledge(void) {
    svr_batch b = {0};
    make_batch(&b);
    pass(&routers[0], routers[0].lan, &b);
    carry(&b);
    settle();
    svr_packet *pkt = svr_packet_get(svr_env_pool(env), 100);
    const svr_ip_header h = {.src = svr_addr_from_bytes(4, (const uint8_t[]){10, 1, 0, 9}),
                             .dst = svr_addr_from_bytes(4, (const uint8_t[]){10, 0, 0, 9}),
                             .proto = SVR_PROTO_UDP,
                             .ttl = 64,
                             .l4_len = 8 + 4};
    pkt->len = (uint32_t)svr_ip_encode(&h, pkt->data) + 12;
    svr_udp_encode(pkt->data + 20, &h.src, &h.dst, 2000, 1000, 4);
    b = (svr_batch){.n = 1, .pkt = {pkt}};
    pass(&routers[1], routers[1].lan, &b);
    carry(&b);
    settle();
    make_batch(&b);
    pass(&routers[0], routers[0].lan, &b);
    carry(&b);
    settle();
}

static int data(void) {
    static rates r;
    static bare b;
    open_world(2, "ecdh\ncurve X25519\nexit");
    come_up();
    acknowledge();
    bare_init(&b);
    for (int i = -1; i < TURNS; i++) { /* the first one warms up */
        int at = i < 0 ? 0 : i;
        run_bare(&b, &r.bare_seal[at], &r.bare_open[at]);
        run_stack(&r.seal[at], &r.open[at]);
    }
    double seal = median(r.seal, TURNS), open = median(r.open, TURNS), bare_seal = median(r.bare_seal, TURNS),
           bare_open = median(r.bare_open, TURNS);
    printf("seal %.0f packets/s\nbare-seal %.0f packets/s\nseal-ratio %.3f\n", seal, bare_seal,
           seal / bare_seal);
    printf("open %.0f packets/s\nbare-open %.0f packets/s\nopen-ratio %.3f\n", open, bare_open,
           open / bare_open);
    free(b.packets);
    free_mb_mgr(b.mgr);
    close_world();
    return 0;
}

/* ---- keys ------------------------------------------------------------------------------------- */

static const struct group {
    const char *name, *text, *type, *group;
} groups[] = {{"2048", "diffie-hellman\ndh-key-size 2048\nexit", "DH", "modp_2048"},
              {"4096", "diffie-hellman\ndh-key-size 4096\nexit", "DH", "modp_4096"},
              {"P-521", "ecdh\ncurve P-521\nexit", "EC", "P-521"},
              {"X25519", "ecdh\ncurve X25519\nexit", "X25519", NULL}};

static EVP_PKEY *generate(const struct group *g) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL);
    EVP_PKEY_keygen_init(ctx);
    if (g->group) EVP_PKEY_CTX_set_group_name(ctx, g->group);
    EVP_PKEY_generate(ctx, &key);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Exchanges per second: a key pair of one's own and one secret for each. */
static double run_openssl(const struct group *g, size_t n) {
    EVP_PKEY *peer = generate(g);
    uint8_t secret[512];
    double began = seconds();
    for (size_t i = 0; i < n; i++) {
        size_t len = sizeof secret;
        EVP_PKEY *own = generate(g);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        if (EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) <= 0 ||
            EVP_PKEY_derive(ctx, secret, &len) <= 0)
            exit(1);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(own);
    }
    double took = seconds() - began;
    EVP_PKEY_free(peer);
    return (double)n / took;
}

static double run_hub(const struct group *g) {
    open_world(1 + SPOKES, g->text);
    routers[0].spent = 0;
    come_up();
    double rate = (double)routers[0].keys / routers[0].spent;
    close_world();
    return rate;
}

static int keys(const struct group *g) {
    double alone[TURNS], hub[TURNS];
    for (int i = 0; i < TURNS; i++) {
        alone[i] = run_openssl(g, SPOKES);
        hub[i] = run_hub(g);
    }
    double a = median(alone, TURNS), h = median(hub, TURNS);
    printf("hub-%s %.1f exchanges/s\nopenssl-%s %.1f exchanges/s\nkeys-ratio-%s %.3f\n", g->name, h, g->name,
           a, g->name, h / a);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "data") == 0) return data();
    for (size_t i = 0; argc == 3 && i < sizeof groups / sizeof *groups; i++)
        if (strcmp(argv[1], "keys") == 0 && strcmp(argv[2], groups[i].name) == 0) return keys(&groups[i]);
    fprintf(stderr, "usage: core_seal data | keys 2048|4096|P-521|X25519\n");
    return 2;
}
#endif

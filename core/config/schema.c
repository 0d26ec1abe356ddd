/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NAME(w)                                                                                              \
    { .word = w, .type = SVR_VALUE_NAME }
#define TEXT(w)                                                                                              \
    { .word = w, .type = SVR_VALUE_TEXT }
#define BOOL(w)                                                                                              \
    { .word = w, .type = SVR_VALUE_BOOL }
#define NUMBER(w, lo, hi, u)                                                                                 \
    { .word = w, .type = SVR_VALUE_NUMBER, .min = lo, .max = hi, .unit = u }
#define HOURS(w)                                                                                             \
    { .word = w, .type = SVR_VALUE_NUMBER_OR_NEVER, .min = 1, .max = 720, .unit = "hours" }
#define CHOICE(w, ...)                                                                                       \
    { .word = w, .type = SVR_VALUE_CHOICE, .choices = CHOICES(__VA_ARGS__) }
#define ADDRESS(w)                                                                                           \
    { .word = w, .type = SVR_VALUE_ADDRESS }
#define PREFIXES(w)                                                                                          \
    { .word = w, .type = SVR_VALUE_PREFIX, .repeats = true }
#define NAMES(w)                                                                                             \
    { .word = w, .type = SVR_VALUE_NAME, .repeats = true }
#define BLOCK(w, c)                                                                                          \
    { .word = w, .kind = SVR_SCHEMA_BLOCK, .children = c }
#define LIST(w, c)                                                                                           \
    { .word = w, .kind = SVR_SCHEMA_BLOCK, .type = SVR_VALUE_NAME, .keys = 1, .children = c }
#define LIST_OF(t, w, c)                                                                                     \
    { .word = w, .kind = SVR_SCHEMA_BLOCK, .type = t, .keys = 1, .children = c }
#define LIST_CHOICE(w, c, ...)                                                                               \
    {                                                                                                        \
        .word = w, .kind = SVR_SCHEMA_BLOCK, .type = SVR_VALUE_CHOICE, .choices = CHOICES(__VA_ARGS__),      \
        .keys = 1, .children = c                                                                             \
    }
#define LIST2(w, c)                                                                                          \
    { .word = w, .kind = SVR_SCHEMA_BLOCK, .type = SVR_VALUE_NAME, .keys = 2, .children = c }
#define PORTS(w, lo, hi, c)                                                                                  \
    {                                                                                                        \
        .word = w, .kind = SVR_SCHEMA_BLOCK, .type = SVR_VALUE_NUMBER, .min = lo, .max = hi, .keys = 1,      \
        .children = c                                                                                        \
    }
#define END                                                                                                  \
    { .word = NULL }

/* ---- security ------------------------------------------------------------------------------- */

static const svr_schema diffie_hellman[] = {CHOICE("dh-key-size", "1024", "2048", "4096"), END};
static const svr_schema ecdh[] = {CHOICE("curve", "P-521", "X25519"), END};
static const svr_schema key_exchange[] = {BLOCK("diffie-hellman", diffie_hellman), BLOCK("ecdh", ecdh), END};

static const svr_schema key_management[] = {
    HOURS("payload-key-rekey-interval"),
    HOURS("peer-key-rekey-interval"),
    NUMBER("peer-key-retransmit-interval", 5, 3600, "seconds"),
    NUMBER("peer-key-timeout", 1, 1000000, "seconds"),
    CHOICE("invalid-certificate-behavior", "fail-soft", "fail-hard"),
    BLOCK("key-exchange-algorithm", key_exchange),
    END,
};

static const svr_schema trusted_ca[] = {NAME("name"), TEXT("file"), END};
static const svr_schema client_certificate[] = {NAME("name"), TEXT("file"),
                                                CHOICE("validation-mode", "strict", "warn"), END};

static const svr_schema security[] = {
    NAME("name"),
    TEXT("description"),
    BOOL("encrypt"),
    CHOICE("encryption-cipher", "aes-cbc-256"),
    CHOICE("hmac-cipher", "sha384", "sha384-192"),
    END,
};

/* ---- services ------------------------------------------------------------------------------- */

static const svr_schema tenant[] = {NAME("name"), TEXT("description"), END};
static const svr_schema service_ports[] = {NUMBER("start-port", 0, 65535, NULL),
                                           NUMBER("end-port", 0, 65535, NULL), END};
static const svr_schema transport[] = {CHOICE("protocol", "tcp", "udp", "icmp"),
                                       PORTS("port-range", 0, 65535, service_ports), END};
static const svr_schema access_policy[] = {NAME("source"), END};

static const svr_schema service[] = {
    NAME("name"),
    TEXT("description"),
    NAME("security"),
    PREFIXES("address"),
    LIST_CHOICE("transport", transport, "tcp", "udp", "icmp"),
    LIST("access-policy", access_policy),
    NAME("service-policy"),
    END,
};

static const svr_schema policy_vector[] = {NAME("name"), NUMBER("priority", 0, 65535, NULL), END};

static const svr_schema service_policy[] = {
    NAME("name"),
    TEXT("description"),
    LIST("vector", policy_vector),
    CHOICE("session-resiliency", "none", "failover", "revertible-failover"),
    BOOL("path-quality-filter"),
    NUMBER("max-loss", 0, 100, "percent"),
    NUMBER("max-latency", 0, 60000, "milliseconds"),
    NUMBER("max-jitter", 0, 60000, "milliseconds"),
    END,
};

static const svr_schema next_hop[] = {NAME("node-name"), NAME("interface"), ADDRESS("gateway-ip"), END};
static const svr_schema service_route[] = {NAME("name"),  TEXT("description"),         NAME("service-name"),
                                           NAMES("peer"), LIST2("next-hop", next_hop), END};

/* ---- routers -------------------------------------------------------------------------------- */

/* Sessions take pairs of ports, so that a range holds two at least. */
static const svr_schema waypoint_ports[] = {NUMBER("start-port", 16384, 65533, NULL),
                                            NUMBER("end-port", 16385, 65534, NULL), END};
static const svr_schema pmtu[] = {BOOL("enabled"), END};
static const svr_schema adjacency[] = {ADDRESS("ip-address"), NAME("peer"), END};

static const svr_schema neighborhood[] = {
    NAME("name"),
    CHOICE("topology", "mesh", "hub", "spoke"),
    NAME("vector"),
    PORTS("port-range", 16384, 65533, waypoint_ports),
    BLOCK("path-mtu-discovery", pmtu),
    CHOICE("tcp-transport", "udp", "native"),
    {.word = "external-nat-address", .type = SVR_VALUE_ADDRESS_OR_ANY},
    LIST_OF(SVR_VALUE_ADDRESS, "adjacency", adjacency),
    END,
};

static const svr_schema if_address[] = {ADDRESS("ip-address"), NUMBER("prefix-length", 0, 128, "bits"),
                                        ADDRESS("gateway"), END};

static const svr_schema tenant_prefixes[] = {NAME("tenant"), PREFIXES("source-address"), END};

static const svr_schema network_interface[] = {
    NAME("name"),
    TEXT("description"),
    CHOICE("type", "external", "fabric"),
    NAME("tenant"),
    LIST("tenant-prefixes", tenant_prefixes),
    NAME("inter-router-security"),
    NUMBER("mtu", 1280, 9000, "bytes"),
    LIST("neighborhood", neighborhood),
    LIST_OF(SVR_VALUE_ADDRESS, "address", if_address),
    END,
};

static const svr_schema device_interface[] = {
    NAME("name"),
    TEXT("description"),
    CHOICE("type", "ethernet", "tun", "tap"),
    NAME("target-interface"),
    NUMBER("mtu", 1280, 9000, "bytes"),
    LIST("network-interface", network_interface),
    END,
};

static const svr_schema node[] = {NAME("name"), TEXT("description"),
                                  LIST("device-interface", device_interface), END};

static const svr_schema bfd[] = {
    NUMBER("desired-tx-interval", 50, 600000, "milliseconds"),
    NUMBER("required-min-rx-interval", 50, 600000, "milliseconds"),
    NUMBER("multiplier", 3, 20, NULL),
    NUMBER("link-test-interval", 1, 86400, "seconds"),
    NUMBER("link-test-length", 1, 50, "packets"),
    END,
};

static const svr_schema peer[] = {NAME("name"), NAME("authority-name"), NAME("peering-common-name"), END};

static const svr_schema router[] = {
    NAME("name"),
    NAME("peering-common-name"),
    TEXT("location"),
    TEXT("description"),
    NAME("inter-node-security"),
    BLOCK("bfd", bfd),
    NUMBER("max-way-points", 2, 2000000, NULL),
    {.word = "new-flows-per-source",
     .type = SVR_VALUE_NUMBER_OR_NEVER,
     .min = 1,
     .max = 1000000,
     .unit = "a second"},
    {.word = "new-flows", .type = SVR_VALUE_NUMBER_OR_NEVER, .min = 1, .max = 1000000, .unit = "a second"},
    LIST("node", node),
    LIST("peer", peer),
    LIST("service-route", service_route),
    END,
};

static const svr_schema authority[] = {
    NAME("name"),
    TEXT("description"),
    BOOL("enhanced-security-key-management"),
    BLOCK("security-key-management", key_management),
    LIST("trusted-ca-certificate", trusted_ca),
    LIST("client-certificate", client_certificate),
    LIST("security", security),
    LIST("tenant", tenant),
    LIST("service", service),
    LIST("service-policy", service_policy),
    LIST("router", router),
    END,
};

static const svr_schema config[] = {BLOCK("authority", authority), END};
/* A text may leave out the outer blocks and begin with what stands in them. */
static const svr_schema root[] = {BLOCK("config", config), BLOCK("authority", authority),
                                  LIST("router", router), END};

const svr_schema svr_schema_root = {
    .word = "the top of the text", .kind = SVR_SCHEMA_BLOCK, .children = root};

/* ---- questions ------------------------------------------------------------------------------ */

const svr_schema *svr_schema_find(const svr_schema *block, const char *word, size_t len) {
    for (const svr_schema *s = block->children; s->word; s++)
        if (strlen(s->word) == len && memcmp(s->word, word, len) == 0) return s;
    return NULL;
}

static void list_choices(const svr_schema *leaf, char *out, size_t size) {
    size_t n = 0;
    for (size_t i = 0; leaf->choices[i] && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", leaf->choices[i]);
}

void svr_schema_allowed(const svr_schema *leaf, char *out, size_t size) {
    const char *unit = leaf->unit ? leaf->unit : "";
    const char *space = leaf->unit ? " " : "";
    switch (leaf->type) {
    case SVR_VALUE_NAME: snprintf(out, size, "a name of 1-%d characters without blanks", SVR_NAME_MAX); break;
    case SVR_VALUE_TEXT: snprintf(out, size, "a text, in quotes when it has blanks"); break;
    case SVR_VALUE_BOOL: snprintf(out, size, "true, false"); break;
    case SVR_VALUE_NUMBER: snprintf(out, size, "%u-%u%s%s", leaf->min, leaf->max, space, unit); break;
    case SVR_VALUE_NUMBER_OR_NEVER:
        snprintf(out, size, "%u-%u%s%s, or never", leaf->min, leaf->max, space, unit);
        break;
    case SVR_VALUE_CHOICE: list_choices(leaf, out, size); break;
    case SVR_VALUE_ADDRESS: snprintf(out, size, "an IPv4 or IPv6 address"); break;
    case SVR_VALUE_ADDRESS_OR_ANY: snprintf(out, size, "any, or an IPv4 or IPv6 address"); break;
    case SVR_VALUE_PREFIX: snprintf(out, size, "an address, or ADDRESS/LENGTH"); break;
    }
}

static bool is_number(const svr_schema *leaf, const char *text) {
    char *end;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 10) return false;
    unsigned long v = strtoul(text, &end, 10);
    return *end == 0 && v >= leaf->min && v <= leaf->max;
}

static bool is_choice(const svr_schema *leaf, const char *text) {
    for (size_t i = 0; leaf->choices[i]; i++)
        if (strcmp(leaf->choices[i], text) == 0) return true;
    return false;
}

static bool is_name(const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) return false;
    return n >= 1 && n <= SVR_NAME_MAX;
}

static bool is_prefix(const char *text) {
    char addr[SVR_ADDR_TEXT_MAX];
    svr_addr a;
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof addr) return false;
    memcpy(addr, text, n);
    addr[n] = 0;
    if (!svr_addr_parse(addr, &a)) return false;
    const svr_schema bits = {.min = 0, .max = (uint32_t)svr_addr_size(&a) * 8};
    return !slash || is_number(&bits, slash + 1);
}

bool svr_schema_check(const svr_schema *leaf, const char *text) {
    svr_addr a;
    switch (leaf->type) {
    case SVR_VALUE_NAME: return is_name(text);
    case SVR_VALUE_TEXT: return true;
    case SVR_VALUE_BOOL: return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case SVR_VALUE_NUMBER: return is_number(leaf, text);
    case SVR_VALUE_NUMBER_OR_NEVER: return strcmp(text, "never") == 0 || is_number(leaf, text);
    case SVR_VALUE_CHOICE: return is_choice(leaf, text);
    case SVR_VALUE_ADDRESS: return svr_addr_parse(text, &a);
    case SVR_VALUE_ADDRESS_OR_ANY: return strcmp(text, "any") == 0 || svr_addr_parse(text, &a);
    case SVR_VALUE_PREFIX: return is_prefix(text);
    }
    return false;
}

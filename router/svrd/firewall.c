/* SPDX-License-Identifier: MIT */
#include "svrd/firewall.h"

#include <ctype.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svrd/fail.h"

/* Names of routers are nearly free, those of tables are not: other bytes become _XX. */
static void write_table_name(FILE *f, const svr_node_config *node) {
    fprintf(f, "svrd-");
    for (const char *p = node->router->name; *p; p++) {
        if (isalnum((unsigned char)*p) || *p == '-')
            fputc(*p, f);
        else
            fprintf(f, "_%02X", (unsigned char)*p);
    }
}

static void write_ports(FILE *f, const svrd_ports *ports) {
    for (size_t i = 0; i < ports->n; i++)
        fprintf(f, "%s%u-%u", i ? ", " : "", ports->range[i].first, ports->range[i].last);
}

/* One rule per path: the peer's address, ours, and the waypoint ports of the interface. */
static void write_path(FILE *f, const svr_path_config *path, const svrd_ports *ports) {
    char remote[SVR_ADDR_TEXT_MAX], local[SVR_ADDR_TEXT_MAX];
    const char *ip = path->local.family == 4 ? "ip" : "ip6";
    fprintf(f, "    iifname \"%s\" %s saddr %s %s daddr %s meta l4proto { tcp, udp } th dport { ",
            path->local_if->target, ip, svr_addr_format(&path->remote, remote), ip,
            svr_addr_format(&path->local, local));
    write_ports(f, ports);
    fprintf(f, " } goto waypoint\n");
}

static void write_paths(FILE *f, const svr_config *config, const svr_node_config *node) {
    const svr_router_config *router = node->router;
    for (size_t i = 0; i < node->n_interfaces; i++) {
        const svr_interface *iface = &node->interfaces[i];
        svrd_ports ports;
        svrd_plan_ports(config, iface, &ports);
        if (ports.n == 0) continue;
        for (size_t p = 0; p < router->n_peers; p++)
            for (size_t k = 0; k < router->peers[p].n_paths; k++)
                if (router->peers[p].paths[k].local_if == iface)
                    write_path(f, &router->peers[p].paths[k], &ports);
    }
}

/* Deleting a table that does not exist is an error, so it is declared first. */
static void write_removal(FILE *f, const svr_node_config *node) {
    fprintf(f, "table inet ");
    write_table_name(f, node);
    fprintf(f, "\ndelete table inet ");
    write_table_name(f, node);
    fprintf(f, "\n");
}

char *svrd_firewall_text(const svr_config *config, const svr_node_config *node) {
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    write_removal(f, node);
    fprintf(f, "table inet ");
    write_table_name(f, node);
    /* `transparent` is the one property that sockets in every state have, and either value of it will do. */
    fprintf(f, " {\n"
               "  chain waypoint {\n"
               "    socket transparent { 0, 1 } accept\n"
               "    counter drop\n"
               "  }\n"
               "  chain input {\n"
               "    type filter hook input priority filter - 10; policy accept;\n");
    write_paths(f, config, node);
    fprintf(f, "  }\n}\n");
    return fclose(f) == 0 ? text : NULL;
}

static int run(const char *text, svr_error *err) {
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft) return svrd_fail(err, "nftables: out of memory");
    nft_ctx_buffer_output(nft);
    nft_ctx_buffer_error(nft);
    int rc = 0;
    if (nft_run_cmd_from_buffer(nft, text) != 0) {
        const char *why = nft_ctx_get_error_buffer(nft);
        int line = (int)strcspn(why, "\n");
        bool rights = strstr(why, strerror(EPERM)) != NULL;
        rc = svrd_fail(err, "nftables: %.*s%s", line > 120 ? 120 : line, why,
                       rights ? "; run svrd as root or with the capability CAP_NET_ADMIN"
                              : "; svrd needs nf_tables and nft_socket in the kernel");
    }
    nft_ctx_free(nft);
    return rc;
}

int svrd_firewall_install(const svr_config *config, const svr_node_config *node, svr_error *err) {
    char *text = svrd_firewall_text(config, node);
    if (!text) return svrd_fail(err, "nftables: out of memory");
    int rc = run(text, err);
    free(text);
    return rc;
}

void svrd_firewall_remove(const svr_node_config *node) {
    char *text;
    size_t size;
    svr_error ignored;
    FILE *f = open_memstream(&text, &size);
    if (!f) return;
    write_removal(f, node);
    if (fclose(f) == 0) run(text, &ignored);
    free(text);
}

/* SPDX-License-Identifier: MIT */
#include "svrd/show.h"

#include <stdlib.h>
#include <string.h>

#include "svrd/report.h"

#define HOST_FIELDS 8

static void fill_wan(const svrd_wan *w, svr_field *f) {
    f[1].text = "wan";
    f[2].text = w->up ? "up" : "down";
    f[3].number = w->mtu;
    f[4].number = w->received;
    f[5].number = w->sent;
    f[6].number = w->unsent;
    f[7].number = w->oversized;
}

static void fill_tun(const svrd_tun *t, svr_field *f) {
    f[1].text = "lan";
    f[2].text = "up";
    f[3].number = t->mtu;
    f[4].number = t->received;
    f[5].number = t->sent;
    f[6].number = t->dropped;
}

static void fill_port(const svrd_port *port, const svr_interface *iface, svr_field f[HOST_FIELDS]) {
    static const svr_field blank[HOST_FIELDS] = {
        {.label = "Device", .key = "device", .type = SVR_FIELD_TEXT},
        {.label = "Role", .key = "role", .type = SVR_FIELD_TEXT},
        {.label = "Link", .key = "link", .type = SVR_FIELD_TEXT},
        {.label = "MTU", .key = "mtu", .type = SVR_FIELD_NUMBER},
        {.label = "Received", .key = "received", .type = SVR_FIELD_NUMBER},
        {.label = "Sent", .key = "sent", .type = SVR_FIELD_NUMBER},
        {.label = "Unsent", .key = "unsent", .type = SVR_FIELD_NUMBER},
        {.label = "Oversized", .key = "oversized", .type = SVR_FIELD_NUMBER},
    };
    memcpy(f, blank, sizeof blank);
    f[0].text = iface->target;
    if (port->role == SVRD_WAN)
        fill_wan(&port->wan, f);
    else
        fill_tun(&port->tun, f);
}

static void write_fields(const svr_record *r, FILE *out) {
    fprintf(out, "%s\n", r->title);
    for (size_t i = 0; i < r->n; i++) {
        const svr_field *f = &r->fields[i];
        if (f->type == SVR_FIELD_TEXT)
            fprintf(out, "  %-12s %s\n", f->label, f->text);
        else
            fprintf(out, "  %-12s %llu\n", f->label, (unsigned long long)f->number);
    }
}

bool svrd_show_host(const svrd_host *h, bool json, FILE *out) {
    size_t n = h->cfg->n_interfaces;
    svr_field(*fields)[HOST_FIELDS] = calloc(n, sizeof *fields);
    svr_record *records = calloc(n, sizeof *records);
    bool done = fields && records;
    for (size_t i = 0; done && i < n; i++) {
        fill_port(&h->ports[i], &h->cfg->interfaces[i], fields[i]);
        records[i] = (svr_record){h->cfg->interfaces[i].name, fields[i], HOST_FIELDS};
        if (!json) write_fields(&records[i], out);
    }
    if (done && json) done = svrd_report_json(&(svr_report){.records = records, .n = n}, out);
    free(fields);
    free(records);
    return done;
}

/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "common/json.h"
#include "packet.h"

static const char help[] =
    "Usage: svrpcap verify [OPTION]... CAPTURE [FILTER]\n"
    "Checks every HMAC that a key is known for, that no nonce is used twice under one key, that nobody goes "
    "back to an old key,\n"
    "that packets are well-formed and show no original address, and that no two keys share a secret.\n"
    "\n"
    "  svrpcap verify wan.pcapng\n"
    "  svrpcap verify --keylog keys.log wan.pcap 'host 192.0.2.1' && echo fine\n"
    "  svrpcap verify --json wan.pcapng | jq '.faults[] | select(.kind == \"nonce used again\")'\n"
    "\n"
    "Faults of one kind on the same waypoints are told together: how many, the first packets, the last, and "
    "what was expected.\n"
    "What is a matter of time and of roles (30 seconds of grace, answers) is judged by svrconform.\n";

static void tell_packet(svrpcap_line *l, const svrpcap_options *o, uint64_t number, svr_wall at,
                        svr_wall first) {
    svrpcap_put(l, "packet ");
    svrpcap_put_number(l, number);
    svrpcap_put(l, " at ");
    svrpcap_put_time(l, o->time, at, first);
}

static void tell_fault(svrpcap_line *l, const svrpcap_options *o, const svrpcap_fault *f, svr_wall first) {
    svrpcap_put_colour(l, SVRPCAP_RED);
    svrpcap_put(l, svrpcap_fault_name((svrpcap_fault_kind)f->id.kind));
    svrpcap_put_colour(l, SVRPCAP_PLAIN);
    svrpcap_put(l, ": ");
    svrpcap_put(l, f->id.where);
    if (f->count > 1) {
        svrpcap_put(l, ", ");
        svrpcap_put_number(l, f->count);
        svrpcap_put(l, " times");
    }
    svrpcap_line_end(l, o->out);
    svrpcap_put(l, "  expected: ");
    svrpcap_put(l, f->expected);
    svrpcap_line_end(l, o->out);
    for (size_t i = 0; i < f->count && i < SVRPCAP_FAULT_PACKETS && f->number[i]; i++) {
        svrpcap_put(l, "  ");
        tell_packet(l, o, f->number[i], f->time[i], first);
        svrpcap_line_end(l, o->out);
    }
    if (f->count <= SVRPCAP_FAULT_PACKETS || !f->last_number) return;
    svrpcap_put(l, "  ... the last: ");
    tell_packet(l, o, f->last_number, f->last_time, first);
    svrpcap_line_end(l, o->out);
}

static void tell_checked(svrpcap_line *l, const svrpcap_options *o, const svrpcap_audit *a) {
    static const char *const names[] = {"metadata: ", "payloads: "};
    for (int i = 0; i < 2; i++) {
        svrpcap_put(l, names[i]);
        svrpcap_put_number(l, a->good[i]);
        svrpcap_put(l, " authentic, ");
        svrpcap_put_number(l, a->bad[i]);
        svrpcap_put(l, " not, ");
        svrpcap_put_number(l, a->unchecked[i]);
        svrpcap_put(l, " unchecked since no key is known");
        svrpcap_line_end(l, o->out);
    }
}

static void tell(const svrpcap_options *o, const svrpcap_audit *a, const svrpcap_totals *t) {
    static svrpcap_line line;
    const svrpcap_faults *f = &a->faults;
    line.colour = o->colour;
    for (size_t i = 0; i < f->table.n; i++)
        tell_fault(&line, o, f->table.records[i], t->first);
    tell_checked(&line, o, a);
    if (a->again) {
        svrpcap_put(&line, "seen again, bit for bit (duplicated or replayed; receivers drop it): ");
        svrpcap_put_number(&line, a->again);
        svrpcap_line_end(&line, o->out);
    }
    if (f->table.left_out) {
        svrpcap_put(
            &line,
            "faults that are counted only, since more than 10000 kinds (SVRPCAP_FAULTS_MAX) were found: ");
        svrpcap_put_number(&line, f->table.left_out);
        svrpcap_line_end(&line, o->out);
    }
    if (a->senders.left_out) {
        svrpcap_put(
            &line,
            "more than 400000 senders (SVRPCAP_SENDERS_MAX): old keys of the others were not looked for");
        svrpcap_line_end(&line, o->out);
    }
    svrpcap_put_colour(&line, f->count ? SVRPCAP_RED : SVRPCAP_GREEN);
    svrpcap_put_number(&line, f->count);
    svrpcap_put(&line, f->count == 1 ? " fault in " : " faults in ");
    svrpcap_put_number(&line, t->packets);
    svrpcap_put(&line, " packets");
    svrpcap_put_colour(&line, SVRPCAP_PLAIN);
    svrpcap_line_end(&line, o->out);
}

static json_t *fault_json(const svrpcap_fault *f) {
    json_t *o = json_object(), *packets = json_array();
    json_object_set_new(o, "kind", json_string(svrpcap_fault_name((svrpcap_fault_kind)f->id.kind)));
    json_object_set_new(o, "where", svr_json_text(f->id.where));
    json_object_set_new(o, "expected", svr_json_text(f->expected));
    json_object_set_new(o, "count", json_integer((json_int_t)f->count));
    for (size_t i = 0; i < f->count && i < SVRPCAP_FAULT_PACKETS && f->number[i]; i++) {
        json_t *p = json_object();
        json_object_set_new(p, "number", json_integer((json_int_t)f->number[i]));
        json_object_set_new(p, "time", svrpcap_time_json(f->time[i]));
        json_array_append_new(packets, p);
    }
    json_object_set_new(o, "packets", packets);
    return o;
}

static json_t *checked_json(const svrpcap_audit *a, int i) {
    return json_pack("{sIsIsI}", "good", (json_int_t)a->good[i], "bad", (json_int_t)a->bad[i], "no key",
                     (json_int_t)a->unchecked[i]);
}

static void tell_json(const svrpcap_options *o, const svrpcap_audit *a, const svrpcap_totals *t) {
    json_t *all = json_object(), *faults = json_array();
    for (size_t i = 0; i < a->faults.table.n; i++)
        json_array_append_new(faults, fault_json(a->faults.table.records[i]));
    json_object_set_new(all, "packets", json_integer((json_int_t)t->packets));
    json_object_set_new(all, "metadata", checked_json(a, 0));
    json_object_set_new(all, "payload", checked_json(a, 1));
    json_object_set_new(all, "again", json_integer((json_int_t)a->again));
    json_object_set_new(all, "fault_count", json_integer((json_int_t)a->faults.count));
    json_object_set_new(all, "faults", faults);
    svrpcap_write_json(all, o->out);
}

static void take_key(void *ctx, const char *line) {
    svrpcap_audit_key(ctx, line);
}

/* Nothing that was checked is no good news. */
static int judge(const svrpcap_options *o, const svrpcap_audit *a) {
    if (a->faults.count) return SVRPCAP_FAULTS;
    if (a->good[0] + a->good[1]) return SVRPCAP_FINE;
    if (a->svr)
        return svrpcap_error("%s: nothing could be checked: no key fits; name a key log with --keylog",
                             o->words[0]);
    return svrpcap_error("%s: there is nothing of SVR in it", o->words[0]);
}

static int verify(const svrpcap_options *o, svrpcap_audit *a) {
    svrpcap_packet p;
    svrpcap_input *in = svrpcap_input_open(o, take_key, a);
    if (!in) return SVRPCAP_UNUSABLE;
    while (svrpcap_input_next(in, &p))
        if (p.matches) svrpcap_audit_packet(a, &p);
    (o->json ? tell_json : tell)(o, a, svrpcap_input_totals(in));
    fflush(o->out);
    int cut = svrpcap_input_close(in);
    return cut ? cut : judge(o, a);
}

static int run(const svrpcap_options *o) {
    svrpcap_audit audit;
    int status = svrpcap_audit_init(&audit) ? verify(o, &audit) : svrpcap_error("memory is short");
    svrpcap_audit_fini(&audit);
    return status;
}

const svrpcap_command svrpcap_verify = {
    .name = "verify",
    .summary = "checks HMACs, nonces and the use of keys",
    .help = help,
    .takes = SVRPCAP_O_KEYLOG | SVRPCAP_O_FILTER | SVRPCAP_O_TIME | SVRPCAP_O_JSON | SVRPCAP_O_COLOUR,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};

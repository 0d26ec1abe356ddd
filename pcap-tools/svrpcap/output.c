/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct svrpcap_output {
    svr_pcapng *file;
    const char *name;
    const svr_capture *from;
    size_t interfaces;
    bool raw;
};

static int failed(const char *name) {
    return errno == EPIPE ? SVRPCAP_FINE : svrpcap_error("%s: cannot be written: %s", name, strerror(errno));
}

static bool same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

svrpcap_output *svrpcap_output_open(const char *file, const char *input, const svr_capture *from,
                                    const char *comment, bool raw) {
    if (!file) file = "-";
    if (strcmp(file, "-") == 0 && isatty(STDOUT_FILENO)) {
        svrpcap_error(
            "a capture does not go to a terminal: name a file with --output, or pipe it into a program");
        return NULL;
    }
    if (same(file, input)) {
        svrpcap_error("%s: is what is read; name another file with --output", file);
        return NULL;
    }
    svrpcap_output *out = calloc(1, sizeof *out);
    if (!out) return NULL;
    *out = (svrpcap_output){.name = file, .from = from, .raw = raw};
    out->file = svr_pcapng_new(file, "svrpcap", comment);
    if (out->file) return out;
    failed(file);
    free(out);
    return NULL;
}

/* Interfaces may come late in a capture: those that it has by now. */
static bool add_interfaces(svrpcap_output *out) {
    for (; out->interfaces < svr_capture_interfaces(out->from); out->interfaces++) {
        const svr_capture_interface *f = svr_capture_interface_get(out->from, out->interfaces);
        uint32_t link = out->raw ? SVR_PCAPNG_LINK_RAW : f->link_type;
        if (svr_pcapng_add_interface(out->file, link, f->name[0] ? f->name : NULL,
                                     f->description[0] ? f->description : NULL) < 0)
            return false;
    }
    return true;
}

bool svrpcap_output_write(svrpcap_output *out, const svr_capture_packet *like, const uint8_t *data,
                          uint32_t len, uint32_t orig_len, const char *const *comments, size_t n_comments) {
    svr_pcapng_packet p = {.interface = like->interface,
                           .time = like->time,
                           .data = data,
                           .len = len,
                           .orig_len = orig_len,
                           .direction = like->direction,
                           .comments = comments,
                           .n_comments = n_comments};
    if (!add_interfaces(out) || svr_pcapng_write(out->file, &p) < 0) return false;
    return !svr_capture_may_wait(out->from) || svr_pcapng_flush(out->file) == 0;
}

int svrpcap_output_close(svrpcap_output *out) {
    const char *name = out->name;
    bool good = add_interfaces(out);
    good = svr_pcapng_del(out->file) == 0 && good;
    int status = good ? SVRPCAP_FINE : failed(name);
    free(out);
    return status;
}

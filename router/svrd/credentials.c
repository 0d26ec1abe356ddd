/* SPDX-License-Identifier: MIT */
#include "svrd/credentials.h"

#include <errno.h>
#include <stdlib.h>

#include "svrd/fail.h"

static int read_named(svrd_text *text, const svrd_options *o, const char *name, const char *suffix,
                      svr_error *err) {
    char *path = svrd_path_beside(o->config, name, suffix);
    if (!path) return svrd_fail_errno(err, ENOMEM, NULL, "%s", name);
    int rc = svrd_text_read(text, path, err);
    free(path);
    return rc;
}

static int read_own(svrd_credentials *c, const svrd_options *o, const svr_config *config, svr_error *err) {
    if (o->certificate) {
        if (svrd_text_read(&c->certificate, o->certificate, err)) return -1;
        return svrd_text_read(&c->private_key, o->private_key, err);
    }
    if (config->n_client_certificates == 0) return 0;
    const char *name = config->client_certificates[0].file;
    if (read_named(&c->certificate, o, name, ".pem", err)) return -1;
    return read_named(&c->private_key, o, name, ".key", err);
}

static int read_trust(svrd_credentials *c, const svrd_options *o, const svr_config *config, svr_error *err) {
    if (o->crl && svrd_text_read(&c->crl, o->crl, err)) return -1;
    if (o->trusted_ca) return svrd_text_read(&c->trusted_ca, o->trusted_ca, err);
    for (size_t i = 0; i < config->n_trusted_ca; i++)
        if (read_named(&c->trusted_ca, o, config->trusted_ca[i].file, "", err)) return -1;
    return 0;
}

int svrd_credentials_read(svrd_credentials *out, const svrd_options *o, const svr_config *config,
                          svr_error *err) {
    *out = (svrd_credentials){0};
    if (read_own(out, o, config, err) == 0 && read_trust(out, o, config, err) == 0) return 0;
    svrd_credentials_fini(out);
    return -1;
}

void svrd_credentials_fini(svrd_credentials *c) {
    svrd_text_fini(&c->certificate);
    svrd_text_fini(&c->private_key);
    svrd_text_fini(&c->trusted_ca);
    svrd_text_fini(&c->crl);
}

svr_credentials svrd_credentials_get(const svrd_credentials *c) {
    return (svr_credentials){.certificate = c->certificate.bytes,
                             .private_key = c->private_key.bytes,
                             .trusted_ca = c->trusted_ca.bytes,
                             .crl = c->crl.bytes};
}

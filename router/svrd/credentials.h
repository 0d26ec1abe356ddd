/* SPDX-License-Identifier: MIT
 * Certificates and keys from the files that the options or the configuration name. */
#ifndef SVRD_CREDENTIALS_H
#define SVRD_CREDENTIALS_H

#include "svrd/file.h"
#include "svrd/options.h"

typedef struct svrd_credentials {
    svrd_text certificate, private_key, trusted_ca, crl;
} svrd_credentials;

/* Reads them: an option wins over the configuration; of several `client-certificate` the first counts, of
 * `trusted-ca-certificate` all. Nothing named: nothing read (CRT-SELF). 0, or -1 with `err` filled and `out`
 * empty. */
int svrd_credentials_read(svrd_credentials *out, const svrd_options *o, const svr_config *config,
                          svr_error *err);
void svrd_credentials_fini(svrd_credentials *c);
/* The texts as the node takes them; they point into `c`. */
svr_credentials svrd_credentials_get(const svrd_credentials *c);

#endif

/* SPDX-License-Identifier: MIT
 * svrctl pki: a certificate authority for a lab, in a folder. It asks no router. */
#ifndef SVRCTL_PKI_H
#define SVRCTL_PKI_H

/* `words` are those behind `pki`. Exit status: 0, 1 when it could not be done, 2 for wrong arguments. */
int svrctl_pki(int n, char **words);

#endif

/* SPDX-License-Identifier: MIT
 * Programs of ours find each other from where they are, installed or not. */
#ifndef SVR_BESIDE_H
#define SVR_BESIDE_H

#include <stdbool.h>
#include <stddef.h>

/* The path of the program `name`: in the folder of the running one, as built, or in the sbin beside that, as
 * installed. False when it does not fit into `size` bytes. */
bool svr_program_beside(const char *name, char *out, size_t size);

#endif

/* SPDX-License-Identifier: MIT
 *
 * svrpcap: what a capture of SVR routers says. One command a file; all read through input.c. */
#include "options.h"

int main(int argc, char **argv) {
    return svrpcap_main(argc, argv);
}

/* SPDX-License-Identifier: MIT
 * The release that `--version` prints. */
#ifndef SVR_VERSION_H
#define SVR_VERSION_H

#define SVR_VERSION "0.1.0"

#endif

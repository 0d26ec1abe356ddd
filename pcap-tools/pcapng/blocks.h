/* SPDX-License-Identifier: MIT
 * Numbers of the pcapng format (draft-ietf-opsawg-pcapng) that its writer and its reader share. */
#ifndef SVR_PCAPNG_BLOCKS_H
#define SVR_PCAPNG_BLOCKS_H

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET_OLD 2u
#define BLOCK_PACKET_SIMPLE 3u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

#define OPT_END 0u
#define OPT_COMMENT 1u
#define SHB_USERAPPL 4u
#define IF_NAME 2u
#define IF_DESCRIPTION 3u
#define IF_TSRESOL 9u
#define IF_TSOFFSET 14u
#define EPB_FLAGS 2u

#endif

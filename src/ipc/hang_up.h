/* SPDX-License-Identifier: MIT */
#ifndef IPC_HANG_UP_H
#define IPC_HANG_UP_H

/**
 * Makes Mesa's client at the other end of `fd` end with an error instead of spinning, in whatever state it is. Does not
 * block. Any process that holds the socket may call it, also more than once. The caller closes `fd` afterwards, and so
 * must each process that holds a duplicate: the last close resets the connection if input is unread.
 */
void vtr_vtest_hang_up(int fd);

#endif

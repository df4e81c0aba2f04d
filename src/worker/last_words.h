/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LAST_WORDS_H
#define WORKER_LAST_WORDS_H

struct vtr_room;

/* Drivers crash or abort when they get no memory. If this process dies of such a signal while its memory is short, it
 * says so in the log first. `room` must last as long as the process. */
void vtr_worker_last_words(const struct vtr_room *room);

#endif

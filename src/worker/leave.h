/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LEAVE_H
#define WORKER_LEAVE_H

#include <stdbool.h>

/**
 * To be called when a worker's client has gone, before the client's context is destroyed: ends the process
 * 2 s later, should that not be done by then. For the device may still be at the client's work, or wait for
 * a semaphore that the client alone would have signalled. A program that ends by itself does not wait for
 * that either: the kernel and its driver clean up.
 *
 * The process ends with status 0, or with 1 unless `in_order`.
 * Thread: any.
 */
void vtr_worker_leave(bool in_order);

#endif

/* SPDX-License-Identifier: MIT */
#include "ipc/input.h"

#include <errno.h>
#include <poll.h>

#include "platform/thread.h"

/*
 * Mesa writes the header and the payload of a message one after the other, within a microsecond or two. Sleeping in
 * between would cost more than polling.
 */
#define SPIN_WITHIN_NS 20000

/* Returns: VTR_ERR_AGAIN at the deadline, VTR_ERR_OS. */
static enum vtr_err sleep_for_input(int fd, int64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int timeout_ms = -1;

	for (;;) {
		if (deadline_ns != 0) {
			int64_t left_ns = deadline_ns - vtr_os_now_ns();
			if (left_ns <= 0) {
				return VTR_ERR_AGAIN;
			}
			timeout_ms = (int)(left_ns / 1000000) + 1;
		}
		int n = poll(&pollfd, 1, timeout_ms);
		if (n > 0) {
			return VTR_OK;
		}
		if (n < 0 && errno != EINTR) {
			return VTR_ERR_OS;
		}
	}
}

enum vtr_err vtr_ipc_input_take(struct vtr_ipc_input *input, bool within, int64_t deadline_ns)
{
	enum vtr_err err = input->take(input->data);

	if (err != VTR_ERR_AGAIN) {
		return err;
	}
	int64_t start_ns = vtr_os_now_ns();
	int64_t now_ns = start_ns;
	int64_t spin_ns = within ? SPIN_WITHIN_NS : vtr_os_burst_spin_ns(&input->burst);
	while (err == VTR_ERR_AGAIN && now_ns - start_ns < spin_ns) {
		vtr_os_yield();
		input->idle(input->data, false);
		err = input->take(input->data);
		now_ns = vtr_os_now_ns();
	}
	if (err == VTR_ERR_AGAIN) {
		input->idle(input->data, true);
	}
	while (err == VTR_ERR_AGAIN) {
		err = sleep_for_input(input->fd, deadline_ns);
		if (err != VTR_OK) {
			return err;
		}
		err = input->take(input->data);
		now_ns = vtr_os_now_ns();
	}
	if (!within) {
		vtr_os_burst_note_gap(&input->burst, now_ns - start_ns);
	}
	return err;
}

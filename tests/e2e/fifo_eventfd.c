/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into QEMU: pipes in place of eventfds, which macOS does not have. Each is one end that is read and written,
 * a FIFO without a name. QEMU's own pipes have two ends, and QEMU 11.1 writes to the end for reading when it hands over
 * a kick: "vhost_set_vring_kick failed: Bad file descriptor".
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int eventfd(unsigned count, int flags);

__attribute__((visibility("default"))) int eventfd(unsigned count, int flags)
{
	static atomic_uint made;
	char path[64];
	int fd;

	(void)count;
	(void)flags;
	snprintf(path, sizeof(path), "/tmp/vitrine-kick-%d-%u", (int)getpid(), atomic_fetch_add(&made, 1));
	if (mkfifo(path, 0600) < 0) {
		return -1;
	}
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unlink(path);
	return fd;
}

/* SPDX-License-Identifier: MIT */
/*
 * In place of the ldconfig that `vitrine cdi-hook` runs: what it could do if an image took it over. Writes a line for
 * each attempt to the file of -C, "ATTEMPT ERRNO", where 0 means that it worked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static FILE *file;

static void say(const char *attempt, int result)
{
	fprintf(file, "%s %d\n", attempt, result < 0 ? errno : 0);
}

static int count_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	int count = 0;

	syscall(SYS_capget, &header, data);
	for (int i = 0; i < 2; i++) {
		count += __builtin_popcount(data[i].effective | data[i].permitted);
	}
	return count;
}

/* Besides the loopback device, which each network has. */
static int count_interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	int count = 0;

	while (list && list[count].if_index != 0) {
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-C") == 0) {
			file = fopen(argv[i + 1], "w");
		}
	}
	if (!file) {
		return 1;
	}
	say("image", open("/etc/taken", O_WRONLY | O_CREAT, 0600));
	say("driver", open("/usr/lib/vitrine/guest/taken", O_WRONLY | O_CREAT, 0600));
	say("proc", open("/proc/self/status", O_RDONLY));
	say("host", open("/../../../../bin/sh", O_RDONLY));
	say("remount", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
	say("chroot", chroot("/etc"));
	say("namespace", unshare(CLONE_NEWNS));
	say("device", mknod("/usr/lib/vitrine/guest/scratch/null", S_IFCHR | 0600, 0x103));
	say("signal", getppid() > 0 ? kill(getppid(), 0) : (errno = ESRCH, -1));
	say("network", count_interfaces() > 1 ? 0 : (errno = ENODEV, -1));
	fprintf(file, "capabilities %d\n", count_capabilities());
	int fds = 0;
	for (int fd = 3; fd < 1024; fd++) {
		fds += fd != fileno(file) && fcntl(fd, F_GETFD) >= 0;
	}
	fprintf(file, "fds %d\n", fds);
	return fclose(file) == 0 ? 0 : 1;
}

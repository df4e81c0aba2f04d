/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "platform/proc.h"
#include "test.h"

/* What the public sources of drivers call. Each case runs in a process of its own, since a sandbox cannot be left. */

static void lock(enum vtr_os_role role)
{
	const struct vtr_os_syscalls params = { .role = role, .report_fd = -1 };
	uint32_t applied = 0;

	CHECK_OK(vtr_os_sandbox_syscalls(&params, &applied));
	if ((applied & VTR_OS_SANDBOX_SYSCALLS) == 0) {
		printf("skipped: this kernel or container does not let a process filter its calls\n");
		exit(TEST_EXIT_SKIPPED);
	}
}

static void run_locked(void (*act)(enum vtr_os_role role), enum vtr_os_role role)
{
	int status;
	const pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		act(role);
		exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_EXIT_SKIPPED) {
		exit(TEST_EXIT_SKIPPED);
	}
	CHECK_EQ(status, 0);
}

static long compare(pid_t a, pid_t b, int what, int fd, int other)
{
	return syscall(SYS_kcmp, a, b, what, fd, other);
}

static bool refuses_compare(pid_t a, pid_t b, int what)
{
	return compare(a, b, what, 0, 0) < 0 && errno == EPERM;
}

static void compare_fds(enum vtr_os_role role)
{
	const bool allowed = role == VTR_OS_ROLE_DRIVER || role == VTR_OS_ROLE_WINDOW;
	const pid_t own = getpid();
	const pid_t parent = getppid();
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	vtr_autofd int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
	if (compare(own, own, KCMP_FILE, ends[0], copy) != 0 || compare(parent, parent, KCMP_VM, 0, 0) != 0) {
		printf("skipped: this kernel or container has no kcmp()\n");
		exit(TEST_EXIT_SKIPPED);
	}
	lock(role);
	/* Not the same open file: 1, 2 or 3. */
	CHECK_EQ(compare(own, own, KCMP_FILE, ends[0], copy), allowed ? 0 : -1);
	CHECK_EQ(compare(own, own, KCMP_FILE, ends[0], ends[1]) > 0, allowed);
	CHECK(refuses_compare(own, parent, KCMP_FILE));
	CHECK(refuses_compare(parent, own, KCMP_FILE));
	CHECK(refuses_compare(parent, parent, KCMP_FILE));
	CHECK(refuses_compare(0, 0, KCMP_FILE));
	for (int what = KCMP_FILE + 1; what < KCMP_TYPES; what++) {
		CHECK(refuses_compare(own, own, what));
	}
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

static void own_fds_are_compared(void)
{
	run_locked(compare_fds, VTR_OS_ROLE_DRIVER);
	run_locked(compare_fds, VTR_OS_ROLE_WINDOW);
	run_locked(compare_fds, VTR_OS_ROLE_SERVER);
	run_locked(compare_fds, VTR_OS_ROLE_PUBLISHER);
}

/* A pipe knows none of these commands: it answers those that the filter lets pass with ENOTTY. */
static void send_commands(enum vtr_os_role role)
{
	static const unsigned long allowed[] = {
		0xc00c642d, /* DRM_IOCTL_PRIME_HANDLE_TO_FD */
		0xc00864bf, /* DRM_IOCTL_SYNCOBJ_CREATE */
		0xc01864cf, /* DRM_IOCTL_SYNCOBJ_EVENTFD */
		0xc0186444, /* DRM_IOCTL_AMDGPU_CS */
		0x40406469, /* DRM_IOCTL_I915_GEM_EXECBUFFER2 */
		0xc0286440, /* DRM_IOCTL_XE_DEVICE_QUERY */
		0x40086200, /* DMA_BUF_IOCTL_SYNC */
		0xc0086202, /* DMA_BUF_IOCTL_EXPORT_SYNC_FILE */
		0x40086203, /* DMA_BUF_IOCTL_IMPORT_SYNC_FILE */
		0xc0303e03, /* SYNC_IOC_MERGE */
		0xc0383e04, /* SYNC_IOC_FILE_INFO */
	};
	static const unsigned long refused[] = {
		0x6900, /* I915_PERF_IOCTL_ENABLE, DRM_XE_OBSERVATION_IOCTL_ENABLE */
		0x6902, /* I915_PERF_IOCTL_CONFIG */
		0x80084b01, /* AMDKFD_IOC_GET_VERSION */
		0x40204b26, /* AMDKFD_IOC_DBG_TRAP */
		0x4b3a, /* KDSETMODE of consoles */
		0x2400, /* PERF_EVENT_IOC_ENABLE */
		0x40049409, /* FICLONE */
	};
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	lock(role);
	for (size_t i = 0; i < VTR_ARRAY_LEN(allowed); i++) {
		CHECK(ioctl(ends[0], allowed[i], NULL) < 0);
		CHECK_EQ(errno, ENOTTY);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(refused); i++) {
		CHECK(ioctl(ends[0], refused[i], NULL) < 0);
		CHECK_EQ(errno, EPERM);
	}
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

static void commands_of_gpus_pass(void)
{
	run_locked(send_commands, VTR_OS_ROLE_DRIVER);
}

int main(void)
{
	RUN(commands_of_gpus_pass);
	RUN(own_fds_are_compared);
	return 0;
}

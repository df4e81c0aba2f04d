/* SPDX-License-Identifier: MIT */
/* What src/platform/linux does beyond the contract of src/platform's headers, or where these allow less. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "platform/cgroup.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

static void size_is_for_ever(void)
{
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", 100, &fd));
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 1 << 20) < 0 && errno == EPERM);
	vtr_close(&fd);
	CHECK_OK(vtr_os_shm_create_constant("test", "12345", 5, &fd));
	CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	vtr_close(&fd);
}

static void memory_that_can_shrink_is_refused(void)
{
	const size_t page = vtr_os_page_size();
	int fd = memfd_create("can-shrink", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK_EQ(ftruncate(fd, (off_t)page), 0);
	CHECK_ERR(vtr_os_shm_check(fd, page), VTR_ERR_INVALID);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_OK(vtr_os_shm_check(fd, page));
	vtr_close(&fd);
}

static void discarded_memory_goes_back(void)
{
	const size_t page = vtr_os_page_size();
	struct stat st;
	void *map;
	int fd;

	CHECK_OK(vtr_os_shm_create("test", 4 * page, &fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, 4 * page, true, &map));
	memset(map, 7, 4 * page);
	CHECK_OK(vtr_os_shm_discard(fd, page - 1, page + 2)); /* not only whole pages */
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ((size_t)st.st_blocks * 512, 3 * page);
	vtr_os_shm_unmap(map, 4 * page);
	vtr_close(&fd);
}

/* A map of a part of huge pages would cover more than its size, so parts of them are not mapped. */
static void huge_pages_are_known(void)
{
	void *map = NULL;
	int plain = -1;

	CHECK_OK(vtr_os_shm_create("plain", vtr_os_page_size(), &plain));
	CHECK(!vtr_os_shm_is_huge(plain));
	vtr_close(&plain);
	vtr_autofd int huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	if (huge < 0) {
		printf("no huge pages here\n");
		return;
	}
	CHECK(vtr_os_shm_is_huge(huge));
	const struct vtr_os_shm_piece piece = { .fd = huge, .size = vtr_os_page_size() };
	CHECK_ERR(vtr_os_shm_map_pieces(&piece, 1, vtr_os_page_size(), &map), VTR_ERR_OS);
}

static void look_around(void *data)
{
	prctl(PR_GET_NAME, data, 0, 0, 0);
	vtr_os_thread_set_punctual();
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
}

static void threads_have_names(void)
{
	struct vtr_os_thread thread;
	char name[16] = "";

	CHECK_OK(vtr_os_thread_create(&thread, "a-very-long-name-of-a-thread", look_around, name));
	vtr_os_thread_join(&thread);
	CHECK_STR(name, "a-very-long-nam");
}

static void be_nice(void *data)
{
	int *out = data;

	CHECK_OK(vtr_os_thread_set_nice(7));
	*out = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void niceness_is_the_threads_own(void)
{
	struct vtr_os_thread thread;
	const int before = getpriority(PRIO_PROCESS, 0);
	int nice = 0;

	CHECK_OK(vtr_os_thread_create(&thread, "nice", be_nice, &nice));
	vtr_os_thread_join(&thread);
	CHECK_EQ(nice, 7);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), before);
}

/* The connected process is this one. */
static void peers_are_known(void)
{
	char own[4096] = "";
	char found[4096];
	char cut[4];
	int ends[2];
	pid_t pid;
	uid_t uid;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, own, sizeof(own) - 1) > 0);
	vtr_close(&fd);
	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_OK(vtr_os_sock_peer(ends[0], &pid, &uid));
	CHECK_EQ(pid, getpid());
	CHECK_EQ(uid, getuid());
	vtr_os_sock_peer_cgroup(ends[0], found, sizeof(found));
	CHECK_STR(found, own);
	vtr_os_sock_peer_cgroup(ends[0], cut, sizeof(cut));
	CHECK(strlen(cut) == 3 && strncmp(cut, own, 3) == 0);
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

/* A block with pages of its own ends where a page does. */
static void large_blocks_are_reused(void)
{
	const size_t size = 1 << 20;

	vtr_os_heap_share();
	vtr_os_heap_reuse_large();
	void *block = malloc(size);
	CHECK(block != NULL && malloc_usable_size(block) < size + 1024);
	free(block);
}

/* --- control groups, as version 2 has them; proto-identities has real ones --------------------------- */

static char folder[] = "/tmp/vitrine-cgroup-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	CHECK(file != NULL);
	fputs(text, file);
	CHECK_EQ(fclose(file), 0);
}

static void expect_text(const char *name, const char *text)
{
	char path[128];
	char got[64] = "";

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	CHECK(file != NULL);
	CHECK(fread(got, 1, sizeof(got) - 1, file) == strlen(text));
	CHECK_STR(got, text);
	fclose(file);
}

static void control_groups_are_divided(void)
{
	char path[128];

	CHECK(mkdtemp(folder) != NULL);
	CHECK_ERR(vtr_os_cgroup_prepare(folder), VTR_ERR_ARG);
	put("cgroup.subtree_control", "");
	put("cgroup.controllers", "cpuset memory xcpu cpu.max\n");
	CHECK_ERR(vtr_os_cgroup_prepare(folder), VTR_ERR_ARG);
	put("cgroup.controllers", "cpuset cpu\n");
	CHECK_OK(vtr_os_cgroup_prepare(folder));
	expect_text("cgroup.subtree_control", "+cpu");
	put("cgroup.controllers", "cpu memory\n");
	CHECK_OK(vtr_os_cgroup_prepare(folder));
	expect_text("cgroup.subtree_control", "+cpu +memory");
	/* The kernel makes the files of a group; here there are none in a new one. */
	CHECK_ERR(vtr_os_cgroup_join(folder, "one", 77), VTR_ERR_OS);
	put("one/cgroup.procs", "");
	CHECK_OK(vtr_os_cgroup_join(folder, "one", 77));
	expect_text("one/cgroup.procs", "77");
	CHECK_ERR(vtr_os_cgroup_limit_memory(folder, "one", 4096), VTR_ERR_UNSUPPORTED);
	put("one/memory.max", "");
	CHECK_OK(vtr_os_cgroup_limit_memory(folder, "one", UINT64_C(1) << 33));
	expect_text("one/memory.max", "8589934592");
	snprintf(path, sizeof(path), "%s/one/memory.max", folder);
	CHECK_EQ(unlink(path), 0);
	CHECK_ERR(vtr_os_cgroup_remove(folder, "one"), VTR_ERR_OS); /* as with a process in it */
	snprintf(path, sizeof(path), "%s/one/cgroup.procs", folder);
	CHECK_EQ(unlink(path), 0);
	CHECK_OK(vtr_os_cgroup_remove(folder, "one"));
	snprintf(path, sizeof(path), "%s/cgroup.controllers", folder);
	CHECK_EQ(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", folder);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(folder), 0);
}

int main(void)
{
	RUN(control_groups_are_divided);
	const int fds = test_count_fds();

	RUN(size_is_for_ever);
	RUN(memory_that_can_shrink_is_refused);
	RUN(discarded_memory_goes_back);
	RUN(huge_pages_are_known);
	RUN(threads_have_names);
	RUN(niceness_is_the_threads_own);
	RUN(peers_are_known);
	RUN(large_blocks_are_reused);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}

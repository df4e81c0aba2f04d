/* SPDX-License-Identifier: MIT */
#include "pool/shader_cache.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "platform/loop.h"
#include "test.h"
#include "vk/mesa_cache.h"

#define MAX_BYTES 65536

static struct vtr_os_loop *loop;
static char base[] = "/tmp/vitrine-cache-XXXXXX";
static bool died;

static const char *path_of(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return path;
}

static enum vtr_err open_cache(const char *dir, struct vtr_shader_cache **out_cache)
{
	const struct vtr_shader_cache_params params = { .loop = loop, .dir = dir, .max_bytes = MAX_BYTES };

	return vtr_shader_cache_open(&params, out_cache);
}

static struct vtr_shader_cache *open_default(void)
{
	struct vtr_shader_cache *cache;

	CHECK_OK(open_cache(path_of("a/b"), &cache));
	return cache;
}

static const char *file_of(const struct vtr_shader_cache *cache, size_t i)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", vtr_shader_cache_dir(cache), vtr_mesa_cache_files[i]);
	return path;
}

static off_t size_of(const struct vtr_shader_cache *cache, size_t i)
{
	struct stat st;

	CHECK_EQ(stat(file_of(cache, i), &st), 0);
	CHECK(S_ISREG(st.st_mode) && (st.st_mode & 077) == 0);
	return st.st_size;
}

static void fill(const struct vtr_shader_cache *cache, size_t i, size_t size)
{
	static const char zeros[4096];
	vtr_autofd int fd = open(file_of(cache, i), O_WRONLY | O_TRUNC | O_CLOEXEC);

	CHECK(fd >= 0);
	for (size_t done = 0; done < size; done += sizeof(zeros)) {
		CHECK_EQ(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	}
}

static void creates_files_once(void)
{
	struct vtr_shader_cache *cache = open_default();

	for (size_t i = 0; vtr_mesa_cache_files[i]; i++) {
		CHECK_EQ(size_of(cache, i), 0);
	}
	fill(cache, 1, 4096);
	vtr_shader_cache_close(cache);
	cache = open_default();
	CHECK_EQ(size_of(cache, 1), 4096);
	vtr_shader_cache_close(cache);
	CHECK(vtr_shader_cache_dir(NULL) == NULL);
	vtr_shader_cache_close(NULL);
}

/* Others could have put code there, or a link to another file of the user. */
static void refuses_what_others_may_change(void)
{
	struct vtr_shader_cache *cache = NULL;
	char file[PATH_MAX];

	CHECK_EQ(chmod(path_of("a/b"), 0770), 0);
	CHECK_ERR(open_cache(path_of("a/b"), &cache), VTR_ERR_ARG);
	CHECK_EQ(chmod(path_of("a/b"), 0700), 0);
	snprintf(file, sizeof(file), "a/b/%s", vtr_mesa_cache_files[0]);
	CHECK_EQ(unlink(path_of(file)), 0);
	CHECK_EQ(symlink("/etc/passwd", path_of(file)), 0);
	CHECK_ERR(open_cache(path_of("a/b"), &cache), VTR_ERR_OS);
	CHECK_EQ(unlink(path_of(file)), 0);
	CHECK_ERR(open_cache("/proc/nothing", &cache), VTR_ERR_OS);
	CHECK(cache == NULL);
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	(void)data;
	CHECK(end->killed && WIFSIGNALED(end->status));
	died = true;
	vtr_os_loop_quit(loop);
}

static const struct vtr_child_events child_events = { .died = on_died };

/* The process writes nothing: whatever makes the files too large, all that use them end. */
static void kills_users_and_empties_files(void)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	const struct vtr_child_params params = { .loop = loop, .name = "user", .events = &child_events };
	const struct vtr_child_spec spec = { .program = "/bin/sleep", .argv = argv };
	struct vtr_shader_cache *cache = open_default();
	struct vtr_shader_cache_user user = { .cache = NULL };
	struct vtr_child *child;

	CHECK_OK(vtr_child_create(&params, &child));
	CHECK_OK(vtr_child_start(child, &spec));
	vtr_shader_cache_begin(cache, &user, child);
	fill(cache, 0, MAX_BYTES / 2);
	fill(cache, 1, MAX_BYTES);
	while (!died) {
		CHECK_OK(vtr_os_loop_run(loop));
	}
	CHECK_EQ(size_of(cache, 0), 0);
	CHECK_EQ(size_of(cache, 1), 0);
	vtr_shader_cache_end(&user);
	vtr_shader_cache_end(&user); /* does nothing */
	vtr_shader_cache_begin(NULL, &user, child);
	vtr_shader_cache_end(&user);
	vtr_child_destroy(child);
	/* What a worker wrote last, too. */
	fill(cache, 1, MAX_BYTES + 4096);
	vtr_shader_cache_close(cache);
	cache = open_default();
	CHECK_EQ(size_of(cache, 1), 0);
	vtr_shader_cache_close(cache);
}

static void remove_all(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; vtr_mesa_cache_files[i]; i++) {
		snprintf(path, sizeof(path), "a/b/%s", vtr_mesa_cache_files[i]);
		CHECK_EQ(unlink(path_of(path)), 0);
	}
	size_t n = 0;
	while (vtr_mesa_cache_dirs[n]) {
		n++;
	}
	while (n-- > 0) {
		snprintf(path, sizeof(path), "a/b/%s", vtr_mesa_cache_dirs[n]);
		CHECK_EQ(rmdir(path_of(path)), 0);
	}
	CHECK_EQ(rmdir(path_of("a/b")), 0);
	CHECK_EQ(rmdir(path_of("a")), 0);
	CHECK_EQ(rmdir(base), 0);
}

int main(void)
{
	CHECK(mkdtemp(base) != NULL);
	CHECK_OK(vtr_os_loop_create(&loop));
	RUN(creates_files_once);
	RUN(refuses_what_others_may_change);
	RUN(kills_users_and_empties_files);
	vtr_os_loop_destroy(loop);
	remove_all();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a container engine runs, as the specification of `vitrine cdi` asks, when a container's mounts are there and
 * nothing of its image has run: it makes the image's dynamic linker find the libraries of the guest's driver. The
 * host's ldconfig does the work, in a process that sees only the image, cannot write to it and has no capabilities;
 * its result is then copied.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/guest_driver.h"
#include "platform/container_root.h"
#include "platform/proc.h"

#define STATE_MAX (1u << 20)
#define CONFIG_MAX (16u << 20)
#define LIBC_MAX (8u << 20)
#define LDCONFIG_MAX (16u << 20)
#define CACHE_MAX (32u << 20)
/* Of the image's configuration. ldconfig would stop reading at its limit of memory, and not say so. */
#define LINES_MAX (1u << 20)
/* For thousands of libraries it takes less than a second. */
#define LDCONFIG_SECONDS 5
/* Without the libraries, which it maps to be read, and which may be gigabytes. */
#define LDCONFIG_MIB 64
#define MAX_MACHINES 4
/* Its name sorts behind those of distributions: an image's own libraries come first. */
#define CONFIG_NAME "zz-vitrine.conf"
#define INSIDE VTR_GUEST_DRIVER_PLACE "/" VTR_GUEST_DRIVER_SCRATCH "/"

struct options {
	const char *folder;
	const char *ldconfig;
};

static const struct vtr_opt opts[] = {
	{ .name = "folder",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, folder),
	  .arg = "DIR",
	  .help = "the guest's driver, on the host" },
	{ .name = "ldconfig",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, ldconfig),
	  .arg = "FILE",
	  .help = "the host's ldconfig" },
};

static int complain(const char *what, const char *name, enum vtr_err err)
{
	fprintf(stderr, "vitrine cdi-hook: %s %s: %s\n", what, name, vtr_err_text(err));
	return 1;
}

/* --- the container's root ------------------------------------------------------------------------------ */

/* Owner: *out_text is the caller's, also on failure. */
static enum vtr_err read_file(FILE *file, size_t max, char **out_text, struct vtr_json_reader *out_reader)
{
	char *text = file ? malloc(max) : NULL;

	*out_text = text;
	if (!text) {
		return file ? VTR_ERR_NOMEM : VTR_ERR_OS;
	}
	const size_t size = fread(text, 1, max, file);
	if (ferror(file)) {
		return VTR_ERR_OS;
	}
	*out_reader = (struct vtr_json_reader){ .at = text, .end = text + size };
	return size < max ? VTR_OK : VTR_ERR_LIMIT;
}

static enum vtr_err read_path_of(const char *path, size_t max, char **out_text,
                                 struct vtr_json_reader *out_reader)
{
	FILE *file = fopen(path, "re");
	const enum vtr_err err = read_file(file, max, out_text, out_reader);

	if (file) {
		fclose(file);
	}
	return err;
}

/* Copies a text that has no escapes, which paths of container engines do not need. */
static enum vtr_err take_path(struct vtr_json_reader *reader, char *out_path, size_t size)
{
	const char *text;
	size_t length;

	if (vtr_json_read_text(reader, &text, &length) != VTR_OK || length == 0 || length >= size ||
	    memchr(text, '\\', length)) {
		return VTR_ERR_INVALID;
	}
	memcpy(out_path, text, length);
	out_path[length] = '\0';
	return VTR_OK;
}

/* {"root": {"path": ...}}: no other member of this name is an object, and texts escape their quotes. */
static enum vtr_err find_root(struct vtr_json_reader *reader, char *out_path, size_t size)
{
	static const char key[] = "\"root\"";

	for (;;) {
		const char *at = memmem(reader->at, (size_t)(reader->end - reader->at), key, sizeof(key) - 1);

		if (!at) {
			return VTR_ERR_INVALID;
		}
		reader->at = at + sizeof(key) - 1;
		if (vtr_json_take(reader, ":") && vtr_json_take(reader, "{")) {
			return vtr_json_find(reader, "path") ? take_path(reader, out_path, size) :
			                                       VTR_ERR_INVALID;
		}
	}
}

/* The engine writes the container's state to standard input; it names the bundle, whose config.json names the root. */
static int open_root(int *out_root_fd)
{
	vtr_autofree char *state = NULL;
	vtr_autofree char *config = NULL;
	struct vtr_json_reader reader;
	char bundle[PATH_MAX], root[PATH_MAX], path[2 * PATH_MAX + 1];

	enum vtr_err err = read_file(stdin, STATE_MAX, &state, &reader);
	if (err == VTR_OK &&
	    (!vtr_json_find(&reader, "bundle") || take_path(&reader, bundle, sizeof(bundle)) != VTR_OK)) {
		err = VTR_ERR_INVALID;
	}
	if (err != VTR_OK) {
		return complain("cannot read", "the state of the container from standard input", err);
	}
	snprintf(path, sizeof(path), "%s/config.json", bundle);
	err = read_path_of(path, CONFIG_MAX, &config, &reader);
	if (err == VTR_OK) {
		err = find_root(&reader, root, sizeof(root));
	}
	if (err != VTR_OK) {
		return complain("cannot find the container's root in", path, err);
	}
	snprintf(path, sizeof(path), "%s%s%s", root[0] == '/' ? "" : bundle, root[0] == '/' ? "" : "/", root);
	err = vtr_os_root_open(path, out_root_fd);
	return err == VTR_OK ? 0 : complain("cannot open the container's root", path, err);
}

/* --- the image's C library ----------------------------------------------------------------------------- */

/* Returns: the minor number of glibc 2.x behind `mark`; -1: not found. */
static int find_minor(const char *data, size_t size, const char *mark)
{
	const char *at = memmem(data, size, mark, strlen(mark));
	int minor = 0, digits = 0;

	if (!at) {
		return -1;
	}
	for (at += strlen(mark); at < data + size && *at >= '0' && *at <= '9' && digits < 4; at++, digits++) {
		minor = minor * 10 + (*at - '0');
	}
	return digits > 0 ? minor : -1;
}

/* Returns: the minor version of the image's glibc; -1 if it has none. */
static int image_glibc(int root_fd)
{
	static const char *const paths[] = { "lib/x86_64-linux-gnu/libc.so.6",
		                             "usr/lib/x86_64-linux-gnu/libc.so.6",
		                             "lib64/libc.so.6",
		                             "usr/lib64/libc.so.6",
		                             "lib/i386-linux-gnu/libc.so.6",
		                             "usr/lib/i386-linux-gnu/libc.so.6",
		                             "lib/libc.so.6",
		                             "usr/lib/libc.so.6" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(paths); i++) {
		vtr_autofree char *data = NULL;
		size_t size;

		if (vtr_os_root_read(root_fd, paths[i], LIBC_MAX, &data, &size) == VTR_OK) {
			return find_minor(data, size, "release version 2.");
		}
	}
	return -1;
}

/* Returns: whether the image has musl, by the name of its dynamic linker. */
static bool has_musl(int root_fd)
{
	static const char *const paths[] = { "lib/ld-musl-x86_64.so.1", "lib/ld-musl-i386.so.1" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(paths); i++) {
		vtr_autofree char *data = NULL;
		size_t size;

		if (vtr_os_root_read(root_fd, paths[i], 0, &data, &size) == VTR_OK) {
			return true;
		}
	}
	return false;
}

/* Returns: the exit status with which to end, or -1 to go on. */
static int check_image(int root_fd, int needed_minor)
{
	const int minor = image_glibc(root_fd);

	if (minor >= 0 && minor < needed_minor) {
		fprintf(stderr,
		        "vitrine cdi-hook: the image has glibc 2.%d, and the driver for containers needs "
		        "glibc 2.%d or "
		        "newer. Use a newer image, or one with a driver of its own and 'vitrine cdi "
		        "--guest-driver none'\n",
		        minor, needed_minor);
		return 1;
	}
	if (minor < 0 && has_musl(root_fd)) {
		fprintf(stderr, "vitrine cdi-hook: the image has musl, as Alpine's have, and the driver for "
		                "containers "
		                "needs glibc. Use an image with glibc, or install its own Venus driver and "
		                "write the specification by 'vitrine cdi --guest-driver none'\n");
		return 1;
	}
	/* Without a C library there is nothing that could load a driver. */
	return minor < 0 ? 0 : -1;
}

/* --- the dynamic linker -------------------------------------------------------------------------------- */

/* Appends a line for each machine's libraries. */
static enum vtr_err append_machines(const char *folder, char *text, size_t size)
{
	DIR *dir = opendir(folder);
	size_t length = strlen(text);
	int machines = 0;

	if (!dir) {
		return VTR_ERR_OS;
	}
	for (const struct dirent *entry = readdir(dir); entry && machines < MAX_MACHINES;
	     entry = readdir(dir)) {
		char path[PATH_MAX];

		const int wanted = snprintf(path, sizeof(path), "%s/%s/" VTR_GUEST_DRIVER_LIBRARIES, folder,
		                            entry->d_name);
		if (entry->d_name[0] == '.' || wanted >= (int)sizeof(path) || access(path, X_OK) != 0) {
			continue;
		}
		length += (size_t)snprintf(text + length, size - length,
		                           VTR_GUEST_DRIVER_PLACE "/%s/" VTR_GUEST_DRIVER_LIBRARIES "\n",
		                           entry->d_name);
		if (length >= size) {
			break;
		}
		machines++;
	}
	closedir(dir);
	return machines > 0 && length < size ? VTR_OK : VTR_ERR_INVALID;
}

static enum vtr_err put(int dir_fd, const char *name, const char *data, size_t size, mode_t mode)
{
	const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!file) {
		return VTR_ERR_OS;
	}
	const bool done = fwrite(data, 1, size, file) == size;
	return fclose(file) == 0 && done ? VTR_OK : VTR_ERR_OS;
}

/* Returns: VTR_OK, VTR_ERR_AGAIN (it did not end in time), VTR_ERR_LIMIT (it failed). */
static enum vtr_err wait_for_ldconfig(pid_t pid, int death_fd)
{
	struct pollfd event = { .fd = death_fd, .events = POLLIN };
	int status;

	while (poll(&event, 1, LDCONFIG_SECONDS * 1000) < 0 && errno == EINTR) {
	}
	if (vtr_os_wait(pid, &status) != VTR_OK) {
		kill(pid, SIGKILL);
		return VTR_ERR_AGAIN;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? VTR_OK : VTR_ERR_LIMIT;
}

/* Runs the copy of ldconfig in the scratch folder. What it reads is the image's, so it has limits. */
static enum vtr_err run_ldconfig(void)
{
	/* posix_spawn() does not change them, but its type is older than const. */
	static const char *const argv[] = { "ldconfig",          "-X", "-i",           "-f",
		                            INSIDE "ld.so.conf", "-C", INSIDE "cache", NULL };
	static const struct vtr_os_limits limits = { .max_data_bytes = (uint64_t)LDCONFIG_MIB << 20,
		                                     .max_cpu_seconds = LDCONFIG_SECONDS,
		                                     .no_core_dumps = true };
	/* Its warnings about the image would hide the engine's messages. */
	const int null_fd = open(INSIDE "output", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct vtr_os_spawn_fd fds[] = { { null_fd, 0 }, { null_fd, 1 }, { null_fd, 2 } };
	const struct vtr_os_spawn spawn = { .path = INSIDE "ldconfig",
		                            .argv = (char *const *)argv,
		                            .fds = fds,
		                            .fd_count = VTR_ARRAY_LEN(fds) };
	vtr_autofd int death_fd = -1;
	pid_t pid;

	/* They are this process's, too, which needs less. */
	enum vtr_err err = vtr_os_limits(&limits);
	if (err == VTR_OK) {
		err = vtr_os_spawn(&spawn, &pid, &death_fd);
	}
	return err == VTR_OK ? wait_for_ldconfig(pid, death_fd) : err;
}

static bool is_giant(int root_fd, const char *path)
{
	vtr_autofree char *text = NULL;
	size_t size = 0;

	return vtr_os_root_read(root_fd, path, LINES_MAX, &text, &size) == VTR_OK && size == LINES_MAX;
}

/* Makes the cache of the image's and the driver's libraries, and puts it into the image. */
static enum vtr_err make_cache(const struct options *options, int root_fd, const char *machines,
                               const char *program, size_t program_size)
{
	vtr_autofd int scratch_fd = -1;
	vtr_autofree char *cache = NULL;
	char text[PATH_MAX];
	size_t size = 0;

	if (is_giant(root_fd, "etc/ld.so.conf")) {
		return VTR_ERR_LIMIT;
	}
	enum vtr_err err = vtr_os_root_enter(root_fd, options->folder, VTR_GUEST_DRIVER_PLACE,
	                                     VTR_GUEST_DRIVER_SCRATCH, &scratch_fd);
	if (err == VTR_OK) {
		snprintf(text, sizeof(text), "include /etc/ld.so.conf\n%s", machines);
		err = put(scratch_fd, "ld.so.conf", text, strlen(text), 0644);
	}
	if (err == VTR_OK) {
		err = put(scratch_fd, "ldconfig", program, program_size, 0755);
	}
	if (err == VTR_OK) {
		err = run_ldconfig();
	}
	if (err == VTR_OK) {
		err = vtr_os_root_read(scratch_fd, "cache", CACHE_MAX, &cache, &size);
	}
	if (err == VTR_OK) {
		err = vtr_os_root_replace(root_fd, "etc", "ld.so.cache", cache, size);
	}
	return err;
}

static int complain_about_cache(enum vtr_err err)
{
	if (err != VTR_ERR_AGAIN && err != VTR_ERR_LIMIT) {
		return complain("cannot make the image's", "/etc/ld.so.cache", err);
	}
	fprintf(stderr,
	        "vitrine cdi-hook: the host's ldconfig %s the image's libraries (limits: %d s, %d MiB), so "
	        "the "
	        "container is not started. Its /etc/ld.so.conf, and each file that this includes, must be a "
	        "plain "
	        "file with a few lines, not a pipe or a file of gigabytes. Use another image, or write the "
	        "specification by 'vitrine cdi --guest-driver none'\n",
	        err == VTR_ERR_AGAIN ? "took too long to list" : "could not list", LDCONFIG_SECONDS,
	        LDCONFIG_MIB);
	return 1;
}

static int link_libraries(const struct options *options, int root_fd)
{
	/* Where dynamic linkers look last of all, first: an image's libraries in these must come before ours. */
	char machines[PATH_MAX / 2] = "/lib64\n/usr/lib64\n/lib\n/usr/lib\n";
	struct vtr_json_reader reader;
	vtr_autofree char *program = NULL;

	enum vtr_err err = append_machines(options->folder, machines, sizeof(machines));
	if (err != VTR_OK) {
		return complain("cannot find libraries in", options->folder, err);
	}
	err = read_path_of(options->ldconfig, LDCONFIG_MAX, &program, &reader);
	if (err != VTR_OK) {
		return complain("cannot read", options->ldconfig, err);
	}
	/* For those who run ldconfig in the container, as package managers do. */
	err = vtr_os_root_replace(root_fd, "etc/ld.so.conf.d", CONFIG_NAME, machines, strlen(machines));
	if (err != VTR_OK) {
		return complain("cannot write to the image:", "/etc/ld.so.conf.d", err);
	}
	err = make_cache(options, root_fd, machines, program, (size_t)(reader.end - reader.at));
	return err == VTR_OK ? 0 : complain_about_cache(err);
}

static int run_cdi_hook(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .folder = NULL, .ldconfig = "/sbin/ldconfig" };
	struct vtr_json_reader reader;
	vtr_autofree char *text = NULL;
	vtr_autofd int root_fd = -1;
	char path[PATH_MAX];
	int rest;
	const enum vtr_err parsed = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (parsed != VTR_OK) {
		return vtr_opts_exit_status(parsed);
	}
	if (!options.folder) {
		fprintf(stderr,
		        "vitrine cdi-hook: --folder is missing. Container engines run this command, as the "
		        "specification of 'vitrine cdi' says\n");
		return VTR_EXIT_USAGE;
	}
	snprintf(path, sizeof(path), "%s/" VTR_GUEST_DRIVER_FILE, options.folder);
	const enum vtr_err err = read_path_of(path, STATE_MAX, &text, &reader);
	if (err != VTR_OK) {
		return complain("cannot read", path, err);
	}
	const int needed = find_minor(reader.at, (size_t)(reader.end - reader.at), "\"glibc\": \"2.");
	int status = open_root(&root_fd);
	if (status == 0) {
		status = check_image(root_fd, needed);
		status = status < 0 ? link_libraries(&options, root_fd) : status;
	}
	return status;
}

const struct vtr_command vtr_cmd_cdi_hook = {
	.name = "cdi-hook",
	.args = "",
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_cdi_hook,
};

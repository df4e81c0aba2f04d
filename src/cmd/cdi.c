/* SPDX-License-Identifier: MIT */
/* A CDI specification: what container engines add to a container that asks for one of our devices. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/cdi_driver.h"
#include "cmd/commands.h"
#include "platform/sock.h"

/* The first version that Docker, podman 4 and containerd 1.7 all read; nothing newer is used. */
#define CDI_VERSION "0.5.0"
#define KIND "vitrine.dev/gpu"
/* Where containers find the folder of a device's socket. */
#define CONTAINER_FOLDER "/run/vitrine/"
#define DEFAULT_NAME "all"
#define NAME_SIZE 64

struct options {
	const char *socket;
	struct vtr_opt_list devices;
	const char *guest_driver;
	bool cpu;
	const char *output;
};

static const struct vtr_opt opts[] = {
	{ .name = "socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, socket),
	  .arg = "PATH",
	  .help = "describe the server at this socket as the device 'all'" },
	{ .name = "device",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, devices),
	  .arg = "NAME=PATH",
	  .help = "describe the server at this socket as the device NAME, up to 16 times" },
	{ .name = "guest-driver",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, guest_driver),
	  .arg = "DIR",
	  .help = "give containers the driver in this folder; default: the one installed with vitrine; "
	          "'none': no driver" },
	{ .name = "cpu",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, cpu),
	  .help = "the server's host has no GPU: let OpenGL programs use its processor" },
	{ .name = "output",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, output),
	  .arg = "FILE",
	  .help = "write this file, for instance /etc/cdi/vitrine.json; default: standard output" },
};

struct device {
	char name[NAME_SIZE];
	char folder[PATH_MAX]; /* of the socket */
	const char *file; /* its name there, in the option */
};

struct devices {
	struct device items[VTR_OPT_LIST_MAX + 1];
	size_t count;
};

/* --- the devices ------------------------------------------------------------------------------------ */

/* As the specification wants it: letters, digits, and _ - . : inside. */
static bool is_name(const char *text, size_t length)
{
	if (length == 0 || length >= NAME_SIZE || !isalnum((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[length - 1])) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("_-.:", text[i])) {
			return false;
		}
	}
	return true;
}

/* Returns: whether the folder contains nothing but the file. */
static bool is_alone(const char *folder, const char *file)
{
	DIR *dir = opendir(folder);
	bool alone = dir != NULL;

	for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry && alone; entry = readdir(dir)) {
		alone = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		        strcmp(entry->d_name, file) == 0;
	}
	if (dir) {
		closedir(dir);
	}
	return alone;
}

/* The folder is mounted, and not the socket: a server that starts again makes another socket. */
static enum vtr_err find_folder(const char *path, struct device *device)
{
	const char *slash = strrchr(path, '/');
	vtr_autofree char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	vtr_autofd int fd = -1;

	if (!folder) {
		return VTR_ERR_NOMEM;
	}
	device->file = slash ? slash + 1 : path;
	const enum vtr_err err = vtr_os_sock_connect(path, &fd);
	if (err != VTR_OK || !realpath(folder, device->folder)) {
		fprintf(stderr,
		        "vitrine cdi: no server answers at %s: %s. Start one, for instance with "
		        "'vitrine serve --socket %s'\n",
		        path, err == VTR_ERR_GONE ? "nothing listens" : vtr_err_text(VTR_ERR_OS), path);
		return VTR_ERR_ARG;
	}
	if (!is_alone(device->folder, device->file)) {
		fprintf(stderr,
		        "vitrine cdi: %s contains other files than %s, and containers would see them: the "
		        "folder is mounted into them. Let the server listen in a folder of its own\n",
		        device->folder, device->file);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err add(struct devices *devices, const char *name, size_t length, const char *path)
{
	struct device *device = &devices->items[devices->count];

	if (!is_name(name, length) || path[0] == '\0') {
		fprintf(stderr,
		        "vitrine cdi: cannot describe the device '%.*s': a name has letters, digits and _-.: "
		        "between them, and a path follows. Give for instance --device "
		        "0=/run/vitrine-0/vtest.sock\n",
		        (int)length, name);
		return VTR_ERR_ARG;
	}
	snprintf(device->name, sizeof(device->name), "%.*s", (int)length, name);
	for (size_t i = 0; i < devices->count; i++) {
		if (strcmp(devices->items[i].name, device->name) == 0) {
			fprintf(stderr, "vitrine cdi: the device '%s' is given twice. Give it another name\n",
			        device->name);
			return VTR_ERR_ARG;
		}
	}
	devices->count++;
	return find_folder(path, device);
}

static enum vtr_err read_devices(const struct options *options, struct devices *out_devices)
{
	enum vtr_err err = VTR_OK;

	out_devices->count = 0;
	if (options->socket) {
		err = add(out_devices, DEFAULT_NAME, strlen(DEFAULT_NAME), options->socket);
	}
	for (size_t i = 0; i < options->devices.count && err == VTR_OK; i++) {
		const char *text = options->devices.items[i];
		const size_t length = strcspn(text, "=");

		err = add(out_devices, text, length, text + length + (text[length] == '='));
	}
	if (err == VTR_OK && out_devices->count == 0) {
		fprintf(stderr,
		        "vitrine cdi: --socket is missing: a device is a server's socket. Give for instance "
		        "--socket /run/vitrine-serve/vtest.sock\n");
		err = VTR_ERR_ARG;
	}
	return err;
}

/* --- the file --------------------------------------------------------------------------------------- */

static void write_device(struct vtr_json *json, const struct device *device)
{
	/* What 'vitrine run' sets; the loader finds the driver's manifest wherever the image has it. */
	static const char *const variables[] = { "VN_DEBUG=vtest", "VN_PERF=no_async_present",
		                                 "MESA_VK_WSI_DEBUG=sw",
		                                 "VK_LOADER_DRIVERS_SELECT=*virtio_icd*" };
	/* A container must not replace the socket of the others. */
	static const char *const mount_options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	char text[sizeof("VTEST_SOCKET_NAME=" CONTAINER_FOLDER) + NAME_SIZE + NAME_MAX + 1];

	vtr_json_open(json, NULL, '{');
	vtr_json_text(json, "name", device->name);
	vtr_json_open(json, "containerEdits", '{');
	vtr_json_open(json, "env", '[');
	for (size_t i = 0; i < VTR_ARRAY_LEN(variables); i++) {
		vtr_json_text(json, NULL, variables[i]);
	}
	snprintf(text, sizeof(text), "VTEST_SOCKET_NAME=" CONTAINER_FOLDER "%s/%s", device->name,
	         device->file);
	vtr_json_text(json, NULL, text);
	vtr_json_close(json, ']');
	vtr_json_open(json, "mounts", '[');
	vtr_json_open(json, NULL, '{');
	vtr_json_text(json, "hostPath", device->folder);
	snprintf(text, sizeof(text), CONTAINER_FOLDER "%s", device->name);
	vtr_json_text(json, "containerPath", text);
	vtr_json_open(json, "options", '[');
	for (size_t i = 0; i < VTR_ARRAY_LEN(mount_options); i++) {
		vtr_json_text(json, NULL, mount_options[i]);
	}
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
	vtr_json_close(json, '}');
}

static void write_specification(FILE *file, const struct devices *devices,
                                const struct vtr_cdi_driver *driver)
{
	struct vtr_json json = { .file = file, .lines = VTR_JSON_MAX_DEPTH };

	vtr_json_open(&json, NULL, '{');
	vtr_json_text(&json, "cdiVersion", CDI_VERSION);
	vtr_json_text(&json, "kind", KIND);
	vtr_json_open(&json, "devices", '[');
	for (size_t i = 0; i < devices->count; i++) {
		write_device(&json, &devices->items[i]);
	}
	vtr_json_close(&json, ']');
	vtr_cdi_driver_write(&json, driver);
	vtr_json_close(&json, '}');
}

/* Replaces the file in one step, so that an engine never reads half of it. Devices, such as /dev/null, and links, such
 * as /dev/stdout, are not replaced. Returns: whether it is written; else errno says why. */
static bool replace(const char *path, const struct devices *devices, const struct vtr_cdi_driver *driver)
{
	vtr_autofree char *new_path = NULL;
	struct stat old;

	if (lstat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
		errno = EEXIST;
		return false;
	}
	if (asprintf(&new_path, "%s.XXXXXX", path) < 0) {
		new_path = NULL;
		errno = ENOMEM;
		return false;
	}
	const int fd = mkstemp(new_path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!file) {
		return false;
	}
	write_specification(file, devices, driver);
	bool done = fchmod(fd, 0644) == 0 && fflush(file) == 0 && fsync(fd) == 0 && !ferror(file);
	done = fclose(file) == 0 && done;
	done = done && rename(new_path, path) == 0;
	if (!done) {
		const int number = errno;

		unlink(new_path);
		errno = number;
	}
	return done;
}

static int run_cdi(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .socket = NULL };
	struct vtr_cdi_driver driver;
	struct devices devices;
	int rest;
	const enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (read_devices(&options, &devices) != VTR_OK ||
	    vtr_cdi_driver_find(options.guest_driver, options.cpu, &driver) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	if (!options.output) {
		write_specification(stdout, &devices, &driver);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (!replace(options.output, &devices, &driver)) {
		fprintf(stderr,
		        "vitrine cdi: cannot write %s: %s. Choose a new or regular file, in a folder that "
		        "you may write to\n",
		        options.output, strerror(errno));
		return 1;
	}
	return 0;
}

static const char example[] =
	"Example, for the server of vitrine-serve.socket (docs/services.md):\n"
	"  vitrine cdi --socket /run/vitrine-serve/vtest.sock --output /etc/cdi/vitrine.json\n"
	"  podman run --device " KIND "=" DEFAULT_NAME " IMAGE vulkaninfo --summary\n"
	"\n"
	"A device for each of two servers, which were started with --gpu 0 and --gpu 1:\n"
	"  vitrine cdi --device 0=/run/vitrine-0/vtest.sock --device 1=/run/vitrine-1/vtest.sock \\\n"
	"      --output /etc/cdi/vitrine.json\n"
	"  podman run --device " KIND "=1 IMAGE vulkaninfo --summary\n"
	"\n"
	"The servers must run. The specification is to be written again when one of the paths changes.\n";

const struct vtr_command vtr_cmd_cdi = {
	.name = "cdi",
	.args = "",
	.summary = "Write what container engines need to add a server to containers",
	.example = example,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_cdi,
};

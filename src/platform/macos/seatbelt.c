/* SPDX-License-Identifier: MIT */
#include "platform/macos/seatbelt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Libraries, drivers with their settings, and what the C library reads. Paths have no links: /etc is in /private. */
static const char *const read_paths[] = {
	"/System",
	"/usr/lib",
	"/usr/share",
	/* Package managers and the Vulkan SDK. */
	"/usr/local",
	"/opt/homebrew",
	"/opt/local",
	"/Library/Vulkan",
	"/private/etc/vulkan",
	"/private/etc/localtime",
	"/private/var/db/dyld",
	"/private/var/db/timezone",
	"/dev/null",
	"/dev/random",
	"/dev/urandom",
	"/dev/zero",
};

/* What the look-up of names and TLS libraries read besides. */
static const char *const network_paths[] = {
	"/private/etc/hosts",     "/private/etc/resolv.conf", "/private/etc/services",
	"/private/etc/protocols", "/private/etc/ssl",         "/private/var/run/resolv.conf",
};

/* All that a role has but files. Everything else is denied: programs, processes, signals to others, sockets, services
 * of the system, other devices, mounts. Memory is shared by objects whose names begin as those of posix/shm.c do. */
static const char common_rules[] = "(version 1)\n"
				   "(deny default)\n"
				   "(allow signal (target self))\n"
				   "(allow process-info* (target self))\n"
				   "(allow sysctl-read)\n"
				   "(allow file-read-metadata)\n"
				   "(allow file-read-data (literal \"/\"))\n"
				   "(allow ipc-posix-shm* (ipc-posix-name-regex #\"^/vitrine-\"))\n";

/* Metal: the GPU's user clients, surfaces, and the service that compiles shaders. */
static const char gpu_rules[] = "(allow iokit-open\n"
				"  (iokit-connection \"IOAccelerator\")\n"
				"  (iokit-user-client-class \"AGXDeviceUserClient\")\n"
				"  (iokit-user-client-class \"AGXSharedUserClient\")\n"
				"  (iokit-user-client-class \"IOSurfaceRootUserClient\"))\n"
				"(allow iokit-get-properties)\n"
				"(allow mach-lookup\n"
				"  (global-name \"com.apple.MTLCompilerService\")\n"
				"  (xpc-service-name \"com.apple.MTLCompilerService\"))\n";

/* VideoToolbox encodes in a service of the system. */
static const char encoder_rules[] =
	"(allow mach-lookup\n"
	"  (global-name \"com.apple.coremedia.videoencoder\")\n"
	"  (global-name \"com.apple.coremedia.videocodecd.compressionsession\"))\n";

/* Connections to sockets that listen already. */
static const char server_rules[] = "(allow network-inbound (local ip))\n";

static const char publisher_rules[] =
	"(allow network-outbound (remote ip))\n"
	"(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n"
	"(allow system-socket)\n"
	"(allow mach-lookup\n"
	"  (global-name \"com.apple.SystemConfiguration.configd\")\n"
	"  (global-name \"com.apple.dnssd.service\"))\n";

/* Windows need many services, whose names change; so this role names what it denies. */
static const char window_rules[] = "(version 1)\n"
				   "(allow default)\n"
				   "(deny process-exec*)\n"
				   "(deny process-fork)\n"
				   "(deny signal (target others))\n"
				   "(deny network-bind)\n"
				   "(deny network-inbound)\n"
				   "(deny network-outbound (remote ip))\n"
				   "(deny file-write*)\n"
				   "(allow file-write* (literal \"/dev/null\"))\n";

static void write_rules(FILE *out, enum vtr_os_role role)
{
	switch (role) {
	case VTR_OS_ROLE_DRIVER:
		fputs(common_rules, out);
		fputs(gpu_rules, out);
		break;
	case VTR_OS_ROLE_SERVER:
		fputs(common_rules, out);
		fputs(gpu_rules, out);
		fputs(encoder_rules, out);
		fputs(server_rules, out);
		break;
	case VTR_OS_ROLE_PUBLISHER:
		fputs(common_rules, out);
		fputs(publisher_rules, out);
		break;
	case VTR_OS_ROLE_WINDOW:
		fputs(window_rules, out);
		break;
	}
}

/* A string of the profile's language. A path may hold any character. */
static void write_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\') {
			fputc('\\', out);
		}
		fputc(*text, out);
	}
	fputc('"', out);
}

static void allow_path(FILE *out, const char *operation, const char *path)
{
	fprintf(out, "(allow %s (subpath ", operation);
	write_string(out, path);
	fputs("))\n", out);
}

static void allow_list(FILE *out, const char *operation, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		allow_path(out, operation, paths[i]);
	}
}

/* The kernel compares paths without links. Files that do not exist are skipped. */
static void allow_real(FILE *out, const char *operation, const char *const *paths)
{
	char real[PATH_MAX];

	for (size_t i = 0; paths && paths[i]; i++) {
		if (realpath(paths[i], real)) {
			allow_path(out, operation, real);
		}
	}
}

static void write_paths(FILE *out, enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths)
{
	/* A server's process has its libraries and files open before; the others open them as they need them. */
	if (role == VTR_OS_ROLE_DRIVER || role == VTR_OS_ROLE_PUBLISHER) {
		allow_list(out, "file-read*", read_paths, VTR_ARRAY_LEN(read_paths));
		allow_list(out, "file-map-executable", read_paths, VTR_ARRAY_LEN(read_paths));
	}
	if (role == VTR_OS_ROLE_PUBLISHER) {
		allow_list(out, "file-read*", network_paths, VTR_ARRAY_LEN(network_paths));
	}
	if (paths) {
		allow_real(out, "file-read*", paths->read);
		allow_real(out, "file-map-executable", paths->read);
		allow_real(out, "file-read*", paths->write);
		allow_real(out, "file-write*", paths->write);
		allow_real(out, "file-read*", paths->update);
		allow_real(out, "file-write-data", paths->update);
	}
}

enum vtr_err vtr_os_seatbelt_profile(enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                     char **out_profile)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		return VTR_ERR_NOMEM;
	}
	write_rules(out, role);
	write_paths(out, role, paths);
	const bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return VTR_ERR_NOMEM;
	}
	*out_profile = text;
	return VTR_OK;
}

static bool is_below(const char *path, const char *folder)
{
	const size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_in_real(const char *path, const char *const *folders)
{
	char real[PATH_MAX];

	for (size_t i = 0; folders && folders[i]; i++) {
		if (realpath(folders[i], real) && is_below(path, real)) {
			return true;
		}
	}
	return false;
}

bool vtr_os_seatbelt_reads(const struct vtr_os_sandbox_paths *paths, const char *path)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(read_paths); i++) {
		if (is_below(path, read_paths[i])) {
			return true;
		}
	}
	return paths && (is_in_real(path, paths->read) || is_in_real(path, paths->write) ||
	                 is_in_real(path, paths->update));
}

/* SPDX-License-Identifier: MIT */
/*
 * A Vulkan driver that opens files late, as large drivers do: when a device is made. Everything else is lavapipe's.
 * What it does is in the file `late` beside its library, a line for each thing; if one fails, so does vkCreateDevice.
 *
 *   driver NAME     the library of the driver that does the work
 *   when EXTENSION  the lines that follow are for devices that enable this
 *   library PATH    is loaded
 *   read PATH       is read
 *   write PATH      is opened to be written
 *   peek PATH       is read if that works, which does not matter
 *   refused PATH    must not be readable
 *   listen          at an abstract address, as NVIDIA's driver does
 *   stream          makes a socket of the most common kind
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vk_gen.h"

#define EXPORT __attribute__((visibility("default")))
#define MAX_LINE 4096

typedef PFN_vkVoidFunction (*get_fn)(VkInstance instance, const char *name);
typedef VkResult (*negotiate_fn)(uint32_t *version);

EXPORT PFN_vkVoidFunction vk_icdGetInstanceProcAddr(VkInstance instance, const char *name);
EXPORT PFN_vkVoidFunction vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name);
EXPORT VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version);

static PFN_vkCreateDevice create_device;

static FILE *open_lines(void)
{
	char path[MAX_LINE];
	Dl_info info;

	if (!dladdr((void *)open_lines, &info)) {
		return NULL;
	}
	snprintf(path, sizeof(path), "%.*s/late", (int)(strrchr(info.dli_fname, '/') - info.dli_fname),
	         info.dli_fname);
	return fopen(path, "re");
}

/* The rest of a line that begins with this word, or NULL. */
static const char *rest_of(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

static void *symbol_of_driver(const char *name)
{
	static void *library;
	char line[MAX_LINE];
	FILE *lines = library ? NULL : open_lines();

	while (lines && fgets(line, sizeof(line), lines)) {
		line[strcspn(line, "\n")] = '\0';
		const char *driver = rest_of(line, "driver");
		if (driver) {
			library = dlopen(driver, RTLD_NOW | RTLD_LOCAL);
		}
	}
	if (lines) {
		fclose(lines);
	}
	return library ? dlsym(library, name) : NULL;
}

static bool try_open(const char *path, int flags)
{
	char byte;
	int fd = open(path, flags | O_CLOEXEC);
	bool ok = fd >= 0 && ((flags & O_ACCMODE) != O_RDONLY || read(fd, &byte, 1) == 1);

	if (fd >= 0) {
		close(fd);
	}
	return ok;
}

static bool try_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	size += (socklen_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "vitrine-late-%d",
	                            getpid());
	bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&address, size) == 0 && listen(fd, 4) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return ok;
}

static bool try_stream(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

static bool try_line(const char *line)
{
	const char *path;

	if ((path = rest_of(line, "library")) != NULL) {
		return dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL;
	}
	if ((path = rest_of(line, "read")) != NULL) {
		return try_open(path, O_RDONLY);
	}
	if ((path = rest_of(line, "peek")) != NULL) {
		(void)try_open(path, O_RDONLY);
		return true;
	}
	if ((path = rest_of(line, "write")) != NULL) {
		return try_open(path, O_RDWR);
	}
	if ((path = rest_of(line, "refused")) != NULL) {
		return !try_open(path, O_RDONLY) && errno == EACCES;
	}
	if (strcmp(line, "listen") == 0) {
		return try_listen();
	}
	return strcmp(line, "stream") != 0 || try_stream();
}

static bool enables(const VkDeviceCreateInfo *info, const char *name)
{
	for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
		if (strcmp(info->ppEnabledExtensionNames[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static VkResult create_late(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                            const VkAllocationCallbacks *allocator, VkDevice *device)
{
	char line[MAX_LINE];
	bool ok = true;
	bool applies = true;
	FILE *lines = open_lines();

	while (lines && ok && fgets(line, sizeof(line), lines)) {
		line[strcspn(line, "\n")] = '\0';
		const char *extension = rest_of(line, "when");
		if (extension) {
			applies = enables(info, extension);
		} else if (applies) {
			ok = try_line(line);
		}
	}
	if (!lines || !ok) {
		if (lines) {
			fclose(lines);
		}
		return VK_ERROR_INITIALIZATION_FAILED;
	}
	fclose(lines);
	return create_device(physical, info, allocator, device);
}

PFN_vkVoidFunction vk_icdGetInstanceProcAddr(VkInstance instance, const char *name)
{
	void *symbol = symbol_of_driver("vk_icdGetInstanceProcAddr");
	get_fn get;

	if (!symbol) {
		return NULL;
	}
	memcpy(&get, &symbol, sizeof(get));
	if (instance && strcmp(name, "vkCreateDevice") == 0) {
		create_device = (PFN_vkCreateDevice)get(instance, name);
		return (PFN_vkVoidFunction)create_late;
	}
	return get(instance, name);
}

PFN_vkVoidFunction vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name)
{
	void *symbol = symbol_of_driver("vk_icdGetPhysicalDeviceProcAddr");
	get_fn get;

	if (!symbol) {
		return NULL;
	}
	memcpy(&get, &symbol, sizeof(get));
	return strcmp(name, "vkCreateDevice") == 0 ? vk_icdGetInstanceProcAddr(instance, name) :
	                                             get(instance, name);
}

VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version)
{
	void *symbol = symbol_of_driver("vk_icdNegotiateLoaderICDInterfaceVersion");
	negotiate_fn negotiate;

	if (!symbol) {
		return VK_ERROR_INCOMPATIBLE_DRIVER;
	}
	memcpy(&negotiate, &symbol, sizeof(negotiate));
	return negotiate(version);
}

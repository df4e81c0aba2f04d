/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LIBRARY_H
#define PLATFORM_LIBRARY_H

/* Room for the path of any library below. */
#define VTR_OS_LIBRARY_NAME 128

/**
 * Loads a shared library by the name that it has before the system's suffix, and by the version in its name: "vulkan"
 * and 1 are libvulkan.so.1 on Linux, libvulkan.1.dylib on macOS. The system's search path applies, and on macOS the
 * folders in which package managers put libraries.
 *
 * `out_name`  the library's name, for messages.
 * Owner:      the caller's, who may end it with dlclose().
 * Returns:    for dlsym(); NULL, and dlerror() says why.
 * Thread:     any.
 */
void *vtr_os_library_open(const char *stem, unsigned version, char out_name[VTR_OS_LIBRARY_NAME]);

#endif

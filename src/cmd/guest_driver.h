/* SPDX-License-Identifier: MIT */
#ifndef CMD_GUEST_DRIVER_H
#define CMD_GUEST_DRIVER_H

/* The folder that tools/make-guest-driver makes, as `vitrine cdi` and its hook know it. */

/* Where containers have it. Files in it contain this path. */
#define VTR_GUEST_DRIVER_PLACE "/usr/lib/vitrine/guest"
/* Describes it: {"mesa": "25.0.7", "glibc": "2.29", ...}. */
#define VTR_GUEST_DRIVER_FILE "driver.json"
/* An empty folder of it. */
#define VTR_GUEST_DRIVER_SCRATCH "scratch"
/* May be put into it, for hosts that have none or not a static one. */
#define VTR_GUEST_DRIVER_LDCONFIG "ldconfig"
/* In each machine's folder: libraries for images that have none of the name. */
#define VTR_GUEST_DRIVER_LIBRARIES "system"

#endif

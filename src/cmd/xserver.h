/* SPDX-License-Identifier: MIT */
#ifndef CMD_XSERVER_H
#define CMD_XSERVER_H

/* What the X server can do for a Vulkan program's windows. */
enum vtr_xserver {
	VTR_XSERVER_NONE,   /* DISPLAY is not set */
	VTR_XSERVER_ABSENT, /* it is set, but no server answers */
	VTR_XSERVER_PLAIN,  /* without DRI3: pictures go through the socket or MIT-SHM */
	VTR_XSERVER_DRI3,
};

/* Queries the server that DISPLAY names. Blocks until the server answers. */
enum vtr_xserver vtr_xserver_ask(void);

#endif

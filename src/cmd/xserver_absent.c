/* SPDX-License-Identifier: MIT */
/* In place of xserver.c in a build without libxcb (meson option "x11"): no server is asked. */
#include "cmd/xserver.h"

#include <stdlib.h>

/* Every server can show pictures that come by copy. */
enum vtr_xserver vtr_xserver_ask(void)
{
	const char *display = getenv("DISPLAY");

	return display && display[0] != '\0' ? VTR_XSERVER_PLAIN : VTR_XSERVER_NONE;
}

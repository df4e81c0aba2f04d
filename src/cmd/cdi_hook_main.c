/* SPDX-License-Identifier: MIT */
/* `vitrine cdi-hook` as a program of its own, which needs no library: nodes that have nothing of vitrine run it. */
#include "cmd/commands.h"

int main(int argc, char **argv)
{
	return vtr_cmd_cdi_hook.run(&vtr_cmd_cdi_hook, argc, argv);
}

/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/commands.h"

/*
 * vitrine is one program. The user's processes are the commands `run`, `serve`, `status`, `gpu`, `cdi`, `vm`, `demo`
 * and `doctor`. None but the last one loads a Vulkan driver: for each context they start this program again as
 * `worker`, which does. See docs/architecture.md.
 */

static const struct vtr_command *const commands[] = {
	&vtr_cmd_run,    &vtr_cmd_serve,  &vtr_cmd_status, &vtr_cmd_gpu,     &vtr_cmd_cdi,
	&vtr_cmd_vm,     &vtr_cmd_demo,   &vtr_cmd_doctor, &vtr_cmd_worker,  &vtr_cmd_zygote,
	&vtr_cmd_screen, &vtr_cmd_window, &vtr_cmd_mux,    &vtr_cmd_encoder, &vtr_cmd_cdi_hook,
};

static void print_help(FILE *file)
{
	fprintf(file, "Usage: vitrine COMMAND [options]\n\nvitrine gives virtual machines, containers and "
	              "programs the host's Vulkan GPU.\n\nCommands:\n");
	for (size_t i = 0; i < VTR_ARRAY_LEN(commands); i++) {
		if (commands[i]->summary) {
			fprintf(file, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
		}
	}
	fprintf(file, "\n'vitrine COMMAND --help' lists the options of a command; 'vitrine --version' "
	              "prints the version.\n");
}

static int run(const struct vtr_command *command, int argc, char **argv)
{
	if (command->ignores_sigpipe) {
		signal(SIGPIPE, SIG_IGN); /* not inherited: vtr_os_spawn() restores the default */
	}
	return command->run(command, argc, argv);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return VTR_EXIT_USAGE;
	}
	const char *name = argv[1];
	for (size_t i = 0; i < VTR_ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0) {
			return run(commands[i], argc - 1, argv + 1);
		}
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
		printf("vitrine %s\n", VTR_VERSION);
		return 0;
	}
	fprintf(stderr, "vitrine: unknown command '%s'.\nTry 'vitrine --help'.\n", name);
	return VTR_EXIT_USAGE;
}

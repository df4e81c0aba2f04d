/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/commands.h"

/*
 * `vitrine vm`: the work is done by a script (packaging/libvirt), because it changes XML, for which Python has a
 * library, and has nothing to do with the processes of this program.
 */

struct options {
	const char *connect;
	const char *emulator;
};

static const struct vtr_opt opts[] = {
	{ .name = "connect",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, connect),
	  .arg = "URI",
	  .help = "the libvirt to use; default: qemu:///system" },
	{ .name = "emulator",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, emulator),
	  .arg = "PATH",
	  .help = "with add: the QEMU that the domain is to use, 11.1 or newer; default: the domain's" },
};

static int usage(const char *what)
{
	fprintf(stderr, "vitrine vm: %s.\nTry 'vitrine vm --help'.\n", what);
	return VTR_EXIT_USAGE;
}

/* Does not return unless it fails. */
static int exec_script(const struct options *o, int argc, char **argv)
{
	const char **args = calloc((size_t)argc + 4, sizeof(*args));
	int n = 0;

	if (args == NULL) {
		fprintf(stderr, "vitrine vm: out of memory. Give it fewer options.\n");
		return EXIT_FAILURE;
	}

	args[n++] = VTR_VM_SCRIPT;
	args[n++] = argv[0];
	args[n++] = argv[1];
	args[n++] = o->connect != NULL ? o->connect : "qemu:///system";
	args[n++] = o->emulator != NULL ? o->emulator : "";
	for (int i = 2; i < argc; i++) {
		args[n++] = argv[i];
	}
	execv(VTR_VM_SCRIPT, (char **)args); /* which does not change them */
	fprintf(stderr,
	        "vitrine vm: cannot run %s: %s. Install it, by the Debian package vitrine-libvirt or by "
	        "'meson install' from the sources, and Python 3.\n",
	        VTR_VM_SCRIPT, strerror(errno));
	free(args);
	return EXIT_FAILURE;
}

static int run_vm(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	argc -= rest;
	argv += rest;
	if (argc < 1 || (strcmp(argv[0], "add") != 0 && strcmp(argv[0], "remove") != 0)) {
		return usage("say 'add' or 'remove'");
	}
	if (argc < 2) {
		return usage("the name of the domain is missing");
	}
	if (strcmp(argv[0], "remove") == 0 && argc > 2) {
		return usage("'remove' takes nothing but the name of the domain");
	}
	return exec_script(&options, argc, argv);
}

const struct vtr_command vtr_cmd_vm = {
	.name = "vm",
	.args = "add|remove DOMAIN [OPTIONS OF vitrine gpu]",
	.summary = "Make vitrine the graphics card of a virtual machine of libvirt",
	.example = "Example:\n"
		   "  sudo vitrine vm add desktop --http 127.0.0.1:8080 --display 1920x1080\n"
		   "  sudo virsh start desktop\n"
		   "  sudo journalctl -u vitrine@desktop | grep READY      prints the link to the page\n"
		   "  sudo virsh shutdown desktop\n"
		   "  sudo vitrine vm remove desktop\n",
	.details =
		"add changes the domain so that vitrine is its graphics card, keyboard and pointer. It "
		"starts\n"
		"'vitrine gpu' with the options after the domain's name as the unit "
		"vitrine@DOMAIN.service, now and\n"
		"at each boot, and prints what it has added. A machine that is running gets the devices at "
		"its next\n"
		"start. remove undoes all of that for a machine that is shut off. Both need root.\n",
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.program_follows = true,
	.run = run_vm,
};

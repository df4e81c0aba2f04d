/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/status_path.h"
#include "platform/shm.h"
#include "platform/sock.h"

/* The answer of a server with all identities and connections that it can have is smaller. */
#define MAX_ANSWER (64u << 20)

struct options {
	const char *socket;
	const char *status_socket;
	bool json;
};

static const struct vtr_opt opts[] = {
	{ .name = "socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, socket),
	  .arg = "PATH",
	  .help = "ask the server that listens at this socket" },
	{ .name = "status-socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, status_socket),
	  .arg = "PATH",
	  .help = "ask at the socket that 'vitrine serve --status-socket' names" },
	{ .name = "json",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
};

enum { TEXT, JSON, ANSWERS };

static int fail(const char *path, const char *what, const char *advice)
{
	fprintf(stderr, "vitrine status: %s: %s. %s\n", path, what, advice);
	return 1;
}

/* What is printed must not control the terminal, whatever answers at the socket. */
static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((text[i] < 0x20 && text[i] != '\n') || text[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

static int print_answer(const char *path, int fd)
{
	vtr_autofree char *text = NULL;
	uint64_t size;

	if (vtr_os_shm_size(fd, &size) == VTR_OK && size <= MAX_ANSWER) {
		text = malloc(size + 1);
	}
	if (!text || vtr_os_shm_read(fd, text, size) != VTR_OK || !is_plain(text, size)) {
		return fail(path, "the answer is not valid", "Is this the socket of 'vitrine serve'?");
	}
	return fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 1;
}

static int ask(const char *path, bool json)
{
	vtr_autofd int fd = -1;
	int answers[ANSWERS];
	size_t count = 0;
	size_t size;
	char byte;
	enum vtr_err err = vtr_os_sock_connect(path, &fd);

	if (err != VTR_OK) {
		return fail(path, err == VTR_ERR_GONE ? "no server answers there" : vtr_err_text(err),
		            "Give the path of 'vitrine serve --socket', and ask as its user or as root");
	}
	err = vtr_os_sock_recv(fd, &byte, 1, &size, answers, ANSWERS, &count);
	if (err != VTR_OK || count != ANSWERS) {
		for (size_t i = 0; err == VTR_OK && i < count; i++) {
			close(answers[i]);
		}
		return fail(path, "the server does not answer",
		            "It answers its own user and root, outside of containers");
	}
	const int status = print_answer(path, answers[json ? JSON : TEXT]);
	close(answers[TEXT]);
	close(answers[JSON]);
	return status;
}

static int run_status(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	char path[VTR_SERVICE_PATH];
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (!options.socket == !options.status_socket) {
		fprintf(stderr,
		        "vitrine status: give either --socket or --status-socket, for instance --socket "
		        "/run/vitrine-serve/vtest.sock\n");
		return VTR_EXIT_USAGE;
	}
	if (options.status_socket) {
		return ask(options.status_socket, options.json);
	}
	err = vtr_status_path(options.socket, path);
	if (err != VTR_OK) {
		return fail(options.socket,
		            err == VTR_ERR_GONE ? "there is no such folder" : "the path is too long",
		            "Give the path of 'vitrine serve --socket', or of its --status-socket");
	}
	return ask(path, options.json);
}

const struct vtr_command vtr_cmd_status = {
	.name = "status",
	.args = "",
	.summary = "Show who uses what of 'vitrine serve'",
	.example = "Example, for the server of vitrine-serve.socket (docs/services.md):\n"
		   "  sudo vitrine status --socket /run/vitrine-serve/vtest.sock\n",
	.details = "One of the two sockets is required. The server answers its own user and root, not "
		   "processes in\n"
		   "containers. docs/services.md explains the figures.\n",
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_status,
};

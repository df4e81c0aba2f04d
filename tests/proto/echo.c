/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "vhost/vhost_user.h"

/*
 * The simplest device that uses all that the transport has, for test_vhost.py: `echo --socket PATH
 * [--window BYTES]`. A request is answered with its own bytes, once it is time; its first byte says
 * when, and what else happens:
 *
 *   E  at once                            S  at once, but with struct state
 *   H  when an R comes                    R  answers all H, in the opposite order, then itself
 *   D  when the device is stopped         C  at once; says that the configuration changed
 *   P  as D, and says that the configuration changed
 *   W  at once; fills hostmem's bytes [u64 at 8, + u64 at 16) with the byte at 1
 */

#define QUEUES 2
#define MAX_HELD 1024
#define CONFIG_SIZE 24

struct state {
	uint32_t starts, resets, stops, ram_changes, kicks[QUEUES], held;
};

struct held {
	uint32_t queue;
	struct vtr_queue_request *request;
};

static struct {
	struct vtr_hostmem hostmem;
	struct vtr_queue *const *queues;
	const struct vtr_virtio_transport *transport;
	struct state state;
	struct held held[MAX_HELD];
	uint8_t config[CONFIG_SIZE];
} echo;

static void read_config(void *data, uint32_t offset, void *buf, uint32_t size)
{
	(void)data;
	for (uint32_t i = 0; i < size && offset + i < CONFIG_SIZE; i++) {
		((uint8_t *)buf)[i] = echo.config[offset + i];
	}
}

static void write_config(void *data, uint32_t offset, const void *buf, uint32_t size)
{
	(void)data;
	for (uint32_t i = 0; i < size && offset + i < CONFIG_SIZE; i++) {
		echo.config[offset + i] = ((const uint8_t *)buf)[i];
	}
}

static void answer(uint32_t index, struct vtr_queue_request *request, const void *data, size_t size)
{
	struct vtr_queue *queue = echo.queues[index];

	vtr_queue_push(queue, request, vtr_queue_write(queue, request, data, size));
}

/* Answers the held requests of a kind, the newest first. */
static void release(uint8_t kind)
{
	uint32_t kept = 0;
	struct held others[MAX_HELD];

	while (echo.state.held > 0) {
		struct held held = echo.held[--echo.state.held];
		if (held.request->out[0] == kind) {
			if (kind == 'P') {
				echo.transport->config_changed(echo.transport->data);
			}
			answer(held.queue, held.request, held.request->out, held.request->out_size);
		} else {
			others[kept++] = held;
		}
	}
	while (kept > 0) {
		echo.held[echo.state.held++] = others[--kept];
	}
}

static void fill_window(const struct vtr_queue_request *request)
{
	uint64_t range[2];

	if (request->out_size == 24) {
		memcpy(range, request->out + 8, sizeof(range));
		if (range[0] <= echo.hostmem.size && range[1] <= echo.hostmem.size - range[0]) {
			memset(echo.hostmem.map + range[0], request->out[1], range[1]);
		}
	}
}

static void handle(uint32_t index, struct vtr_queue_request *request)
{
	uint8_t kind = request->out_size > 0 ? request->out[0] : 0;

	if ((kind == 'H' || kind == 'D' || kind == 'P') && echo.state.held < MAX_HELD) {
		echo.held[echo.state.held++] = (struct held){ index, request };
		return;
	}
	if (kind == 'S') {
		answer(index, request, &echo.state, sizeof(echo.state));
		return;
	}
	if (kind == 'R') {
		release('H');
	} else if (kind == 'W') {
		fill_window(request);
	} else if (kind == 'C') {
		echo.transport->config_changed(echo.transport->data);
	}
	answer(index, request, request->out, request->out_size);
}

static void notify(void)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		vtr_queue_notify(echo.queues[i]);
	}
}

static void kick(void *data, uint32_t index)
{
	struct vtr_queue_request *request;

	(void)data;
	echo.state.kicks[index]++;
	while (vtr_queue_pop(echo.queues[index], &request) == VTR_OK) {
		handle(index, request);
	}
	notify();
}

static void start(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset)
{
	(void)data;
	(void)ram;
	echo.queues = queues;
	echo.state.starts++;
	if (reset) {
		echo.state.resets++;
		while (echo.state.held > 0) {
			vtr_queue_drop(echo.held[--echo.state.held].request);
		}
	}
}

static void ram_changed(void *data)
{
	(void)data;
	echo.state.ram_changes++;
}

static void stop(void *data)
{
	(void)data;
	echo.state.stops++;
	release('D');
	release('P');
	notify();
}

static void on_signal(void *data, int signo)
{
	(void)signo;
	vtr_os_loop_quit(data);
}

static int run(const char *path, uint64_t hostmem_size)
{
	struct vtr_virtio_device device = {
		.name = "echo",
		.queue_count = QUEUES,
		.features = 0x1f,
		.read_config = read_config,
		.write_config = write_config,
		.start = start,
		.kick = kick,
		.ram_changed = ram_changed,
		.stop = stop,
	};
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_vhost_user *server;
	void *map;
	int listen_fd;

	if (hostmem_size > 0) {
		echo.hostmem.size = hostmem_size;
		if (vtr_os_shm_create("hostmem", hostmem_size, &echo.hostmem.fd) != VTR_OK ||
		    vtr_os_shm_map(echo.hostmem.fd, 0, hostmem_size, true, &map) != VTR_OK) {
			return 1;
		}
		echo.hostmem.map = map;
		device.hostmem = &echo.hostmem;
	}
	if (vtr_log_create("debug", STDERR_FILENO, NULL, &log) != VTR_OK ||
	    vtr_os_loop_create(&loop) != VTR_OK ||
	    vtr_os_loop_add_signal(loop, SIGTERM, on_signal, loop) != VTR_OK ||
	    vtr_os_sock_listen(path, 0600, 4, &listen_fd) != VTR_OK) {
		return 1;
	}
	const struct vtr_vhost_user_params params = {
		.log = log,
		.loop = loop,
		.device = &device,
		.listen_fd = listen_fd,
	};
	if (vtr_vhost_user_create(&params, &server) != VTR_OK) {
		return 1;
	}
	echo.transport = vtr_vhost_user_transport(server);
	printf("READY %s\n", path);
	fflush(stdout);
	enum vtr_err err = vtr_os_loop_run(loop);
	vtr_vhost_user_destroy(server);
	while (echo.state.held > 0) {
		vtr_queue_drop(echo.held[--echo.state.held].request);
	}
	unlink(path);
	vtr_close(&listen_fd);
	vtr_os_loop_destroy(loop);
	vtr_log_destroy(log);
	return err == VTR_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *path = NULL;
	uint64_t hostmem_size = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--socket") == 0) {
			path = argv[i + 1];
		} else if (strcmp(argv[i], "--window") == 0) {
			hostmem_size = strtoull(argv[i + 1], NULL, 0);
		}
	}
	if (path == NULL) {
		fprintf(stderr, "usage: echo --socket PATH [--window BYTES]\n");
		return 2;
	}
	return run(path, hostmem_size);
}

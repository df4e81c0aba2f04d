/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "vhost/vhost_user.h"

/*
 * What a VMM gone bad sends: pieces of {length, fds, bytes}, one in each turn of the loop. The fds' low
 * three bits say how many, the others of which kind; the largest numbers mean something else, see
 * enum special. On the back channel, if it opens one, everything is answered with the same message:
 * that hostmem is mapped, until the input chooses another one.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_SIZE ((size_t)1 << 20)
#define QUEUES 2
#define MAX_PIECES 96
#define MAX_INPUT 8192
#define PAUSE_TURNS 6
#define MAX_ANSWER 32
/* Where the rings are that tests/proto/vhost.py makes, with 16 entries. */
#define QUEUE_AT(index) (0x1000u * ((index) + 1u))
#define QUEUE_SIZE 16u

enum special {
	PAUSE = 0xff, /* nothing is sent for a few turns */
	ANSWER = 0xfe, /* the bytes are the answer on the back channel from now on */
	SECOND = 0xfd, /* a second VMM connects */
	CLOSE_BACK = 0xfc,
	SLEEP = 0xfb, /* until the server looks again for kicks that were missed */
	REQUEST = 0xfa, /* the guest adds a request to each queue, without a kick */
};
#define SLEEP_NS INT64_C(25000000)

enum { FD_MEMORY, FD_EVENT, FD_SOCKET, FD_PIPE, FD_WINDOW, FD_KINDS };
#define FD_TABLE FD_KINDS /* memory, and hostmem at the end, as in the table of a running device */

static struct {
	struct vtr_os_loop *loop;
	struct vtr_vhost_user_params params;
	struct vtr_vhost_user *server;
	struct vtr_hostmem hostmem;
	char path[64];
	uint8_t *memory;
	int fds[FD_KINDS];
	int back; /* our end */
	struct vtr_os_loop_fd *back_watch;
	struct vtr_queue *const *queues;
	struct vtr_queue_request *held;

	int front;
	struct vtr_os_loop_timer *timer;
	const uint8_t *data; /* yet to be sent */
	size_t size;
	int pieces;
	int turns; /* that nothing is sent */
	bool sleeps;
	uint8_t answer[MAX_ANSWER];
	size_t answer_size;
} fuzz = { .back = -1, .front = -1 };

/* --- a device ------------------------------------------------------------------------------------------ */

static void read_config(void *data, uint32_t offset, void *buf, uint32_t size)
{
	(void)data;
	memset(buf, (int)offset, size);
}

/* Each write changes the configuration, as some do in virtio-gpu. */
static void write_config(void *data, uint32_t offset, const void *buf, uint32_t size)
{
	const struct vtr_virtio_transport *transport = vtr_vhost_user_transport(fuzz.server);
	const volatile uint8_t *bytes = buf; /* all of it can be read */

	(void)data;
	(void)offset;
	for (uint32_t i = 0; i < size; i++) {
		(void)bytes[i];
	}
	transport->config_changed(transport->data);
}

static void drop(void)
{
	if (fuzz.held != NULL) {
		vtr_queue_drop(fuzz.held);
		fuzz.held = NULL;
	}
}

static void start(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset)
{
	(void)data;
	(void)ram;
	fuzz.queues = queues;
	if (reset) {
		drop();
	}
}

/* Holds one request of queue 0 and answers the others. */
static void kick(void *data, uint32_t index)
{
	struct vtr_queue *queue = fuzz.queues[index];
	struct vtr_queue_request *request;

	(void)data;
	for (int i = 0; i < 100 && vtr_queue_pop(queue, &request) == VTR_OK; i++) {
		if (index == 0 && fuzz.held == NULL) {
			fuzz.held = request;
		} else {
			vtr_queue_push(queue, request,
			               vtr_queue_write(queue, request, request->out, request->out_size));
		}
	}
	vtr_queue_notify(queue);
}

static void ram_changed(void *data)
{
	(void)data;
}

static void stop(void *data)
{
	const struct vtr_virtio_transport *transport = vtr_vhost_user_transport(fuzz.server);

	(void)data;
	if (fuzz.held != NULL) {
		vtr_queue_push(fuzz.queues[0], fuzz.held, 0);
		fuzz.held = NULL;
	}
	transport->config_changed(transport->data);
}

/* --- the VMM ------------------------------------------------------------------------------------------- */

/* Rings with a few requests, for inputs that start a queue. */
static void fill_memory(void)
{
	struct desc {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	};

	memset(fuzz.memory, 0, RAM_SIZE);
	for (unsigned i = 0; i < QUEUES; i++) {
		struct desc *descs = (void *)(fuzz.memory + QUEUE_AT(i));
		uint16_t *avail = (void *)(fuzz.memory + QUEUE_AT(i) + 16 * QUEUE_SIZE);
		descs[0] = (struct desc){ 0x10000, 64, 1, 1 };
		descs[1] = (struct desc){ 0x11000, 64, 2, 0 };
		descs[2] = (struct desc){ QUEUE_AT(i), 32, 4, 0 };
		avail[1] = 3;
		avail[3] = 2;
	}
}

static void add_requests(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		uint16_t *avail = (void *)(fuzz.memory + QUEUE_AT(i) + 16 * QUEUE_SIZE);

		avail[1]++;
	}
}

static void on_back(void *data, unsigned events)
{
	uint8_t buf[256];
	struct iovec iov = { .iov_base = fuzz.answer, .iov_len = fuzz.answer_size };
	int fds[4];
	size_t size;
	size_t fd_count;

	(void)data;
	(void)events;
	enum vtr_err err =
		vtr_os_sock_recv(fuzz.back, buf, sizeof(buf), &size, fds, VTR_ARRAY_LEN(fds), &fd_count);
	if (err == VTR_OK) {
		while (fd_count > 0) {
			vtr_close(&fds[--fd_count]);
		}
		err = vtr_os_sock_send(fuzz.back, &iov, 1, NULL, 0);
	}
	if (err != VTR_OK) {
		vtr_os_loop_remove(&fuzz.back_watch);
	}
}

static void close_back(void)
{
	vtr_os_loop_remove(&fuzz.back_watch);
	vtr_close(&fuzz.back);
	vtr_close(&fuzz.fds[FD_SOCKET]);
}

static void open_back(void)
{
	static const uint32_t mapped[5] = { 9, 5, 8, 0, 0 };
	int ends[2];

	memcpy(fuzz.answer, mapped, sizeof(mapped));
	fuzz.answer_size = sizeof(mapped);
	vtr_assert(vtr_os_sock_pair(ends) == VTR_OK);
	fuzz.back = ends[0];
	fuzz.fds[FD_SOCKET] = ends[1];
	vtr_assert(vtr_os_loop_add_fd(fuzz.loop, fuzz.back, true, false, on_back, NULL, &fuzz.back_watch) ==
	           VTR_OK);
}

/* The server refuses it, or takes it if it has hung up on the first one. */
static void connect_second(void)
{
	int fd;

	if (vtr_os_sock_connect(fuzz.path, &fd) == VTR_OK) {
		vtr_close(&fd);
	}
}

/* Returns: whether the piece means something else than bytes to send. */
static bool do_special(uint8_t kind, const uint8_t *bytes, size_t size)
{
	switch (kind) {
	case PAUSE:
		fuzz.turns = PAUSE_TURNS;
		return true;
	case ANSWER:
		fuzz.answer_size = vtr_min(size, MAX_ANSWER);
		memcpy(fuzz.answer, bytes, fuzz.answer_size);
		return true;
	case SECOND:
		connect_second();
		return true;
	case CLOSE_BACK:
		close_back();
		return true;
	case SLEEP:
		fuzz.sleeps = true;
		return true;
	case REQUEST:
		add_requests();
		return true;
	default:
		return false;
	}
}

static int choose_fd(unsigned kind, bool is_last)
{
	if (kind % (FD_KINDS + 1) == FD_TABLE) {
		return fuzz.fds[is_last ? FD_WINDOW : FD_MEMORY];
	}
	const int fd = fuzz.fds[kind % (FD_KINDS + 1)];
	return fd >= 0 ? fd : fuzz.fds[FD_EVENT]; /* the back channel may be closed */
}

static bool send_piece(void)
{
	size_t length = vtr_min((size_t)fuzz.data[0] + 1, fuzz.size - 2);
	uint8_t kind = fuzz.data[1];
	size_t fd_count = kind & 7;
	int fds[7];
	struct iovec iov = { .iov_base = (void *)(fuzz.data + 2), .iov_len = length };

	for (size_t i = 0; i < fd_count; i++) {
		fds[i] = choose_fd(kind >> 3, i + 1 == fd_count);
	}
	fuzz.data += 2 + length;
	fuzz.size -= 2 + length;
	if (do_special(kind, iov.iov_base, length)) {
		return true;
	}
	return vtr_os_sock_send(fuzz.front, &iov, 1, fds, fd_count) == VTR_OK;
}

static void on_timer(void *data)
{
	(void)data;
	if (fuzz.turns > 0) {
		fuzz.turns--;
	} else if (fuzz.size <= 2 || fuzz.pieces++ == MAX_PIECES || !send_piece()) {
		shutdown(fuzz.front, SHUT_WR); /* the other side hangs up when all is read, or has */
		return;
	}
	vtr_os_loop_timer_set(fuzz.timer, fuzz.sleeps ? SLEEP_NS : 0);
	fuzz.sleeps = false;
}

static void on_front(void *data, unsigned events)
{
	(void)events;
	vtr_os_loop_quit(data);
}

/* --- life ---------------------------------------------------------------------------------------------- */

static void remove_socket(void)
{
	unlink(fuzz.path);
}

static void init(void)
{
	static const struct vtr_virtio_device device = {
		.queue_count = QUEUES,
		.features = 0x1f,
		.hostmem = &fuzz.hostmem,
		.read_config = read_config,
		.write_config = write_config,
		.start = start,
		.kick = kick,
		.ram_changed = ram_changed,
		.stop = stop,
	};
	int pipe_fds[2];
	void *map;

	fuzz.hostmem.size = RAM_SIZE;
	vtr_assert(vtr_os_shm_create("hostmem", RAM_SIZE, &fuzz.hostmem.fd) == VTR_OK);
	vtr_assert(vtr_os_shm_create("ram", RAM_SIZE, &fuzz.fds[FD_MEMORY]) == VTR_OK);
	vtr_assert(vtr_os_shm_map(fuzz.fds[FD_MEMORY], 0, RAM_SIZE, true, &map) == VTR_OK);
	fuzz.memory = map;
	fuzz.fds[FD_WINDOW] = fuzz.hostmem.fd;
	fuzz.fds[FD_EVENT] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	vtr_assert(pipe(pipe_fds) == 0);
	vtr_close(&pipe_fds[1]);
	fuzz.fds[FD_PIPE] = pipe_fds[0];
	snprintf(fuzz.path, sizeof(fuzz.path), "/tmp/vitrine-fuzz-%d", (int)getpid());
	vtr_assert(vtr_os_sock_listen(fuzz.path, 0600, 2, &fuzz.params.listen_fd) == VTR_OK);
	atexit(remove_socket);
	vtr_assert(vtr_os_loop_create(&fuzz.loop) == VTR_OK);
	vtr_assert(vtr_os_loop_add_timer(fuzz.loop, on_timer, NULL, &fuzz.timer) == VTR_OK);
	fuzz.params.loop = fuzz.loop;
	fuzz.params.device = &device;
}

/* Connections that the server has not taken must not wait for the next one. */
static void refuse_rest(void)
{
	int fd;

	while (vtr_os_sock_accept(fuzz.params.listen_fd, &fd) == VTR_OK) {
		vtr_close(&fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vtr_os_loop_fd *watch;

	if (fuzz.loop == NULL) {
		init();
	}
	if (size > MAX_INPUT) {
		return 0;
	}
	fill_memory();
	open_back();
	fuzz.data = data;
	fuzz.size = size;
	fuzz.pieces = 0;
	fuzz.turns = 0;
	fuzz.sleeps = false;
	vtr_assert(vtr_vhost_user_create(&fuzz.params, &fuzz.server) == VTR_OK);
	vtr_assert(vtr_os_sock_connect(fuzz.path, &fuzz.front) == VTR_OK);
	vtr_assert(vtr_os_loop_add_fd(fuzz.loop, fuzz.front, false, false, on_front, fuzz.loop, &watch) ==
	           VTR_OK);
	vtr_os_loop_timer_set(fuzz.timer, 0);
	vtr_assert(vtr_os_loop_run(fuzz.loop) == VTR_OK);
	vtr_os_loop_timer_set(fuzz.timer, -1);
	vtr_os_loop_remove(&watch);
	vtr_close(&fuzz.front);
	vtr_vhost_user_destroy(fuzz.server);
	refuse_rest();
	close_back();
	drop();
	return 0;
}

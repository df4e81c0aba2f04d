/* SPDX-License-Identifier: MIT */
/* Runs `vitrine gpu` and QEMU, and reads the guest's serial console. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/demo.h"
#include "cmd/demo_say.h"
#include "cmd/vtest_server.h"
#include "platform/inet.h"
#include "platform/loop.h"
#include "platform/pipe.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/thread.h"

#define FIRST_PORT 8765
#define PORTS 32
#define LINE_SIZE 512
#define KEPT_LINES 16 /* printed when the guest ends without a frame */
#define QEMU_END_MS 5000
#define MAX_ARGS 96
#define PATH_SIZE 64 /* of a socket */
#define LINK_SIZE 256
#define CHARDEV_SIZE 128
#define SECOND_NS 1000000000LL
#define RATE_MAX 1e6 /* more is not a rate, but a guest that sends what it likes */

/* Where `vitrine gpu` serves a device, and what QEMU makes of it. */
static const struct vm_socket {
	const char *file;
	const char *device;
	const char *chardev; /* more of its options */
} sockets[] = {
	{ "gpu.sock",
	  "vhost-user-test-device-pci,chardev=gpu.sock,virtio-id=16,num_vqs=2,vq_size=256,config_size=24",
	  "" },
	{ "input.keyboard", "vhost-user-input-pci,chardev=input.keyboard", "" },
	{ "input.tablet", "vhost-user-input-pci,chardev=input.tablet", "" },
	{ "touch", "vhost-user-input-pci,chardev=touch", "" },
	{ "sound", "vhost-user-snd-pci,chardev=sound", "" },
	/* Its other end may restart, which ends the connection. */
	{ "agent", "virtserialport,chardev=agent,name=com.redhat.spice.0", ",reconnect-ms=1000" },
};

#define SOCKETS VTR_ARRAY_LEN(sockets)

struct vm;

/* What a process writes, read line by line. */
struct stream {
	struct vm *vm;
	void (*on_line)(struct vm *vm, char *line);
	int fd;
	struct vtr_os_loop_fd *watch;
	char line[LINE_SIZE];
	size_t length;
	bool used; /* it has had a line */
};

struct part {
	const char *name;
	pid_t pid; /* 0: not running */
	int death_fd;
	struct stream output;
	struct stream errors; /* not the terminal itself, where it would garble the line with the state */
};

/* Why the demo ends. */
enum end {
	END_SIGNAL,
	END_TIME,
	END_GUEST, /* it has shut down */
	END_ERROR, /* which was printed */
};

struct vm {
	const struct vtr_demo *demo;
	struct vtr_demo_say say;
	struct vtr_os_loop *loop;
	struct vtr_os_loop_timer *boot_timer; /* each second until there is a frame */
	int64_t boot_ns;                      /* when QEMU was started */
	struct part gpu;
	struct part qemu;
	char self[PATH_MAX];
	char qemu_path[PATH_MAX];
	struct vtr_demo_guest guest;
	char dir[32]; /* of the sockets */
	char http[64];
	char link[LINK_SIZE];
	const char *accel;
	char kept[KEPT_LINES][LINE_SIZE];
	size_t kept_count;
	bool frames; /* the guest has shown frames */
	enum end end;
};

/* --- processes ---------------------------------------------------------------------------------------- */

static void end_line(struct stream *stream)
{
	stream->line[stream->length] = '\0';
	stream->length = 0;
	stream->used = true;
	stream->on_line(stream->vm, stream->line);
}

static void take_data(struct stream *stream, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n' || stream->length == LINE_SIZE - 1) {
			end_line(stream);
		}
		if (data[i] != '\n' && data[i] != '\r') {
			stream->line[stream->length++] = data[i];
		}
	}
}

static void on_data(void *data, unsigned events)
{
	struct stream *stream = data;
	char buffer[4096];
	ssize_t n = read(stream->fd, buffer, sizeof(buffer));

	(void)events;
	if (n > 0) {
		take_data(stream, buffer, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		vtr_os_loop_remove(&stream->watch);
	}
}

/* Reads what a process has written before its end. Its own children may still hold the other end. */
static void read_rest(struct stream *stream)
{
	struct pollfd wait = { .fd = stream->fd, .events = POLLIN };

	while (stream->watch && poll(&wait, 1, 0) > 0) {
		on_data(stream, 0);
	}
	if (stream->length > 0) {
		end_line(stream);
	}
}

/* What to do about a part that ended by itself, if its own messages do not say it. */
static const char *advise(const struct vm *vm, const struct part *part, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		return ". Perhaps this machine has too little memory: the guest takes 2 GiB. End other "
		       "programs and try again";
	}
	if (part == &vm->gpu && WIFSIGNALED(status)) {
		return ". docs/debugging.md says how to find the cause";
	}
	if (part == &vm->gpu && part->errors.used) {
		return "";
	}
	return part == &vm->qemu && strcmp(vm->accel, "kvm") == 0 ?
	               ". If KVM is the cause, run 'vitrine demo --accel tcg'" :
	               ". Run 'vitrine doctor' to see whether this machine lacks something";
}

static void on_part_end(struct vm *vm, const struct part *part, int status)
{
	vtr_demo_say_no_state(&vm->say);
	if (part == &vm->qemu && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		vm->end = END_GUEST;
		return;
	}
	vm->end = END_ERROR;
	fprintf(stderr, "vitrine demo: %s ended unexpectedly (%s %d), so the demo ends. %s%s\n", part->name,
	        WIFSIGNALED(status) ? "signal" : "status",
	        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	        part->errors.used ? "Its messages are above" : "It gave no reason", advise(vm, part, status));
}

static void on_death(void *data, unsigned events)
{
	struct part *part = data;
	struct vm *vm = part->output.vm;
	int status;

	(void)events;
	if (vtr_os_wait(part->pid, &status) != VTR_OK) {
		return;
	}
	part->pid = 0;
	read_rest(&part->output);
	read_rest(&part->errors);
	on_part_end(vm, part, status);
	vtr_os_loop_quit(vm->loop);
}

/* Begins to read from a pipe. Returns: its other end, or -1. */
static int open_stream(struct stream *stream)
{
	int fds[2];

	if (vtr_os_pipe(true, fds) != VTR_OK) {
		return -1;
	}
	stream->fd = fds[0];
	if (fcntl(stream->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    vtr_os_loop_add_fd(stream->vm->loop, stream->fd, true, false, on_data, stream, &stream->watch) !=
	            VTR_OK) {
		close(fds[1]);
		return -1;
	}
	return fds[1];
}

static enum vtr_err start(struct part *part, const char *path, const char **argv)
{
	vtr_autofd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	vtr_autofd int output_fd = open_stream(&part->output);
	vtr_autofd int errors_fd = open_stream(&part->errors);

	if (null_fd < 0 || output_fd < 0 || errors_fd < 0) {
		return VTR_ERR_OS;
	}
	const struct vtr_os_spawn_fd child_fds[] = {
		{ .fd = null_fd, .as = STDIN_FILENO },
		{ .fd = output_fd, .as = STDOUT_FILENO },
		{ .fd = errors_fd, .as = STDERR_FILENO },
	};
	const struct vtr_os_spawn spawn = {
		.path = path,
		.argv = (char **)argv, /* exec() does not change it */
		.fds = child_fds,
		.fd_count = VTR_ARRAY_LEN(child_fds),
		.new_session = true, /* Ctrl-C is only for this process */
	};
	enum vtr_err err = vtr_os_spawn(&spawn, &part->pid, &part->death_fd);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine demo: cannot start %s: %s. The demo cannot run without it\n", path,
		        strerror(errno));
		return err;
	}
	return vtr_os_loop_add_fd(part->output.vm->loop, part->death_fd, true, false, on_death, part, NULL);
}

static void close_stream(struct stream *stream)
{
	vtr_os_loop_remove(&stream->watch);
	vtr_close(&stream->fd);
}

/* Asks a process to end with a signal; kills it if it does not. */
static void stop(struct part *part, int signo)
{
	if (part->pid != 0) {
		struct pollfd wait = { .fd = part->death_fd, .events = POLLIN };
		int status;
		kill(part->pid, signo);
		if (poll(&wait, 1, QEMU_END_MS) <= 0) {
			kill(part->pid, SIGKILL);
			poll(&wait, 1, -1);
		}
		if (vtr_os_wait(part->pid, &status) == VTR_OK) {
			part->pid = 0;
		}
	}
	read_rest(&part->errors);
	close_stream(&part->output);
	close_stream(&part->errors);
	vtr_close(&part->death_fd);
}

/* --- command lines ------------------------------------------------------------------------------------ */

static enum vtr_err start_gpu(struct vm *vm)
{
	/* --input stands for two sockets. */
	static const struct {
		const char *option;
		const char *file;
	} served[] = {
		{ "--socket", "gpu.sock" }, { "--input", "input" }, { "--touch", "touch" },
		{ "--sound", "sound" },     { "--agent", "agent" },
	};
	const struct vtr_demo *demo = vm->demo;
	char paths[VTR_ARRAY_LEN(served)][PATH_SIZE];
	const char *argv[MAX_ARGS];
	size_t count = 0;

	argv[count++] = vm->self;
	argv[count++] = "gpu";
	for (size_t i = 0; i < VTR_ARRAY_LEN(served); i++) {
		snprintf(paths[i], PATH_SIZE, "%s/%s", vm->dir, served[i].file);
		argv[count++] = served[i].option;
		argv[count++] = paths[i];
	}
	argv[count++] = "--http";
	argv[count++] = vm->http;
	for (size_t i = 0; i < demo->displays.count; i++) {
		argv[count++] = "--display";
		argv[count++] = demo->displays.items[i];
	}
	if (demo->window) {
		argv[count++] = "--window";
		argv[count++] = "--window-title";
		argv[count++] = "vitrine demo";
	}
	if (demo->record) {
		argv[count++] = "--record";
		argv[count++] = demo->record;
	}
	for (size_t i = 0; i < demo->tuning.count; i++) {
		argv[count++] = "-o";
		argv[count++] = demo->tuning.items[i];
	}
	argv[count++] = "--log";
	argv[count++] = "warn";
	argv[count] = NULL;
	vtr_assert(count < MAX_ARGS);
	return start(&vm->gpu, vm->self, argv);
}

/* Appends the devices that `vitrine gpu` serves; the texts are kept in chardevs. Returns: the new count. */
static size_t add_devices(const struct vm *vm, char chardevs[SOCKETS][CHARDEV_SIZE], const char **argv,
                          size_t count)
{
	argv[count++] = "-device";
	argv[count++] = "virtio-serial-pci";
	for (size_t i = 0; i < SOCKETS; i++) {
		snprintf(chardevs[i], CHARDEV_SIZE, "socket,id=%s,path=%s/%s%s", sockets[i].file, vm->dir,
		         sockets[i].file, sockets[i].chardev);
		argv[count++] = "-chardev";
		argv[count++] = chardevs[i];
		argv[count++] = "-device";
		argv[count++] = sockets[i].device;
	}
	return count;
}

/* Linux tries out its timer at boot. On a busy host an emulated one comes too late, and the kernel then sets up
 * interrupts in a way that does not work. */
#define KERNEL_OPTIONS "console=ttyS0 quiet panic=-1 no_timer_check -- "

static enum vtr_err start_qemu(struct vm *vm)
{
	const bool kvm = strcmp(vm->accel, "kvm") == 0;
	const bool disk = vm->guest.disk[0] != '\0';
	char chardevs[SOCKETS][CHARDEV_SIZE], memory[96];
	char append[96] = KERNEL_OPTIONS "disk";
	char drive[PATH_MAX + 64];

	if (!disk) {
		snprintf(append, sizeof(append), KERNEL_OPTIONS "cube --displays %zu",
		         vm->demo->displays.count > 0 ? vm->demo->displays.count : 1);
	}
	snprintf(memory, sizeof(memory), "%s,id=mem,size=2G,share=on", vtr_os_shm_qemu_object);
	/* Writes of the guest are discarded at the end. */
	snprintf(drive, sizeof(drive), "file=%s,if=virtio,format=raw,snapshot=on", vm->guest.disk);
	const char *argv[MAX_ARGS] = {
		vm->qemu_path,
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-serial",
		"stdio",
		"-accel",
		vm->accel,
		"-cpu",
		kvm ? "host" : "max",
		"-smp",
		kvm ? "2" : "1", /* emulated CPUs and software rendering take a host CPU each */
		"-m",
		"2G",
		"-object",
		memory,
		"-machine",
		"q35,memory-backend=mem",
		"-kernel",
		vm->guest.kernel,
		"-initrd",
		vm->guest.initramfs,
		"-append",
		append,
	};
	size_t count = 0;
	while (argv[count]) {
		count++;
	}
	count = add_devices(vm, chardevs, argv, count);
	if (disk) {
		argv[count++] = "-drive";
		argv[count++] = drive;
	}
	vtr_assert(count < MAX_ARGS);
	return start(&vm->qemu, vm->qemu_path, argv);
}

/* Checks for hardware virtualisation and the permission to use it. The device node is not enough: some clouds
 * have one that cannot run an ordinary kernel. */
static const char *choose_accel(void)
{
	char flags[16384];
	vtr_autofd int cpu_fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = cpu_fd >= 0 ? read(cpu_fd, flags, sizeof(flags) - 1) : -1;

	if (n <= 0 || access("/dev/kvm", R_OK | W_OK) < 0) {
		return "tcg";
	}
	flags[n] = '\0';
	return strstr(flags, " vmx ") || strstr(flags, " svm ") ? "kvm" : "tcg";
}

/* --- output lines ------------------------------------------------------------------------------------- */

static void on_error_line(struct vm *vm, char *line)
{
	vtr_demo_say_error(&vm->say, line);
}

/* Booting takes long enough to make one wonder, so the seconds are counted. */
static void on_boot_timer(void *data)
{
	struct vm *vm = data;

	vtr_demo_say_state(&vm->say, "The guest boots: %lld s",
	                   (long long)((vtr_os_now_ns() - vm->boot_ns) / SECOND_NS));
	vtr_os_loop_timer_set(vm->boot_timer, SECOND_NS);
}

static const char *how_long(const struct vm *vm)
{
	if (strcmp(vm->accel, "kvm") == 0) {
		return "The guest boots, which takes a few seconds";
	}
	return vm->guest.disk[0] != '\0' ? "The guest boots. Without KVM this takes a minute or more" :
	                                   "The guest boots. Without KVM this takes up to 2 minutes";
}

static void on_gpu_line(struct vm *vm, char *line)
{
	if (strncmp(line, "READY", 5) != 0 || vm->qemu.pid != 0) {
		return;
	}
	const char *link = strrchr(line, ' ');
	snprintf(vm->link, LINK_SIZE, "%s", link ? link + 1 : vm->http);
	vtr_demo_say(&vm->say, "Open this link in a browser%s. It shows the guest's display:\n\n    %s\n",
	             vm->demo->http ? "" : " on this machine", vm->link);
	vtr_demo_say(&vm->say, "%s. Ctrl-C ends the demo.", how_long(vm));
	if (start_qemu(vm) != VTR_OK) {
		vm->end = END_ERROR;
		vtr_os_loop_quit(vm->loop);
		return;
	}
	vm->boot_ns = vtr_os_now_ns();
	vtr_os_loop_timer_set(vm->boot_timer, SECOND_NS);
}

static void on_first_frame(struct vm *vm, const char *what)
{
	vm->frames = true;
	vtr_os_loop_timer_set(vm->boot_timer, -1);
	vtr_demo_say_no_state(&vm->say);
	vtr_demo_say(&vm->say, "%s, after %lld s. Open this link; Ctrl-C ends the demo:\n\n    %s\n", what,
	             (long long)((vtr_os_now_ns() - vm->boot_ns) / SECOND_NS), vm->link);
}

static void keep_line(struct vm *vm, const char *line)
{
	memmove(vm->kept[0], vm->kept[1], sizeof(vm->kept) - LINE_SIZE);
	snprintf(vm->kept[KEPT_LINES - 1], LINE_SIZE, "%s", line);
	vm->kept_count += vm->kept_count < KEPT_LINES;
}

/* The guest's programs print known lines; all others are kept for the case of an error. */
static void on_guest_line(struct vm *vm, char *line)
{
	static const char *const words[] = { "cube: ", "guest: ", "Kernel panic" };
	const char *known = NULL;
	double rate;

	keep_line(vm, line);
	for (size_t i = 0; i < VTR_ARRAY_LEN(words) && !known; i++) {
		known = strstr(line, words[i]);
	}
	if (!known) {
		return;
	}
	if (sscanf(known, "cube: %lf frames/s", &rate) == 1 && rate >= 0 && rate < RATE_MAX) {
		vtr_demo_say_rate(&vm->say, rate, vtr_os_now_ns());
		return;
	}
	for (char *c = line; *c;
	     c++) { /* a guest may send any bytes, also escape sequences for the terminal */
		*c = *c >= ' ' && *c < 0x7f ? *c : '?';
	}
	if (!vm->frames && strstr(known, "cube: first frame")) {
		on_first_frame(vm, "The first frame is here");
		return;
	}
	vtr_demo_say(&vm->say, "%s", known);
	if (!vm->frames && strstr(known, "guest: the desktop is up")) {
		on_first_frame(vm, "The guest's desktop is here");
	}
}

static void print_kept(const struct vm *vm)
{
	if (vm->kept_count == 0) {
		fprintf(stderr,
		        "vitrine demo: the guest has not shown a frame, and its console is empty. If this "
		        "machine is slow or busy, give it more time\n");
		return;
	}
	fprintf(stderr,
	        "vitrine demo: the guest has not shown a frame. The last lines of its console were:\n");
	for (size_t i = KEPT_LINES - vm->kept_count; i < KEPT_LINES; i++) {
		fprintf(stderr, "  ");
		for (const char *c = vm->kept[i]; *c; c++) {
			fputc(*c >= ' ' && *c < 0x7f ? *c : '?', stderr);
		}
		fputc('\n', stderr);
	}
}

/* --- the virtual machine ------------------------------------------------------------------------------ */

static bool port_is_free(uint16_t port)
{
	struct vtr_os_inet inet = { .address = { 127, 0, 0, 1 }, .port = port };
	vtr_autofd int fd = -1;

	return vtr_os_inet_listen(&inet, 1, &fd) == VTR_OK;
}

static enum vtr_err choose_http(struct vm *vm)
{
	if (vm->demo->http) {
		snprintf(vm->http, sizeof(vm->http), "%s", vm->demo->http);
		return VTR_OK;
	}
	for (unsigned port = FIRST_PORT; port < FIRST_PORT + PORTS; port++) {
		if (port_is_free((uint16_t)port)) {
			snprintf(vm->http, sizeof(vm->http), "127.0.0.1:%u", port);
			return VTR_OK;
		}
	}
	fprintf(stderr,
	        "vitrine demo: cannot serve the web page: ports %d to %d are all in use. Choose a "
	        "free port with --http 127.0.0.1:PORT\n",
	        FIRST_PORT, FIRST_PORT + PORTS - 1);
	return VTR_ERR_LIMIT;
}

static enum vtr_err prepare(struct vm *vm)
{
	const char *accel = vm->demo->accel;

	if (accel && strcmp(accel, "kvm") != 0 && strcmp(accel, "tcg") != 0) {
		fprintf(stderr, "vitrine demo: --accel has an unknown value. Give kvm or tcg\n");
		return VTR_ERR_ARG;
	}
	vm->accel = accel ? accel : choose_accel();
	enum vtr_err err = vtr_os_self_path(vm->self, sizeof(vm->self));
	if (err == VTR_OK) {
		err = vtr_demo_find_guest(vm->demo->guest, &vm->guest);
	}
	if (err == VTR_OK) {
		err = vtr_demo_find_qemu(vm->demo->qemu, vm->qemu_path, PATH_MAX);
	}
	if (err == VTR_OK) {
		err = choose_http(vm);
	}
	if (err != VTR_OK) {
		return err;
	}
	snprintf(vm->dir, sizeof(vm->dir), "/tmp/vitrine-XXXXXX");
	if (!mkdtemp(vm->dir)) {
		fprintf(stderr,
		        "vitrine demo: cannot make a folder for sockets in /tmp: %s. Free some space there, "
		        "or make it writable\n",
		        strerror(errno));
		vm->dir[0] = '\0';
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

static void on_time(void *data)
{
	struct vm *vm = data;

	vm->end = END_TIME;
	vtr_os_loop_quit(vm->loop);
}

static enum vtr_err run(struct vm *vm)
{
	struct vtr_os_loop_timer *timer;
	enum vtr_err err = vtr_os_loop_create(&vm->loop);

	if (err == VTR_OK) {
		err = vtr_cmd_quit_on_signals(vm->loop);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(vm->loop, on_time, vm, &timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(vm->loop, on_boot_timer, vm, &vm->boot_timer);
	}
	if (err == VTR_OK) {
		vtr_os_loop_timer_set(timer, vm->demo->exit_after ? vm->demo->exit_after * SECOND_NS : -1);
		err = start_gpu(vm);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_run(vm->loop);
	}
	return err;
}

/* The last line. Errors have had theirs. */
static void say_end(struct vm *vm)
{
	if (vm->end == END_GUEST) {
		vtr_demo_say(&vm->say, "The guest has shut down.");
	} else if (vm->end == END_TIME) {
		vtr_demo_say(&vm->say,
		             "The demo has ended after %u s, and the virtual machine is switched off.",
		             vm->demo->exit_after);
	} else if (vm->end == END_SIGNAL) {
		vtr_demo_say(&vm->say, "The demo has ended, and the virtual machine is switched off.");
	}
}

/* `vitrine gpu` removes its sockets, unless it was killed. */
static void remove_sockets(const struct vm *vm)
{
	for (size_t i = 0; i < SOCKETS; i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof(path), "%s/%s", vm->dir, sockets[i].file);
		unlink(path);
	}
	rmdir(vm->dir);
}

static void init_part(struct vm *vm, struct part *part, const char *name,
                      void (*on_line)(struct vm *vm, char *line))
{
	*part = (struct part){
		.name = name,
		.death_fd = -1,
		.output = { .vm = vm, .on_line = on_line, .fd = -1 },
		.errors = { .vm = vm, .on_line = on_error_line, .fd = -1 },
	};
}

int vtr_demo_vm(const struct vtr_demo *demo)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		fprintf(stderr, "vitrine demo: not enough memory. End other programs and try again\n");
		return 1;
	}
	vm->demo = demo;
	vtr_demo_say_init(&vm->say, stdout, stderr, isatty(STDOUT_FILENO));
	init_part(vm, &vm->gpu, "vitrine gpu", on_gpu_line);
	init_part(vm, &vm->qemu, "QEMU", on_guest_line);
	enum vtr_err err = prepare(vm);
	bool prepared = err == VTR_OK;
	if (prepared) {
		err = run(vm);
		vtr_demo_say_no_state(&vm->say);
		stop(&vm->qemu,
		     SIGKILL); /* it has no state to save, and would print messages on any other signal */
		stop(&vm->gpu, SIGTERM);
		vtr_os_loop_destroy(vm->loop);
		if (!vm->frames && (vm->kept_count > 0 || (err == VTR_OK && vm->end != END_ERROR))) {
			print_kept(vm);
		}
		if (err == VTR_OK) {
			say_end(vm);
		}
	}
	if (vm->dir[0] != '\0') {
		remove_sockets(vm);
	}
	int status = err == VTR_ERR_ARG                                  ? VTR_EXIT_USAGE :
	             err == VTR_OK && vm->end != END_ERROR && vm->frames ? 0 :
	                                                                   1;
	free(vm);
	return status;
}

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
#include "cmd/vtest_server.h"
#include "platform/inet.h"
#include "platform/loop.h"
#include "platform/pipe.h"
#include "platform/proc.h"
#include "platform/shm.h"

#define FIRST_PORT 8765
#define PORTS 32
#define LINE_SIZE 512
#define KEPT_LINES 16 /* printed when the guest ends without a frame */
#define QEMU_END_MS 5000
#define MAX_ARGS 96
#define PATH_SIZE 64 /* of a socket */
#define CHARDEV_SIZE 128
#define SECOND_NS 1000000000LL

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

/* A process whose output is read line by line. */
struct part {
	struct vm *vm;
	const char *name;
	void (*on_line)(struct vm *vm, char *line);
	pid_t pid; /* 0: not running */
	int death_fd;
	int output_fd;
	struct vtr_os_loop_fd *output_watch;
	char line[LINE_SIZE];
	size_t length;
};

struct vm {
	const struct vtr_demo *demo;
	struct vtr_os_loop *loop;
	struct part gpu;
	struct part qemu;
	char self[PATH_MAX];
	char qemu_path[PATH_MAX];
	struct vtr_demo_guest guest;
	char dir[32]; /* of the sockets */
	char http[64];
	const char *accel;
	char kept[KEPT_LINES][LINE_SIZE];
	size_t kept_count;
	bool frames;  /* the guest has shown frames */
	bool failed;
};

/* --- processes ---------------------------------------------------------------------------------------- */

static void take_output(struct part *part, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			part->line[part->length] = '\0';
			part->length = 0;
			part->on_line(part->vm, part->line);
		} else if (data[i] != '\r' && part->length < LINE_SIZE - 1) {
			part->line[part->length++] = data[i];
		}
	}
}

static void on_output(void *data, unsigned events)
{
	struct part *part = data;
	char buffer[4096];
	ssize_t n = read(part->output_fd, buffer, sizeof(buffer));

	(void)events;
	if (n > 0) {
		take_output(part, buffer, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		vtr_os_loop_remove(&part->output_watch);
	}
}

static void on_death(void *data, unsigned events)
{
	struct part *part = data;
	struct vm *vm = part->vm;
	int status;

	(void)events;
	if (vtr_os_wait(part->pid, &status) != VTR_OK) {
		return;
	}
	part->pid = 0;
	if (part->output_watch) {
		on_output(part, 0); /* the rest of its output */
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || part == &vm->gpu) {
		vm->failed = true;
		fprintf(stderr,
		        "vitrine demo: %s ended unexpectedly (%s %d), so the demo ends. Its own messages are "
		        "above\n",
		        part->name, WIFSIGNALED(status) ? "signal" : "status",
		        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	vtr_os_loop_quit(vm->loop);
}

static enum vtr_err start(struct part *part, const char *path, const char **argv)
{
	vtr_autofd int read_fd = -1;
	vtr_autofd int write_fd = -1;
	vtr_autofd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2];

	if (null_fd < 0 || vtr_os_pipe(true, fds) != VTR_OK) {
		return VTR_ERR_OS;
	}
	read_fd = fds[0];
	write_fd = fds[1];
	const struct vtr_os_spawn_fd child_fds[] = {
		{ .fd = null_fd, .as = STDIN_FILENO },
		{ .fd = write_fd, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
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
	part->output_fd = vtr_take_fd(&read_fd);
	if (fcntl(part->output_fd, F_SETFL, O_NONBLOCK) < 0) {
		return VTR_ERR_OS;
	}
	err = vtr_os_loop_add_fd(part->vm->loop, part->output_fd, true, false, on_output, part,
	                         &part->output_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(part->vm->loop, part->death_fd, true, false, on_death, part, NULL);
	}
	return err;
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
	vtr_close(&part->death_fd);
	vtr_close(&part->output_fd);
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

static void on_gpu_line(struct vm *vm, char *line)
{
	if (strncmp(line, "READY", 5) == 0 && vm->qemu.pid == 0) {
		const char *link = strrchr(line, ' ');
		printf("vitrine demo: the guest's display: %s\nvitrine demo: booting (%s)\n",
		       link ? link + 1 : vm->http, vm->accel);
		fflush(stdout);
		if (start_qemu(vm) != VTR_OK) {
			vm->failed = true;
			vtr_os_loop_quit(vm->loop);
		}
	}
}

/* The guest's programs print known lines; all others are kept for the case of an error. */
static void on_guest_line(struct vm *vm, char *line)
{
	memmove(vm->kept[0], vm->kept[1], sizeof(vm->kept) - LINE_SIZE);
	snprintf(vm->kept[KEPT_LINES - 1], LINE_SIZE, "%s", line);
	vm->kept_count += vm->kept_count < KEPT_LINES;
	vm->frames |= strstr(line, "cube: first frame") || strstr(line, "guest: the desktop is up");
	const char *known = strstr(line, "cube: ");
	if (!known) {
		known = strstr(line, "guest: ");
	}
	if (known) {
		for (char *c = line; *c;
		     c++) { /* a guest may send any bytes, also escape sequences for the terminal */
			*c = *c >= ' ' && *c < 0x7f ? *c : '?';
		}
		printf("%s\n", known);
		fflush(stdout);
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
		vtr_os_loop_timer_set(timer, vm->demo->exit_after ? vm->demo->exit_after * SECOND_NS : -1);
		err = start_gpu(vm);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_run(vm->loop);
	}
	return err;
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

int vtr_demo_vm(const struct vtr_demo *demo)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		fprintf(stderr, "vitrine demo: not enough memory. End other programs and try again\n");
		return 1;
	}
	vm->demo = demo;
	vm->gpu = (struct part){
		.vm = vm, .name = "vitrine gpu", .on_line = on_gpu_line, .death_fd = -1, .output_fd = -1
	};
	vm->qemu = (struct part){
		.vm = vm, .name = "QEMU", .on_line = on_guest_line, .death_fd = -1, .output_fd = -1
	};
	enum vtr_err err = prepare(vm);
	bool prepared = err == VTR_OK;
	if (prepared) {
		err = run(vm);
		stop(&vm->qemu,
		     SIGKILL); /* it has no state to save, and would print messages on any other signal */
		stop(&vm->gpu, SIGTERM);
		vtr_os_loop_destroy(vm->loop);
		if (!vm->frames && (vm->kept_count > 0 || (err == VTR_OK && !vm->failed))) {
			print_kept(vm);
		}
	}
	if (vm->dir[0] != '\0') {
		remove_sockets(vm);
	}
	int status = err == VTR_ERR_ARG ? VTR_EXIT_USAGE : err == VTR_OK && !vm->failed && vm->frames ? 0 : 1;
	free(vm);
	return status;
}

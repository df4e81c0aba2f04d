/* SPDX-License-Identifier: MIT */
/*
 * Prints what the guest's keyboards, mice and tablets say, a line for each event:
 *
 *   events: Vitrine keyboard: KEY 30 1
 *
 * Events without a code of interest (synchronisation) are left out, "dropped" ones are not. Ends at a key
 * that is given, when that is let go of; turns a light on before if asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_DEVICES 16
#define MAX_CODES 0x300

struct device {
	char name[80];
	bool lights;
	bool repeats;
};

static struct device devices[MAX_DEVICES];
static struct pollfd polls[MAX_DEVICES];
static nfds_t device_count;
static int last_key = -1;

static int count_bits(int fd, unsigned type)
{
	unsigned char bits[MAX_CODES / 8] = { 0 };
	int count = 0;

	if (ioctl(fd, EVIOCGBIT(type, sizeof(bits)), bits) < 0) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(bits); i++) {
		count += __builtin_popcount(bits[i]);
	}
	return count;
}

static void describe(const struct device *device, int fd)
{
	struct input_absinfo range = { 0 };
	struct input_id id = { 0 };
	unsigned char properties[INPUT_PROP_CNT / 8 + 1] = { 0 };

	ioctl(fd, EVIOCGID, &id);
	ioctl(fd, EVIOCGABS(ABS_X), &range);
	ioctl(fd, EVIOCGPROP(sizeof(properties)), properties);
	printf("events: %s: bus %x id %04x:%04x keys %d axes %d range %d..%d wheels %d lights %d repeats %d "
	       "properties %x\n",
	       device->name, id.bustype, id.vendor, id.product, count_bits(fd, EV_KEY),
	       count_bits(fd, EV_ABS), range.minimum, range.maximum, count_bits(fd, EV_REL),
	       count_bits(fd, EV_LED), device->repeats, properties[0]);
}

static bool has_type(int fd, unsigned type)
{
	unsigned char types[EV_CNT / 8] = { 0 };

	return ioctl(fd, EVIOCGBIT(0, sizeof(types)), types) >= 0 && (types[type / 8] >> type % 8 & 1) != 0;
}

static void open_devices(void)
{
	for (int i = 0; device_count < MAX_DEVICES && i < 32; i++) {
		struct device *device = &devices[device_count];
		char path[32];
		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) {
			continue;
		}
		if (ioctl(fd, EVIOCGNAME(sizeof(device->name) - 1), device->name) < 0) {
			snprintf(device->name, sizeof(device->name), "%s", path);
		}
		device->lights = has_type(fd, EV_LED);
		device->repeats = has_type(fd, EV_REP);
		describe(device, fd);
		polls[device_count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}

/* On all devices that have lights. */
static void set_light(int light, bool on)
{
	const struct input_event events[2] = {
		{ .type = EV_LED, .code = (unsigned short)light, .value = on },
		{ .type = EV_SYN },
	};

	for (nfds_t i = 0; i < device_count; i++) {
		if (devices[i].lights && write(polls[i].fd, events, sizeof(events)) < 0) {
			printf("events: %s: %s\n", devices[i].name, strerror(errno));
		}
	}
}

/* Returns: whether it was the last one. */
static bool print_event(const struct device *device, const struct input_event *event)
{
	static const char *const names[EV_CNT] = {
		[EV_KEY] = "KEY",
		[EV_REL] = "REL",
		[EV_ABS] = "ABS",
		[EV_LED] = "LED",
	};

	if (event->type == EV_SYN && event->code == SYN_DROPPED) {
		printf("events: %s: DROPPED\n", device->name);
	} else if (event->type < EV_CNT && names[event->type]) {
		printf("events: %s: %s %d %d\n", device->name, names[event->type], event->code, event->value);
	}
	return event->type == EV_KEY && event->code == last_key && event->value == 0;
}

/* Returns: whether the last event came. */
static bool read_events(nfds_t i)
{
	struct input_event events[64];
	ssize_t size = read(polls[i].fd, events, sizeof(events));

	if (size <= 0 && errno != EAGAIN) {
		printf("events: %s: gone\n", devices[i].name);
		polls[i].fd = -1;
	}
	for (ssize_t at = 0; at < size / (ssize_t)sizeof(events[0]); at++) {
		if (print_event(&devices[i], &events[at])) {
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	bool done = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_devices();
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--until") == 0) {
			last_key = (int)strtol(argv[i + 1], NULL, 10);
		} else if (strcmp(argv[i], "--light") == 0) {
			set_light((int)strtol(argv[i + 1], NULL, 10), true);
		}
	}
	printf("events: %d devices, listening\n", (int)device_count);
	while (!done && device_count > 0 && poll(polls, device_count, -1) > 0) {
		for (nfds_t i = 0; !done && i < device_count; i++) {
			done = polls[i].revents != 0 && read_events(i);
		}
	}
	return done ? 0 : 1;
}

/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "virtio-input"
#include "virtio/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "virtio/input_protocol.h"
#include "virtio/input_report.h"

/* Limits a turn of the loop, so that other events are handled however fast a guest is. */
#define BUFFERS_PER_TURN 256
/* When to try again after the host ran out of memory. */
#define NO_MEMORY_NS INT64_C(10000000)
#define NOTCH 120
#define CODE_WORDS ((VTR_INPUT_MAX_CODE + 64) / 64)

_Static_assert(VTR_INPUT_MAX_PLACE >> 1 == AXIS_MAX, "places are halved");
_Static_assert(VTR_LIGHT_NUM == 1 << 0 && VTR_LIGHT_CAPS == 1 << 1 && VTR_LIGHT_SCROLL == 1 << 2,
               "a light's bit is that of its code");

struct vtr_virtio_input {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	enum vtr_virtio_input_kind kind;
	uint32_t number;
	void (*on_lights)(void *data, uint32_t lights);
	void *on_lights_data;
	struct vtr_virtio_device device;
	uint8_t select, subsel; /* the part of the configuration that the guest has selected */

	struct vtr_queue *const *queues; /* NULL before the first start */
	bool running;
	struct vtr_os_loop_task pump_task;
	struct vtr_os_loop_timer *again_timer; /* set when one turn could not handle all buffers */

	/* Events that are not in a report yet; a ring. */
	struct vtr_input waiting[VTR_VIRTIO_INPUT_ROOM];
	size_t first, count;
	struct vtr_input_report report; /* the current one */
	size_t sent; /* of its events */

	/* The state of the device as the guest has seen it, or will by `report`. */
	uint64_t down[CODE_WORDS];      /* keys and buttons, by their code */
	int32_t part_x, part_y;         /* remainders of wheel notches */
	struct vtr_input_contacts contacts;
	struct vtr_input_pad pad;
	uint32_t lights;                /* as set by the guest */
};

/* --- the configuration --------------------------------------------------------------------------------- */

static void read_config(void *data, uint32_t offset, void *buf, uint32_t size)
{
	const struct vtr_virtio_input *input = data;
	struct input_config config;

	memset(&config, 0, sizeof(config));
	config.select = input->select;
	config.subsel = input->subsel;
	vtr_input_describe(input->kind, input->number, &config);
	memset(buf, 0, size);
	if (offset < sizeof(config)) {
		memcpy(buf, (const uint8_t *)&config + offset, vtr_min(size, sizeof(config) - offset));
	}
}

/* QEMU writes the whole space for each byte that the guest writes, so most of it is only what was read
 * before. */
static void write_config(void *data, uint32_t offset, const void *buf, uint32_t size)
{
	struct vtr_virtio_input *input = data;
	const uint8_t *bytes = buf;

	if (offset == 0 && size > 0) {
		input->select = bytes[0];
	}
	if (offset <= 1 && size > 1 - offset) {
		input->subsel = bytes[1 - offset];
	}
}

/* --- reports ------------------------------------------------------------------------------------------- */

static bool is_down(const struct vtr_virtio_input *input, uint32_t code)
{
	return (input->down[code / 64] >> code % 64 & 1) != 0;
}

static void add(struct vtr_virtio_input *input, uint16_t type, uint16_t code, int32_t value)
{
	vtr_input_report_add(&input->report, type, code, value);
}

static void report_key(struct vtr_virtio_input *input, uint32_t code, bool down)
{
	uint64_t bit = UINT64_C(1) << code % 64;

	/* Drops repeats: browsers repeat keys too, and guests repeat keys on their own. */
	if (is_down(input, code) != down) {
		add(input, EVENT_KEY, (uint16_t)code, down);
		input->down[code / 64] ^= bit;
	}
}

/* One axis of the wheel: the exact distance, and its whole notches for drivers that support no more. */
static void report_wheel(struct vtr_virtio_input *input, int32_t turn, int32_t *part, uint16_t code,
                         uint16_t fine_code)
{
	if (turn == 0) {
		return;
	}
	if ((turn < 0) != (*part < 0)) {
		*part = 0; /* turning back starts a new notch */
	}
	/* `turn` can be as large as its type allows, see merge(). */
	const int64_t sum = (int64_t)*part + turn;
	*part = (int32_t)(sum % NOTCH);
	add(input, EVENT_REL, fine_code, turn);
	if (sum / NOTCH != 0) {
		add(input, EVENT_REL, code, (int32_t)(sum / NOTCH));
	}
}

/* Releases as much as fits into the report. Returns: whether that was all. */
static bool report_release(struct vtr_virtio_input *input)
{
	vtr_input_contacts_release(&input->contacts, &input->report);
	vtr_input_pad_report(&input->pad, &(struct vtr_input){ .kind = VTR_INPUT_PAD }, &input->report);
	for (uint32_t code = 0; code <= VTR_INPUT_MAX_CODE; code++) {
		if (is_down(input, code)) {
			if (input->report.size == VTR_INPUT_REPORT_MAX - 1) {
				return false;
			}
			report_key(input, code, false);
		}
	}
	return true;
}

/* Makes a report from waiting events. Returns: false if there are none. */
static bool next_report(struct vtr_virtio_input *input)
{
	input->report.size = 0;
	input->sent = 0;
	while (input->count > 0 && input->report.size == 0) {
		const struct vtr_input *event = &input->waiting[input->first];
		bool is_done = true;

		switch (event->kind) {
		case VTR_INPUT_KEY:
			report_key(input, event->code, event->down);
			break;
		case VTR_INPUT_MOTION:
			add(input, EVENT_ABS, AXIS_X, (int32_t)(event->x >> 1));
			add(input, EVENT_ABS, AXIS_Y, (int32_t)(event->y >> 1));
			break;
		case VTR_INPUT_WHEEL:
			report_wheel(input, event->wheel_x, &input->part_x, REL_SIDEWAYS, REL_SIDEWAYS_FINE);
			report_wheel(input, event->wheel_y, &input->part_y, REL_UP, REL_UP_FINE);
			break;
		case VTR_INPUT_TOUCH:
			vtr_input_contacts_report(&input->contacts, event, &input->report);
			break;
		case VTR_INPUT_PAD:
			vtr_input_pad_report(&input->pad, event, &input->report);
			break;
		case VTR_INPUT_RELEASE:
			is_done = report_release(input);
			break;
		}
		if (is_done) {
			input->first = (input->first + 1) % VTR_VIRTIO_INPUT_ROOM;
			input->count--;
		}
	}
	if (input->report.size > 0) {
		add(input, EVENT_SYN, 0, 0);
	}
	return input->report.size > 0;
}

/* --- queues -------------------------------------------------------------------------------------------- */

/* Sends one event of the report. Returns: like vtr_queue_pop(). */
static enum vtr_err send_event(struct vtr_virtio_input *input)
{
	struct vtr_queue *queue = input->queues[INPUT_QUEUE_EVENTS];
	const struct input_event *event = &input->report.events[input->sent];
	struct vtr_queue_request *request;
	enum vtr_err err = vtr_queue_pop(queue, &request);

	if (err != VTR_OK) {
		return err;
	}
	if (request->in_size >= sizeof(*event)) {
		vtr_queue_push(queue, request, vtr_queue_write(queue, request, event, sizeof(*event)));
		input->sent++;
	} else {
		/* A buffer without room is returned empty. */
		vtr_queue_push(queue, request, 0);
	}
	return VTR_OK;
}

static void set_lights(struct vtr_virtio_input *input, uint32_t lights)
{
	if (input->lights != lights) {
		input->lights = lights;
		if (input->on_lights) {
			input->on_lights(input->on_lights_data, lights);
		}
	}
}

/* Takes the lights from a status buffer; other events that drivers send are ignored. */
static void take_status(struct vtr_virtio_input *input, const struct vtr_queue_request *request)
{
	struct input_event event;

	if (request->out_size < sizeof(event)) {
		return;
	}
	memcpy(&event, request->out, sizeof(event));
	if (input->kind == VTR_VIRTIO_KEYBOARD && event.type == EVENT_LED && event.code < LED_COUNT) {
		uint32_t bit = 1u << event.code;
		set_lights(input, event.value != 0 ? input->lights | bit : input->lights & ~bit);
	}
}

static enum vtr_err receive_status(struct vtr_virtio_input *input)
{
	struct vtr_queue *queue = input->queues[INPUT_QUEUE_STATUS];
	struct vtr_queue_request *request;
	enum vtr_err err = vtr_queue_pop(queue, &request);

	if (err == VTR_OK) {
		take_status(input, request);
		vtr_queue_push(queue, request, 0);
	}
	return err;
}

/* Processes both queues as far as possible. */
static void pump(void *data)
{
	struct vtr_virtio_input *input = data;
	enum vtr_err events_err = VTR_OK;
	enum vtr_err status_err = VTR_OK;
	int budget = BUFFERS_PER_TURN;

	if (!input->running) {
		return;
	}
	while (status_err == VTR_OK && budget-- > 0) {
		status_err = receive_status(input);
	}
	budget = BUFFERS_PER_TURN;
	while (events_err == VTR_OK && budget-- > 0) {
		if (input->sent == input->report.size && !next_report(input)) {
			events_err = VTR_ERR_AGAIN;
		} else {
			events_err = send_event(input);
		}
	}
	vtr_queue_notify(input->queues[INPUT_QUEUE_STATUS]);
	vtr_queue_notify(input->queues[INPUT_QUEUE_EVENTS]);
	if (status_err == VTR_ERR_NOMEM || events_err == VTR_ERR_NOMEM) {
		vtr_os_loop_timer_set(input->again_timer, NO_MEMORY_NS);
	} else if (status_err == VTR_OK || events_err == VTR_OK) {
		vtr_os_loop_timer_set(input->again_timer, 0);
	}
}

static void clear_waiting(struct vtr_virtio_input *input)
{
	input->first = 0;
	input->count = 0;
}

static void start(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset)
{
	struct vtr_virtio_input *input = data;

	(void)ram;
	input->queues = queues;
	input->running = true;
	if (reset) {
		clear_waiting(input);
		input->report.size = 0;
		input->sent = 0;
		memset(input->down, 0, sizeof(input->down));
		input->contacts = (struct vtr_input_contacts){ 0 };
		input->pad = (struct vtr_input_pad){ 0 };
		input->part_x = 0;
		input->part_y = 0;
		set_lights(input, 0);
	}
}

static void kick(void *data, uint32_t queue)
{
	struct vtr_virtio_input *input = data;

	(void)queue;
	vtr_os_loop_defer(input->loop, &input->pump_task);
}

static void put(struct vtr_virtio_input *input, const struct vtr_input *event)
{
	input->waiting[(input->first + input->count) % VTR_VIRTIO_INPUT_ROOM] = *event;
	input->count++;
}

static void put_release(struct vtr_virtio_input *input)
{
	clear_waiting(input);
	put(input, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
}

/* A user who pauses the VM may not release keys in it: no key stays down across a pause. */
static void stop(void *data)
{
	struct vtr_virtio_input *input = data;

	input->running = false;
	put_release(input);
}

static void ram_changed(void *data)
{
	(void)data; /* guest memory is looked up at each access */
}

/* --- input of users ------------------------------------------------------------------------------------ */

static bool concerns(const struct vtr_virtio_input *input, const struct vtr_input *event)
{
	switch (event->kind) {
	case VTR_INPUT_KEY:
		return (input->kind == VTR_VIRTIO_TABLET && event->code >= BUTTON_FIRST &&
		        event->code <= BUTTON_LAST) ||
		       (input->kind == VTR_VIRTIO_KEYBOARD && event->code >= KEY_FIRST &&
		        event->code <= KEY_LAST);
	case VTR_INPUT_MOTION:
	case VTR_INPUT_WHEEL:
		return input->kind == VTR_VIRTIO_TABLET;
	case VTR_INPUT_TOUCH:
		return input->kind == VTR_VIRTIO_TOUCH;
	case VTR_INPUT_PAD:
		return input->kind == VTR_VIRTIO_PAD && input->number == event->code;
	case VTR_INPUT_RELEASE:
		return true;
	}
	return false;
}

/* Merges the next event into the last waiting one. Returns: whether that was possible. */
static bool merge(struct vtr_virtio_input *input, const struct vtr_input *next)
{
	struct vtr_input *last = &input->waiting[(input->first + input->count - 1) % VTR_VIRTIO_INPUT_ROOM];
	int32_t x, y;

	if (input->count == 0 || last->kind != next->kind) {
		return false;
	}
	switch (next->kind) {
	case VTR_INPUT_MOTION:
		*last = *next;
		return true;
	case VTR_INPUT_WHEEL:
		if (__builtin_add_overflow(last->wheel_x, next->wheel_x, &x) ||
		    __builtin_add_overflow(last->wheel_y, next->wheel_y, &y)) {
			return false;
		}
		last->wheel_x = x;
		last->wheel_y = y;
		return true;
	case VTR_INPUT_TOUCH:
	case VTR_INPUT_PAD:
		if (!vtr_input_replaces(last, next)) {
			return false;
		}
		*last = *next;
		return true;
	default:
		return next->kind == VTR_INPUT_RELEASE;
	}
}

void vtr_virtio_input_take(struct vtr_virtio_input *input, const struct vtr_input *event)
{
	if (!input->running || !concerns(input, event)) {
		return;
	}
	if (!merge(input, event)) {
		if (input->count == VTR_VIRTIO_INPUT_ROOM) {
			vtr_warn_limited(input->log, "the guest takes no input: some is lost");
			put_release(input);
		} else {
			put(input, event);
		}
	}
	vtr_os_loop_defer(input->loop, &input->pump_task);
}

/* --- making and ending it ------------------------------------------------------------------------------ */

enum vtr_err vtr_virtio_input_create(const struct vtr_virtio_input_params *params,
                                     struct vtr_virtio_input **out_input)
{
	static const char *const names[] = {
		[VTR_VIRTIO_KEYBOARD] = "keyboard",
		[VTR_VIRTIO_TABLET] = "tablet",
		[VTR_VIRTIO_TOUCH] = "touch screen",
		[VTR_VIRTIO_PAD] = "game pad",
	};
	struct vtr_virtio_input *input = calloc(1, sizeof(*input));

	if (!input) {
		return VTR_ERR_NOMEM;
	}
	input->log = params->log;
	input->loop = params->loop;
	input->kind = params->kind;
	input->number = params->number;
	input->on_lights = params->lights;
	input->on_lights_data = params->data;
	input->device = (struct vtr_virtio_device){
		.name = names[input->kind],
		.data = input,
		.queue_count = INPUT_QUEUE_COUNT,
		.read_config = read_config,
		.write_config = write_config,
		.start = start,
		.kick = kick,
		.ram_changed = ram_changed,
		.stop = stop,
	};
	vtr_os_loop_task_init(&input->pump_task, pump, input);
	enum vtr_err err = vtr_os_loop_add_timer(input->loop, pump, input, &input->again_timer);
	if (err != VTR_OK) {
		free(input);
		return err;
	}
	*out_input = input;
	return VTR_OK;
}

void vtr_virtio_input_destroy(struct vtr_virtio_input *input)
{
	if (!input) {
		return;
	}
	vtr_os_loop_task_cancel(&input->pump_task);
	vtr_os_loop_timer_destroy(input->again_timer);
	free(input);
}

const struct vtr_virtio_device *vtr_virtio_input_device(struct vtr_virtio_input *input)
{
	return &input->device;
}

/* SPDX-License-Identifier: MIT */
#include "sound_driver.h"

#include "base/mem.h"
#include "driver_queues.h"
#include "platform/loop.h"
#include "test.h"

#define RAM_SIZE ((uint64_t)32 << 20)
/* The memory of a slot: an indirect table, what the device reads, and what it writes. */
#define SLOT_AT(queue, slot) (0x100000u + ((queue) * DRIVER_QUEUE_SIZE + (slot)) * 0x10000u)
#define OUT_AT 0x100u
#define IN_AT 0x8000u
#define TIMERS 4

struct slot {
	bool used;
	bool answered;
	uint32_t written;
	uint32_t out, in;
	int64_t answered_ns;
};

struct vtr_os_loop_timer {
	vtr_os_loop_fn fn;
	void *data;
	int64_t at_ns; /* INT64_MAX: not set */
};

static struct driver_queues queues;
static struct slot slots[SOUND_QUEUE_COUNT][DRIVER_QUEUE_SIZE];
static struct vtr_os_loop_timer timers[TIMERS];
static size_t timer_count;
static struct vtr_os_loop_task *task;
struct vtr_virtio_sound *driver_sound;
const struct vtr_virtio_device *driver_device;
struct vtr_sound_page driver_page;
int64_t driver_now_ns;
uint64_t driver_turns;
void (*driver_wake)(void);
uint8_t driver_answer[DRIVER_ROOM];
size_t driver_answer_size;

/* --- time --------------------------------------------------------------------------------------------- */

int64_t __wrap_vtr_os_now_ns(void);
enum vtr_err __wrap_vtr_os_loop_add_timer(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data,
                                          struct vtr_os_loop_timer **out_timer);
void __wrap_vtr_os_loop_timer_set(struct vtr_os_loop_timer *timer, int64_t after_ns);
void __wrap_vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer);
void __wrap_vtr_os_loop_defer(struct vtr_os_loop *loop, struct vtr_os_loop_task *deferred);

int64_t __wrap_vtr_os_now_ns(void)
{
	return driver_now_ns;
}

enum vtr_err __wrap_vtr_os_loop_add_timer(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data,
                                          struct vtr_os_loop_timer **out_timer)
{
	(void)loop;
	CHECK(timer_count < TIMERS);
	timers[timer_count] = (struct vtr_os_loop_timer){ fn, data, INT64_MAX };
	*out_timer = &timers[timer_count++];
	return VTR_OK;
}

void __wrap_vtr_os_loop_timer_set(struct vtr_os_loop_timer *timer, int64_t after_ns)
{
	timer->at_ns = after_ns < 0 ? INT64_MAX : driver_now_ns + after_ns;
}

void __wrap_vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer)
{
	timer->at_ns = INT64_MAX;
}

void __wrap_vtr_os_loop_defer(struct vtr_os_loop *loop, struct vtr_os_loop_task *deferred)
{
	(void)loop;
	task = deferred;
}

static void collect(void);

void driver_turn(void)
{
	while (task) {
		struct vtr_os_loop_task *now = task;
		task = NULL;
		driver_turns++;
		now->fn(now->data);
	}
	collect();
}

int64_t driver_next_ns(void)
{
	int64_t next_ns = INT64_MAX;

	for (size_t i = 0; i < timer_count; i++) {
		next_ns = timers[i].at_ns < next_ns ? timers[i].at_ns : next_ns;
	}
	return next_ns;
}

void driver_pass(int64_t ns)
{
	const int64_t end_ns = driver_now_ns + ns;

	driver_turn();
	while (driver_next_ns() <= end_ns) {
		driver_now_ns = driver_next_ns();
		for (size_t i = 0; i < timer_count; i++) {
			if (timers[i].at_ns <= driver_now_ns) {
				timers[i].at_ns = INT64_MAX;
				driver_turns++;
				timers[i].fn(timers[i].data);
			}
		}
		driver_turn();
	}
	driver_now_ns = end_ns;
}

/* --- queues ------------------------------------------------------------------------------------------- */

uint8_t *driver_out(uint32_t queue, uint16_t slot)
{
	return queues.memory + SLOT_AT(queue, slot) + OUT_AT;
}

uint8_t *driver_in(uint32_t queue, uint16_t slot)
{
	return queues.memory + SLOT_AT(queue, slot) + IN_AT;
}

static uint16_t find_slot(uint32_t queue)
{
	uint16_t slot = 0;

	while (slots[queue][slot].used && !slots[queue][slot].answered) {
		slot++;
		CHECK(slot < DRIVER_QUEUE_SIZE);
	}
	slots[queue][slot] = (struct slot){ .used = true };
	return slot;
}

bool driver_has_room(uint32_t queue)
{
	collect();
	for (size_t i = 0; i < DRIVER_QUEUE_SIZE; i++) {
		if (!slots[queue][i].used || slots[queue][i].answered) {
			return true;
		}
	}
	return false;
}

bool driver_waits(uint32_t stream)
{
	collect();
	for (uint32_t queue = SOUND_QUEUE_TX; queue <= SOUND_QUEUE_RX; queue++) {
		for (uint16_t i = 0; i < DRIVER_QUEUE_SIZE; i++) {
			const struct slot *slot = &slots[queue][i];
			uint32_t got;
			memcpy(&got, driver_out(queue, i), sizeof(got));
			if (slot->used && !slot->answered && slot->out >= sizeof(got) && got == stream) {
				return true;
			}
		}
	}
	return false;
}

uint16_t driver_put(uint32_t queue, uint32_t out, uint32_t in)
{
	const uint16_t slot = find_slot(queue);
	struct driver_desc *table = (void *)(queues.memory + SLOT_AT(queue, slot));
	uint32_t count = 0;

	slots[queue][slot].out = out;
	slots[queue][slot].in = in;
	/* In two pieces each, as Linux sends pages. */
	const struct driver_desc all[] = {
		{ SLOT_AT(queue, slot) + OUT_AT, out / 2, DRIVER_NEXT, 0 },
		{ SLOT_AT(queue, slot) + OUT_AT + out / 2, out - out / 2, DRIVER_NEXT, 0 },
		{ SLOT_AT(queue, slot) + IN_AT, in / 3, DRIVER_NEXT | DRIVER_WRITE, 0 },
		{ SLOT_AT(queue, slot) + IN_AT + in / 3, in - in / 3, DRIVER_NEXT | DRIVER_WRITE, 0 },
	};
	for (size_t i = 0; i < VTR_ARRAY_LEN(all); i++) {
		if (all[i].len > 0) {
			table[count] = all[i];
			table[count].next = (uint16_t)(count + 1);
			count++;
		}
	}
	CHECK(count > 0);
	table[count - 1].flags &= (uint16_t)~DRIVER_NEXT;
	driver_queues_offer(&queues, queue, slot, SLOT_AT(queue, slot), count * (uint32_t)sizeof(*table),
	                    DRIVER_INDIRECT);
	driver_device->kick(driver_device->data, queue);
	return slot;
}

/* Takes what was answered. */
static void collect(void)
{
	for (uint32_t i = 0; i < SOUND_QUEUE_COUNT; i++) {
		uint16_t number;
		uint32_t written;
		while (driver_queues_take(&queues, i, &number, &written)) {
			struct slot *slot = &slots[i][number];
			CHECK(slot->used && !slot->answered);
			slot->answered = true;
			slot->written = written;
			slot->answered_ns = driver_now_ns;
		}
	}
}

bool driver_is_answered(uint32_t queue, uint16_t slot)
{
	collect();
	return slots[queue][slot].answered;
}

uint32_t driver_written(uint32_t queue, uint16_t slot)
{
	CHECK(driver_is_answered(queue, slot));
	return slots[queue][slot].written;
}

uint32_t driver_status(uint32_t queue, uint16_t slot)
{
	uint32_t status;

	CHECK(driver_is_answered(queue, slot));
	memcpy(&status, driver_in(queue, slot) + slots[queue][slot].in - sizeof(struct sound_pcm_status),
	       sizeof(status));
	return status;
}

int64_t driver_answered_ns(uint32_t queue, uint16_t slot)
{
	CHECK(driver_is_answered(queue, slot));
	return slots[queue][slot].answered_ns;
}

/* --- what a driver says ------------------------------------------------------------------------------- */

uint32_t driver_request(const void *request, size_t size, size_t room)
{
	uint32_t code = 0;
	uint16_t slot = driver_put(SOUND_QUEUE_CONTROL, (uint32_t)size, (uint32_t)room);

	memcpy(driver_out(SOUND_QUEUE_CONTROL, slot), request, size);
	driver_turn();
	CHECK(driver_is_answered(SOUND_QUEUE_CONTROL, slot));
	const uint32_t written = driver_written(SOUND_QUEUE_CONTROL, slot);
	if (written >= sizeof(code)) {
		memcpy(&code, driver_in(SOUND_QUEUE_CONTROL, slot), sizeof(code));
		driver_answer_size = written - sizeof(code);
		memcpy(driver_answer, driver_in(SOUND_QUEUE_CONTROL, slot) + sizeof(code),
		       driver_answer_size);
	}
	return code;
}

uint32_t driver_control(uint32_t code, uint32_t stream)
{
	const struct sound_pcm_request request = { code, stream };

	return driver_request(&request, sizeof(request), sizeof(uint32_t));
}

uint32_t driver_set_params(uint32_t stream, uint32_t format, uint32_t rate, uint32_t channels,
                           uint32_t period_bytes)
{
	const struct sound_pcm_params params = {
		.head = { SOUND_PCM_SET_PARAMS, stream },
		.buffer_bytes = 4 * period_bytes,
		.period_bytes = period_bytes,
		.channels = (uint8_t)channels,
		.format = (uint8_t)format,
		.rate = (uint8_t)rate,
	};

	return driver_request(&params, sizeof(params), sizeof(uint32_t));
}

void driver_prepare(uint32_t stream, uint32_t format, uint32_t rate, uint32_t channels)
{
	CHECK_EQ(driver_set_params(stream, format, rate, channels, 4096), SOUND_OK);
	CHECK_EQ(driver_control(SOUND_PCM_PREPARE, stream), SOUND_OK);
}

uint16_t driver_play(uint32_t stream, const void *data, uint32_t size)
{
	CHECK(size <= DRIVER_ROOM);
	const uint16_t slot =
		driver_put(SOUND_QUEUE_TX, (uint32_t)sizeof(stream) + size, sizeof(struct sound_pcm_status));
	memcpy(driver_out(SOUND_QUEUE_TX, slot), &stream, sizeof(stream));
	memcpy(driver_out(SOUND_QUEUE_TX, slot) + sizeof(stream), data, size);
	return slot;
}

uint16_t driver_play_memory(uint32_t stream, uint32_t size, uint32_t count)
{
	const uint16_t slot = find_slot(SOUND_QUEUE_TX);
	const uint64_t at = SLOT_AT(SOUND_QUEUE_TX, slot);
	struct driver_desc *table = (void *)(queues.memory + at);
	uint16_t last = 0;

	CHECK(count * sizeof(*table) < IN_AT && size < RAM_SIZE);
	slots[SOUND_QUEUE_TX][slot].in = sizeof(struct sound_pcm_status);
	table[last++] = (struct driver_desc){ at + IN_AT, sizeof(stream), DRIVER_NEXT, 1 };
	memcpy(driver_in(SOUND_QUEUE_TX, slot), &stream, sizeof(stream));
	while (count-- > 0) {
		table[last] = (struct driver_desc){ 0, size, DRIVER_NEXT, (uint16_t)(last + 1) };
		last++;
	}
	table[last++] = (struct driver_desc){ at + IN_AT, sizeof(struct sound_pcm_status), DRIVER_WRITE, 0 };
	driver_queues_offer(&queues, SOUND_QUEUE_TX, slot, at, last * (uint32_t)sizeof(*table),
	                    DRIVER_INDIRECT);
	driver_device->kick(driver_device->data, SOUND_QUEUE_TX);
	return slot;
}

uint16_t driver_record(uint32_t stream, uint32_t size)
{
	CHECK(size <= DRIVER_ROOM);
	const uint16_t slot =
		driver_put(SOUND_QUEUE_RX, sizeof(stream), size + (uint32_t)sizeof(struct sound_pcm_status));
	memcpy(driver_out(SOUND_QUEUE_RX, slot), &stream, sizeof(stream));
	return slot;
}

/* --- begin and end ------------------------------------------------------------------------------------ */

void driver_start(bool reset)
{
	if (reset) {
		driver_queues_reset(&queues);
		memset(slots, 0, sizeof(slots));
	}
	driver_queues_start(&queues, reset);
	driver_turn();
}

void driver_stop(void)
{
	driver_queues_stop(&queues);
}

static void on_wake(void *data)
{
	CHECK(data == &driver_page);
	if (driver_wake) {
		driver_wake();
	}
}

void driver_begin(void)
{
	memset(&driver_page, 0, sizeof(driver_page));
	driver_now_ns = 1000 * SECOND;
	driver_wake = NULL;
	timer_count = 0;
	task = NULL;
	driver_queues_init(&queues, RAM_SIZE);
	const struct vtr_virtio_sound_params params = {
		.page = &driver_page,
		.wake = on_wake,
		.data = &driver_page,
	};
	CHECK_OK(vtr_virtio_sound_create(&params, &driver_sound));
	driver_device = vtr_virtio_sound_device(driver_sound);
	CHECK_EQ(driver_device->queue_count, SOUND_QUEUE_COUNT);
	driver_queues_set_device(&queues, driver_device, DRIVER_QUEUE_SIZE, true);
	driver_start(true);
}

void driver_end(void)
{
	driver_stop();
	vtr_virtio_sound_destroy(driver_sound);
	driver_queues_finish(&queues);
}

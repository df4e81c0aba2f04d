/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"

#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "test.h"
#include "virtio/queue_setup.h"

#define RAM_SIZE (DRIVER_DATA + DRIVER_DATA_SIZE)
#define USER_BASE ((uint64_t)0x7f0000000000)
#define RING_SIZE (2 * DRIVER_SLOTS)
#define RINGS_AT(queue) ((uint64_t)(queue) * 0x10000)
#define AVAIL_OFFSET 0x1000
#define USED_OFFSET 0x2000
#define SLOT_AT(slot) ((uint64_t)((slot) + 1) << 20)
#define ANSWER_OFFSET 0xff000

#define DESC_NEXT 1
#define DESC_WRITE 2

/* Their ids, and one that is not used. */
#define PICTURE_BUFFER 1
#define BUFFER_COUNT 3

#define MAX_OWED 256
#define MAX_LEAVING 256

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct slot {
	bool busy;
	bool done;
	uint32_t size;
};

struct buffer {
	int fd;
	uint8_t *map;
	uint64_t size;
};

struct owed {
	uint32_t ctx_id;
	uint32_t timeline;
	uint64_t id;
};

struct vtr_renderer {
	uint32_t ctx_id;
};

/* A renderer that will release a resource, or everything when it ends. */
struct leaving {
	uint32_t ctx_id;
	uint32_t res_id;
	struct vtr_renderer *renderer;
};

struct vtr_os_loop *driver_loop;
struct vtr_hostmem driver_window;
struct vtr_virtio_gpu *driver_gpu;
const struct vtr_virtio_device *driver_device;
enum vtr_err render_create_error;
enum vtr_err render_attach_error;
enum vtr_err render_submit_error;
enum vtr_err render_fence_error;
bool render_holds_on;
struct vtr_scanout screen_scanouts[VTR_MAX_DISPLAYS];
unsigned screen_touches[VTR_MAX_DISPLAYS];
struct vtr_cursor screen_cursor;
unsigned config_changes;

static struct vtr_ram ram;
static uint8_t *memory;
static struct vtr_queue *queues[GPU_QUEUE_COUNT];
static struct vtr_queue_setup setups[GPU_QUEUE_COUNT];
static uint16_t used_seen[GPU_QUEUE_COUNT];
static struct slot slots[DRIVER_SLOTS];
static int order[256];
static int order_count;
static int call_fd;
static struct vtr_os_loop_timer *stop_timer;
static struct vtr_os_loop_task stop_task;
static char said[1 << 16];
static size_t said_size;
static struct owed owed[MAX_OWED];
static size_t owed_count;
static struct leaving leaving[MAX_LEAVING];
static size_t leaving_count;
static struct vtr_os_loop_task leave_task;
static const struct vtr_renderer_events *render_events;
static void *render_events_data;
/* What the display host gets besides hostmem. */
static struct buffer buffers[BUFFER_COUNT];
static int fds_before;

/* --- notes --------------------------------------------------------------------------------------------- */

static void say(const char *fmt, ...) VTR_PRINTF(1, 2);

static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(said + said_size, sizeof(said) - said_size, fmt, args);
	va_end(args);
	CHECK(length > 0 && (size_t)length < sizeof(said) - said_size);
	said_size += (size_t)length;
}

const char *driver_said(void)
{
	static char text[sizeof(said)];

	memcpy(text, said, said_size);
	text[said_size] = '\0';
	said_size = 0;
	return text;
}

/* --- renderers ----------------------------------------------------------------------------------------- */

static enum vtr_err render_create(void *data, uint32_t ctx_id, const char *name,
                                  const struct vtr_renderer_events *events, void *events_data,
                                  struct vtr_renderer **out_renderer)
{
	CHECK(data == &owed_count);
	if (render_create_error != VTR_OK) {
		return render_create_error;
	}
	struct vtr_renderer *renderer = calloc(1, sizeof(*renderer));
	CHECK(renderer != NULL);
	renderer->ctx_id = ctx_id;
	render_events = events;
	render_events_data = events_data;
	*out_renderer = renderer;
	say("create %u %s\n", ctx_id, name);
	return VTR_OK;
}

static void forget_owed(size_t index)
{
	owed_count--;
	memmove(&owed[index], &owed[index + 1], (owed_count - index) * sizeof(owed[0]));
}

static void render_destroy(struct vtr_renderer *renderer)
{
	say("destroy %u\n", renderer->ctx_id);
	for (size_t i = owed_count; i-- > 0;) {
		if (owed[i].ctx_id == renderer->ctx_id) {
			forget_owed(i);
		}
	}
	CHECK(leaving_count < MAX_LEAVING);
	leaving[leaving_count++] = (struct leaving){ .renderer = renderer };
	if (!render_holds_on) {
		vtr_os_loop_defer(driver_loop, &leave_task);
	}
}

/* Renderers can write to all of a file that they get, so it must not be that of the displays' pictures. */
static bool is_picture_file(int fd)
{
	struct stat st;
	struct stat pictures;

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(fstat(buffers[PICTURE_BUFFER].fd, &pictures), 0);
	return st.st_dev == pictures.st_dev && st.st_ino == pictures.st_ino;
}

static enum vtr_err render_attach(struct vtr_renderer *renderer, uint32_t res_id,
                                  const struct vtr_renderer_memory *m)
{
	if (render_attach_error != VTR_OK) {
		return render_attach_error;
	}
	say("attach %u:%u", renderer->ctx_id, res_id);
	if (m->in_hostmem) {
		say(" hostmem 0x%" PRIx64, m->hostmem_offset);
		CHECK_EQ(m->piece_count, 0);
	}
	for (size_t i = 0; i < m->piece_count; i++) {
		struct vtr_ram_piece where;
		bool is_ram = vtr_ram_locate(&ram, 0, RAM_SIZE, &where) && m->pieces[i].fd == where.fd;
		CHECK(!is_picture_file(m->pieces[i].fd));
		say(" %s 0x%" PRIx64 "+0x%" PRIx64, is_ram ? "ram" : "other", m->pieces[i].offset,
		    m->pieces[i].size);
	}
	say(" = 0x%" PRIx64 "\n", m->size);
	return VTR_OK;
}

/* Releases at the loop's next turn, or by render_let_go(). */
static void render_detach(struct vtr_renderer *renderer, uint32_t res_id)
{
	say("detach %u:%u\n", renderer->ctx_id, res_id);
	CHECK(leaving_count < MAX_LEAVING);
	leaving[leaving_count++] = (struct leaving){ .ctx_id = renderer->ctx_id, .res_id = res_id };
	if (!render_holds_on) {
		vtr_os_loop_defer(driver_loop, &leave_task);
	}
}

static void let_go(void *data)
{
	struct leaving list[MAX_LEAVING];
	size_t count = leaving_count;

	(void)data;
	memcpy(list, leaving, sizeof(list));
	leaving_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (list[i].renderer) {
			render_events->ended(render_events_data, list[i].renderer);
			free(list[i].renderer);
		} else {
			render_events->detached(render_events_data, list[i].ctx_id, list[i].res_id);
		}
	}
}

void render_let_go(void)
{
	let_go(NULL);
}

static enum vtr_err render_submit(struct vtr_renderer *renderer, const void *commands, size_t size)
{
	uint32_t first = 0;

	if (render_submit_error != VTR_OK) {
		return render_submit_error;
	}
	memcpy(&first, commands, vtr_min(size, sizeof(first)));
	say("submit %u: %zu 0x%x\n", renderer->ctx_id, size, first);
	return VTR_OK;
}

static enum vtr_err render_fence(struct vtr_renderer *renderer, uint32_t timeline, uint64_t fence_id)
{
	if (render_fence_error != VTR_OK) {
		return render_fence_error;
	}
	if (owed_count == MAX_OWED) {
		forget_owed(0); /* only render_signal() can name it now */
	}
	owed[owed_count++] = (struct owed){ renderer->ctx_id, timeline, fence_id };
	say("fence %u/%u\n", renderer->ctx_id, timeline);
	return VTR_OK;
}

enum vtr_err render_signal(uint32_t ctx_id, uint32_t timeline, uint64_t id)
{
	return render_events->fence(render_events_data, ctx_id, timeline, id);
}

void render_finish(uint32_t ctx_id, uint32_t timeline)
{
	for (size_t i = 0; i < owed_count; i++) {
		if (owed[i].ctx_id == ctx_id && owed[i].timeline == timeline) {
			uint64_t id = owed[i].id;
			forget_owed(i);
			CHECK_OK(render_signal(ctx_id, timeline, id));
			return;
		}
	}
	CHECK(!"the renderer owes no such fence");
}

/* Its process lives on until it is destroyed. */
void render_die(uint32_t ctx_id)
{
	render_events->gone(render_events_data, ctx_id);
}

bool driver_has_renderers(void)
{
	return render_events != NULL;
}

static const struct vtr_renderer_ops render_ops = {
	.create = render_create,
	.destroy = render_destroy,
	.attach = render_attach,
	.detach = render_detach,
	.submit = render_submit,
	.fence = render_fence,
};

/* --- screen -------------------------------------------------------------------------------------------- */

static void screen_add_buffer(void *data, uint32_t buffer, const struct vtr_hostmem *added)
{
	void *map;

	CHECK(data == &buffers && buffer < BUFFER_COUNT);
	CHECK_EQ(buffers[buffer].fd, -1);
	CHECK_OK(vtr_os_shm_map(added->fd, 0, added->size, false, &map));
	buffers[buffer] = (struct buffer){ .fd = dup(added->fd), .map = map, .size = added->size };
}

static void screen_remove_buffer(void *data, uint32_t buffer)
{
	(void)data;
	CHECK(buffer < BUFFER_COUNT);
	vtr_os_shm_unmap(buffers[buffer].map, buffers[buffer].size);
	vtr_close(&buffers[buffer].fd);
}

static void screen_set_scanout(void *data, uint32_t display, const struct vtr_scanout *s)
{
	(void)data;
	if (s == NULL) {
		memset(&screen_scanouts[display], 0, sizeof(screen_scanouts[display]));
		say("dark %u\n", display);
		return;
	}
	screen_scanouts[display] = *s;
	uint64_t end = s->offset + (uint64_t)s->stride * (s->height - 1) + (uint64_t)s->width * 4;
	CHECK(s->in_hostmem || (s->buffer < BUFFER_COUNT && buffers[s->buffer].map));
	CHECK(end <= (s->in_hostmem ? driver_window.size : buffers[s->buffer].size));
	say("scanout %u %s %ux%u/%u format %d\n", display, s->in_hostmem ? "hostmem" : "image", s->width,
	    s->height, s->stride, (int)s->format);
}

const uint8_t *screen_pixel(uint32_t display, uint32_t x, uint32_t y)
{
	const struct vtr_scanout *s = &screen_scanouts[display];

	CHECK(x < s->width && y < s->height);
	return (s->in_hostmem ? driver_window.map : buffers[s->buffer].map) + s->offset +
	       (uint64_t)y * s->stride + (uint64_t)x * 4;
}

static void screen_touch(void *data, uint32_t display)
{
	(void)data;
	CHECK(screen_scanouts[display].width > 0);
	screen_touches[display]++;
}

static void screen_flush(void *data, uint32_t display, const struct vtr_rect *d)
{
	(void)data;
	CHECK(screen_scanouts[display].width > 0);
	CHECK(d->width > 0 && d->height > 0);
	CHECK(d->x + d->width <= screen_scanouts[display].width);
	CHECK(d->y + d->height <= screen_scanouts[display].height);
	say("flush %u %ux%u+%u+%u\n", display, d->width, d->height, d->x, d->y);
}

static void screen_set_cursor(void *data, uint32_t display, const struct vtr_cursor *cursor)
{
	(void)data;
	if (cursor == NULL) {
		say("no cursor %u\n", display);
		return;
	}
	screen_cursor = *cursor;
	say("cursor %u hot %u,%u\n", display, cursor->hot_x, cursor->hot_y);
}

static void screen_move_cursor(void *data, uint32_t display, int32_t x, int32_t y)
{
	(void)data;
	say("move %u %d,%d\n", display, x, y);
}

static void screen_set_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	(void)data;
	say("mode %u %s %ux%u\n", display, connected ? "on" : "off", width, height);
}

static const struct vtr_display_ops screen_ops = {
	.add_buffer = screen_add_buffer,
	.remove_buffer = screen_remove_buffer,
	.set_scanout = screen_set_scanout,
	.touch = screen_touch,
	.flush = screen_flush,
	.set_cursor = screen_set_cursor,
	.move_cursor = screen_move_cursor,
	.set_mode = screen_set_mode,
};

/* --- the device ---------------------------------------------------------------------------------------- */

static void count_change(void *data)
{
	(void)data;
	config_changes++;
}

static void quit(void *data)
{
	(void)data;
	vtr_os_loop_quit(driver_loop);
}

static void begin_queues(void)
{
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		memset(memory + RINGS_AT(i), 0, 0x10000);
		used_seen[i] = 0;
		setups[i] = (struct vtr_queue_setup){
			.size = RING_SIZE,
			.desc_addr = USER_BASE + RINGS_AT(i),
			.avail_addr = USER_BASE + RINGS_AT(i) + AVAIL_OFFSET,
			.used_addr = USER_BASE + RINGS_AT(i) + USED_OFFSET,
		};
	}
	memset(slots, 0, sizeof(slots));
}

static void create_gpu(const struct driver_options *options)
{
	struct vtr_virtio_gpu_display displays[VTR_MAX_DISPLAYS];
	uint8_t capset[VTR_CAPSET_VENUS_SIZE];
	static const struct vtr_virtio_transport transport = { .config_changed = count_change };

	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		displays[i] = (struct vtr_virtio_gpu_display){ i < 2, 1280 + 64 * i, 800 };
	}
	for (size_t i = 0; i < sizeof(capset); i++) {
		capset[i] = (uint8_t)(i * 3 + 1);
	}
	const struct vtr_virtio_gpu_params params = {
		.loop = driver_loop,
		.hostmem = &driver_window,
		.image_memory = DRIVER_IMAGE_MEMORY,
		.displays = displays,
		.display_count = options->display_count ? options->display_count : 1,
		.refresh_hz = options->refresh_hz,
		.blob_alignment = options->blob_alignment,
		.capset = capset,
		.renderer_ops = &render_ops,
		.renderer_data = &owed_count,
		.screen = &screen_ops,
		.screen_data = &buffers,
	};
	CHECK_OK(vtr_virtio_gpu_create(&params, &driver_gpu));
	vtr_virtio_gpu_set_transport(driver_gpu, &transport);
	driver_device = vtr_virtio_gpu_device(driver_gpu);
}

void driver_begin(const struct driver_options *options)
{
	struct vtr_ram_region region = { .size = RAM_SIZE, .user_addr = USER_BASE };

	fds_before = test_count_fds();
	render_create_error = render_attach_error = VTR_OK;
	render_submit_error = render_fence_error = VTR_OK;
	render_holds_on = false;
	memset(screen_scanouts, 0, sizeof(screen_scanouts));
	config_changes = 0;
	order_count = 0;
	owed_count = 0;
	render_events = NULL;
	for (size_t i = 0; i < BUFFER_COUNT; i++) {
		buffers[i].fd = -1;
	}
	CHECK_OK(vtr_os_loop_create(&driver_loop));
	CHECK_OK(vtr_os_loop_add_timer(driver_loop, quit, NULL, &stop_timer));
	vtr_os_loop_task_init(&stop_task, quit, NULL);
	vtr_os_loop_task_init(&leave_task, let_go, NULL);
	CHECK_OK(vtr_hostmem_init("test-window", DRIVER_WINDOW, &driver_window));
	CHECK_OK(vtr_os_shm_create("test-ram", RAM_SIZE, &region.fd));
	vtr_ram_init(&ram);
	CHECK_OK(vtr_ram_set(&ram, &region, 1));
	memory = vtr_ram_at(&ram, 0, RAM_SIZE);
	call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	create_gpu(options);
	CHECK_EQ(driver_device->queue_count, GPU_QUEUE_COUNT);
	begin_queues();
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		CHECK_OK(vtr_queue_create(NULL, i, &ram, &queues[i]));
		vtr_queue_set_call(queues[i], dup(call_fd));
		vtr_queue_start(queues[i], &setups[i]);
	}
	driver_device->start(driver_device->data, queues, &ram, true);
	driver_interrupts();
	driver_said();
}

void driver_destroy(void)
{
	driver_device->stop(driver_device->data);
	vtr_virtio_gpu_destroy(driver_gpu);
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		vtr_queue_destroy(queues[i]);
	}
	vtr_os_loop_task_cancel(&leave_task);
	while (leaving_count > 0) {
		free(leaving[--leaving_count].renderer);
	}
	vtr_os_loop_destroy(driver_loop);
	vtr_hostmem_finish(&driver_window);
	vtr_ram_finish(&ram);
	vtr_close(&call_fd);
	driver_said();
}

void driver_end(void)
{
	driver_destroy();
	CHECK_EQ(test_count_fds(), fds_before);
}

uint8_t *driver_ram(uint64_t gpa)
{
	return memory + gpa;
}

void driver_stop(void)
{
	driver_device->stop(driver_device->data);
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		setups[i].base = vtr_queue_stop(queues[i]);
	}
}

void driver_restart(bool reset)
{
	if (reset) {
		begin_queues();
	}
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		if (reset) {
			vtr_queue_reset(queues[i]);
		}
		vtr_queue_start(queues[i], &setups[i]);
	}
	driver_device->start(driver_device->data, queues, &ram, reset);
}

void driver_lose_ram(void)
{
	CHECK_OK(vtr_ram_set(&ram, NULL, 0));
	memory = NULL;
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		vtr_queue_reset(queues[i]);
	}
	driver_device->ram_changed(driver_device->data);
}

/* --- requests ------------------------------------------------------------------------------------------ */

int driver_send_two(uint32_t queue, const void *head, size_t head_size, const void *tail, size_t tail_size,
                    size_t answer_room)
{
	int slot = 0;

	while (slot < DRIVER_SLOTS && slots[slot].busy) {
		slot++;
	}
	CHECK(slot < DRIVER_SLOTS);
	CHECK(head_size + tail_size <= ANSWER_OFFSET && answer_room <= DRIVER_ANSWER_MAX);
	slots[slot] = (struct slot){ .busy = true };
	memcpy(memory + SLOT_AT(slot), head, head_size);
	if (tail_size > 0) {
		memcpy(memory + SLOT_AT(slot) + head_size, tail, tail_size);
	}
	memset(memory + SLOT_AT(slot) + ANSWER_OFFSET, 0xee, DRIVER_ANSWER_MAX);
	struct desc *descs = (void *)(memory + RINGS_AT(queue));
	uint16_t head_index = (uint16_t)(2 * slot);
	descs[head_index] = (struct desc){
		.addr = SLOT_AT(slot),
		.len = (uint32_t)(head_size + tail_size),
		.flags = answer_room > 0 ? DESC_NEXT : 0,
		.next = (uint16_t)(head_index + 1),
	};
	descs[head_index + 1] = (struct desc){
		.addr = SLOT_AT(slot) + ANSWER_OFFSET,
		.len = (uint32_t)answer_room,
		.flags = DESC_WRITE,
	};
	uint16_t *avail = (void *)(memory + RINGS_AT(queue) + AVAIL_OFFSET);
	avail[2 + avail[1] % RING_SIZE] = head_index;
	avail[1]++;
	return slot;
}

int driver_send(uint32_t queue, const void *request, size_t size, size_t answer_room)
{
	return driver_send_two(queue, request, size, NULL, 0, answer_room);
}

/* Looks at what the device has put into the used rings. */
static void collect(void)
{
	for (uint32_t i = 0; memory != NULL && i < GPU_QUEUE_COUNT; i++) {
		const uint16_t *used = (const void *)(memory + RINGS_AT(i) + USED_OFFSET);
		for (; used_seen[i] != used[1]; used_seen[i]++) {
			const uint32_t *entry =
				(const void *)((const uint8_t *)used + 4 + 8 * (used_seen[i] % RING_SIZE));
			int slot = (int)entry[0] / 2;
			CHECK(slot < DRIVER_SLOTS && slots[slot].busy && !slots[slot].done);
			slots[slot].done = true;
			slots[slot].size = entry[1];
			if (order_count < (int)VTR_ARRAY_LEN(order)) {
				order[order_count++] = slot;
			}
		}
	}
}

static void turn(void)
{
	vtr_os_loop_defer(driver_loop, &stop_task);
	CHECK_OK(vtr_os_loop_run(driver_loop));
	collect();
}

void driver_kick(void)
{
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		driver_device->kick(driver_device->data, i);
	}
	turn();
}

bool driver_wait(int slot)
{
	int64_t until = vtr_os_now_ns() + INT64_C(30000000000);

	for (;;) {
		turn();
		if (slots[slot].done || vtr_os_now_ns() > until) {
			return slots[slot].done;
		}
		vtr_os_loop_timer_set(stop_timer, 1000000);
		CHECK_OK(vtr_os_loop_run(driver_loop));
	}
}

void driver_settle(void)
{
	vtr_os_loop_timer_set(stop_timer, 20000000);
	CHECK_OK(vtr_os_loop_run(driver_loop));
	collect();
}

bool driver_is_done(int slot)
{
	collect();
	return slots[slot].done;
}

const void *driver_answer(int slot, size_t *out_size)
{
	CHECK(driver_is_done(slot));
	slots[slot].busy = false;
	*out_size = slots[slot].size;
	return memory + SLOT_AT(slot) + ANSWER_OFFSET;
}

uint32_t driver_result(int slot)
{
	size_t size;
	const struct gpu_header *header = driver_answer(slot, &size);

	CHECK(size >= sizeof(*header));
	return header->type;
}

int driver_release(void)
{
	int busy = 0;

	collect();
	for (int i = 0; i < DRIVER_SLOTS; i++) {
		slots[i].busy = slots[i].busy && !slots[i].done;
		busy += slots[i].busy;
	}
	return busy;
}

int driver_order(int *out_slots, int max)
{
	collect();
	int count = order_count < max ? order_count : max;
	memcpy(out_slots, order, (size_t)count * sizeof(order[0]));
	order_count = 0;
	return count;
}

unsigned driver_interrupts(void)
{
	uint64_t count = 0;

	return read(call_fd, &count, sizeof(count)) > 0 ? (unsigned)count : 0;
}

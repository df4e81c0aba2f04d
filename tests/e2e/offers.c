/* SPDX-License-Identifier: MIT */
#include "offers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vkpipeline.h"

/* From tests/e2e/shaders, compiled. */
#include "mesh_frag.h"
#include "mesh_vert.h"
#include "numbers_comp.h"

/*
 * vk-offers: enables what a device offers, and prints for each case a line "case<TAB>result". A case that works has
 * the result "ok". What is odd about the offer itself is a case, too (odd.*). Run with two drivers, the lines can be
 * compared with diff; test_offers.py knows which of them must be equal.
 *
 * The cases run in a child process, which a driver may crash: the parent prints that and starts another one for
 * the rest.
 */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- cases ------------------------------------------------------------------------------------------- */

/* Whether the case is to run. */
__attribute__((format(printf, 2, 3))) static bool begin_case(struct offers *o, const char *fmt, ...)
{
	struct progress *p = o->progress;
	char name[sizeof(p->name)];
	va_list args;
	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	if (o->index++ < p->next || (o->only && strncmp(name, o->only, strlen(o->only)))) {
		return false;
	}
	p->next = o->index;
	memcpy(p->name, name, sizeof(name));
	return true;
}

__attribute__((format(printf, 2, 3))) static void end_case(struct offers *o, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	printf("%s\t", o->progress->name);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

/* --- what the device offers -------------------------------------------------------------------------- */

/* Each struct is asked for by itself, so that none depends on a stranger's. Those that cannot be enabled are asked
 * for as well: their bits should be false. */
static void query_features(struct offers *o)
{
	o->structs = vkc_alloc(offers_struct_count, sizeof(*o->structs));
	for (uint32_t i = 0; i < offers_struct_count; i++) {
		const struct offers_struct *s = &offers_structs[i];
		if (s->aggregate && !offers_has_aggregate(o, s->aggregate)) {
			continue;
		}
		struct link *link = o->structs[i] = vkc_alloc(1, s->size);
		link->type = s->type;
		o->basic = (VkPhysicalDeviceFeatures2){
			.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
			.pNext = link,
		};
		o->c.vk.GetPhysicalDeviceFeatures2(o->c.physical, &o->basic);
		o->basic.pNext = NULL;
	}
}

static void open_offers(struct offers *o)
{
	struct vkc *c = &o->c;
	vkc_instance_open_with(c, "vk-offers", VK_API_VERSION_1_4, true);
	vkc_physical_open(c, 0);
	if (c->props.apiVersion < VK_API_VERSION_1_3) {
		vkc_fail("%s is not a Vulkan 1.3 device", c->props.deviceName);
	}
	if (c->extension_count > OFFERS_MAX_EXTENSIONS) {
		vkc_fail("%u extensions", c->extension_count);
	}
	o->family_count = OFFERS_MAX_FAMILIES;
	c->vk.GetPhysicalDeviceQueueFamilyProperties(c->physical, &o->family_count, o->families);
	const VkQueueFlags wanted = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
	while (o->family < o->family_count && (o->families[o->family].queueFlags & wanted) != wanted) {
		o->family++;
	}
	if (o->family == o->family_count) {
		vkc_fail("%s has no queue for graphics", c->props.deviceName);
	}
	query_features(o);
}

static void close_offers(struct offers *o)
{
	for (uint32_t i = 0; i < offers_struct_count; i++) {
		free(o->structs[i]);
	}
	free(o->structs);
	vkc_close(&o->c);
}

/* --- devices ----------------------------------------------------------------------------------------- */

static VkResult create_device(struct offers *o, struct wish *w)
{
	if (w->queue_count == 0) {
		wish_add_family(w, o->family, 1);
	}
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &w->features,
		.queueCreateInfoCount = w->queue_count,
		.pQueueCreateInfos = w->queues,
		.enabledExtensionCount = w->name_count,
		.ppEnabledExtensionNames = w->names,
	};
	return vkc_device_try(&o->c, &info);
}

/* Creates the device, uses it a little and destroys it. Frees `w`. */
static void try_wish(struct offers *o, struct wish *w)
{
	VkResult result = create_device(o, w);
	wish_free(w);
	if (result == VK_SUCCESS) {
		vkc_device_close(&o->c);
		end_case(o, "ok");
	} else {
		end_case(o, "VkResult %d", (int)result);
	}
}

/* --- one thing at a time ----------------------------------------------------------------------------- */

static void each_extension(struct offers *o)
{
	for (uint32_t i = 0; i < o->c.extension_count; i++) {
		const char *name = o->c.extensions[i].extensionName;
		if (begin_case(o, "extension.%s", name)) {
			struct wish w = wish_new();
			wish_add_extension(o, &w, name);
			try_wish(o, &w);
		}
	}
}

static void each_feature_of(struct offers *o, uint32_t i)
{
	const struct offers_struct *s = &offers_structs[i];
	for (uint32_t b = 0; b < s->bit_count; b++) {
		if (*offers_bit_of(o->structs[i], &s->bits[b]) &&
		    begin_case(o, "feature.%s.%s", s->name, s->bits[b].name)) {
			struct wish w = wish_new();
			wish_set_bit(o, &w, i, wish_add_struct(o, &w, i, false), s->bits[b].name);
			if (offers_extension_of(o, s)) {
				wish_add_extension(o, &w, offers_extension_of(o, s));
			}
			try_wish(o, &w);
		}
	}
}

static void each_feature(struct offers *o)
{
	for (uint32_t b = 0; b < offers_basic_count; b++) {
		if (*offers_bit_of(&o->basic, &offers_basic[b]) &&
		    begin_case(o, "feature.VkPhysicalDeviceFeatures.%s", offers_basic[b].name)) {
			struct wish w = wish_new();
			*offers_bit_of(&w.features, &offers_basic[b]) = VK_TRUE;
			try_wish(o, &w);
		}
	}
	for (uint32_t i = 0; i < offers_struct_count; i++) {
		if (o->structs[i] && offers_can_enable(o, &offers_structs[i])) {
			each_feature_of(o, i);
		}
	}
}

/* --- oddities of the offer --------------------------------------------------------------------------- */

static bool any_bit(const struct offers *o, uint32_t i)
{
	for (uint32_t b = 0; b < offers_structs[i].bit_count; b++) {
		if (*offers_bit_of(o->structs[i], &offers_structs[i].bits[b])) {
			return true;
		}
	}
	return false;
}

/* Features that cannot be enabled, and extensions that have features but bring none. */
static void odd_features(struct offers *o)
{
	for (uint32_t i = 0; i < offers_struct_count; i++) {
		const struct offers_struct *s = &offers_structs[i];
		if (!o->structs[i] || s->aggregate) {
			continue;
		}
		for (uint32_t b = 0; !offers_can_enable(o, s) && b < s->bit_count; b++) {
			if (*offers_bit_of(o->structs[i], &s->bits[b]) &&
			    begin_case(o, "odd.feature.%s.%s", s->name, s->bits[b].name)) {
				end_case(o, "true, but its extension is not offered");
			}
		}
		const char *extension = offers_extension_of(o, s);
		if (extension && !any_bit(o, i) && begin_case(o, "odd.extension.%s", extension)) {
			end_case(o, "offered without any of its features");
		}
	}
}

static void odd_needs(struct offers *o)
{
	for (uint32_t i = 0; i < offers_needs_count; i++) {
		const char *name = offers_needs[i].name;
		for (const char *const *need = offers_needs[i].needs; *need; need++) {
			if (vkc_has_extension(&o->c, name) && !vkc_has_extension(&o->c, *need) &&
			    begin_case(o, "odd.need.%s.%s", name, *need)) {
				end_case(o, "needed, but not offered");
			}
		}
	}
}

/* --- all at once ------------------------------------------------------------------------------------- */

static void all_at_once(struct offers *o)
{
	if (begin_case(o, "all.extensions")) {
		struct wish w = wish_new();
		wish_add_everything(o, &w, true);
		wish_free(&w);
		w.features.features = (VkPhysicalDeviceFeatures){ 0 };
		try_wish(o, &w);
	}
	for (uint32_t aggregates = 0; aggregates <= 1; aggregates++) {
		if (begin_case(o, "all.features.%s", aggregates ? "aggregate" : "separate")) {
			struct wish w = wish_new();
			wish_add_everything(o, &w, aggregates);
			try_wish(o, &w);
		}
	}
}

/* --- queues ------------------------------------------------------------------------------------------ */

/* A command buffer for all queues of a family, which fills the buffer with a word. */
static VkCommandBuffer record_fill(struct vkc *c, VkCommandPool pool, VkBuffer buffer, uint32_t word)
{
	VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	VkCommandBuffer cmd;
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &info, &cmd));
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
	};
	vkc_check(c->vk.BeginCommandBuffer(cmd, &begin));
	c->vk.CmdFillBuffer(cmd, buffer, 0, VK_WHOLE_SIZE, word);
	vkc_barrier(c, cmd);
	vkc_check(c->vk.EndCommandBuffer(cmd));
	return cmd;
}

/* Submits to each queue of a family, with commands where it takes any; then waits for each. */
static bool use_family(struct vkc *c, const VkDeviceQueueCreateInfo *family, VkQueueFlags flags)
{
	const VkQueueFlags fills = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
	const uint32_t word = 0x600d0000u + family->queueFamilyIndex;
	VkCommandPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.queueFamilyIndex = family->queueFamilyIndex,
	};
	VkCommandPool pool;
	VkQueue queues[OFFERS_MAX_QUEUES];
	struct vkc_buffer buffer = vkc_buffer_host(c, 64, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	bool ok = true;
	vkc_check(c->vk.CreateCommandPool(c->device, &info, NULL, &pool));
	VkCommandBuffer cmd = flags & fills ? record_fill(c, pool, buffer.buffer, word) : NULL;
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = cmd != NULL,
		.pCommandBuffers = &cmd,
	};
	memset(buffer.mapped, 0, 64);
	for (uint32_t i = 0; i < family->queueCount; i++) {
		c->vk.GetDeviceQueue(c->device, family->queueFamilyIndex, i, &queues[i]);
		vkc_check(c->vk.QueueSubmit(queues[i], 1, &submit, VK_NULL_HANDLE));
	}
	for (uint32_t i = 0; i < family->queueCount; i++) {
		vkc_check(c->vk.QueueWaitIdle(queues[i]));
	}
	for (uint32_t i = 0; cmd && i < 16; i++) {
		ok = ok && ((uint32_t *)buffer.mapped)[i] == word;
	}
	c->vk.DestroyCommandPool(c->device, pool, NULL);
	vkc_buffer_destroy(c, &buffer);
	return ok;
}

static void try_queues(struct offers *o, struct wish *w)
{
	VkResult result = create_device(o, w);
	if (result != VK_SUCCESS) {
		end_case(o, "VkResult %d", (int)result);
		return;
	}
	bool ok = true;
	for (uint32_t i = 0; i < w->queue_count; i++) {
		const VkDeviceQueueCreateInfo *family = &w->queues[i];
		ok = use_family(&o->c, family, o->families[family->queueFamilyIndex].queueFlags) && ok;
	}
	vkc_check(o->c.vk.DeviceWaitIdle(o->c.device));
	vkc_device_close(&o->c);
	end_case(o, ok ? "ok" : "a queue did not do its work");
}

static void queues(struct offers *o)
{
	for (uint32_t i = 0; i < o->family_count; i++) {
		if (begin_case(o, "queues.family%u", i)) {
			struct wish w = wish_new();
			wish_add_family(&w, i, o->families[i].queueCount);
			try_queues(o, &w);
		}
	}
	if (begin_case(o, "queues.all")) {
		struct wish w = wish_new();
		wish_add_families(o, &w);
		try_queues(o, &w);
	}
}

/* --- work on a device with everything ---------------------------------------------------------------- */

static void end_with_hash(struct offers *o, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (size_t i = 0; i < size; i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	}
	end_case(o, "ok %016" PRIx64, hash);
}

static void compute(struct offers *o)
{
	enum { NUMBERS = 1000 };
	static const VkDescriptorType types[2] = {
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
	};
	struct vkc *c = &o->c;
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 8);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 2);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, set_layout);
	VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(numbers_comp), NULL);
	struct vkc_buffer from = vkc_buffer_host(c, NUMBERS * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, NUMBERS * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	const uint32_t push[2] = { NUMBERS, 42 };
	for (uint32_t i = 0; i < NUMBERS; i++) {
		((uint32_t *)from.mapped)[i] = i * 2654435761u;
	}
	vkc_write_buffer(c, set, 0, types[0], from.buffer);
	vkc_write_buffer(c, set, 1, types[1], to.buffer);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
	c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), push);
	c->vk.CmdDispatch(cmd, (NUMBERS + 63) / 64, 1, 1);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	end_with_hash(o, to.mapped, to.size);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
}

struct vertex {
	float position[3];
	float color[4];
};

static const struct vertex triangle[3] = {
	{ { -0.75f, 0.75f, 0.5f }, { 1.0f, 0.0f, 0.0f, 1.0f } },
	{ { 0.75f, 0.75f, 0.5f }, { 0.0f, 1.0f, 0.0f, 1.0f } },
	{ { 0.0f, -0.75f, 0.5f }, { 0.0f, 0.0f, 1.0f, 1.0f } },
};

static void draw(struct offers *o)
{
	static const VkVertexInputAttributeDescription attributes[2] = {
		{ 0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct vertex, position) },
		{ 1, 0, VK_FORMAT_R32G32B32A32_SFLOAT, offsetof(struct vertex, color) },
	};
	static const float push[8] = { 0, 0, 1, 0, 1, 1, 1, 1 };
	struct vkc *c = &o->c;
	const struct vkc_image_params image_params = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = 64,
		.height = 64,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	struct vkc_image image = vkc_image_create(c, &image_params);
	struct vkc_buffer vertices = vkc_buffer_host(c, sizeof(triangle), VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
	VkPipelineLayout layout = vkc_pipeline_layout(c, VK_NULL_HANDLE, sizeof(push));
	const struct vkc_graphics_params params = {
		.layout = layout,
		.vert = VKC_CODE(mesh_vert),
		.frag = VKC_CODE(mesh_frag),
		.stride = sizeof(struct vertex),
		.attributes = attributes,
		.attribute_count = 2,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { VK_FORMAT_R8G8B8A8_UNORM },
		.color_count = 1,
	};
	const struct vkc_target target = { .color = &image, .clear = { 0, 0, 0.25f, 1 } };
	const VkDeviceSize offset = 0;
	VkPipeline pipeline = vkc_graphics(c, &params);
	memcpy(vertices.mapped, triangle, sizeof(triangle));
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_render_begin(c, cmd, &target);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	c->vk.CmdBindVertexBuffers(cmd, 0, 1, &vertices.buffer, &offset);
	c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), push);
	c->vk.CmdDraw(cmd, 3, 1, 0, 0);
	c->vk.CmdEndRendering(cmd);
	vkc_layout(c, cmd, &image, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
	           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_end(c, cmd);
	size_t size;
	void *data = vkc_image_read(c, &image, VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 4, &size);
	end_with_hash(o, data, size);
	free(data);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	vkc_buffer_destroy(c, &vertices);
	vkc_image_destroy(c, &image);
}

static void work(struct offers *o)
{
	static const struct {
		const char *name;
		void (*run)(struct offers *o);
	} works[] = { { "compute", compute }, { "draw", draw } };
	for (size_t i = 0; i < COUNT(works); i++) {
		if (begin_case(o, "work.%s", works[i].name)) {
			struct wish w = wish_new();
			wish_add_everything(o, &w, true);
			wish_add_families(o, &w);
			vkc_check(create_device(o, &w));
			wish_free(&w);
			works[i].run(o);
			vkc_device_close(&o->c);
		}
	}
}

/* --- the program ------------------------------------------------------------------------------------- */

static void run_cases(struct offers *o)
{
	open_offers(o);
	odd_features(o);
	odd_needs(o);
	each_extension(o);
	each_feature(o);
	all_at_once(o);
	queues(o);
	work(o);
	close_offers(o);
}

/* Prints a word and waits for a line, so that a test can examine the serving process. */
static void pause_at(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
	while (getchar() != '\n' && !feof(stdin)) {
	}
}

static void create_devices(struct offers *o, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct wish w = wish_new();
		wish_add_everything(o, &w, true);
		vkc_check(create_device(o, &w));
		wish_free(&w);
		vkc_end(&o->c, vkc_begin(&o->c));
		vkc_device_close(&o->c);
	}
}

/* Devices with everything, one after another, in rounds with a pause after each. */
static int run_cycles(struct offers *o, uint32_t rounds, uint32_t devices)
{
	open_offers(o);
	for (uint32_t i = 0; i < rounds; i++) {
		create_devices(o, devices);
		pause_at("round");
	}
	close_offers(o);
	return 0;
}

static int run_children(struct offers *o)
{
	int status;
	int failures = 0;
	do {
		const uint32_t next = o->progress->next;
		const pid_t pid = fork();
		if (pid == 0) {
			run_cases(o);
			exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			vkc_fail("there is no child process");
		}
		if (status != 0 && o->progress->next == next) {
			vkc_fail("the cases do not begin");
		} else if (status != 0) {
			end_case(o, WIFSIGNALED(status) ? "signal %d" : "exit %d",
			         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			failures++;
		}
	} while (status != 0);
	return failures > 0;
}

int main(int argc, char **argv)
{
	struct offers o = { 0 };
	uint32_t rounds = 0;
	uint32_t devices = 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			o.only = argv[++i];
		} else if (!strcmp(argv[i], "--cycles") && i + 2 < argc) {
			rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
			devices = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else {
			fprintf(stderr, "usage: vk-offers [--only CASE] [--cycles ROUNDS DEVICES]\n");
			return 2;
		}
	}
	if (rounds) {
		return run_cycles(&o, rounds, devices);
	}
	o.progress =
		mmap(NULL, sizeof(*o.progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o.progress == MAP_FAILED) {
		vkc_fail("there is no shared memory");
	}
	return run_children(&o);
}

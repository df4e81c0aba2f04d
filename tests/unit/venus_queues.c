/* SPDX-License-Identifier: MIT */
/* Queues: what reaches the driver of submits, and when the transport's fences are reported. */
#include "base/mem.h"
#include "venus_guest.h"

enum { SEMAPHORE = FREE, FENCE, OTHER_QUEUE };

/* What reached the driver. */
static struct {
	uint32_t submits; /* calls */
	uint32_t infos;   /* of the last submit */
	uint32_t own;     /* submits whose last info signals a semaphore, and nothing else */
	uint32_t waits, signals; /* of the last submit's first info */
	uint32_t export_structs;
	uint32_t idle_waits;
} seen;

static VkResult note_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
	const VkSubmitInfo *last = count != 0 ? &infos[count - 1] : NULL;

	seen.submits++;
	seen.infos = count;
	seen.own += last != NULL && last->commandBufferCount == 0 && last->signalSemaphoreCount == 1 &&
	            last->waitSemaphoreCount == 0;
	seen.waits = last != NULL ? infos[0].waitSemaphoreCount : 0;
	seen.signals = last != NULL ? infos[0].signalSemaphoreCount : 0;
	return ORIGINAL(vkQueueSubmit)(queue, count, infos, fence);
}

static VkResult note_submit2(VkQueue queue, uint32_t count, const VkSubmitInfo2 *infos, VkFence fence)
{
	seen.submits++;
	seen.infos = count;
	seen.own += count != 0 && infos[count - 1].signalSemaphoreInfoCount == 1;
	return ORIGINAL(vkQueueSubmit2)(queue, count, infos, fence);
}

static VkResult note_wait_idle(VkQueue queue)
{
	seen.idle_waits++;
	return ORIGINAL(vkQueueWaitIdle)(queue);
}

static void note(void)
{
	memset(&seen, 0, sizeof(seen));
	REPLACE(vkQueueSubmit, note_submit);
	REPLACE(vkQueueSubmit2, note_submit2);
	REPLACE(vkQueueWaitIdle, note_wait_idle);
}

static const struct guest_setup noting = { .replace = note };

#define ON_QUEUE .queue = ID(VkQueue, QUEUE)
#define ON_DEVICE .device = ID(VkDevice, DEVICE)

static void make_timeline(struct guest *g)
{
	CHECK_EQ(CALL(g, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline,
	              .pSemaphore = SEMAPHORE),
	         VK_SUCCESS);
}

static void make_binary(struct guest *g)
{
	const VkExportSemaphoreCreateInfo export = { .sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
		                                     .handleTypes =
		                                             VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT };
	const VkSemaphoreCreateInfo info = { .pNext = &export };

	CHECK_EQ(CALL(g, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &info, .pSemaphore = SEMAPHORE),
	         VK_SUCCESS);
}

static void make_fence(struct guest *g)
{
	const VkExportFenceCreateInfo export = { .sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
		                                 .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT };
	const VkFenceCreateInfo info = { .pNext = &export };

	CHECK_EQ(CALL(g, vkCreateFence, ON_DEVICE, .pCreateInfo = &info, .pFence = FENCE), VK_SUCCESS);
}

/* Work that is done when the guest's timeline reaches 1. */
static void submit_waiting(struct guest *g)
{
	CHECK_OK(SEND(g, vkQueueSubmit, ON_QUEUE, .submitCount = 1,
	              .pSubmits = guest_waiting_work(SEMAPHORE)));
}

static void signal_timeline(struct guest *g)
{
	const VkSemaphoreSignalInfo info = { .semaphore = ID(VkSemaphore, SEMAPHORE), .value = 1 };

	CHECK_OK(SEND(g, vkSignalSemaphore, ON_DEVICE, .pSignalInfo = &info));
}

/* --- the transport's fences ------------------------------------------------------------------------- */

static void fences_without_work(void)
{
	struct guest g;

	guest_open(&g, &noting);
	CHECK_OK(vtr_venus_fence(g.venus, 0, 1));
	CHECK_EQ(guest_fences(&g), 1);
	CHECK_EQ(seen.submits, 0);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 2));
	CHECK_EQ(guest_fences(&g), 2);
	CHECK_EQ(seen.submits, 1);
	/* Nothing was submitted since, so the value is used again. */
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 3));
	CHECK_EQ(guest_fences(&g), 3);
	CHECK_EQ(seen.submits, 1);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE + 1, 4)); /* it has no queue */
	CHECK_EQ(guest_fences(&g), 4);
	CHECK_ERR(vtr_venus_fence(g.venus, 64, 5), VTR_ERR_INVALID);
	CHECK_EQ(guest_fences(&g), 4);
	/* A dead context has no work. */
	vtr_venus_kill(g.venus);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 6));
	CHECK_EQ(guest_fences(&g), 5);
	CHECK_EQ(g.fences[4], 6);
	guest_close(&g);
}

/* The context's thread sees the end of the work itself while it is awake. */
static void fences_wait_for_work(void)
{
	struct guest g;

	guest_open(&g, &noting);
	make_timeline(&g);
	submit_waiting(&g);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 2));
	vtr_venus_poll_fences(g.venus, false);
	CHECK_EQ(guest_fences(&g), 0);
	signal_timeline(&g);
	vtr_venus_poll_fences(g.venus, false);
	CHECK_EQ(guest_fences(&g), 2);
	CHECK_EQ(g.fences[0], 1);
	CHECK_EQ(g.fences[1], 2);
	vtr_venus_poll_fences(g.venus, true); /* nothing is left */
	guest_close(&g);
}

static void a_thread_waits_while_the_context_sleeps(void)
{
	struct guest g;

	guest_open(&g, &noting);
	make_timeline(&g);
	submit_waiting(&g);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	vtr_venus_poll_fences(g.venus, true);
	CHECK_EQ(guest_fences(&g), 0);
	vtr_venus_poll_fences(g.venus, true); /* it knows of that fence already */
	signal_timeline(&g);
	guest_wait_fences(&g, 1);
	guest_close(&g);
}

/* After a fence, submits signal by themselves, until 64 of these signals were of no use. */
static void submits_signal_after_a_fence(void)
{
	const VkSubmitInfo nothing = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO };
	const VkSubmitInfo2 nothing2 = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2 };
	struct guest g;

	guest_open(&g, &noting);
	CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE, .submitCount = 1, .pSubmits = &nothing), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkQueueSubmit2, ON_QUEUE, .submitCount = 1, .pSubmits = &nothing2), VK_SUCCESS);
	CHECK_EQ(seen.infos, 1);
	CHECK_EQ(seen.own, 0);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	CHECK_EQ(seen.own, 1);
	for (uint32_t i = 0; i < 80; i++) {
		CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE, .submitCount = 1, .pSubmits = &nothing),
		         VK_SUCCESS);
		CHECK_EQ(seen.infos, i <= 64 ? 2 : 1);
	}
	CHECK_EQ(seen.own, 66);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 2));
	CHECK_EQ(seen.own, 67);
	CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE), VK_SUCCESS);
	CHECK_EQ(seen.infos, 1);
	CHECK_EQ(CALL(&g, vkQueueSubmit2, ON_QUEUE, .submitCount = 1, .pSubmits = &nothing2), VK_SUCCESS);
	CHECK_EQ(seen.infos, 2);
	CHECK_EQ(CALL(&g, vkQueueSubmit2, ON_QUEUE), VK_SUCCESS);
	CHECK_EQ(seen.infos, 1);
	CHECK_EQ(seen.own, 70);
	/* These signals are enough for the next fence. */
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 3));
	CHECK_EQ(seen.own, 70);
	CHECK_EQ(guest_fences(&g), 3);
	guest_close(&g);
}

/* Without timelines the fence waits for the queue, in the driver. */
static void drivers_without_timelines(void)
{
	static const char *const drivers[] = {
		"version=1.1,without=VK_KHR_timeline_semaphore",
		"fail=vkCreateSemaphore:VK_ERROR_OUT_OF_HOST_MEMORY",
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(drivers); i++) {
		const struct guest_setup setup = { .driver = drivers[i], .replace = note };
		struct guest g;

		guest_open(&g, &setup);
		CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 7));
		CHECK_EQ(guest_fences(&g), 1);
		CHECK_EQ(seen.submits, 0);
		CHECK_EQ(seen.idle_waits, 1);
		CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE), VK_SUCCESS);
		CHECK_EQ(seen.infos, 0);
		guest_close(&g);
	}
}

static void without_the_feature(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceFeatures2)(physical, out);
	for (VkPhysicalDeviceFeatures2 *s = out->pNext; s != NULL; s = s->pNext) {
		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES) {
			((VkPhysicalDeviceTimelineSemaphoreFeatures *)(void *)s)->timelineSemaphore =
				VK_FALSE;
		}
	}
}

static void replace_feature(void)
{
	note();
	REPLACE(vkGetPhysicalDeviceFeatures2, without_the_feature);
}

static void a_driver_that_does_not_offer_timelines(void)
{
	const struct guest_setup setup = { .replace = replace_feature };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 7));
	CHECK_EQ(guest_fences(&g), 1);
	CHECK_EQ(seen.idle_waits, 1);
	guest_close(&g);
}

/* Fences must be reported all the same: a guest waits for them without a limit. */
static void fences_of_a_lost_device(void)
{
	const struct guest_setup setup = { .driver = "fail=vkQueueSubmit2:VK_ERROR_DEVICE_LOST",
		                           .replace = note };
	struct guest g;

	guest_open(&g, &setup);
	make_timeline(&g);
	submit_waiting(&g);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	vtr_venus_poll_fences(g.venus, true);
	CHECK_EQ(guest_fences(&g), 0);
	CHECK_EQ(CALL(&g, vkQueueSubmit2, ON_QUEUE), VK_ERROR_DEVICE_LOST);
	guest_wait_fences(&g, 1);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 2));
	vtr_venus_poll_fences(g.venus, false);
	CHECK_EQ(guest_fences(&g), 2);
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, ON_QUEUE), VK_ERROR_DEVICE_LOST);
	CHECK_EQ(CALL(&g, vkDeviceWaitIdle, ON_DEVICE), VK_ERROR_DEVICE_LOST);
	guest_close(&g);
}

static void a_fence_of_a_destroyed_queue(void)
{
	struct guest g;

	guest_open(&g, NULL);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	CHECK_OK(SEND(&g, vkDestroyDevice, ON_DEVICE));
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 2)); /* it comes late, but nothing is pending */
	CHECK_EQ(guest_fences(&g), 2);
	/* The timeline can be used again. */
	CHECK_EQ(guest_make_device(&g, DEVICE, NULL, NULL, 0), VK_SUCCESS);
	guest_make_queue(&g, QUEUE, 1, TIMELINE);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 3));
	CHECK_EQ(guest_fences(&g), 3);
	guest_close(&g);
}

/* --- submits ---------------------------------------------------------------------------------------- */

/* A guest that does not read the result would wait for this work without an end. */
static void a_lost_device_without_a_reply(void)
{
	const struct guest_setup setup = { .driver = "fail=vkQueueSubmit:VK_ERROR_DEVICE_LOST,"
		                                     "fail=vkQueueSubmit2:VK_ERROR_DEVICE_LOST,"
		                                     "fail=vkQueueBindSparse:VK_ERROR_DEVICE_LOST" };
	static const char why[] = "the host's device is lost";
	struct guest g;

	guest_open(&g, &setup);
	CHECK_REFUSED(&g, why, vkQueueSubmit, ON_QUEUE);
	CHECK_REFUSED(&g, why, vkQueueSubmit2, ON_QUEUE);
	CHECK_REFUSED(&g, why, vkQueueBindSparse, ON_QUEUE);
	CHECK_REFUSED(&g, why, vkQueueWaitIdle, ON_QUEUE);
	make_binary(&g);
	CHECK_REFUSED(&g, why, vkWaitSemaphoreResourceMESA, ON_DEVICE,
	              .semaphore = ID(VkSemaphore, SEMAPHORE));
	CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE), VK_ERROR_DEVICE_LOST);
	make_fence(&g);
	CHECK_REFUSED(&g, why, vkResetFenceResourceMESA, ON_DEVICE, .fence = ID(VkFence, FENCE));
	guest_close(&g);
}

static void other_errors_of_submits(void)
{
	const struct guest_setup setup = { .driver = "fail=vkQueueSubmit:VK_ERROR_OUT_OF_HOST_MEMORY:times=1",
		                           .replace = note };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_OK(SEND(&g, vkQueueSubmit, ON_QUEUE));
	CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE), VK_SUCCESS);
	guest_close(&g);
}

static void replace_submit2(void)
{
	REPLACE(vkQueueSubmit2, NULL);
}

static void a_driver_without_submit2(void)
{
	const struct guest_setup setup = { .replace = replace_submit2 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_REFUSED(&g, "the host's driver does not have this command", vkQueueSubmit2, ON_QUEUE);
	guest_close(&g);
}

static void waits_for_idle_queues(void)
{
	const struct guest_setup setup = { .driver = "fail=vkCreateFence:VK_ERROR_OUT_OF_HOST_MEMORY:"
		                                     "after=3:times=1",
		                           .replace = note };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, ON_QUEUE), VK_SUCCESS);
	CHECK_EQ(seen.submits, 1);
	CHECK_EQ(CALL(&g, vkDeviceWaitIdle, ON_DEVICE), VK_SUCCESS);
	CHECK_EQ(seen.submits, 3);
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, ON_QUEUE), VK_ERROR_OUT_OF_HOST_MEMORY);
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, ON_QUEUE), VK_SUCCESS);
	CHECK_EQ(seen.idle_waits, 0); /* the driver's own wait would block the transport's fences */
	guest_close(&g);
}

/* --- what the guest shares as sync files ------------------------------------------------------------ */

static void semaphores_as_sync_files(void)
{
	VkImportSemaphoreResourceInfoMESA info = { .semaphore = ID(VkSemaphore, SEMAPHORE) };
	struct guest g;

	guest_open(&g, &noting);
	make_binary(&g);
	CHECK_OK(SEND(&g, vkImportSemaphoreResourceMESA, ON_DEVICE, .pImportSemaphoreResourceInfo = &info));
	CHECK_EQ(seen.signals, 1);
	CHECK_EQ(seen.waits, 0);
	CHECK_OK(SEND(&g, vkWaitSemaphoreResourceMESA, ON_DEVICE, .semaphore = ID(VkSemaphore, SEMAPHORE)));
	CHECK_EQ(seen.signals, 0);
	CHECK_EQ(seen.waits, 1);
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, ON_QUEUE), VK_SUCCESS); /* so it was signalled */
	info.resourceId = 1;
	CHECK_REFUSED(&g, "a semaphore cannot import a handle of this type", vkImportSemaphoreResourceMESA,
	              ON_DEVICE, .pImportSemaphoreResourceInfo = &info);
	info = (VkImportSemaphoreResourceInfoMESA){ 0 };
	CHECK_REFUSED(&g, "a semaphore cannot import a handle of this type", vkImportSemaphoreResourceMESA,
	              ON_DEVICE, .pImportSemaphoreResourceInfo = &info);
	CHECK_REFUSED(&g, "the semaphore is missing", vkWaitSemaphoreResourceMESA, ON_DEVICE);
	guest_close(&g);
}

/* A device without queues cannot submit anything for them. */
static void semaphores_of_a_device_without_queues(void)
{
	const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO };
	const VkImportSemaphoreResourceInfoMESA import = { .semaphore = ID(VkSemaphore, SEMAPHORE) };
	struct guest g;

	for (int i = 0; i < 2; i++) {
		guest_open(&g, NULL);
		CHECK_OK(SEND(&g, vkDestroyDevice, ON_DEVICE));
		CHECK_EQ(CALL(&g, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL),
		              .pCreateInfo = &info, .pDevice = DEVICE),
		         VK_SUCCESS);
		CHECK_EQ(CALL(&g, vkDeviceWaitIdle, ON_DEVICE), VK_SUCCESS);
		make_binary(&g);
		CHECK_ERR(i == 0 ? SEND(&g, vkWaitSemaphoreResourceMESA, ON_DEVICE,
		                        .semaphore = ID(VkSemaphore, SEMAPHORE)) :
		                   SEND(&g, vkImportSemaphoreResourceMESA, ON_DEVICE,
		                        .pImportSemaphoreResourceInfo = &import),
		          VTR_ERR_PROTOCOL);
		guest_close(&g);
	}
}

static void fences_as_sync_files(void)
{
	struct guest g;

	guest_open(&g, NULL);
	make_fence(&g);
	CHECK_EQ(CALL(&g, vkQueueSubmit, ON_QUEUE, .fence = ID(VkFence, FENCE)), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkGetFenceStatus, ON_DEVICE, .fence = ID(VkFence, FENCE)), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkResetFenceResourceMESA, ON_DEVICE, .fence = ID(VkFence, FENCE)));
	CHECK_EQ(CALL(&g, vkGetFenceStatus, ON_DEVICE, .fence = ID(VkFence, FENCE)), VK_NOT_READY);
	CHECK_REFUSED(&g, "no fence", vkResetFenceResourceMESA, ON_DEVICE);
	guest_close(&g);
}

/* --- queues as objects ------------------------------------------------------------------------------ */

static void queues_that_are_refused(void)
{
	static const char why[] = "the queue does not exist, or the guest has it already";
	VkDeviceQueueTimelineInfoMESA timeline = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
		                                   .ringIdx = TIMELINE };
	const VkDeviceQueueInfo2 plain = { .queueIndex = 1 };
	const VkDeviceQueueInfo2 info = { .pNext = &timeline, .queueIndex = 1 };
	struct guest g;

	guest_open(&g, NULL);
	CHECK_REFUSED(&g, why, vkGetDeviceQueue, ON_DEVICE, .pQueue = OTHER_QUEUE);
	CHECK_REFUSED(&g, why, vkGetDeviceQueue, ON_DEVICE, .queueIndex = 2, .pQueue = OTHER_QUEUE);
	CHECK_REFUSED(&g, why, vkGetDeviceQueue, ON_DEVICE, .queueFamilyIndex = 1, .pQueue = OTHER_QUEUE);
	CHECK_REFUSED(&g, why, vkGetDeviceQueue2, ON_DEVICE, .pQueueInfo = &plain, .pQueue = OTHER_QUEUE);
	timeline.ringIdx = 0;
	CHECK_REFUSED(&g, "a queue's timeline is out of range", vkGetDeviceQueue2, ON_DEVICE,
	              .pQueueInfo = &info, .pQueue = OTHER_QUEUE);
	timeline.ringIdx = 64;
	CHECK_REFUSED(&g, "a queue's timeline is out of range", vkGetDeviceQueue2, ON_DEVICE,
	              .pQueueInfo = &info, .pQueue = OTHER_QUEUE);
	/* A second device's queue on the first one's timeline. */
	timeline.ringIdx = TIMELINE;
	CHECK_EQ(guest_make_device(&g, FREE + 10, NULL, NULL, 0), VK_SUCCESS);
	CHECK_REFUSED(&g, "a queue's timeline is in use", vkGetDeviceQueue2,
	              .device = ID(VkDevice, FREE + 10), .pQueueInfo = &info, .pQueue = OTHER_QUEUE);
	CHECK_EQ(guest_make_device(&g, FREE + 10, NULL, NULL, 0), VK_SUCCESS);
	CHECK_REFUSED(&g, "a new object's id", vkGetDeviceQueue, .device = ID(VkDevice, FREE + 10),
	              .pQueue = QUEUE);
	CHECK_EQ(guest_make_device(&g, FREE + 10, NULL, NULL, 0), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkGetDeviceQueue, .device = ID(VkDevice, FREE + 10), .pQueue = OTHER_QUEUE));
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, .queue = ID(VkQueue, OTHER_QUEUE)), VK_SUCCESS);
	guest_close(&g);
}

int main(void)
{
	RUN(fences_without_work);
	RUN(fences_wait_for_work);
	RUN(a_thread_waits_while_the_context_sleeps);
	RUN(submits_signal_after_a_fence);
	RUN(drivers_without_timelines);
	RUN(a_driver_that_does_not_offer_timelines);
	RUN(fences_of_a_lost_device);
	RUN(a_fence_of_a_destroyed_queue);
	RUN(a_lost_device_without_a_reply);
	RUN(other_errors_of_submits);
	RUN(a_driver_without_submit2);
	RUN(waits_for_idle_queues);
	RUN(semaphores_as_sync_files);
	RUN(semaphores_of_a_device_without_queues);
	RUN(fences_as_sync_files);
	RUN(queues_that_are_refused);
	return 0;
}

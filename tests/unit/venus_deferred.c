/* SPDX-License-Identifier: MIT */
/*
 * Waits of the context's stream for a ring: fences and answers for the ring wait, the context's thread does not, unless
 * other commands follow.
 */
#include "rings_guest.h"

enum { FENCE = 70 };

static uint32_t tail(unsigned ring)
{
	return *word(ring, TAIL_AT);
}

static void await(unsigned ring)
{
	CHECK_OK(SEND(&guest, vkWaitRingSeqnoMESA, .ring = 100 + ring, .seqno = tail(ring)));
}

/* Puts a submit into ring 0 that cannot run. */
static void put_stuck_submit(void)
{
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	submit_buffers(0, FIRST, 1);
}

static void release_soon(void *data)
{
	(void)data;
	usleep(50000);
	CHECK_EQ(atomic_load(&strict_submits), 0);
	atomic_store(&strict_hold, false);
}

/* As Mesa 26 does: a fence behind a submit, and a number for which the ring waits before the next submit. */
static void fences_wait_for_rings(void)
{
	open_guest();
	put_stuck_submit();
	await(0);
	CHECK_OK(vtr_venus_fence(guest.venus, 0, FENCE));
	CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 100, .seqno = 1));
	RING(0, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
	RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE));
	await(0);
	CHECK_OK(vtr_venus_fence(guest.venus, 0, FENCE + 1));
	check_stuck(0);
	vtr_venus_poll_fences(guest.venus, true);
	CHECK_EQ(guest_fences(&guest), 0);
	CHECK_EQ(atomic_load(&strict_submits), 0);
	atomic_store(&strict_hold, false);
	guest_wait_fences(&guest, 2); /* though this thread does nothing any more */
	CHECK_EQ(guest.fences[0], FENCE);
	CHECK_EQ(guest.fences[1], FENCE + 1);
	CHECK_EQ(atomic_load(&strict_submits), 2);
	check_submitted(0, 1);
	CHECK(wait_ring(0, 0));
	close_guest();
}

/* How many calls of vkWaitForFences return. */
static atomic_uint steps, waits;

static VkResult step(void)
{
	const unsigned wait = atomic_fetch_add(&waits, 1);

	while (atomic_load(&steps) <= wait) {
		usleep(1000);
	}
	return VK_SUCCESS;
}

static void replace_wait(void)
{
	REPLACE(vkWaitForFences, step);
}

/* On the driver as it is, but for vkWaitForFences if that is wanted. */
static void open_plain_guest(bool with_steps)
{
	const struct guest_setup setup = { .replace = with_steps ? replace_wait : NULL };

	atomic_store(&steps, 0);
	atomic_store(&waits, 0);
	guest_open(&guest, &setup);
	streams = guest_make_shm(&guest, STREAM_RES, STREAM_SIZE);
	make_ring(0);
	make_ring(1);
}

/* A fence of a queue's timeline, while the context's thread sleeps. */
static void queue_fences(void)
{
	const VkSemaphore semaphore = ID(VkSemaphore, OTHER);
	const VkSemaphoreWaitInfo wait = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		                           .semaphoreCount = 1,
		                           .pSemaphores = &semaphore,
		                           .pValues = (uint64_t[]){ 1 } };
	const VkSemaphoreSignalInfo signal = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		                               .semaphore = semaphore,
		                               .value = 1 };

	open_plain_guest(false);
	RING(0, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline, .pSemaphore = OTHER);
	CHECK(wait_ring(0, 0));
	RING(0, vkWaitSemaphores, ON_DEVICE, .pWaitInfo = &wait, .timeout = UINT64_MAX);
	RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE));
	await(0);
	for (uint64_t i = 0; i < 3; i++) {
		CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE, FENCE + i));
	}
	check_stuck(0);
	CHECK_EQ(guest_fences(&guest), 0);
	RING(1, vkSignalSemaphore, ON_DEVICE, .pSignalInfo = &signal);
	vtr_venus_poll_fences(guest.venus, true);
	guest_wait_fences(&guest, 3);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQ(guest.fences[i], FENCE + i);
	}
	close_guest();
}

static void step_on(void *data)
{
	(void)data;
	atomic_store(&steps, 1);
	guest_wait_fences(&guest, 2);
	atomic_store(&steps, 2);
}

static void signal_of(uint64_t semaphore)
{
	const VkSemaphoreSignalInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		                             .semaphore = ID(VkSemaphore, semaphore),
		                             .value = 1 };

	RING(1, vkSignalSemaphore, ON_DEVICE, .pSignalInfo = &info);
}

/* An older fence is reported while the context's thread waits for a ring. */
static void waits_hold_no_fences_up(void)
{
	const VkSemaphore second = ID(VkSemaphore, OTHER + 1);
	const VkSemaphoreWaitInfo wait = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		                           .semaphoreCount = 1,
		                           .pSemaphores = &second,
		                           .pValues = (uint64_t[]){ 1 } };
	struct vtr_os_thread thread;

	open_plain_guest(true);
	CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE, FENCE));
	CHECK_EQ(guest_fences(&guest), 1);
	usleep(20000); /* the thread of the queue's fences has begun, and found none */
	RING(0, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline, .pSemaphore = OTHER);
	RING(0, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline, .pSemaphore = OTHER + 1);
	RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1,
	     .pSubmits = guest_waiting_work(OTHER));
	CHECK(wait_ring(0, 0));
	RING(1, vkWaitForFences, ON_DEVICE);
	signal_of(OTHER);
	RING(1, vkWaitForFences, ON_DEVICE);
	signal_of(OTHER + 1);
	CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE, FENCE + 1));
	RING(0, vkWaitSemaphores, ON_DEVICE, .pWaitInfo = &wait, .timeout = UINT64_MAX);
	await(0);
	CHECK_OK(vtr_os_thread_create(&thread, "steps", step_on, NULL));
	CHECK(!vtr_venus_resource_destroy(guest.venus, 12345));
	CHECK_EQ(guest_fences(&guest), 2);
	vtr_os_thread_join(&thread);
	close_guest();
}

/* What is not deferred finds the ring where it belongs. */
static void others_wait(void)
{
	for (int i = 0; i < 4; i++) {
		struct vtr_os_thread thread;

		open_guest();
		put_stuck_submit();
		await(0);
		CHECK_OK(vtr_venus_fence(guest.venus, 0, FENCE));
		CHECK_OK(vtr_os_thread_create(&thread, "release", release_soon, NULL));
		if (i == 0) {
			CHECK_OK(SEND(&guest, vkWriteRingExtraMESA, .ring = 101, .value = 1));
		} else if (i == 1) { /* not alone in its stream */
			enc_vkNotifyRingMESA(guest_begin(&guest), 0,
			                     &(struct vtw_vkNotifyRingMESA){ .ring = 101 });
			enc_vkNotifyRingMESA(&guest.w, 0, &(struct vtw_vkNotifyRingMESA){ .ring = 101 });
			CHECK_OK(guest_submit(&guest));
		} else if (i == 2) {
			CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 101, .seqno = 1));
		} else {
			CHECK(!vtr_venus_resource_destroy(guest.venus, 12345));
		}
		CHECK(atomic_load(&strict_submits) >= 1);
		CHECK_EQ(guest_fences(&guest), 1);
		vtr_os_thread_join(&thread);
		close_guest();
	}
}

/* The context's stream can wait for several rings, one after the other. */
static void several_rings(void)
{
	struct vtr_os_thread thread;

	open_guest();
	put_stuck_submit();
	await(0);
	CHECK_OK(vtr_venus_fence(guest.venus, 0, FENCE));
	RING(1, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
	CHECK_OK(vtr_os_thread_create(&thread, "release", release_soon, NULL));
	await(1); /* for ring 0 first; ring 1 is stuck */
	CHECK(atomic_load(&strict_submits) >= 1);
	CHECK_OK(vtr_venus_fence(guest.venus, 0, FENCE + 1));
	check_stuck(1);
	CHECK_EQ(guest_fences(&guest), 1);
	RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE));
	vtr_os_thread_join(&thread);
	close_guest(); /* ring 1 never gets there, but its fence is reported */
	CHECK_EQ(guest.fence_count, 2);
}

/* More than are deferred. */
static void many(void)
{
	struct vtr_os_thread thread;

	open_guest();
	put_stuck_submit();
	await(0);
	for (uint64_t i = 1; i <= 1024; i++) {
		CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 100, .seqno = i));
	}
	CHECK_EQ(atomic_load(&strict_submits), 0);
	CHECK_OK(vtr_os_thread_create(&thread, "release", release_soon, NULL));
	CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 100, .seqno = 1025));
	CHECK(atomic_load(&strict_submits) >= 1);
	RING(0, vkWaitVirtqueueSeqnoMESA, .seqno = 1025);
	CHECK(wait_ring(0, 0));
	vtr_os_thread_join(&thread);
	close_guest();
}

/* Nothing was submitted where there is no queue, so there is nothing to wait for, at once and later. */
static void no_queue(void)
{
	open_guest();
	CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE + 5, FENCE));
	CHECK_EQ(guest_fences(&guest), 1);
	put_stuck_submit();
	await(0);
	CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE + 5, FENCE));
	CHECK_EQ(guest_fences(&guest), 1);
	atomic_store(&strict_hold, false);
	guest_wait_fences(&guest, 2);
	CHECK(!vtr_venus_is_dead(guest.venus));
	CHECK_ERR(vtr_venus_fence(guest.venus, VTR_TIMELINE_COUNT, FENCE), VTR_ERR_INVALID);
	close_guest();
}

/* A guest that has seen its work done by other means destroys the device before the context's thread gets to the fence
 * behind that work. */
static void the_device_is_gone(void)
{
	open_guest();
	atomic_store(&strict_block, 1);
	RING(0, vkWaitForFences, ON_DEVICE); /* not in this thread */
	await(0);
	RING(0, vkDestroyDevice, ON_DEVICE);
	atomic_store(&strict_block, 0);
	CHECK(wait_ring(0, 0));
	CHECK_OK(vtr_venus_fence(guest.venus, TIMELINE, FENCE));
	CHECK_EQ(guest_fences(&guest), 1);
	CHECK(!vtr_venus_is_dead(guest.venus));
	close_guest();
}

/* A ring that waits for a queue without end keeps nothing that others destroy. */
static void idle_waits_keep_nothing(void)
{
	enum { DEVICES = 1100, FIRST_DEVICE = 1000 };
	const VkSemaphoreSignalInfo signal = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		                               .semaphore = ID(VkSemaphore, OTHER),
		                               .value = 1 };

	for (int i = 0; i < 2; i++) {
		open_plain_guest(false);
		RING(0, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline, .pSemaphore = OTHER);
		RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1,
		     .pSubmits = guest_waiting_work(OTHER));
		if (i == 0) {
			RING(0, vkQueueWaitIdle, .queue = ID(VkQueue, QUEUE));
		} else {
			RING(0, vkDeviceWaitIdle, .device = ID(VkDevice, DEVICE));
		}
		check_stuck(0);
		for (uint64_t n = 0; n < DEVICES; n++) {
			CHECK_EQ(guest_make_device(&guest, FIRST_DEVICE + n, NULL, NULL, 0), VK_SUCCESS);
			CHECK_OK(SEND(&guest, vkDestroyDevice, .device = ID(VkDevice, FIRST_DEVICE + n)));
		}
		RING(1, vkSignalSemaphore, ON_DEVICE, .pSignalInfo = &signal);
		CHECK(wait_ring(0, 0));
		close_guest();
	}
}

int main(void)
{
	RUN(fences_wait_for_rings);
	RUN(queue_fences);
	RUN(waits_hold_no_fences_up);
	RUN(others_wait);
	RUN(several_rings);
	RUN(many);
	RUN(no_queue);
	RUN(the_device_is_gone);
	RUN(idle_waits_keep_nothing);
	return 0;
}

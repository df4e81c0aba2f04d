/* SPDX-License-Identifier: MIT */
#include "web/viewer_agent.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "web/agent_link.h"
#include "web/people.h"

_Static_assert(VTR_AGENT_MAX_FILES >= VTR_PEOPLE_MAX * VTR_AGENT_FILES_EACH, "each person has places");

static struct vtr_agent *agent_of(const struct vtr_viewer_agent *viewer)
{
	return vtr_agent_link_agent(viewer->link);
}

static void wake(struct vtr_viewer_agent *viewer)
{
	lws_callback_on_writable(viewer->wsi);
}

enum vtr_err vtr_viewer_agent_create(struct vtr_agent_link *link, struct lws *wsi,
                                     struct vtr_viewer_agent **out_viewer)
{
	struct vtr_viewer_agent *viewer = calloc(1, sizeof(*viewer));

	if (!viewer) {
		return VTR_ERR_NOMEM;
	}
	viewer->link = link;
	viewer->wsi = wsi;
	viewer->state_due = true;
	vtr_list_init(&viewer->node);
	vtr_agent_link_add(link, &viewer->node);
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		viewer->owner_due[i] = vtr_agent_formats(agent_of(viewer), (enum vtr_agent_selection)i) != 0;
	}
	*out_viewer = viewer;
	return VTR_OK;
}

void vtr_viewer_agent_destroy(struct vtr_viewer_agent *viewer)
{
	if (!viewer) {
		return;
	}
	vtr_agent_link_remove(viewer->link, viewer);
	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		if (viewer->files[i].used && !viewer->files[i].ended) {
			vtr_agent_file_cancel(agent_of(viewer), viewer->files[i].id);
		}
	}
	vtr_agent_link_wake(viewer->link);
	for (size_t i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		vtr_blob_unref(viewer->answers[i].contents);
	}
	free(viewer);
}

/* --- events of the agent ----------------------------------------------------------------------------- */

void vtr_viewer_agent_tell_state(struct vtr_viewer_agent *viewer)
{
	viewer->state_due = true;
	wake(viewer);
}

void vtr_viewer_agent_tell_owner(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection)
{
	viewer->owner_due[selection] = true;
	wake(viewer);
}

void vtr_viewer_agent_tell_result(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection,
                                  enum vtr_agent_message_result result)
{
	viewer->result_due[selection] = true;
	viewer->results[selection] = result;
	wake(viewer);
}

static void set_answer(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection, uint8_t answer)
{
	viewer->answers[selection].due = true;
	viewer->answers[selection].answer = answer;
	wake(viewer);
}

void vtr_viewer_agent_answer(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection,
                             enum vtr_agent_answer answer, enum vtr_agent_format format,
                             struct vtr_blob *contents)
{
	struct vtr_viewer_answer *own = &viewer->answers[selection];

	if (!own->asked || own->due || own->contents || own->format != format) {
		return;
	}
	if (contents && !vtr_agent_link_make_room(viewer->link, contents->filled)) {
		set_answer(viewer, selection, VTR_AGENT_MESSAGE_BUSY);
		return;
	}
	own->contents = contents ? vtr_blob_ref(contents) : NULL;
	own->sent = 0;
	own->since_ns = vtr_os_now_ns();
	set_answer(viewer, selection, (uint8_t)answer);
}

size_t vtr_viewer_agent_waiting(const struct vtr_viewer_agent *viewer)
{
	size_t waiting = 0;

	for (size_t i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		const struct vtr_blob *contents = viewer->answers[i].contents;
		waiting += contents ? contents->filled / contents->refs : 0;
	}
	return waiting;
}

struct vtr_viewer_answer *vtr_viewer_agent_oldest(struct vtr_viewer_agent *viewer)
{
	struct vtr_viewer_answer *oldest = NULL;

	for (size_t i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		struct vtr_viewer_answer *answer = &viewer->answers[i];
		if (answer->contents && (!oldest || answer->since_ns < oldest->since_ns)) {
			oldest = answer;
		}
	}
	return oldest;
}

void vtr_viewer_agent_give_way(struct vtr_viewer_agent *viewer, struct vtr_viewer_answer *answer)
{
	vtr_blob_unref(answer->contents);
	answer->contents = NULL;
	set_answer(viewer, (enum vtr_agent_selection)(answer - viewer->answers), VTR_AGENT_MESSAGE_BUSY);
}

/* --- files ------------------------------------------------------------------------------------------- */

static struct vtr_viewer_file *find_file(struct vtr_viewer_agent *viewer, uint32_t page_id)
{
	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		struct vtr_viewer_file *file = &viewer->files[i];
		if (file->used && !file->ended && file->page_id == page_id) {
			return file;
		}
	}
	return NULL;
}

static void set_file_state(struct vtr_viewer_agent *viewer, struct vtr_viewer_file *file, uint8_t state,
                           uint64_t value)
{
	file->due = true;
	file->state = state;
	file->value = value;
	file->ended = state != VTR_AGENT_FILE_GOING;
	wake(viewer);
}

bool vtr_viewer_agent_tell_file(struct vtr_viewer_agent *viewer, uint32_t id, enum vtr_agent_file_state state,
                                uint64_t value)
{
	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		struct vtr_viewer_file *file = &viewer->files[i];
		if (file->used && !file->ended && file->id == id) {
			set_file_state(viewer, file, (uint8_t)state, value);
			return true;
		}
	}
	return false;
}

static uint8_t explain(enum vtr_err err)
{
	switch (err) {
	case VTR_ERR_INVALID:
		return VTR_AGENT_MESSAGE_FILE_INVALID;
	case VTR_ERR_LIMIT:
		return VTR_AGENT_MESSAGE_FILE_MANY;
	case VTR_ERR_GONE:
		return VTR_AGENT_FILE_LOST;
	default:
		return VTR_AGENT_FILE_FAILED;
	}
}

static size_t count_files(const struct vtr_viewer_agent *viewer)
{
	size_t count = 0;

	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		count += viewer->files[i].used && !viewer->files[i].ended;
	}
	return count;
}

static enum vtr_err start_file(struct vtr_viewer_agent *viewer, const struct vtr_agent_message *message,
                               bool controls)
{
	struct vtr_viewer_file *file = NULL;

	if (find_file(viewer, message->id)) {
		return VTR_ERR_PROTOCOL;
	}
	for (size_t i = 0; i < VTR_VIEWER_FILES && !file; i++) {
		file = viewer->files[i].used ? NULL : &viewer->files[i];
	}
	if (!file) {
		return VTR_ERR_PROTOCOL; /* it does not read the refusals */
	}
	*file = (struct vtr_viewer_file){ .used = true, .page_id = message->id };
	if (!controls) {
		set_file_state(viewer, file, VTR_AGENT_MESSAGE_FILE_CONTROL, 0);
		return VTR_OK;
	}
	if (count_files(viewer) > VTR_AGENT_FILES_EACH) {
		set_file_state(viewer, file, VTR_AGENT_MESSAGE_FILE_MANY, 0);
		return VTR_OK;
	}
	const enum vtr_err err = vtr_agent_file_start(agent_of(viewer), (const char *)message->bytes,
	                                              message->bytes_size, message->size, vtr_os_now_ns(),
	                                              &file->id);
	if (err != VTR_OK) {
		set_file_state(viewer, file, explain(err), 0);
	}
	return VTR_OK;
}

/* Data of a file that has ended was on its way, and is dropped. */
static enum vtr_err give_data(struct vtr_viewer_agent *viewer, const struct vtr_agent_message *message)
{
	const struct vtr_viewer_file *file = find_file(viewer, message->id);

	return file ? vtr_agent_file_give(agent_of(viewer), file->id, message->bytes, message->bytes_size) :
	              VTR_OK;
}

static void cancel_file(struct vtr_viewer_agent *viewer, uint32_t page_id)
{
	struct vtr_viewer_file *file = find_file(viewer, page_id);

	if (file) {
		vtr_agent_file_cancel(agent_of(viewer), file->id);
		*file = (struct vtr_viewer_file){ .used = false };
	}
}

/* --- messages of the page ---------------------------------------------------------------------------- */

static enum vtr_err request(struct vtr_viewer_agent *viewer, const struct vtr_agent_message *message)
{
	struct vtr_viewer_answer *answer = &viewer->answers[message->selection];

	if (answer->asked) {
		return VTR_ERR_PROTOCOL; /* one at a time */
	}
	answer->asked = true;
	answer->format = message->format;
	const enum vtr_err err =
		vtr_agent_request(agent_of(viewer), message->selection, message->format, vtr_os_now_ns());
	if (err != VTR_OK) {
		set_answer(viewer, message->selection,
		           err == VTR_ERR_AGAIN ? VTR_AGENT_MESSAGE_BUSY : (uint8_t)VTR_AGENT_EMPTY);
	}
	return VTR_OK;
}

static void drop_offer(struct vtr_viewer_agent *viewer)
{
	enum vtr_agent_selection selection;

	if (vtr_agent_link_drop_offer(viewer->link, viewer, &selection)) {
		vtr_viewer_agent_tell_result(viewer, selection, VTR_AGENT_MESSAGE_RESULT_CONTROL);
	}
}

void vtr_viewer_agent_lose_control(struct vtr_viewer_agent *viewer)
{
	drop_offer(viewer);
	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		struct vtr_viewer_file *file = &viewer->files[i];
		if (file->used && !file->ended) {
			vtr_agent_file_cancel(agent_of(viewer), file->id);
			set_file_state(viewer, file, VTR_AGENT_MESSAGE_FILE_CONTROL, 0);
		}
	}
	vtr_agent_link_wake(viewer->link);
}

static enum vtr_err take(struct vtr_viewer_agent *viewer, const struct vtr_agent_message *message,
                         bool controls)
{
	switch ((int)message->type) {
	case VTR_AGENT_MESSAGE_OFFER:
		if (!controls) {
			drop_offer(viewer);
			vtr_viewer_agent_tell_result(viewer, message->selection,
			                             VTR_AGENT_MESSAGE_RESULT_CONTROL);
			return VTR_OK;
		}
		return vtr_agent_link_begin_offer(viewer->link, viewer, message);
	case VTR_AGENT_MESSAGE_OFFERED:
		return vtr_agent_link_add_offered(viewer->link, viewer, message->bytes, message->bytes_size);
	case VTR_AGENT_MESSAGE_REQUEST:
		return request(viewer, message);
	case VTR_AGENT_MESSAGE_FILE_START:
		return start_file(viewer, message, controls);
	case VTR_AGENT_MESSAGE_FILE_DATA:
		return give_data(viewer, message);
	default:
		cancel_file(viewer, message->id);
		return VTR_OK;
	}
}

enum vtr_err vtr_viewer_agent_receive(struct vtr_viewer_agent *viewer, const uint8_t *bytes, size_t size,
                                      bool controls)
{
	struct vtr_agent_message message;
	enum vtr_err err = vtr_agent_message_parse(bytes, size, &message);

	if (err == VTR_OK) {
		err = take(viewer, &message, controls);
		vtr_agent_link_wake(viewer->link);
	}
	return err;
}

/* --- messages to the page ---------------------------------------------------------------------------- */

static size_t write_small(struct vtr_viewer_agent *viewer, uint8_t *out)
{
	const struct vtr_agent *agent = agent_of(viewer);

	if (viewer->state_due) {
		viewer->state_due = false;
		return vtr_agent_message_state(out, vtr_agent_state(agent), vtr_agent_abilities(agent));
	}
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		const enum vtr_agent_selection selection = (enum vtr_agent_selection)i;
		if (viewer->owner_due[i]) {
			viewer->owner_due[i] = false;
			return vtr_agent_message_owner(out, selection, vtr_agent_formats(agent, selection));
		}
		if (viewer->result_due[i]) {
			viewer->result_due[i] = false;
			return vtr_agent_message_result(out, selection, viewer->results[i]);
		}
	}
	for (size_t i = 0; i < VTR_VIEWER_FILES; i++) {
		struct vtr_viewer_file *file = &viewer->files[i];
		if (file->used && file->due) {
			file->due = false;
			file->used = !file->ended;
			return vtr_agent_message_file(out, file->page_id, file->state, file->value);
		}
	}
	return 0;
}

/* Ends an answer that was sent. */
static void finish_answer(struct vtr_viewer_answer *answer)
{
	vtr_blob_unref(answer->contents);
	*answer = (struct vtr_viewer_answer){ .asked = false };
}

static size_t write_answer(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection, uint8_t *out)
{
	struct vtr_viewer_answer *answer = &viewer->answers[selection];
	const struct vtr_blob *contents = answer->contents;
	size_t size;

	if (answer->due) {
		answer->due = false;
		size = vtr_agent_message_answer(out, selection, answer->format, answer->answer,
		                                contents ? contents->filled : 0);
		if (!contents || contents->filled == 0) {
			finish_answer(answer);
		}
		return size;
	}
	if (!contents) {
		return 0;
	}
	const size_t part = vtr_min(contents->filled - answer->sent, VTR_AGENT_MESSAGE_PIECE_OUT);
	size = vtr_agent_message_contents(out, selection, contents->bytes + answer->sent, part);
	answer->sent += part;
	if (answer->sent == contents->filled) {
		finish_answer(answer);
	}
	return size;
}

static bool is_small_due(const struct vtr_viewer_agent *viewer)
{
	bool due = viewer->state_due;

	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		due = due || viewer->owner_due[i] || viewer->result_due[i];
	}
	for (size_t i = 0; i < VTR_VIEWER_FILES && !due; i++) {
		due = viewer->files[i].used && viewer->files[i].due;
	}
	return due;
}

static bool is_answer_due(const struct vtr_viewer_agent *viewer)
{
	bool due = false;

	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		due = due || viewer->answers[i].due || viewer->answers[i].contents;
	}
	return due;
}

bool vtr_viewer_agent_is_due(const struct vtr_viewer_agent *viewer)
{
	return viewer && (is_small_due(viewer) || is_answer_due(viewer));
}

size_t vtr_viewer_agent_write(struct vtr_viewer_agent *viewer, uint8_t *out, bool yields)
{
	size_t size = viewer ? write_small(viewer, out) : 0;

	if (!viewer || size > 0 || !is_answer_due(viewer)) {
		return size;
	}
	if (yields) {
		viewer->yielded = !viewer->yielded;
		if (viewer->yielded) {
			return 0;
		}
	}
	for (int i = 0; i < VTR_AGENT_SELECTIONS && size == 0; i++) {
		size = write_answer(viewer, (enum vtr_agent_selection)i, out);
	}
	return size;
}

/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "webdav/client.h"

/* A time's parts. Not those of the C library, which wants to read the system's time zone: the sandbox does not let
 * it. */
struct date {
	unsigned year, month, day; /* month and day from 1 */
	unsigned weekday; /* 0: Sunday */
	unsigned seconds; /* of the day */
};

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static struct date split_time(int64_t time_s)
{
	static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const uint64_t seconds = time_s > 0 ? (uint64_t)time_s : 0;
	unsigned days = (unsigned)(seconds / 86400);
	struct date date = { .year = 1970, .month = 1, .seconds = (unsigned)(seconds % 86400) };

	date.weekday = (days + 4) % 7; /* 1970 began on a Thursday */
	while (days >= (is_leap(date.year) ? 366u : 365u)) {
		days -= is_leap(date.year) ? 366 : 365;
		date.year++;
	}
	while (days >= lengths[date.month - 1] + (date.month == 2 && is_leap(date.year))) {
		days -= lengths[date.month - 1] + (date.month == 2 && is_leap(date.year));
		date.month++;
	}
	date.day = days + 1;
	return date;
}

void vtr_dav_format_time(int64_t time_s, char out[VTR_DAV_TIME])
{
	static const char weekdays[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const struct date date = split_time(time_s);

	snprintf(out, VTR_DAV_TIME, "%s, %02u %s %u %02u:%02u:%02u GMT", weekdays[date.weekday], date.day,
	         months[date.month - 1], date.year, date.seconds / 3600, date.seconds / 60 % 60,
	         date.seconds % 60);
}

void vtr_dav_add_path(struct vtr_dav_text *text, const struct vtr_dav_node *node)
{
	const struct vtr_dav_node *from[VTR_DAV_MAX_DEPTH + 1];
	size_t count = 0;

	for (const struct vtr_dav_node *at = node; at->parent; at = at->parent) {
		from[count++] = at;
	}
	vtr_dav_text_add(text, "/", 1);
	while (count > 0) {
		const struct vtr_dav_node *at = from[--count];
		vtr_dav_text_encode(text, at->name);
		if (vtr_dav_node_is_folder(at)) {
			vtr_dav_text_add(text, "/", 1);
		} else {
			vtr_assert(count == 0);
		}
	}
}

static void add_lock(const struct vtr_dav *dav, struct vtr_dav_text *text, const struct vtr_dav_lock *lock)
{
	vtr_dav_text_format(text,
	                    "<D:activelock><D:locktype><D:write/></D:locktype>"
	                    "<D:lockscope><D:exclusive/></D:lockscope><D:depth>%s</D:depth>"
	                    "<D:timeout>Second-%lld</D:timeout>"
	                    "<D:locktoken><D:href>%s</D:href></D:locktoken><D:lockroot><D:href>",
	                    lock->deep ? "infinity" : "0", (long long)(lock->ends_s - vtr_dav_now_s(dav)),
	                    lock->token);
	vtr_dav_add_path(text, lock->node);
	vtr_dav_text_format(text, "</D:href></D:lockroot></D:activelock>");
}

void vtr_dav_add_locks(const struct vtr_dav *dav, struct vtr_dav_text *text, const struct vtr_dav_node *node,
                       const struct vtr_dav_lock *lock)
{
	if (!lock) {
		lock = vtr_dav_locks_find(&dav->locks, node, false, "", vtr_dav_now_s(dav));
	}
	vtr_dav_text_format(text, "<D:lockdiscovery>");
	if (lock) {
		add_lock(dav, text, lock);
	}
	vtr_dav_text_format(text, "</D:lockdiscovery>");
}

static void add_of_file(const struct vtr_dav *dav, struct vtr_dav_text *text, const struct vtr_dav_node *node)
{
	char etag[VTR_DAV_ETAG];

	vtr_dav_etag(dav, node, etag);
	vtr_dav_text_format(text,
	                    "<D:resourcetype/><D:getcontentlength>%llu</D:getcontentlength>"
	                    "<D:getcontenttype>application/octet-stream</D:getcontenttype>"
	                    "<D:getetag>%s</D:getetag>",
	                    (unsigned long long)node->contents->size, etag);
}

static void add_of_folder(const struct vtr_dav *dav, struct vtr_dav_text *text)
{
	struct vtr_budget *budget = &dav->folder->budget;
	const uint64_t left = vtr_budget_left(budget, budget->limit);

	vtr_dav_text_format(text,
	                    "<D:resourcetype><D:collection/></D:resourcetype>"
	                    "<D:quota-available-bytes>%llu</D:quota-available-bytes>"
	                    "<D:quota-used-bytes>%llu</D:quota-used-bytes>",
	                    (unsigned long long)left, (unsigned long long)(budget->limit - left));
}

static void add_node(const struct vtr_dav *dav, struct vtr_dav_text *text, const struct vtr_dav_node *node)
{
	const struct date created = split_time(node->created_s);
	char modified[VTR_DAV_TIME];

	vtr_dav_format_time(node->modified_s, modified);
	vtr_dav_text_format(text, "<D:response><D:href>");
	vtr_dav_add_path(text, node);
	vtr_dav_text_format(text, "</D:href><D:propstat><D:prop><D:displayname>");
	vtr_dav_text_escape(text, node->parent ? node->name : "vitrine");
	vtr_dav_text_format(text,
	                    "</D:displayname><D:getlastmodified>%s</D:getlastmodified>"
	                    "<D:creationdate>%04u-%02u-%02uT%02u:%02u:%02uZ</D:creationdate>",
	                    modified, created.year, created.month, created.day, created.seconds / 3600,
	                    created.seconds / 60 % 60, created.seconds % 60);
	if (vtr_dav_node_is_folder(node)) {
		add_of_folder(dav, text);
	} else {
		add_of_file(dav, text, node);
	}
	vtr_dav_text_format(text, "<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope>"
	                          "<D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>");
	vtr_dav_add_locks(dav, text, node, NULL);
	vtr_dav_text_format(text,
	                    "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n");
}

/* All properties, whichever the client asks for: it finds those that it needs. */
unsigned vtr_dav_propfind(struct vtr_dav *dav, struct vtr_dav_client *client,
                          const struct vtr_dav_place *place)
{
	const char *depth = client->request.headers[VTR_DAV_DEPTH];
	struct vtr_dav_text body = { .bytes = NULL };
	const struct vtr_dav_node *child;

	if (!place->node || !vtr_dav_answer_has_room(dav, VTR_DAV_MAX_TEXT)) {
		return place->node ? 503 : 404;
	}
	vtr_dav_text_format(&body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
	if (strcmp(depth, "0") != 0 && strcmp(depth, "1") != 0) {
		vtr_dav_text_format(&body,
		                    "<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n");
		vtr_dav_answer_begin(client, 403);
		vtr_dav_answer_text(dav, client, "application/xml; charset=utf-8", &body);
		return 0;
	}
	vtr_dav_text_format(&body, "<D:multistatus xmlns:D=\"DAV:\">\n");
	add_node(dav, &body, place->node);
	if (depth[0] == '1') {
		vtr_list_for_each (child, &place->node->children, siblings) {
			if (body.failed) {
				break;
			}
			add_node(dav, &body, child);
		}
	}
	vtr_dav_text_format(&body, "</D:multistatus>\n");
	vtr_dav_answer_begin(client, 207);
	vtr_dav_answer_text(dav, client, "application/xml; charset=utf-8", &body);
	return 0;
}

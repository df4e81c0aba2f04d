/* SPDX-License-Identifier: MIT */
#include "webdav/lock.h"

#include <stdio.h>
#include <string.h>

/* Returns: whether `text` has the token in angle brackets. */
static bool names(const char *text, const char *token)
{
	const size_t size = strlen(token);

	for (const char *at = strstr(text, token); at; at = strstr(at + 1, token)) {
		if (at > text && at[-1] == '<' && at[size] == '>') {
			return true;
		}
	}
	return false;
}

static bool covers(const struct vtr_dav_lock *lock, const struct vtr_dav_node *node)
{
	return lock->node == node || (lock->deep && vtr_dav_node_is_in(node, lock->node));
}

static bool is_valid(const struct vtr_dav_lock *lock, int64_t now_s)
{
	return lock->number != 0 && lock->ends_s > now_s;
}

const struct vtr_dav_lock *vtr_dav_locks_find(const struct vtr_dav_locks *locks,
                                              const struct vtr_dav_node *node, bool below, const char *text,
                                              int64_t now_s)
{
	for (size_t i = 0; i < VTR_DAV_MAX_LOCKS; i++) {
		const struct vtr_dav_lock *lock = &locks->locks[i];
		if (is_valid(lock, now_s) &&
		    (covers(lock, node) || (below && vtr_dav_node_is_in(lock->node, node))) &&
		    !names(text, lock->token)) {
			return lock;
		}
	}
	return NULL;
}

struct vtr_dav_lock *vtr_dav_locks_get(struct vtr_dav_locks *locks, const struct vtr_dav_node *node,
                                       const char *token, size_t size, int64_t now_s)
{
	for (size_t i = 0; i < VTR_DAV_MAX_LOCKS; i++) {
		struct vtr_dav_lock *lock = &locks->locks[i];
		if (is_valid(lock, now_s) && strlen(lock->token) == size &&
		    memcmp(lock->token, token, size) == 0 && covers(lock, node)) {
			return lock;
		}
	}
	return NULL;
}

enum vtr_err vtr_dav_locks_add(struct vtr_dav_locks *locks, const struct vtr_dav_node *node, bool deep,
                               int64_t now_s, int64_t ends_s, struct vtr_dav_lock **out_lock)
{
	for (size_t i = 0; i < VTR_DAV_MAX_LOCKS; i++) {
		struct vtr_dav_lock *lock = &locks->locks[i];
		if (is_valid(lock, now_s)) {
			continue;
		}
		*lock = (struct vtr_dav_lock){
			.number = ++locks->last, .node = node, .deep = deep, .ends_s = ends_s
		};
		/* In the form of a UUID. */
		snprintf(lock->token, sizeof(lock->token), "urn:uuid:%08x-%04x-4%03x-8%03x-%012llx",
		         (unsigned)(locks->seed & 0xffffffff), (unsigned)(locks->seed >> 32 & 0xffff),
		         (unsigned)(locks->seed >> 48 & 0xfff), (unsigned)(locks->seed >> 52 & 0xfff),
		         (unsigned long long)(lock->number & 0xffffffffffff));
		*out_lock = lock;
		return VTR_OK;
	}
	return VTR_ERR_LIMIT;
}

void vtr_dav_locks_forget(struct vtr_dav_locks *locks, const struct vtr_dav_node *node)
{
	for (size_t i = 0; i < VTR_DAV_MAX_LOCKS; i++) {
		if (locks->locks[i].node == node) {
			locks->locks[i] = (struct vtr_dav_lock){ .number = 0 };
		}
	}
}

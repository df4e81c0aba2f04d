/* SPDX-License-Identifier: MIT */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An intrusive doubly linked ring. A head is an element that belongs to no object. An element outside of any
 * list points at itself, so removing it again does no harm.
 *
 * Lock: that of the list's owner.
 */
struct vtr_list {
	struct vtr_list *prev;
	struct vtr_list *next;
};

/* The object of `type` whose `member` is at `ptr`. */
#define vtr_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void vtr_list_init(struct vtr_list *list)
{
	list->prev = list;
	list->next = list;
}

/* Inserts `elem`, which must be in no list, right after `pos`; that is the front if `pos` is the head. */
static inline void vtr_list_insert(struct vtr_list *pos, struct vtr_list *elem)
{
	elem->prev = pos;
	elem->next = pos->next;
	pos->next->prev = elem;
	pos->next = elem;
}

/* Inserts `elem`, which must be in no list, at the end. */
static inline void vtr_list_append(struct vtr_list *head, struct vtr_list *elem)
{
	vtr_list_insert(head->prev, elem);
}

/* Removes `elem` from its list, if it is in one. */
static inline void vtr_list_remove(struct vtr_list *elem)
{
	elem->prev->next = elem->next;
	elem->next->prev = elem->prev;
	vtr_list_init(elem);
}

static inline bool vtr_list_empty(const struct vtr_list *head)
{
	return head->next == head;
}

/* `pos` is a pointer to the object type; it must not be removed in the body. */
#define vtr_list_for_each(pos, head, member)                                                               \
	for ((pos) = vtr_container_of((head)->next, __typeof__(*(pos)), member); &(pos)->member != (head); \
	     (pos) = vtr_container_of((pos)->member.next, __typeof__(*(pos)), member))

/* As above; `pos` itself, and only `pos`, may be removed and freed in the body. */
#define vtr_list_for_each_safe(pos, next_pos, head, member)                                \
	for ((pos) = vtr_container_of((head)->next, __typeof__(*(pos)), member),           \
	    (next_pos) = vtr_container_of((pos)->member.next, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); (pos) = (next_pos),                                 \
	    (next_pos) = vtr_container_of((pos)->member.next, __typeof__(*(pos)), member))

#endif

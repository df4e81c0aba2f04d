/* SPDX-License-Identifier: MIT */
#include "wire/cs.h"

/* The first members of every struct with an sType; vk_gen.h's VkBaseInStructure without its types. */
struct base {
	int32_t stype;
	void *next;
};

/* How much of a stream is copied at once while a command is read that does not end in the first piece. */
#define PIECE 4096
#define NO_MEMORY "decoding takes more memory than the context's budget has (-o max-memory)"

const uint8_t vtr_cs_zeros[VTR_CS_MAX_RUN];

static size_t pad4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

void vtr_cs_reader_init(struct vtr_cs_reader *r, void *data, size_t size, const struct vtr_idmap *objects,
                        struct vtr_arena *arena)
{
	*r = (struct vtr_cs_reader){
		.cur = data,
		.end = size != 0 ? (const uint8_t *)data + size : data, /* NULL has no bytes behind it */
		.objects = objects,
		.arena = arena,
	};
}

static void poison(struct vtr_cs_reader *r, enum vtr_cs_status status)
{
	r->status |= status;
	r->cur = r->end; /* all further reads give zeros */
	r->more = r->more_end;
}

void vtr_cs_fail_value(struct vtr_cs_reader *r, const char *why, uint64_t value)
{
	/* After SHORT everything reads as zeros, which are not the guest's data. */
	if ((r->status & VTR_CS_POISONED) == 0) {
		r->why = why;
		r->value = value;
		poison(r, VTR_CS_BAD);
	}
}

void vtr_cs_fail(struct vtr_cs_reader *r, const char *why)
{
	vtr_cs_fail_value(r, why, 0);
}

const uint8_t *vtr_cs_short(struct vtr_cs_reader *r)
{
	if ((r->status & VTR_CS_BAD) == 0) {
		poison(r, VTR_CS_SHORT);
	}
	return vtr_cs_zeros;
}

const uint8_t *vtr_cs_gather(struct vtr_cs_reader *r, size_t n)
{
	const size_t have = (size_t)(r->end - r->cur);
	const size_t left = vtr_cs_left(r);
	const size_t size = vtr_min(vtr_max(n, have + PIECE), left);
	uint8_t *piece = n <= left ? vtr_arena_alloc(r->arena, size) : NULL;

	if (n > left) {
		vtr_cs_short(r);
		return NULL;
	}
	if (piece == NULL) {
		vtr_cs_fail_value(r, NO_MEMORY, n);
		return NULL;
	}
	/* Bytes that were copied before are not read again: the guest may have changed them. */
	if (have != 0) {
		memcpy(piece, r->cur, have);
	}
	memcpy(piece + have, r->more, size - have);
	r->more += size - have;
	r->cur = piece;
	r->end = piece + size;
	return piece;
}

const uint8_t *vtr_cs_take_slow(struct vtr_cs_reader *r, size_t n)
{
	const uint8_t *p = vtr_cs_gather(r, n);

	if (p == NULL) {
		return vtr_cs_zeros;
	}
	r->cur = p + n;
	return p;
}

struct vtr_object *vtr_cs_no_object(struct vtr_cs_reader *r, uint64_t id, uint32_t type,
                                    struct vtr_object *found)
{
	if (found != NULL && __atomic_load_n(&found->type, __ATOMIC_RELAXED) == (type | VTR_OBJECT_FAILED)) {
		r->failed = found;
		r->status |= VTR_CS_FAILED;
		return NULL;
	}
	vtr_cs_fail_value(r, found != NULL ? "an object is of another type" : "no such object", id);
	return NULL;
}

static uint64_t get64(struct vtr_cs_reader *r)
{
	return vtr_cs_ld64(vtr_cs_take(r, 8));
}

void vtr_cs_null(struct vtr_cs_reader *r)
{
	if (get64(r) != 0) {
		vtr_cs_fail(r, "a pointer that must be null is not null");
	}
}

void *vtr_cs_no_memory(struct vtr_cs_reader *r, size_t count)
{
	vtr_cs_fail_value(r, NO_MEMORY, count);
	return NULL;
}

void *vtr_cs_alloc(struct vtr_cs_reader *r, size_t count, size_t size)
{
	void *p = vtr_cs_alloc_raw(r, count, size);

	return p != NULL ? memset(p, 0, count * size) : NULL;
}

void *vtr_cs_pointer(struct vtr_cs_reader *r, size_t size, bool optional)
{
	if (get64(r) != 0) {
		return vtr_cs_alloc(r, 1, size);
	}
	vtr_cs_check(r, optional, "a pointer is missing");
	return NULL;
}

size_t vtr_cs_bad_count(struct vtr_cs_reader *r, uint64_t n, uint64_t expected, bool optional)
{
	if (n == 0) {
		vtr_cs_check(r, optional || expected == 0, "an array is missing");
	} else {
		vtr_cs_fail_value(r, "an array has another length than its count says", n);
	}
	return 0;
}

const uint8_t *vtr_cs_gather_elements(struct vtr_cs_reader *r, size_t n, size_t size)
{
	if (n > vtr_cs_left(r) / size) {
		vtr_cs_short(r);
		return NULL;
	}
	return vtr_cs_gather(r, n * size);
}

void *vtr_cs_bulk(struct vtr_cs_reader *r, uint64_t expected, bool optional)
{
	const size_t n = vtr_cs_count_word(r, expected, optional);
	const size_t have = (size_t)(r->end - r->cur);
	const uint8_t *p;

	if (n <= have) {
		return n != 0 ? (void *)(uintptr_t)vtr_cs_take_bytes(r, n) : NULL;
	}
	if (n > vtr_cs_left(r) || pad4(n) > vtr_cs_left(r)) {
		vtr_cs_short(r);
		return NULL;
	}
	p = r->more - have;
	r->more = p + pad4(n);
	r->cur = r->end;
	return (void *)(uintptr_t)p;
}

const char *vtr_cs_string(struct vtr_cs_reader *r, bool optional)
{
	const uint64_t n = get64(r);
	char *s;

	if (n == 0) {
		vtr_cs_check(r, optional, "a string is missing");
		return NULL;
	}
	s = (char *)(uintptr_t)vtr_cs_take_bytes(r, n);
	if (s == NULL || (r->status & VTR_CS_POISONED) != 0) {
		return NULL;
	}
	s[n - 1] = '\0'; /* the guest's string may lack its NUL */
	return s;
}

const char *const *vtr_cs_strings(struct vtr_cs_reader *r, uint64_t expected, bool optional)
{
	const size_t n = vtr_cs_count(r, expected, optional, 8);
	const char **s = vtr_cs_alloc(r, n, sizeof(*s));

	for (size_t i = 0; s != NULL && i < n; i++) {
		s[i] = vtr_cs_string(r, false);
	}
	return s;
}

void vtr_cs_fixed(struct vtr_cs_reader *r, uint64_t n)
{
	const uint64_t got = get64(r);

	if (got != n) {
		vtr_cs_fail_value(r, "an array of fixed length has another one", got);
	}
}

void vtr_cs_copy(struct vtr_cs_reader *r, void *out, size_t n)
{
	const uint8_t *p = vtr_cs_take_bytes(r, n);

	if (p != NULL) {
		memcpy(out, p, n);
	} else {
		memset(out, 0, n);
	}
}

void vtr_cs_skip(struct vtr_cs_reader *r, size_t n)
{
	vtr_cs_take_bytes(r, n);
}

void *vtr_cs_out_array(struct vtr_cs_reader *r, uint64_t expected, size_t size, bool optional, size_t *out_n)
{
	const size_t n = vtr_cs_count_word(r, expected, optional);
	const size_t slack = n != 0 && size == 1 ? VTR_CS_OUT_SLACK : 0;
	void *p = vtr_cs_alloc(r, n <= SIZE_MAX - slack ? n + slack : SIZE_MAX, size);

	if (out_n != NULL) {
		*out_n = p != NULL ? n : 0;
	}
	return p;
}

void *vtr_cs_out_bulk(struct vtr_cs_reader *r, uint64_t expected, bool optional)
{
	(void)vtr_cs_count_word(r, expected, optional);
	return NULL;
}

uint64_t vtr_cs_id(struct vtr_cs_reader *r)
{
	vtr_cs_check(r, get64(r) != 0, "no place for the new object's id");
	return get64(r);
}

void *vtr_cs_handles(struct vtr_cs_reader *r, const uint64_t *ids, size_t count, uint32_t type)
{
	uint64_t *handles = ids != NULL ? vtr_cs_alloc(r, count, sizeof(*handles)) : NULL;

	for (size_t i = 0; handles != NULL && i < count; i++) {
		handles[i] = vtr_cs_handle(r, ids[i], type);
	}
	return handles;
}

void vtr_cs_bad_stype(struct vtr_cs_reader *r, uint32_t stype)
{
	vtr_cs_fail_value(r, "a struct has another sType", stype);
}

static const struct vtr_cs_link *find_link(const struct vtr_cs_link *const *links, uint32_t stype)
{
	for (; links != NULL && *links != NULL; links++) {
		if ((uint32_t)(*links)->stype == stype) {
			return *links;
		}
	}
	return NULL;
}

void *vtr_cs_chain(struct vtr_cs_reader *r, const struct vtr_cs_link *const *links, bool partial)
{
	const uint8_t *p = vtr_cs_take(r, 12); /* sType, and whether another struct follows */
	const struct vtr_cs_link *link = find_link(links, vtr_cs_ld32(p));
	void (*get)(struct vtr_cs_reader *, void *) = link == NULL ? NULL :
	                                              partial      ? link->get_partial :
	                                                             link->get;
	struct base *b;

	if ((r->status & VTR_CS_POISONED) != 0) {
		return NULL;
	}
	if (get == NULL) {
		vtr_cs_fail_value(r, "a struct cannot be in this pNext chain", vtr_cs_ld32(p));
		return NULL;
	}
	b = vtr_cs_alloc(r, 1, link->size);
	if (b == NULL) {
		return NULL;
	}
	if (++r->depth > VTR_CS_MAX_CHAIN) {
		vtr_cs_fail(r, "a pNext chain is too long");
	}
	b->stype = link->stype;
	/* The rest of the chain comes before the struct's own members. */
	b->next = NULL;
	if (vtr_cs_ld64(p + 4) != 0 && (r->status & VTR_CS_POISONED) == 0) {
		b->next = vtr_cs_chain(r, links, partial);
	}
	get(r, b);
	r->depth--;
	return b;
}

/* Makes room for a count, which is written, and for as many bytes with their padding. Returns: NULL if there
 * are no bytes, or no room. */
static uint8_t *bytes_room(struct vtr_cs_writer *w, size_t n)
{
	uint8_t *p;

	vtr_cs_put64(w, n);
	p = n != 0 && n <= SIZE_MAX - 3 ? vtr_cs_room(w, pad4(n)) : NULL;
	if (p != NULL) {
		memset(p + n, 0, pad4(n) - n);
	} else if (n != 0) {
		w->full = true;
	}
	return p;
}

void vtr_cs_put_bytes(struct vtr_cs_writer *w, const void *data, size_t n)
{
	uint8_t *p = bytes_room(w, n);

	if (p != NULL) {
		memcpy(p, data, n);
	}
}

void vtr_cs_put_bulk(struct vtr_cs_writer *w, const void *data, size_t n)
{
	uint8_t *p = bytes_room(w, n);

	if (p == NULL || p == data) {
		return;
	}
	if (data != NULL) {
		memcpy(p, data, n);
	} else {
		memset(p, 0, n);
	}
}

void vtr_cs_put_chain(struct vtr_cs_writer *w, const void *next, const struct vtr_cs_link *const *links)
{
	const struct base *b = next;
	const struct vtr_cs_link *link = b != NULL ? find_link(links, (uint32_t)b->stype) : NULL;

	if (link == NULL || link->put == NULL) {
		vtr_cs_put64(w, 0);
		return;
	}
	vtr_cs_put64(w, 1);
	vtr_cs_put32(w, (uint32_t)b->stype);
	vtr_cs_put_chain(w, b->next, links);
	link->put(w, b);
}

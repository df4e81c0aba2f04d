/* SPDX-License-Identifier: MIT */
#ifndef WIRE_CS_H
#define WIRE_CS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/idmap.h"
#include "base/mem.h"

/*
 * Reading and writing Venus command streams: little-endian, every item padded to 4 bytes.
 *
 * The first error poisons the reader: from then on it returns zeros, so decoders need no error paths. The
 * caller checks `status` once, after decoding and before it uses the result. The reader reads private memory
 * only: data in memory that the guest can write is copied first, a piece at a time, and each byte once. What
 * it returns lies in that memory, which it changes where an array is decoded in place, or in the arena, until
 * the caller resets the arena. The only exception is data that the registry marks `bulk`: bytes that only the
 * driver interprets, which gets a pointer into the guest's memory.
 *
 * Thread: one.
 */
enum vtr_cs_status {
	VTR_CS_OK = 0,
	VTR_CS_SHORT = 1, /* the bytes end too early */
	VTR_CS_FAILED = 2, /* names an object whose creation failed: the command fails, but not the context */
	VTR_CS_BAD = 4, /* not a valid encoding */
	VTR_CS_POISONED = VTR_CS_SHORT | VTR_CS_BAD,
};

struct vtr_cs_reader {
	const uint8_t *cur;
	const uint8_t *end;
	/* The bytes that follow `end`, in memory that the guest can write: copied when needed. [cur, end) is
	 * a copy of the bytes before `more`. */
	const uint8_t *more;
	const uint8_t *more_end;
	uint32_t status; /* enum vtr_cs_status, or-ed */
	uint32_t depth; /* of the pNext chain being read */
	const struct vtr_idmap *objects;
	struct vtr_arena *arena;
	struct vtr_object *failed; /* the failed object that was named last */
	struct vtr_object *named; /* the pool, image or buffer that a struct named last */
	const char *why; /* what was wrong, once BAD */
	uint64_t value; /* the id or number that was wrong */
};

struct vtr_cs_writer {
	uint8_t *cur;
	uint8_t *end;
	bool full; /* something did not fit: the reply is incomplete */
};

/* One struct that can be in a pNext chain. The functions handle only the struct's own members. */
struct vtr_cs_link {
	int32_t stype;
	uint32_t size;
	void (*get)(struct vtr_cs_reader *r, void *data); /* NULL: never in a request */
	void (*get_partial)(struct vtr_cs_reader *r, void *data); /* NULL: never for output */
	void (*put)(struct vtr_cs_writer *w, const void *data);
};

/* The longest run of scalars that the generator reads at once; zeros of this size back a failed one. */
#define VTR_CS_MAX_RUN 1024
/* Chains are nested on the wire, so a long one costs stack. No struct can head a chain of more than 200. */
#define VTR_CS_MAX_CHAIN 256

#define VTR_CS_OUT_SLACK 4096

extern const uint8_t vtr_cs_zeros[VTR_CS_MAX_RUN];

/* `data` is private memory, which nothing else reads afterwards: arrays are decoded in place. */
void vtr_cs_reader_init(struct vtr_cs_reader *r, void *data, size_t size, const struct vtr_idmap *objects,
                        struct vtr_arena *arena);
/* Makes the reader continue in [more, more_end); `data` is a copy of the bytes before `more`. */
static inline void vtr_cs_reader_continue(struct vtr_cs_reader *r, const uint8_t *more,
                                          const uint8_t *more_end)
{
	r->more = more;
	r->more_end = more_end;
}

/* Poisons the reader. `why` must be a literal. */
void vtr_cs_fail(struct vtr_cs_reader *r, const char *why);
void vtr_cs_fail_value(struct vtr_cs_reader *r, const char *why, uint64_t value);
const uint8_t *vtr_cs_short(struct vtr_cs_reader *r);
/* The slow path of the functions below: returns the next n bytes in one piece if [cur, end) has fewer. NULL,
 * or zeros, if there are not as many. */
const uint8_t *vtr_cs_gather(struct vtr_cs_reader *r, size_t n);
const uint8_t *vtr_cs_take_slow(struct vtr_cs_reader *r, size_t n);
struct vtr_object *vtr_cs_no_object(struct vtr_cs_reader *r, uint64_t id, uint32_t type,
                                    struct vtr_object *found);

static inline uint32_t vtr_cs_ld32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t vtr_cs_ld64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline float vtr_cs_ldf(const uint8_t *p)
{
	float v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Returns: the next n bytes, or as many zeros. n is a multiple of 4, at most VTR_CS_MAX_RUN. */
static inline const uint8_t *vtr_cs_take(struct vtr_cs_reader *r, size_t n)
{
	const uint8_t *p = r->cur;

	if (__builtin_expect((size_t)(r->end - p) < n, 0)) {
		return vtr_cs_take_slow(r, n);
	}
	r->cur = p + n;
	return p;
}

/* Returns: the number of bytes that are left. */
static inline size_t vtr_cs_left(const struct vtr_cs_reader *r)
{
	return (size_t)(r->end - r->cur) + (size_t)(r->more_end - r->more);
}

static inline void vtr_cs_check(struct vtr_cs_reader *r, bool ok, const char *why)
{
	if (__builtin_expect(!ok, 0)) {
		vtr_cs_fail(r, why);
	}
}

/* Returns: the object with this id, NULL for id 0. A missing object or one of another type poisons the
 *          reader. */
static inline struct vtr_object *vtr_cs_object(struct vtr_cs_reader *r, uint64_t id, uint32_t type)
{
	struct vtr_object *o = id != 0 ? vtr_idmap_get(r->objects, id) : NULL;

	/* Another thread may record that the recording of a command buffer has failed. */
	if (__builtin_expect(o != NULL && __atomic_load_n(&o->type, __ATOMIC_RELAXED) == type, 1)) {
		return o;
	}
	return id != 0 ? vtr_cs_no_object(r, id, type, o) : NULL;
}

static inline uint64_t vtr_cs_driver(const struct vtr_object *o)
{
	return o != NULL ? o->handle : 0;
}

static inline uint64_t vtr_cs_handle(struct vtr_cs_reader *r, uint64_t id, uint32_t type)
{
	return vtr_cs_driver(vtr_cs_object(r, id, type));
}

static inline uint64_t vtr_cs_named(struct vtr_cs_reader *r, uint64_t id, uint32_t type)
{
	r->named = vtr_cs_object(r, id, type);
	return vtr_cs_driver(r->named);
}

/* Poisons the reader if a command's first object is missing. */
static inline void vtr_cs_need(struct vtr_cs_reader *r, const struct vtr_object *o)
{
	if (__builtin_expect(o == NULL && r->status == 0, 0)) {
		vtr_cs_fail(r, "the object that the command belongs to is missing");
	}
}

void vtr_cs_null(struct vtr_cs_reader *r); /* a pointer that must be absent */

/* Returns: zeroed memory for count elements. NULL for no elements, or after poisoning at the limit. */
void *vtr_cs_alloc(struct vtr_cs_reader *r, size_t count, size_t size);
/* Poisons the reader because there is no memory for `count` elements. Returns: NULL. */
void *vtr_cs_no_memory(struct vtr_cs_reader *r, size_t count);

/* Like vtr_cs_alloc(), not zeroed: for elements whose members are all decoded. */
static inline void *vtr_cs_alloc_raw(struct vtr_cs_reader *r, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (count == 0) {
		return NULL;
	}
	p = vtr_mul(count, size, &bytes) ? vtr_arena_alloc(r->arena, bytes) : NULL;
	return __builtin_expect(p != NULL, 1) ? p : vtr_cs_no_memory(r, count);
}

/* A pointer to one element: memory for it when present, else NULL (poisoned unless optional). */
void *vtr_cs_pointer(struct vtr_cs_reader *r, size_t size, bool optional);
size_t vtr_cs_bad_count(struct vtr_cs_reader *r, uint64_t n, uint64_t expected, bool optional);

/* Reads the count in front of an array: `expected`, or 0 where it may be absent. */
static inline size_t vtr_cs_count_word(struct vtr_cs_reader *r, uint64_t expected, bool optional)
{
	const uint64_t n = vtr_cs_ld64(vtr_cs_take(r, 8));

	if (__builtin_expect(n == expected || (n == 0 && optional), 1)) {
		return (size_t)n;
	}
	return vtr_cs_bad_count(r, n, expected, optional);
}

/* Like vtr_cs_count_word(), for elements that take at least min_wire bytes each: a count alone must not cost
 * memory. */
static inline size_t vtr_cs_count(struct vtr_cs_reader *r, uint64_t expected, bool optional, size_t min_wire)
{
	const size_t n = vtr_cs_count_word(r, expected, optional);

	if (__builtin_expect(n > (size_t)(r->end - r->cur) / min_wire, 0) && n > vtr_cs_left(r) / min_wire) {
		vtr_cs_short(r);
		return 0;
	}
	return n;
}

/* The slow path of vtr_cs_elements(). */
const uint8_t *vtr_cs_gather_elements(struct vtr_cs_reader *r, size_t n, size_t size);

/* Returns: the next n elements of `size` bytes each in one piece. NULL if there are not as many. */
static inline const uint8_t *vtr_cs_elements(struct vtr_cs_reader *r, size_t n, size_t size)
{
	const uint8_t *p = r->cur;

	if (__builtin_expect(n > (size_t)(r->end - p) / size, 0) &&
	    (p = vtr_cs_gather_elements(r, n, size)) == NULL) {
		return NULL;
	}
	r->cur = p + n * size;
	return p;
}

/* Returns: where the elements of an array that begins at p can be stored instead of the bytes that they are decoded
 *          from, one by one, in our private copy. An array that is not aligned moves into the 8 bytes before it: these
 *          are its count, which has been read. NULL for NULL. */
static inline void *vtr_cs_in_place(const uint8_t *p, size_t align)
{
	return (void *)((uintptr_t)p & ~(uintptr_t)(align - 1));
}

/* Returns: an array whose bytes are the same in C. */
static inline void *vtr_cs_plain(struct vtr_cs_reader *r, uint64_t expected, size_t size, size_t align,
                                 bool optional)
{
	const size_t n = vtr_cs_count_word(r, expected, optional);
	const uint8_t *p = n != 0 ? vtr_cs_elements(r, n, size) : NULL;
	void *array = vtr_cs_in_place(p, align);

	if (array != p) {
		memmove(array, p, n * size);
	}
	return array;
}

/* Returns: `n` packed bytes with their padding, or NULL. */
static inline const uint8_t *vtr_cs_take_bytes(struct vtr_cs_reader *r, size_t n)
{
	const uint8_t *p = r->cur;
	const size_t left = (size_t)(r->end - p);
	const size_t padded = (n + 3) & ~(size_t)3;

	if (__builtin_expect(n > left || padded > left, 0) &&
	    (p = vtr_cs_gather(r, n <= padded ? padded : SIZE_MAX)) == NULL) {
		return NULL;
	}
	r->cur = p + padded;
	return p;
}

/* `expected` packed bytes. */
static inline void *vtr_cs_bytes(struct vtr_cs_reader *r, uint64_t expected, bool optional)
{
	const size_t n = vtr_cs_count_word(r, expected, optional);

	return n != 0 ? (void *)(uintptr_t)vtr_cs_take_bytes(r, n) : NULL;
}

/* `expected` packed bytes that only the driver interprets: those that are not in private memory yet are not
 * copied. The guest may change them during their use, so nothing here may depend on their values. */
void *vtr_cs_bulk(struct vtr_cs_reader *r, uint64_t expected, bool optional);
const char *vtr_cs_string(struct vtr_cs_reader *r, bool optional);
const char *const *vtr_cs_strings(struct vtr_cs_reader *r, uint64_t expected, bool optional);
/* Reads the count of an array inside a struct, which must be n. */
void vtr_cs_fixed(struct vtr_cs_reader *r, uint64_t n);
void vtr_cs_copy(struct vtr_cs_reader *r, void *out, size_t n); /* n packed bytes */
void vtr_cs_skip(struct vtr_cs_reader *r, size_t n);
/* Returns: zeroed memory for an array that the reply fills, its length in *out_n (may be NULL). Byte arrays
 *          have VTR_CS_OUT_SLACK more behind them: drivers write at most one item too many there. */
void *vtr_cs_out_array(struct vtr_cs_reader *r, uint64_t expected, size_t size, bool optional, size_t *out_n);
/* Bytes of the reply that the command's handler provides: reads only their count. Returns: NULL. */
void *vtr_cs_out_bulk(struct vtr_cs_reader *r, uint64_t expected, bool optional);
uint64_t vtr_cs_id(struct vtr_cs_reader *r); /* the id of an object to be created */
/* The driver's handles for `count` ids. */
void *vtr_cs_handles(struct vtr_cs_reader *r, const uint64_t *ids, size_t count, uint32_t type);
/* Reads a pNext chain; only structs of `links` are allowed (ends with NULL; NULL allows none). */
void *vtr_cs_chain(struct vtr_cs_reader *r, const struct vtr_cs_link *const *links, bool partial);
void vtr_cs_bad_stype(struct vtr_cs_reader *r, uint32_t stype);

/* Reads a struct's sType, which must be `stype`, and the pNext chain behind it. */
static inline void *vtr_cs_head(struct vtr_cs_reader *r, int32_t stype,
                                const struct vtr_cs_link *const *links, bool partial)
{
	const uint8_t *p = vtr_cs_take(r, 12);

	if (__builtin_expect(vtr_cs_ld32(p) != (uint32_t)stype, 0)) {
		vtr_cs_bad_stype(r, vtr_cs_ld32(p));
		return NULL;
	}
	return vtr_cs_ld64(p + 4) != 0 ? vtr_cs_chain(r, links, partial) : NULL;
}

/* --- replies ------------------------------------------------------------------------------------ */

static inline void *vtr_cs_room(struct vtr_cs_writer *w, size_t n)
{
	uint8_t *p = w->cur;

	if ((size_t)(w->end - p) < n) {
		w->full = true;
		w->end = w->cur;
		return NULL;
	}
	w->cur = p + n;
	return p;
}

static inline void vtr_cs_put32(struct vtr_cs_writer *w, uint32_t v)
{
	void *p = vtr_cs_room(w, sizeof(v));
	if (p != NULL) {
		memcpy(p, &v, sizeof(v));
	}
}

static inline void vtr_cs_put64(struct vtr_cs_writer *w, uint64_t v)
{
	void *p = vtr_cs_room(w, sizeof(v));
	if (p != NULL) {
		memcpy(p, &v, sizeof(v));
	}
}

static inline void vtr_cs_putf(struct vtr_cs_writer *w, float v)
{
	void *p = vtr_cs_room(w, sizeof(v));
	if (p != NULL) {
		memcpy(p, &v, sizeof(v));
	}
}

void vtr_cs_put_bytes(struct vtr_cs_writer *w, const void *data, size_t n); /* count, bytes, padding */
/* Like vtr_cs_put_bytes(), for bytes that may already be in place. NULL: zeros. */
void vtr_cs_put_bulk(struct vtr_cs_writer *w, const void *data, size_t n);
void vtr_cs_put_chain(struct vtr_cs_writer *w, const void *next, const struct vtr_cs_link *const *links);

#endif

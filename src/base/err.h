/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * The error type of the whole program. A function that can fail returns enum vtr_err. It hands results back
 * through out_ parameters, which are untouched on failure.
 */
enum vtr_err {
	VTR_OK = 0,
	VTR_ERR_PROTOCOL, /* the peer (guest, client, worker) broke the protocol: it loses its connection */
	VTR_ERR_INVALID, /* an argument or some data is malformed or out of range: only this call fails */
	VTR_ERR_LIMIT, /* a named budget was reached: the request fails, the context lives */
	VTR_ERR_NOMEM, /* host memory */
	VTR_ERR_UNSUPPORTED, /* asked for something that this host or build lacks */
	VTR_ERR_AGAIN, /* not now: try again when more has arrived or there is room */
	VTR_ERR_GONE, /* the other side closed or died */
	VTR_ERR_OS, /* a system call failed; errno is kept */
	VTR_ERR_VK, /* the driver failed; the VkResult travels beside it */
	VTR_ERR_ARG, /* the user or an embedder passed an argument that makes no sense */
};

#define VTR_MUST_CHECK __attribute__((warn_unused_result))
#define VTR_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define VTR_NORETURN __attribute__((noreturn))
#define VTR_LIKELY(cond) __builtin_expect(!!(cond), 1)
#define VTR_UNLIKELY(cond) __builtin_expect(!!(cond), 0)

/* Which sanitizer is on. Some code has to respect its limits. */
#if defined(__SANITIZE_ADDRESS__)
#define VTR_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define VTR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VTR_ASAN 1
#elif __has_feature(thread_sanitizer)
#define VTR_TSAN 1
#endif
#endif
#ifndef VTR_ASAN
#define VTR_ASAN 0
#endif
#ifndef VTR_TSAN
#define VTR_TSAN 0
#endif

/* Returns: a short lower-case name ("protocol", "limit"), never NULL. Thread: any. */
const char *vtr_err_name(enum vtr_err err);

/* Returns: the same as part of a message to people; for VTR_ERR_OS, what errno means. Never NULL. Thread: any. */
const char *vtr_err_text(enum vtr_err err);

/*
 * For our own bugs only, and always on: no value from a guest, client, worker or file may get here
 * unchecked. Prints file and line, then aborts.
 */
#define vtr_assert(cond) (VTR_LIKELY(cond) ? (void)0 : vtr_assert_failed(#cond, __FILE__, __LINE__, __func__))

VTR_NORETURN void vtr_assert_failed(const char *cond, const char *file, int line, const char *function);

#endif

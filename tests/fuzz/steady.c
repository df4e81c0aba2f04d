/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * With replay_main.c, in place of libFuzzer: runs each input several times, and says at the end of each edge that was
 * reached whether there is an input that reaches it every time ("steady") or whether it comes and goes ("varies"),
 * which is then up to the order of threads.
 */
enum { RUNS = 10 };

/* What clang calls for -fsanitize=fuzzer-no-link. Each edge has a counter, and an entry of two words in the table,
 * whose first is its address. */
void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end);
void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b);
void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b);
void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b);
void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b);
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);
void __sanitizer_cov_trace_div4(uint32_t value);
void __sanitizer_cov_trace_div8(uint64_t value);
void __sanitizer_cov_trace_gep(uintptr_t index);
void __sanitizer_cov_trace_pc_indir(uintptr_t callee);
extern _Thread_local uintptr_t __sancov_lowest_stack;
extern const char __executable_start[];

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((weak)) _Thread_local uintptr_t __sancov_lowest_stack;

static uint8_t *counters;
static size_t edge_count;
static const uintptr_t *table;
static struct edge {
	uint8_t runs; /* of this input */
	uint8_t most; /* of any input */
} *edges;

void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end)
{
	counters = begin;
	edge_count = (size_t)(end - begin);
}

void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end)
{
	(void)end;
	table = begin;
}

#define UNWATCHED(name, type)                             \
	void __sanitizer_cov_trace_##name(type a, type b) \
	{                                                 \
		(void)a;                                  \
		(void)b;                                  \
	}

UNWATCHED(cmp1, uint8_t)
UNWATCHED(cmp2, uint16_t)
UNWATCHED(cmp4, uint32_t)
UNWATCHED(cmp8, uint64_t)
UNWATCHED(const_cmp1, uint8_t)
UNWATCHED(const_cmp2, uint16_t)
UNWATCHED(const_cmp4, uint32_t)
UNWATCHED(const_cmp8, uint64_t)

void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
	(void)value;
	(void)cases;
}

void __sanitizer_cov_trace_div4(uint32_t value)
{
	(void)value;
}

void __sanitizer_cov_trace_div8(uint64_t value)
{
	(void)value;
}

void __sanitizer_cov_trace_gep(uintptr_t index)
{
	(void)index;
}

void __sanitizer_cov_trace_pc_indir(uintptr_t callee)
{
	(void)callee;
}

static void print_edges(void)
{
	for (size_t i = 0; i < edge_count; i++) {
		if (edges[i].most != 0) {
			printf("%s 0x%zx\n", edges[i].most == RUNS ? "steady" : "varies",
			       (size_t)(table[2 * i] - (uintptr_t)__executable_start));
		}
	}
	free(edges);
}

static void begin(void)
{
	edges = calloc(edge_count, sizeof(*edges));
	if (edges == NULL) {
		abort();
	}
	(void)atexit(print_edges);
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (edges == NULL) {
		begin();
	}
	for (size_t i = 0; i < edge_count; i++) {
		edges[i].runs = 0;
	}
	for (int run = 0; run < RUNS; run++) {
		memset(counters, 0, edge_count);
		(void)__real_LLVMFuzzerTestOneInput(data, size);
		for (size_t i = 0; i < edge_count; i++) {
			edges[i].runs = (uint8_t)(edges[i].runs + (counters[i] != 0));
		}
	}
	for (size_t i = 0; i < edge_count; i++) {
		edges[i].most = edges[i].runs > edges[i].most ? edges[i].runs : edges[i].most;
	}
	return 0;
}

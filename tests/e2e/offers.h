/* SPDX-License-Identifier: MIT */
#ifndef TESTS_E2E_OFFERS_H
#define TESTS_E2E_OFFERS_H

#include "vkclient.h"

#define OFFERS_MAX_EXTENSIONS 512
#define OFFERS_MAX_FAMILIES 32
#define OFFERS_MAX_QUEUES 64 /* of one family */

/* What gen_offers.py writes from venus.reg. Arrays of names end with NULL. */

struct offers_bit {
	const char *name;
	size_t offset; /* of the VkBool32 in its struct */
};

struct offers_struct {
	const char *name;
	VkStructureType type;
	size_t size;
	uint32_t aggregate; /* 1 to 4: VkPhysicalDeviceVulkan11Features to 14; else 0 */
	uint32_t core;      /* the minor version of Vulkan whose aggregate has the bits, too; else 0 */
	const char *const *extensions; /* any of which brings the struct */
	const struct offers_bit *bits;
	uint32_t bit_count;
};

/* All extensions that one needs, directly or not, where Vulkan 1.3 is there. */
struct offers_needs {
	const char *name;
	const char *const *needs;
};

/* The bits of VkPhysicalDeviceFeatures, as offsets in VkPhysicalDeviceFeatures2. */
extern const struct offers_bit offers_basic[];
extern const uint32_t offers_basic_count;

extern const struct offers_struct offers_structs[];
extern const uint32_t offers_struct_count;
extern const struct offers_needs offers_needs[];
extern const uint32_t offers_needs_count;

/* How far the cases are, shared with the parent. */
struct progress {
	uint32_t next; /* cases before this one have begun */
	char name[256];
};

struct offers {
	struct vkc c;
	struct progress *progress;
	const char *only; /* the beginning of the names of the cases that run; NULL: all */
	uint32_t index;   /* of the case */
	uint32_t family;  /* the one that most cases use */
	VkQueueFamilyProperties families[OFFERS_MAX_FAMILIES];
	uint32_t family_count;
	VkPhysicalDeviceFeatures2 basic;
	void **structs; /* the answer for each of offers_structs; NULL: the device is too old for it */
};

/* What all structs that can be chained begin with. */
struct link {
	VkStructureType type;
	void *next;
};

/* --- offers_wish.c ----------------------------------------------------------------------------------- */

VkBool32 *offers_bit_of(void *s, const struct offers_bit *bit);
bool offers_has_aggregate(const struct offers *o, uint32_t aggregate);
/* One that the device has and that brings the struct, or NULL. */
const char *offers_extension_of(const struct offers *o, const struct offers_struct *s);
/* Whether a device may be asked to enable the struct's bits. */
bool offers_can_enable(const struct offers *o, const struct offers_struct *s);

/* What a device is created with. */
struct wish {
	const char *names[OFFERS_MAX_EXTENSIONS];
	uint32_t name_count;
	VkPhysicalDeviceFeatures2 features; /* with a chain that the struct owns */
	VkDeviceQueueCreateInfo queues[OFFERS_MAX_FAMILIES];
	uint32_t queue_count;
};

struct wish wish_new(void);
void wish_free(struct wish *w);
/* Adds an extension and those that it needs, as far as the protocol knows them: VK_KHR_swapchain, which it does not,
 * is needed by many, but drivers do not insist, and guests send names along when it is missing. */
void wish_add_extension(const struct offers *o, struct wish *w, const char *name);
/* Adds struct `i` to the chain, with the bits that the device has or without any. */
void *wish_add_struct(const struct offers *o, struct wish *w, uint32_t i, bool all_bits);
/* Sets a bit of a struct `i` that was added, and the one that it needs. */
void wish_set_bit(const struct offers *o, struct wish *w, uint32_t i, void *s, const char *name);
void wish_add_family(struct wish *w, uint32_t family, uint32_t count);
/* Adds all families with all their queues, the usual family first. */
void wish_add_families(const struct offers *o, struct wish *w);
/* Adds all extensions and features, those of Vulkan's versions in aggregates or one by one. */
void wish_add_everything(const struct offers *o, struct wish *w, bool aggregates);

#endif

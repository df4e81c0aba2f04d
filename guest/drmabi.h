/* SPDX-License-Identifier: MIT */
#ifndef GUEST_DRMABI_H
#define GUEST_DRMABI_H

#include <stdint.h>
#include <sys/ioctl.h>

/*
 * What the sample guest says to the kernel's DRM: ioctls and their structs, which never change. Here,
 * and not from the system's headers, since Debian has those only beside libdrm. Pointers are u64.
 */

#define DRM_CONNECTED 1
#define DRM_PAGE_FLIP_EVENT 0x01u
#define DRM_EVENT_FLIP_COMPLETE 2
#define DRM_CURSOR_BO 0x01u
#define DRM_CURSOR_MOVE 0x02u
#define DRM_MODE_TYPE_PREFERRED (1u << 3)
#define DRM_CLOEXEC 02000000u
#define DRM_RDWR 00000002u

#define DRM_FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define DRM_FORMAT_XRGB8888 DRM_FOURCC('X', 'R', '2', '4')
#define DRM_FORMAT_ARGB8888 DRM_FOURCC('A', 'R', '2', '4')
#define DRM_FORMAT_XBGR8888 DRM_FOURCC('X', 'B', '2', '4')
#define DRM_FORMAT_ABGR8888 DRM_FOURCC('A', 'B', '2', '4')

struct drm_gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct drm_prime_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
};

struct drm_mode_modeinfo {
	uint32_t clock;
	uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew;
	uint16_t vdisplay, vsync_start, vsync_end, vtotal, vscan;
	uint32_t vrefresh;
	uint32_t flags;
	uint32_t type;
	char name[32];
};

struct drm_mode_card_res {
	uint64_t fb_id_ptr, crtc_id_ptr, connector_id_ptr, encoder_id_ptr;
	uint32_t count_fbs, count_crtcs, count_connectors, count_encoders;
	uint32_t min_width, max_width, min_height, max_height;
};

struct drm_mode_crtc {
	uint64_t set_connectors_ptr;
	uint32_t count_connectors;
	uint32_t crtc_id;
	uint32_t fb_id;
	uint32_t x, y;
	uint32_t gamma_size;
	uint32_t mode_valid;
	struct drm_mode_modeinfo mode;
};

struct drm_mode_get_encoder {
	uint32_t encoder_id;
	uint32_t encoder_type;
	uint32_t crtc_id;
	uint32_t possible_crtcs;
	uint32_t possible_clones;
};

struct drm_mode_get_connector {
	uint64_t encoders_ptr, modes_ptr, props_ptr, prop_values_ptr;
	uint32_t count_modes, count_props, count_encoders;
	uint32_t encoder_id;
	uint32_t connector_id;
	uint32_t connector_type;
	uint32_t connector_type_id;
	uint32_t connection;
	uint32_t mm_width, mm_height;
	uint32_t subpixel;
	uint32_t pad;
};

struct drm_mode_fb_cmd2 {
	uint32_t fb_id;
	uint32_t width, height;
	uint32_t pixel_format;
	uint32_t flags;
	uint32_t handles[4];
	uint32_t pitches[4];
	uint32_t offsets[4];
	uint64_t modifier[4];
};

struct drm_mode_crtc_page_flip {
	uint32_t crtc_id;
	uint32_t fb_id;
	uint32_t flags;
	uint32_t reserved;
	uint64_t user_data;
};

struct drm_mode_cursor2 {
	uint32_t flags;
	uint32_t crtc_id;
	int32_t x, y;
	uint32_t width, height;
	uint32_t handle;
	int32_t hot_x, hot_y;
};

struct drm_mode_create_dumb {
	uint32_t height, width;
	uint32_t bpp;
	uint32_t flags;
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
};

struct drm_mode_map_dumb {
	uint32_t handle;
	uint32_t pad;
	uint64_t offset;
};

struct drm_event {
	uint32_t type;
	uint32_t length;
};

struct drm_event_vblank {
	struct drm_event base;
	uint64_t user_data;
	uint32_t tv_sec;
	uint32_t tv_usec;
	uint32_t sequence;
	uint32_t crtc_id;
};

#define DRM_IOCTL(number, type) _IOWR('d', (number), type)
#define DRM_IOCTL_GEM_CLOSE _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD DRM_IOCTL(0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE DRM_IOCTL(0x2e, struct drm_prime_handle)
#define DRM_IOCTL_MODE_GETRESOURCES DRM_IOCTL(0xa0, struct drm_mode_card_res)
#define DRM_IOCTL_MODE_SETCRTC DRM_IOCTL(0xa2, struct drm_mode_crtc)
#define DRM_IOCTL_MODE_GETENCODER DRM_IOCTL(0xa6, struct drm_mode_get_encoder)
#define DRM_IOCTL_MODE_GETCONNECTOR DRM_IOCTL(0xa7, struct drm_mode_get_connector)
#define DRM_IOCTL_MODE_RMFB DRM_IOCTL(0xaf, uint32_t)
#define DRM_IOCTL_MODE_PAGE_FLIP DRM_IOCTL(0xb0, struct drm_mode_crtc_page_flip)
#define DRM_IOCTL_MODE_CREATE_DUMB DRM_IOCTL(0xb2, struct drm_mode_create_dumb)
#define DRM_IOCTL_MODE_MAP_DUMB DRM_IOCTL(0xb3, struct drm_mode_map_dumb)
#define DRM_IOCTL_MODE_ADDFB2 DRM_IOCTL(0xb8, struct drm_mode_fb_cmd2)
#define DRM_IOCTL_MODE_CURSOR2 DRM_IOCTL(0xbb, struct drm_mode_cursor2)

#endif

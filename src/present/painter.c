/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/painter.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct vtr_painter {
	struct vtr_log *log;
	const struct vtr_sdl *sdl;
	SDL_Renderer *renderer;
	SDL_Texture *texture; /* the picture; NULL: none yet */
	uint32_t width, height;
	enum vtr_pixel_format format;
};

/* SDL names colours from a word's highest bit down, virtio names the bytes in memory. A display is opaque, so
 * formats with A map to formats with X. */
static uint32_t sdl_format(enum vtr_pixel_format format)
{
	switch (format) {
	case VTR_FORMAT_B8G8R8A8:
	case VTR_FORMAT_B8G8R8X8:
		return SDL_PIXELFORMAT_BGRA32;
	case VTR_FORMAT_A8R8G8B8:
	case VTR_FORMAT_X8R8G8B8:
		return SDL_PIXELFORMAT_ARGB32;
	case VTR_FORMAT_R8G8B8A8:
	case VTR_FORMAT_R8G8B8X8:
		return SDL_PIXELFORMAT_RGBA32;
	case VTR_FORMAT_X8B8G8R8:
	case VTR_FORMAT_A8B8G8R8:
		break;
	}
	return SDL_PIXELFORMAT_ABGR32;
}

void vtr_painter_destroy(struct vtr_painter *painter)
{
	if (!painter) {
		return;
	}
	if (painter->texture) {
		painter->sdl->SDL_DestroyTexture(painter->texture);
	}
	if (painter->renderer) {
		painter->sdl->SDL_DestroyRenderer(painter->renderer);
	}
	free(painter);
}

enum vtr_err vtr_painter_create(struct vtr_log *log, const struct vtr_sdl *sdl, SDL_Window *window, bool gpu,
                                struct vtr_painter **out_painter)
{
	struct vtr_painter *painter = calloc(1, sizeof(*painter));

	if (!painter) {
		return VTR_ERR_NOMEM;
	}
	painter->log = log;
	painter->sdl = sdl;
	painter->renderer =
		sdl->SDL_CreateRenderer(window, -1, gpu ? SDL_RENDERER_ACCELERATED : SDL_RENDERER_SOFTWARE);
	if (!painter->renderer) {
		vtr_warn(log, "cannot draw into the window by %s: %s", gpu ? "the GPU" : "software",
		         sdl->SDL_GetError());
		vtr_painter_destroy(painter);
		return VTR_ERR_UNSUPPORTED;
	}
	sdl->SDL_SetRenderDrawColor(painter->renderer, 0, 0, 0, SDL_ALPHA_OPAQUE);
	*out_painter = painter;
	return VTR_OK;
}

const char *vtr_painter_name(const struct vtr_painter *painter)
{
	SDL_RendererInfo info;

	return painter->sdl->SDL_GetRendererInfo(painter->renderer, &info) == 0 ? info.name : "SDL";
}

void vtr_painter_get_size(const struct vtr_painter *painter, uint32_t *out_width, uint32_t *out_height)
{
	int width = 0;
	int height = 0;

	painter->sdl->SDL_GetRendererOutputSize(painter->renderer, &width, &height);
	*out_width = (uint32_t)width;
	*out_height = (uint32_t)height;
}

static enum vtr_err make_texture(struct vtr_painter *painter, const struct vtr_scanout *scanout)
{
	const struct vtr_sdl *sdl = painter->sdl;

	if (painter->texture) {
		sdl->SDL_DestroyTexture(painter->texture);
	}
	painter->texture = sdl->SDL_CreateTexture(painter->renderer, sdl_format(scanout->format),
	                                          SDL_TEXTUREACCESS_STREAMING, (int)scanout->width,
	                                          (int)scanout->height);
	if (!painter->texture) {
		vtr_warn_limited(painter->log, "cannot show a picture of %ux%u: %s", scanout->width,
		                 scanout->height, sdl->SDL_GetError());
		return VTR_ERR_LIMIT;
	}
	sdl->SDL_SetTextureBlendMode(painter->texture, SDL_BLENDMODE_NONE);
	painter->width = scanout->width;
	painter->height = scanout->height;
	painter->format = scanout->format;
	return VTR_OK;
}

enum vtr_err vtr_painter_take(struct vtr_painter *painter, const struct vtr_frame_view *view,
                              const struct vtr_rect *damage)
{
	const struct vtr_scanout *scanout = &view->frame.scanout;
	struct vtr_rect rect = *damage;

	if (!painter->texture || painter->width != scanout->width || painter->height != scanout->height ||
	    painter->format != scanout->format) {
		enum vtr_err err = make_texture(painter, scanout);
		if (err != VTR_OK) {
			return err;
		}
		rect = (struct vtr_rect){ 0, 0, scanout->width, scanout->height };
	}
	const SDL_Rect area = { (int)rect.x, (int)rect.y, (int)rect.width, (int)rect.height };
	const uint8_t *pixels = view->pixels + (size_t)rect.y * scanout->stride + (size_t)rect.x * 4;
	if (painter->sdl->SDL_UpdateTexture(painter->texture, &area, pixels, (int)scanout->stride) < 0) {
		vtr_error(painter->log, "cannot copy the picture: %s", painter->sdl->SDL_GetError());
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

enum vtr_err vtr_painter_show(struct vtr_painter *painter, const struct vtr_fit *fit)
{
	const struct vtr_sdl *sdl = painter->sdl;
	uint32_t width;
	uint32_t height;

	vtr_painter_get_size(painter, &width, &height);
	if (!fit || !painter->texture || fit->width < width || fit->height < height) {
		sdl->SDL_RenderClear(painter->renderer);
	}
	if (fit && painter->texture) {
		const SDL_Rect source = { 0, 0, (int)fit->source_width, (int)fit->source_height };
		const SDL_Rect target = { fit->x, fit->y, (int)fit->width, (int)fit->height };
		bool scaled = fit->source_width != fit->width || fit->source_height != fit->height;
		sdl->SDL_SetTextureScaleMode(painter->texture,
		                             scaled ? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
		if (sdl->SDL_RenderCopy(painter->renderer, painter->texture, &source, &target) < 0) {
			vtr_error(painter->log, "cannot draw the picture: %s", sdl->SDL_GetError());
			return VTR_ERR_OS;
		}
	}
	sdl->SDL_RenderPresent(painter->renderer);
	return VTR_OK;
}

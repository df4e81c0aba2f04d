/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_CODEC_H
#define ENCODE_CODEC_H

#include "encode/family.h"

/* Created by vtr_codec_open(); immutable afterwards. */
struct vtr_codec {
	struct vtr_av av;
	const struct vtr_encoder_family *family;
	AVBufferRef *device; /* of the family; NULL: not needed */
	bool named;          /* the user asked for this encoder only */
};

/**
 * Opens an encoder of one family and has it encode a picture.
 *
 * Returns: VTR_ERR_UNSUPPORTED (`why` says why), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_encoder_try(const struct vtr_encoder_params *params,
                                            const struct vtr_encoder_family *family, char *why,
                                            size_t why_size, struct vtr_encoder **out_encoder);

#endif

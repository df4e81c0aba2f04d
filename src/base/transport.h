/* SPDX-License-Identifier: MIT */
#ifndef BASE_TRANSPORT_H
#define BASE_TRANSPORT_H

/*
 * Numbers that Venus' two transports, virtio-gpu (virtio 1.3, 5.7) and vtest, have in common. The process that speaks
 * to the guest and the renderer must agree on them.
 */

/* The capability set of Venus: its number, and its bytes. */
#define VTR_CAPSET_VENUS 4u
#define VTR_CAPSET_VENUS_SIZE 160u

/* Timelines of a context: 0 is the CPU's, the others belong to queues. */
#define VTR_TIMELINE_COUNT 64u

/* What the memory of a blob is (5.7.6.8, RESOURCE_CREATE_BLOB). */
#define VTR_BLOB_MEM_GUEST 1u        /* the guest's RAM */
#define VTR_BLOB_MEM_HOST3D 2u       /* the renderer's */
#define VTR_BLOB_MEM_HOST3D_GUEST 3u /* the guest's RAM, made for a renderer */

/* What a blob is for. */
#define VTR_BLOB_MAPPABLE 1u
#define VTR_BLOB_SHAREABLE 2u
#define VTR_BLOB_CROSS_DEVICE 4u
#define VTR_BLOB_ALL_FLAGS (VTR_BLOB_MAPPABLE | VTR_BLOB_SHAREABLE | VTR_BLOB_CROSS_DEVICE)

#endif

// SPDX-License-Identifier: MIT
// Lossless patches of what stays still, over the video: its colours have half of the resolution, so coloured text would
// stay soft. They lie in a picture of their own, which is transparent where there is none, or not any more.

export class Sharp {
  // `acknowledge` gets the number of a patch that was handled; `redraw` is called when there is more to draw.
  constructor(acknowledge, redraw) {
    this.acknowledge = acknowledge;
    this.redraw = redraw;
    this.canvas = null; // null: there is no picture yet
    this.context = null;
    this.generation = -1;
    this.area = null; // around all patches; null: there is none
    this.decoding = new Set(); // patches, each with what got stale meanwhile
    this.count = 0; // patches that were shown
  }

  // Another picture begins; null: none for now.
  restart(config) {
    this.decoding.clear();
    this.area = null;
    this.generation = config ? config.generation : -1;
    this.canvas = config && new OffscreenCanvas(config.width, config.height);
    this.context = this.canvas && this.canvas.getContext('2d');
  }

  // Comes before the newer picture, so that a patch never covers one.
  onStale(rect) {
    for (const patch of this.decoding) {
      patch.stale.push(rect);
    }
    this.context?.clearRect(rect.x, rect.y, rect.width, rect.height);
    const {area} = this;
    if (area && rect.x <= area.left && rect.y <= area.top && rect.x + rect.width >= area.right &&
        rect.y + rect.height >= area.bottom) {
      this.area = null;
    }
  }

  async onPatch(message) {
    const patch = {stale: [message.stale]};
    this.decoding.add(patch);
    try {
      const bitmap = await createImageBitmap(new Blob([message.data], {type: 'image/png'}),
                                             {colorSpaceConversion: 'none'});
      if (this.decoding.has(patch) && message.generation === this.generation) {
        this.add(message, bitmap, patch.stale);
      }
      bitmap.close();
    } catch (error) {
      // The video shows the same, less sharp.
    }
    this.decoding.delete(patch);
    this.acknowledge(message.number);
  }

  add(message, bitmap, stale) {
    const piece = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = piece.getContext('2d');
    context.drawImage(bitmap, 0, 0);
    for (const rect of stale) {
      context.clearRect(rect.x - message.x, rect.y - message.y, rect.width, rect.height);
    }
    this.context.drawImage(piece, message.x, message.y);
    this.grow(message.x, message.y, message.x + bitmap.width, message.y + bitmap.height);
    this.count++;
    this.redraw();
  }

  grow(left, top, right, bottom) {
    const area = this.area || {left, top, right, bottom};
    this.area = {
      left: Math.min(area.left, left), top: Math.min(area.top, top), right: Math.max(area.right, right),
      bottom: Math.max(area.bottom, bottom),
    };
  }

  // Over a picture of the video, or over what is there already.
  drawOver(context) {
    if (this.area) {
      const {left: x, top: y, right, bottom} = this.area;
      context.drawImage(this.canvas, x, y, right - x, bottom - y, x, y, right - x, bottom - y);
    }
  }
}

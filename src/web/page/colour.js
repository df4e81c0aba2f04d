// SPDX-License-Identifier: MIT
// Our own colour conversion, for browsers whose conversion is inaccurate. Without a GPU, Chromium
// converts by libyuv, which rounds the factor 2.112 of limited-range BT.709 to 2.0: full blue is
// shown as 243. There, this conversion takes no longer than drawImage().

// Displays do not show a smaller difference.
const CLOSE_ENOUGH = 2;
// Full blue in limited-range BT.709.
const BLUE = {y: 32, u: 240, v: 118};
const BT709 = {primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false};
const PROBE_SIDE = 16;
// The sum of luma and colour lies between -LOWEST and HIGHEST.
const LOWEST = 384;
const HIGHEST = 639;

// Returns whether the browser shows blue as blue.
export function browserIsExact() {
  const pixels = PROBE_SIDE * PROBE_SIDE;
  const planes = new Uint8Array(pixels * 3 / 2);
  planes.fill(BLUE.y, 0, pixels);
  planes.fill(BLUE.u, pixels, pixels * 5 / 4);
  planes.fill(BLUE.v, pixels * 5 / 4);
  const frame = new VideoFrame(planes, {
    format: 'I420', codedWidth: PROBE_SIDE, codedHeight: PROBE_SIDE, timestamp: 0, colorSpace: BT709,
  });
  const context = new OffscreenCanvas(PROBE_SIDE, PROBE_SIDE).getContext('2d', {willReadFrequently: true});
  context.drawImage(frame, 0, 0);
  frame.close();
  return 255 - context.getImageData(PROBE_SIDE / 2, PROBE_SIDE / 2, 1, 1).data[2] <= CLOSE_ENOUGH;
}

function table(size, value) {
  return Int32Array.from({length: size}, (_, i) => value(i));
}

// 16.16 fixed point, for values from 0 to 255; 0.1873 and 0.4681 are the weights of blue and red in
// green.
const fixed = value => Math.round(value * 65536);
const LUMA = table(256, i => fixed((i - 16) * 255 / 219 + LOWEST + 0.5));
const RED_V = table(256, i => fixed((i - 128) * 255 / 224 * 1.5748));
const GREEN_U = table(256, i => -fixed((i - 128) * 255 / 224 * 0.1873));
const GREEN_V = table(256, i => -fixed((i - 128) * 255 / 224 * 0.4681));
const BLUE_U = table(256, i => fixed((i - 128) * 255 / 224 * 1.8556));
const CLAMPED = Uint8Array.from({length: LOWEST + HIGHEST + 1}, (_, i) => Math.max(0, Math.min(255, i - LOWEST)));

function pixel(luma, red, green, blue) {
  return CLAMPED[(luma + red) >> 16] | CLAMPED[(luma + green) >> 16] << 8 | CLAMPED[(luma + blue) >> 16] << 16 | 0xff000000;
}

export class Converter {
  constructor() {
    this.image = null; // with even sides, also if the picture's are odd
    this.pixels = null;
    this.planes = null;
  }

  resize(width, height) {
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer); // browsers run only on little-endian machines
      this.planes = new Uint8Array(width * height * 3 / 2);
    }
  }

  // Returns the picture, maybe with one column and row more; or null if the browser has to convert
  // it.
  async convert(frame) {
    const {visibleRect, colorSpace} = frame;
    if (frame.format !== 'I420' || colorSpace.matrix !== 'bt709' || colorSpace.fullRange) {
      return null;
    }
    const width = visibleRect.width + visibleRect.width % 2;
    const height = visibleRect.height + visibleRect.height % 2;
    const luma = width * height;
    this.resize(width, height);
    try {
      await frame.copyTo(this.planes, {layout: [{offset: 0, stride: width}, {offset: luma, stride: width / 2},
                                                {offset: luma * 5 / 4, stride: width / 2}]});
    } catch (error) {
      return null; // closed meanwhile
    }
    this.fill(width, height);
    return this.image;
  }

  fill(width, height) {
    const {planes, pixels} = this;
    let u = width * height;
    let v = u * 5 / 4;
    for (let y = 0; y < height; y += 2) {
      let upper = y * width;
      let lower = upper + width;
      for (const end = lower; upper < end; upper += 2, lower += 2, u++, v++) {
        const red = RED_V[planes[v]];
        const green = GREEN_U[planes[u]] + GREEN_V[planes[v]];
        const blue = BLUE_U[planes[u]];
        pixels[upper] = pixel(LUMA[planes[upper]], red, green, blue);
        pixels[upper + 1] = pixel(LUMA[planes[upper + 1]], red, green, blue);
        pixels[lower] = pixel(LUMA[planes[lower]], red, green, blue);
        pixels[lower + 1] = pixel(LUMA[planes[lower + 1]], red, green, blue);
      }
    }
  }
}

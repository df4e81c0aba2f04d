// SPDX-License-Identifier: MIT
// Our own conversion of the picture, for browsers whose own one is off. Without a GPU, Chromium converts by libyuv, which
// keeps the factor 2.112 of limited-range BT.709 in eight bits, as 2.0: full blue is shown as 243. What is done here
// takes no longer there than drawImage() does.

// No display shows a difference of this.
const CLOSE_ENOUGH = 2;
// Full blue in limited-range BT.709.
const BLUE = {y: 32, u: 240, v: 118};
const BT709 = {primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false};
const PROBE_SIDE = 16;
// What luma and colour may sum up to lies between -LOWEST and HIGHEST.
const LOWEST = 384;
const HIGHEST = 639;

// Whether the browser shows blue as blue.
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

// In 16.16, of values from 0 to 255; 0.1873 and 0.4681 are what blue and red take from green.
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
    this.image = null; // of an even size, however odd the picture's is
    this.pixels = null;
    this.planes = null;
  }

  resize(width, height) {
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer); // all that browsers run on is little-endian
      this.planes = new Uint8Array(width * height * 3 / 2);
    }
  }

  // The picture, maybe with one column and row more; or null, for what the browser has to draw by itself.
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

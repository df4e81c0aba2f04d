// SPDX-License-Identifier: MIT
// The messages of the WebSocket; src/web/message.h is the other side.

export const VERSION = 1;
export const SUBPROTOCOL = 'vitrine.1';
const TOKEN_LENGTH = 32;

const HELLO = 0x01;
const SUBSCRIBE = 0x02;
const ACK = 0x03;
const WANT_KEY = 0x04;
const BITRATE = 0x05;
const PING = 0x06;
const MODE = 0x07;
const KEY = 0x08;
const MOTION = 0x09;
const WHEEL = 0x0a;
const RELEASE = 0x0b;

// Close codes after which the page does not reconnect: the same request would fail again.
export const CLOSE_TOKEN = 4401;
export const CLOSE_VIEW = 4403;
export const CLOSE_NONSENSE = 4400;
export const CLOSE_FULL = 4429;

function build(type, display, size, fill) {
  const bytes = new Uint8Array(2 + size);
  bytes[0] = type;
  bytes[1] = display;
  if (fill) {
    fill(new DataView(bytes.buffer, 2), bytes);
  }
  return bytes;
}

export function hello(token) {
  return build(HELLO, 0, 2 + TOKEN_LENGTH, (view, bytes) => {
    view.setUint16(0, VERSION, true);
    for (let i = 0; i < TOKEN_LENGTH; i++) {
      bytes[4 + i] = i < token.length ? token.charCodeAt(i) & 0x7f : 0;
    }
  });
}

export function subscribe(display, on) {
  return build(SUBSCRIBE, display, 1, view => view.setUint8(0, on ? 1 : 0));
}

export function ack(display, number, waiting) {
  return build(ACK, display, 8, view => {
    view.setUint32(0, number, true);
    view.setUint32(4, waiting, true);
  });
}

export function wantKey(display) {
  return build(WANT_KEY, display, 0);
}

export function bitrate(display, bitsPerSecond) {
  return build(BITRATE, display, 4, view => view.setUint32(0, bitsPerSecond, true));
}

export function ping(value) {
  return build(PING, 0, 8, view => view.setFloat64(0, value, true));
}

export function mode(display, width, height) {
  return build(MODE, display, 8, view => {
    view.setUint32(0, width, true);
    view.setUint32(4, height, true);
  });
}

export function key(display, code, down) {
  return build(KEY, display, 3, view => {
    view.setUint16(0, code, true);
    view.setUint8(2, down ? 1 : 0);
  });
}

// x and y go from 0 to 1 across the picture.
export function motion(display, x, y) {
  const scale = value => Math.round(Math.min(Math.max(value, 0), 1) * 65535);
  return build(MOTION, display, 4, view => {
    view.setUint16(0, scale(x), true);
    view.setUint16(2, scale(y), true);
  });
}

// 120 per notch; right and away from the user are positive.
export function wheel(display, x, y) {
  return build(WHEEL, display, 8, view => {
    view.setInt32(0, x, true);
    view.setInt32(4, y, true);
  });
}

export function release() {
  return build(RELEASE, 0, 0);
}

// --- from the server ---

class Reader {
  constructor(buffer) {
    this.view = new DataView(buffer);
    this.buffer = buffer;
    this.at = 0;
  }

  u8() {
    return this.view.getUint8(this.at++);
  }

  take(size) {
    const at = this.at;
    this.at += size;
    return at;
  }

  u16() {
    return this.view.getUint16(this.take(2), true);
  }

  u32() {
    return this.view.getUint32(this.take(4), true);
  }

  i32() {
    return this.view.getInt32(this.take(4), true);
  }

  // Counters and times stay below 2^53 for a long time.
  u64() {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  // A time in milliseconds of the server's clock.
  time() {
    return Number(this.view.getBigInt64(this.take(8), true)) / 1e6;
  }

  text(size) {
    return String.fromCharCode(...new Uint8Array(this.buffer, this.take(size), size));
  }

  rest() {
    return new Uint8Array(this.buffer, this.at);
  }
}

const readers = {
  0x81: r => ({
    kind: 'welcome', version: r.u16(), mayControl: r.u8() === 1, time: r.time(),
    viewToken: r.text(TOKEN_LENGTH).replace(/\0+$/, ''),
  }),
  0x82: r => ({
    kind: 'displays',
    displays: Array.from({length: r.u8()}, () => ({
      number: r.u8(), connected: r.u8() === 1, lit: r.u8() === 1,
      modeWidth: r.u32(), modeHeight: r.u32(), width: r.u32(), height: r.u32(),
    })),
  }),
  0x83: r => ({
    kind: 'config', generation: r.u64(), width: r.u32(), height: r.u32(),
    codec: r.text(r.u8()), encoder: r.text(r.u8()),
  }),
  0x84: r => ({
    kind: 'unit', key: r.u8() === 1, generation: r.u64(), frame: r.u64(), captured: r.time(), coded: r.time(),
    number: r.u32(), data: r.rest(),
  }),
  0x85: r => ({
    kind: 'cursor', visible: r.u8() === 1, hotX: r.u16(), hotY: r.u16(), width: r.u16(), height: r.u16(),
    pixels: r.rest(),
  }),
  0x86: r => ({kind: 'pointer', x: r.i32(), y: r.i32()}),
  0x87: r => ({kind: 'lit', lit: r.u8() === 1}),
  0x88: r => ({kind: 'pong', value: r.view.getFloat64(r.take(8), true), time: r.time()}),
  0x89: r => ({
    kind: 'stats', viewers: r.u32(), bitrate: r.u32(), coded: r.u64(), dropped: r.u64(), skipped: r.u64(),
  }),
  0x8a: r => ({kind: 'notice', code: r.u16(), text: new TextDecoder().decode(r.rest())}),
  0x8b: r => ({kind: 'lights', lights: r.u8()}),
};

// Returns a message, or null for an unknown type.
export function parse(buffer) {
  const reader = new Reader(buffer);
  const read = readers[reader.u8()];
  if (!read) {
    return null;
  }
  const display = reader.u8();
  return {...read(reader), display};
}

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
const NAME = 0x38;
const POINT = 0x39;
const CONTROL = 0x3a;
const LINK_MAKE = 0x3b;
const LINK_END = 0x3c;
const TAKE_PATCHES = 0x3d;
const ACK_PATCH = 0x3e;

const LISTEN = 0x10;
const HEARD = 0x11;
const OPEN_MICROPHONE = 0x12;
const SPEECH = 0x13;
const OFFER = 0x20;
const OFFERED = 0x21;
const REQUEST = 0x22;
const FILE_START = 0x24;
const FILE_DATA = 0x25;
const FILE_CANCEL = 0x26;
const FOLDER_LIST = 0x27;
const FOLDER_GET = 0x28;
const FOLDER_REMOVE = 0x29;
const FOLDER_PUT = 0x2a;
const FOLDER_DATA = 0x2b;
const FOLDER_CANCEL = 0x2c;

// The most bytes of contents or of a file in one message.
export const PIECE = 65536;
const TOUCH = 0x30;
const PAD = 0x31;

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

const toPlace = value => Math.round(Math.min(Math.max(value, 0), 1) * 65535);

// x and y go from 0 to 1 across the picture.
export function motion(display, x, y) {
  return build(MOTION, display, 4, view => {
    view.setUint16(0, toPlace(x), true);
    view.setUint16(2, toPlace(y), true);
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

export function listen(on) {
  return build(LISTEN, 0, 1, view => view.setUint8(0, on ? 1 : 0));
}

export function heard(number) {
  return build(HEARD, 0, 4, view => view.setUint32(0, number, true));
}

export function openMicrophone(on) {
  return build(OPEN_MICROPHONE, 0, 1, view => view.setUint8(0, on ? 1 : 0));
}

// 20 ms of one channel.
export function speech(samples) {
  return build(SPEECH, 0, samples.length * 2, view => samples.forEach((sample, i) => view.setInt16(2 * i, sample, true)));
}

export function name(text) {
  const utf8 = new TextEncoder().encode(text);
  return build(NAME, 0, utf8.length, (view, bytes) => bytes.set(utf8, 2));
}

export function point(display, x, y, visible) {
  return build(POINT, display, 5, view => {
    view.setUint16(0, toPlace(x), true);
    view.setUint16(2, toPlace(y), true);
    view.setUint8(4, visible ? 1 : 0);
  });
}

export function control(action, person) {
  return build(CONTROL, 0, 3, view => {
    view.setUint8(0, action);
    view.setUint16(1, person, true);
  });
}

// kind: 1 watches, 2 controls.
export function makeLink(kind, seconds) {
  return build(LINK_MAKE, 0, 5, view => {
    view.setUint8(0, kind);
    view.setUint32(1, seconds, true);
  });
}

export function endLink(id) {
  return build(LINK_END, 0, 4, view => view.setUint32(0, id, true));
}

export function takePatches(display, on) {
  return build(TAKE_PATCHES, display, 1, view => view.setUint8(0, on ? 1 : 0));
}

export function ackPatch(display, number) {
  return build(ACK_PATCH, display, 4, view => view.setUint32(0, number, true));
}

// --- to the guest's agent ---

function buildWith(type, size, bytes, fill) {
  const message = build(type, 0, size + bytes.length, fill);
  message.set(bytes, 2 + size);
  return message;
}

export function offer(selection, format, confirms, size) {
  return build(OFFER, 0, 7, view => {
    view.setUint8(0, selection);
    view.setUint8(1, format);
    view.setUint8(2, confirms ? 1 : 0);
    view.setUint32(3, size, true);
  });
}

export function offered(bytes) {
  return buildWith(OFFERED, 0, bytes);
}

export function request(selection, format) {
  return build(REQUEST, 0, 2, view => {
    view.setUint8(0, selection);
    view.setUint8(1, format);
  });
}

export function fileStart(id, size, name) {
  return buildWith(FILE_START, 12, new TextEncoder().encode(name), view => {
    view.setUint32(0, id, true);
    view.setBigUint64(4, BigInt(size), true);
  });
}

export function fileData(id, bytes) {
  return buildWith(FILE_DATA, 4, bytes, view => view.setUint32(0, id, true));
}

export function fileCancel(id) {
  return build(FILE_CANCEL, 0, 4, view => view.setUint32(0, id, true));
}

// A finger: x and y as for motion().
export function touch(display, contact, down, x, y) {
  return build(TOUCH, display, 6, view => {
    view.setUint8(0, contact);
    view.setUint8(1, down ? 1 : 0);
    view.setUint16(2, toPlace(x), true);
    view.setUint16(4, toPlace(y), true);
  });
}

// A game pad: axes go from -1 to 1, those of triggers from 0 to 1.
export function pad(number, connected, buttons, axes) {
  return build(PAD, 0, 18, view => {
    view.setUint8(0, number);
    view.setUint8(1, connected ? 1 : 0);
    view.setUint32(2, buttons, true);
    axes.forEach((value, i) => view.setInt16(6 + 2 * i, Math.round(Math.min(Math.max(value, i < 4 ? -1 : 0), 1) * 32767), true));
  });
}

// --- the folder that is shared with the guest ---

export function listFolder(node) {
  return build(FOLDER_LIST, 0, 4, view => view.setUint32(0, node, true));
}

export function getFile(id, node) {
  return build(FOLDER_GET, 0, 8, view => {
    view.setUint32(0, id, true);
    view.setUint32(4, node, true);
  });
}

export function removeNode(node) {
  return build(FOLDER_REMOVE, 0, 4, view => view.setUint32(0, node, true));
}

export function putFile(id, node, size, name) {
  return buildWith(FOLDER_PUT, 16, new TextEncoder().encode(name), view => {
    view.setUint32(0, id, true);
    view.setUint32(4, node, true);
    view.setBigUint64(8, BigInt(size), true);
  });
}

export function transferData(id, bytes) {
  return buildWith(FOLDER_DATA, 4, bytes, view => view.setUint32(0, id, true));
}

export function cancelTransfer(id) {
  return build(FOLDER_CANCEL, 0, 4, view => view.setUint32(0, id, true));
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

  rect() {
    return {x: this.u16(), y: this.u16(), width: this.u16(), height: this.u16()};
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

  utf8(size) {
    return new TextDecoder().decode(new Uint8Array(this.buffer, this.take(size), size));
  }

  rest() {
    return new Uint8Array(this.buffer, this.at);
  }

  // To the end: what is in a folder.
  entries() {
    const found = [];
    while (this.at < this.buffer.byteLength) {
      const entry = {id: this.u32(), isFolder: this.u8() === 1, size: this.u64(), modified: this.u64()};
      const size = this.u8();
      entry.name = new TextDecoder().decode(new Uint8Array(this.buffer, this.take(size), size));
      found.push(entry);
    }
    return found;
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
  0x90: r => ({
    kind: 'sound', plays: r.u8() === 1, records: r.u8() === 1, rate: r.u32(), channels: r.u8(), codec: r.text(r.u8()),
  }),
  0x91: r => ({kind: 'packet', number: r.u32(), time: r.time(), data: r.rest()}),
  0x92: () => ({kind: 'silence'}),
  0x93: r => ({kind: 'microphone', on: r.u8() === 1}),
  0xb8: r => ({
    kind: 'people', own: r.u16(), holder: r.u16(),
    people: Array.from({length: r.u8()}, () => ({id: r.u16(), role: r.u8(), colour: r.u8(), name: r.utf8(r.u8())})),
  }),
  0xb9: r => ({
    kind: 'pointers',
    pointers: Array.from({length: (r.buffer.byteLength - r.at) / 8}, () => ({
      id: r.u16(), display: r.u8(), visible: r.u8() === 1, x: r.u16() / 65535, y: r.u16() / 65535,
    })),
  }),
  0xba: r => ({
    kind: 'links',
    links: Array.from({length: (r.buffer.byteLength - r.at) / (10 + TOKEN_LENGTH)}, () => ({
      id: r.u32(), kind: r.u8(), seconds: r.u32(), viewers: r.u8(), token: r.text(TOKEN_LENGTH),
    })),
  }),
  0xbb: r => ({
    kind: 'patch', generation: r.u64(), frame: r.u64(), number: r.u32(), x: r.u16(), y: r.u16(), stale: r.rect(),
    data: r.rest(),
  }),
  0xbc: r => ({kind: 'stale', rect: r.rect()}),
  0xa0: r => ({kind: 'agent', state: r.u8(), abilities: r.u8()}),
  0xa1: r => ({kind: 'owner', selection: r.u8(), formats: r.u8()}),
  0xa2: r => ({kind: 'answer', selection: r.u8(), format: r.u8(), answer: r.u8(), size: r.u32()}),
  0xa3: r => ({kind: 'contents', selection: r.u8(), data: r.rest()}),
  0xa4: r => ({kind: 'offered', selection: r.u8(), result: r.u8()}),
  0xa5: r => ({kind: 'file', id: r.u32(), state: r.u8(), value: r.u64()}),
  0xa6: r => ({kind: 'folder', state: r.u8(), changes: r.u32(), used: r.u64(), most: r.u64()}),
  0xa7: r => {
    const [node, flags] = [r.u32(), r.u8()];
    return {kind: 'entries', node, last: (flags & 1) !== 0, gone: (flags & 2) !== 0, entries: r.entries()};
  },
  0xa8: r => ({kind: 'part', id: r.u32(), data: r.rest()}),
  0xa9: r => ({kind: 'transfer', id: r.u32(), state: r.u8(), value: r.u64()}),
  0xb0: r => ({kind: 'devices', touch: r.u8() === 1, pads: r.u8()}),
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

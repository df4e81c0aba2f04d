// SPDX-License-Identifier: MIT
// A guest's agent at QEMU's end of the socket (SPICE's vdagent protocol): it has a clipboard, and takes files.

import {connect} from 'node:net';
import {LIMIT_MS} from './wait.mjs';

const CLIPBOARD = 4;
const CAPABILITIES = 6;
const GRAB = 7;
const REQUEST = 8;
const FILE_START = 10;
const FILE_STATUS = 11;
const FILE_DATA = 12;
const CAPS = 1 << 5 | 1 << 6 | 1 << 10;
const CAN_SEND_DATA = 0;
const CANCELLED = 1;
const SUCCESS = 3;
export const TEXT = 1;
export const PNG = 2;

function words(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value, 4 * i));
  return bytes;
}

export class Agent {
  // caps 0: it says nothing at all.
  constructor(path, caps = CAPS) {
    this.own = [null, null]; // by selection: what the guest has copied
    this.files = new Map();
    this.done = []; // events that no test has waited for yet
    this.refuses = null; // {result, more}: the answer to new files
    this.pausesAt = 0; // reads no more of a file
    this.waiting = [];
    this.bytes = Buffer.alloc(0);
    this.message = Buffer.alloc(0);
    this.socket = connect(path);
    this.socket.on('error', () => {});
    this.socket.on('data', data => this.onData(data));
    if (caps !== 0) {
      this.send(CAPABILITIES, words(1, caps));
    }
  }

  close() {
    this.socket.destroy();
  }

  send(type, body) {
    const head = Buffer.alloc(28);
    head.writeUInt32LE(1, 0);
    head.writeUInt32LE(20 + body.length, 4);
    head.writeUInt32LE(1, 8);
    head.writeUInt32LE(type, 12);
    head.writeUInt32LE(body.length, 24);
    this.socket.write(Buffer.concat([head, body]));
  }

  onData(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    while (this.bytes.length >= 8 && this.bytes.length >= 8 + this.bytes.readUInt32LE(4)) {
      const size = this.bytes.readUInt32LE(4);
      this.message = Buffer.concat([this.message, this.bytes.subarray(8, 8 + size)]);
      this.bytes = this.bytes.subarray(8 + size);
      if (this.message.length >= 20 && this.message.length === 20 + this.message.readUInt32LE(16)) {
        const message = this.message;
        this.message = Buffer.alloc(0);
        this.onMessage(message.readUInt32LE(4), message.subarray(20));
      }
    }
  }

  onMessage(type, body) {
    const selection = body.length > 0 ? body[0] : 0;
    if (type === GRAB) {
      this.own[selection] = null;
      this.tell('grab', {selection, format: body.readUInt32LE(4)});
    } else if (type === REQUEST) {
      const format = body.readUInt32LE(4);
      const own = this.own[selection];
      const has = own && own.format === format;
      this.send(CLIPBOARD, Buffer.concat([words(selection, has ? format : 0), has ? own.bytes : Buffer.alloc(0)]));
    } else if (type === CLIPBOARD) {
      this.tell('contents', {selection, format: body.readUInt32LE(4), bytes: body.subarray(8)});
    } else {
      this.onFile(type, body);
    }
  }

  onFile(type, body) {
    const id = type >= FILE_START && type <= FILE_DATA ? body.readUInt32LE(0) : 0;
    const file = this.files.get(id);
    if (type === FILE_START) {
      const text = body.subarray(4, -1).toString();
      this.files.set(id, {name: text.match(/^name=(.*)$/m)[1], size: Number(text.match(/^size=(.*)$/m)[1]), parts: [], have: 0});
      if (this.refuses) {
        this.send(FILE_STATUS, Buffer.concat([words(id, this.refuses.result), this.refuses.more]));
      } else {
        this.send(FILE_STATUS, words(id, CAN_SEND_DATA));
      }
    } else if (type === FILE_DATA && file) {
      file.parts.push(Buffer.from(body.subarray(12)));
      file.have += body.length - 12;
      if (file.have === file.size) {
        this.files.delete(id);
        this.send(FILE_STATUS, words(id, SUCCESS));
        this.tell('file', {name: file.name, bytes: Buffer.concat(file.parts)});
      }
      if (this.pausesAt && file.have >= this.pausesAt) {
        this.socket.pause();
        this.tell('paused', {});
      }
    } else if (type === FILE_STATUS && body.readUInt32LE(4) === CANCELLED) {
      this.files.delete(id);
      this.tell('cancelled', {});
    }
  }

  // A user copies something in the guest.
  copy(format, bytes, selection = 0) {
    this.own[selection] = {format, bytes: Buffer.from(bytes)};
    this.send(GRAB, words(selection, format));
  }

  // A user pastes in the guest.
  async paste(format, selection = 0) {
    this.send(REQUEST, words(selection, format));
    return (await this.wait('contents')).bytes;
  }

  tell(name, event) {
    const at = this.waiting.findIndex(waiter => waiter.name === name);
    if (at >= 0) {
      this.waiting.splice(at, 1)[0].resolve(event);
    } else {
      this.done.push({name, event});
    }
  }

  // The next event of that name.
  wait(name, ms = LIMIT_MS) {
    const at = this.done.findIndex(entry => entry.name === name);
    if (at >= 0) {
      return Promise.resolve(this.done.splice(at, 1)[0].event);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the agent got no ${name}`)), ms);
      this.waiting.push({name, resolve: event => {
        clearTimeout(timer);
        resolve(event);
      }});
    });
  }
}

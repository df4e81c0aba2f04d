// SPDX-License-Identifier: MIT
// A guest's spice-webdavd at QEMU's end of the socket, with one HTTP client.

import {connect} from 'node:net';
import {LIMIT_MS} from './wait.mjs';

const MOST = 65535;

export class Guest {
  constructor(path) {
    this.bytes = Buffer.alloc(0); // frames that are not complete
    this.stream = Buffer.alloc(0); // of the client
    this.wake = () => {};
    this.socket = connect(path);
    this.socket.on('error', () => {});
    this.socket.on('data', data => this.onData(data));
  }

  close() {
    this.socket.destroy();
  }

  onData(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    while (this.bytes.length >= 10 && this.bytes.length >= 10 + this.bytes.readUInt16LE(8)) {
      const size = this.bytes.readUInt16LE(8);
      this.stream = Buffer.concat([this.stream, this.bytes.subarray(10, 10 + size)]);
      this.bytes = this.bytes.subarray(10 + size);
    }
    this.wake();
  }

  send(data) {
    for (let at = 0; at < data.length; at += MOST) {
      const part = data.subarray(at, at + MOST);
      const head = Buffer.alloc(10);
      head.writeBigInt64LE(7n, 0);
      head.writeUInt16LE(part.length, 8);
      this.socket.write(Buffer.concat([head, part]));
    }
  }

  async until(look) {
    const end = performance.now() + LIMIT_MS;
    while (performance.now() < end) {
      const found = look();
      if (found) {
        return found;
      }
      await new Promise(resolve => {
        this.wake = resolve;
        setTimeout(resolve, 1000);
      });
    }
    throw new Error('the host does not answer');
  }

  // -> {status, body}
  async request(method, path, body = Buffer.alloc(0), headers = {}) {
    const lines = Object.entries({...headers, 'Content-Length': body.length}).map(([name, value]) => `${name}: ${value}\r\n`);
    this.send(Buffer.concat([Buffer.from(`${method} ${encodeURI(path)} HTTP/1.1\r\n${lines.join('')}\r\n`), body]));
    const end = await this.until(() => this.stream.indexOf('\r\n\r\n') + 1) + 3;
    const head = this.stream.subarray(0, end).toString();
    const size = Number(/content-length: (\d+)/i.exec(head)?.[1] || 0);
    await this.until(() => this.stream.length >= end + size);
    const found = {status: Number(head.split(' ')[1]), body: this.stream.subarray(end, end + size)};
    this.stream = this.stream.subarray(end + size);
    return found;
  }
}

// SPDX-License-Identifier: MIT
// The worker's part of clipboards and files: what is large goes in pieces, so that keys and pictures do not wait for it.

import * as wire from './wire.js';

// No more than this waits in the socket.
const UNSENT_MAX = 256 * 1024;
const UNSENT_LOOK_MS = 10;
// Files that are on their way at the same time; the others wait.
const FILES_AT_ONCE = 4;
const GOING = 0; // the state of a file; all others end it
export const FAILED = 3;

export class Agent {
  // `unsent`: returns the bytes that wait in the socket.
  constructor(send, tell, unsent) {
    this.send = send;
    this.tell = tell;
    this.unsent = unsent;
    this.offer = null; // contents that are on their way to the guest
    this.answers = new Map(); // by selection: contents that arrive
    this.files = new Map(); // by id
    this.timer = 0;
    this.handlers = {
      agent: tell, owner: tell, offered: tell,
      answer: message => this.onAnswer(message),
      contents: message => this.onContents(message),
      file: message => this.onFile(message),
    };
    this.orders = {
      offer: order => this.onOffer(order),
      request: order => send(wire.request(order.selection, order.format)),
      file: order => this.addFile(order),
      cancel: order => this.cancelFile(order.id),
    };
  }

  // The connection has ended.
  reset() {
    this.offer = null;
    this.answers.clear();
    this.files.clear();
    clearTimeout(this.timer);
    this.timer = 0;
  }

  mayGo() {
    return this.unsent() < UNSENT_MAX;
  }

  pumpSoon() {
    if (this.timer === 0) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.pump();
      }, UNSENT_LOOK_MS);
    }
  }

  pump() {
    this.pumpOffer();
    for (const file of this.files.values()) {
      this.pumpFile(file);
    }
  }

  // --- clipboards ---

  onOffer({selection, format, confirms, bytes}) {
    this.offer = {bytes: new Uint8Array(bytes), at: 0};
    this.send(wire.offer(selection, format, confirms, bytes.byteLength));
    this.pumpOffer();
  }

  pumpOffer() {
    const offer = this.offer;
    while (offer && offer.at < offer.bytes.length && this.mayGo()) {
      this.send(wire.offered(offer.bytes.subarray(offer.at, offer.at + wire.PIECE)));
      offer.at += wire.PIECE;
    }
    if (offer && offer.at < offer.bytes.length) {
      this.pumpSoon();
    } else {
      this.offer = null;
    }
  }

  onAnswer(message) {
    this.answers.delete(message.selection); // another answer instead of the rest of the contents
    if (message.size === 0) {
      this.tell({...message, bytes: new ArrayBuffer(0)});
    } else {
      this.answers.set(message.selection, {message, bytes: new Uint8Array(message.size), at: 0});
    }
  }

  onContents({selection, data}) {
    const answer = this.answers.get(selection);
    if (!answer || data.length > answer.bytes.length - answer.at) {
      return;
    }
    answer.bytes.set(data, answer.at);
    answer.at += data.length;
    if (answer.at === answer.bytes.length) {
      this.answers.delete(selection);
      this.tell({...answer.message, bytes: answer.bytes.buffer}, [answer.bytes.buffer]);
    }
  }

  // --- files ---

  addFile({id, file}) {
    this.files.set(id, {id, file, begun: false, sent: 0, allowed: 0, reads: false});
    this.beginFiles();
  }

  beginFiles() {
    let going = [...this.files.values()].filter(file => file.begun).length;
    for (const file of this.files.values()) {
      if (!file.begun && going < FILES_AT_ONCE) {
        file.begun = true;
        going++;
        this.send(wire.fileStart(file.id, file.file.size, file.file.name));
      }
    }
  }

  endFile(id) {
    this.files.delete(id);
    this.beginFiles();
  }

  cancelFile(id) {
    if (this.files.get(id)?.begun) {
      this.send(wire.fileCancel(id));
    }
    this.endFile(id);
  }

  onFile(message) {
    const file = this.files.get(message.id);
    if (!file) {
      return; // cancelled
    }
    if (message.state !== GOING) {
      this.endFile(message.id);
      this.tell(message);
      return;
    }
    file.allowed = message.value;
    this.pumpFile(file);
  }

  async pumpFile(file) {
    if (file.reads || !this.files.has(file.id)) {
      return;
    }
    file.reads = true;
    while (file.sent < file.allowed && this.mayGo()) {
      const end = Math.min(file.sent + wire.PIECE, file.allowed);
      let bytes;
      try {
        bytes = new Uint8Array(await file.file.slice(file.sent, end).arrayBuffer());
      } catch (error) {
        bytes = new Uint8Array(0); // it was changed or removed
      }
      if (!this.files.has(file.id)) {
        return;
      }
      if (bytes.length === 0) {
        this.cancelFile(file.id);
        this.tell({kind: 'file', id: file.id, state: FAILED, value: 0});
        return;
      }
      this.send(wire.fileData(file.id, bytes));
      file.sent += bytes.length;
      this.tell({kind: 'file', id: file.id, state: GOING, value: file.sent});
    }
    file.reads = false;
    if (file.sent < file.allowed) {
      this.pumpSoon();
    }
  }
}

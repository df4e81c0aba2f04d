// SPDX-License-Identifier: MIT
// The worker's part of the folder that is shared with the machine: files go in pieces, so that keys and pictures do not wait.

import * as wire from './wire.js';

// No more than this waits in the socket.
const UNSENT_MAX = 256 * 1024;
const UNSENT_LOOK_MS = 10;
// The server takes more at the same time; the others wait.
const AT_ONCE = 4;
// Pieces that have come are handed to the browser in blocks, which it may keep on disk.
const BLOCK = 4 * 1024 * 1024;
const GOING = 0; // the state of a transfer; all others end it
const DONE = 1;
const FAILED = 6;
const TELL_MS = 100;

export class FolderTransfers {
  // `unsent`: returns the bytes that wait in the socket.
  constructor(send, tell, unsent) {
    this.send = send;
    this.tell = tell;
    this.unsent = unsent;
    this.all = new Map(); // by id
    this.timer = 0;
    this.handlers = {
      folder: tell, entries: message => this.onEntries(message),
      part: message => this.onPart(message),
      transfer: message => this.onTransfer(message),
    };
    this.orders = {
      list: order => send(wire.listFolder(order.node)),
      remove: order => send(wire.removeNode(order.node)),
      download: order => this.add({id: order.id, node: order.node, size: 0, at: 0, pieces: [], held: 0, blocks: []}),
      upload: order => this.add({id: order.id, node: order.node, file: order.file, size: order.file.size, at: 0, reads: false}),
      stop: order => this.stop(order.id),
    };
    this.entries = []; // of the list that arrives
  }

  // The connection has ended.
  reset() {
    this.all.clear();
    this.entries = [];
    clearTimeout(this.timer);
    this.timer = 0;
  }

  onEntries(message) {
    this.entries.push(...message.entries);
    if (message.last) {
      this.tell({...message, entries: this.entries});
      this.entries = [];
    }
  }

  // --- all transfers ---

  add(transfer) {
    this.all.set(transfer.id, {begun: false, told: 0, ...transfer});
    this.beginSome();
  }

  beginSome() {
    let going = [...this.all.values()].filter(transfer => transfer.begun).length;
    for (const transfer of this.all.values()) {
      if (!transfer.begun && going < AT_ONCE) {
        transfer.begun = true;
        going++;
        this.begin(transfer);
      }
    }
  }

  begin(transfer) {
    if (transfer.file) {
      this.send(wire.putFile(transfer.id, transfer.node, transfer.size, transfer.file.name));
      this.pump(transfer);
    } else {
      this.send(wire.getFile(transfer.id, transfer.node));
    }
  }

  end(transfer, message) {
    this.all.delete(transfer.id);
    this.tell(message);
    this.beginSome();
  }

  stop(id) {
    if (this.all.get(id)?.begun) {
      this.send(wire.cancelTransfer(id));
    }
    this.all.delete(id);
    this.beginSome();
  }

  tellProgress(transfer) {
    const now = performance.now();
    if (now - transfer.told > TELL_MS) {
      transfer.told = now;
      this.tell({kind: 'transfer', id: transfer.id, state: GOING, value: transfer.at, size: transfer.size});
    }
  }

  onTransfer(message) {
    const transfer = this.all.get(message.id);
    if (!transfer) {
      return; // cancelled
    }
    if (message.state === GOING) {
      transfer.size = message.value;
      this.tellProgress(transfer);
    } else if (message.state === DONE && !transfer.file) {
      this.end(transfer, {...message, blob: new Blob([...transfer.blocks, ...transfer.pieces])});
    } else {
      this.end(transfer, message);
    }
  }

  // --- from the folder ---

  onPart({id, data}) {
    const transfer = this.all.get(id);
    if (!transfer || transfer.file) {
      return;
    }
    transfer.pieces.push(data);
    transfer.held += data.length;
    transfer.at += data.length;
    if (transfer.held >= BLOCK) {
      transfer.blocks.push(new Blob(transfer.pieces));
      transfer.pieces = [];
      transfer.held = 0;
    }
    this.tellProgress(transfer);
  }

  // --- into the folder ---

  pumpSoon() {
    if (this.timer === 0) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        for (const transfer of this.all.values()) {
          if (transfer.begun && transfer.file) {
            this.pump(transfer);
          }
        }
      }, UNSENT_LOOK_MS);
    }
  }

  async pump(transfer) {
    if (transfer.reads) {
      return;
    }
    transfer.reads = true;
    while (transfer.at < transfer.size && this.unsent() < UNSENT_MAX) {
      let bytes;
      try {
        bytes = new Uint8Array(await transfer.file.slice(transfer.at, transfer.at + wire.PIECE).arrayBuffer());
      } catch (error) {
        bytes = new Uint8Array(0); // it was changed or removed
      }
      if (!this.all.has(transfer.id)) {
        return;
      }
      if (bytes.length === 0) {
        this.send(wire.cancelTransfer(transfer.id));
        this.end(transfer, {kind: 'transfer', id: transfer.id, state: FAILED, value: 0});
        return;
      }
      this.send(wire.transferData(transfer.id, bytes));
      transfer.at += bytes.length;
      this.tellProgress(transfer);
    }
    transfer.reads = false;
    if (transfer.at < transfer.size) {
      this.pumpSoon();
    }
  }
}

// SPDX-License-Identifier: MIT
// The folder that is shared with the machine: what is in it, and files that go out of it and into it.

import {describeSize} from './files.js';

const STATES = [
  'The machine is not connected.', 'No program in the machine has opened the folder yet.', 'The machine uses the folder.',
];
const READY = 2;
const GOING = 0;
const DONE = 1;
const NO_SPACE = 3;
const FAILED = 6;
const TEXTS = [
  '', 'done', 'the file or folder does not exist any more', 'no space left in the folder', 'the folder takes no file of this name',
  'there is already a file or folder of this name', 'failed', 'another person has control',
];
// Ended transfers that stay in the list.
const ENDED_MAX = 10;
// The least time between two lists, however often the machine changes the folder. A long list, which takes the page some
// time to show, leaves it several times as long for everything else.
const LIST_MS = 300;
const LIST_PART = 5;
const SURE_MS = 4000;

const at = id => document.getElementById(id);
// Made once, as they take long to make, and not before they are needed.
let collator = null;
let times = null;

function compare(a, b) {
  collator ||= new Intl.Collator();
  return collator.compare(a, b);
}

function describeTime(seconds) {
  times ||= new Intl.DateTimeFormat(undefined, {dateStyle: 'short', timeStyle: 'medium'});
  return times.format(seconds * 1000);
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

export class Folder {
  constructor(send, toast) {
    this.send = send;
    this.toast = toast;
    this.can = false;
    this.path = [{id: 0, name: 'Folder'}];
    this.changes = null; // of the folder, at the last list
    this.isStale = false; // what is shown is not up to date
    this.lists = false; // a list is asked for, and has not come
    this.mayListAt = 0;
    this.timer = 0;
    this.lastId = 0;
    this.entries = new Map(); // by id: {row, text, name}
    this.transfers = new Map(); // by id
    at('folder-pick').addEventListener('change', () => {
      this.add(at('folder-pick').files);
      at('folder-pick').value = '';
    });
  }

  // The connection has ended, and with it all transfers.
  reset() {
    this.can = false;
    this.changes = null;
    this.lists = false;
    for (const id of [...this.transfers.keys()]) {
      this.end(id, 'interrupted: the connection was lost');
    }
    this.go([this.path[0]]);
    at('folder').classList.add('off');
  }

  onFolder({state, changes, used, most}) {
    at('folder').hidden = false;
    at('folder').classList.remove('off');
    this.can = true;
    at('folder-state').textContent = STATES[state];
    at('folder-state').classList.toggle('bad', state !== READY);
    at('folder-used').textContent = `${describeSize(used)} of ${describeSize(most)} are used.`;
    if (changes !== this.changes) {
      this.changes = changes;
      this.isStale = true;
      this.listSoon();
    }
  }

  // --- the list ---

  get place() {
    return this.path[this.path.length - 1];
  }

  // Also called when the panel opens: a list that is not seen is not asked for.
  listSoon() {
    if (this.timer === 0 && this.isStale && !this.lists) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.list();
      }, Math.max(0, this.mayListAt - performance.now()));
    }
  }

  list() {
    if (this.can && !at('exchange-panel').hidden) {
      this.isStale = false;
      this.lists = true;
      this.send({order: 'list', node: this.place.id});
    }
  }

  onEntries({node, gone, entries}) {
    const begin = performance.now();
    this.lists = false;
    if (node === this.place.id && gone) {
      this.go(this.path.slice(0, -1));
      return;
    }
    if (node === this.place.id) { // else the user has gone elsewhere
      this.showEntries(entries);
      this.mayListAt = performance.now() + Math.max(LIST_MS, LIST_PART * (performance.now() - begin));
    }
    this.listSoon();
  }

  showEntries(entries) {
    const order = (a, b) => b.isFolder - a.isFolder || compare(a.name, b.name);
    const before = this.entries;
    const rowOf = entry => (before.get(entry.id)?.name === entry.name ? before.get(entry.id) : this.makeRow(entry));
    this.entries = new Map(entries.sort(order).map(entry => [entry.id, rowOf(entry)]));
    for (const entry of entries) {
      this.describe(this.entries.get(entry.id), entry);
    }
    // Rows that stay are not touched: one of them may have the focus.
    for (const [id, {row}] of before) {
      if (this.entries.get(id)?.row !== row) {
        row.remove();
      }
    }
    let next = at('folder-list').firstChild;
    for (const {row} of this.entries.values()) {
      if (row === next) {
        next = next.nextSibling;
      } else {
        at('folder-list').insertBefore(row, next);
      }
    }
    at('folder-empty').hidden = entries.length > 0;
  }

  makeRow(entry) {
    const row = make('li');
    const text = make('span', {className: 'about'});
    const remove = make('button', {type: 'button', textContent: 'Delete', ariaLabel: `delete ${entry.name}`});
    remove.addEventListener('click', () => this.remove(remove, entry));
    if (entry.isFolder) {
      const name = make('button', {type: 'button', className: 'name', textContent: `${entry.name}/`, title: entry.name});
      name.addEventListener('click', () => this.go([...this.path, {id: entry.id, name: entry.name}]));
      row.append(name, remove, text);
    } else {
      const name = make('span', {className: 'name', textContent: entry.name, title: entry.name});
      const get = make('button', {type: 'button', textContent: 'Download', ariaLabel: `download ${entry.name}`});
      get.addEventListener('click', () => this.download(entry));
      row.append(name, get, remove, text);
    }
    return {row, text, name: entry.name};
  }

  describe({text}, entry) {
    const time = describeTime(entry.modified);
    const about = entry.isFolder ? `folder · ${time}` : `${describeSize(entry.size)} · ${time}`;
    if (text.textContent !== about) {
      text.textContent = about;
    }
  }

  // The second click within a few seconds removes it.
  remove(button, entry) {
    if (button.dataset.sure) {
      this.send({order: 'remove', node: entry.id});
      return;
    }
    button.dataset.sure = 'yes';
    button.textContent = 'Really delete?';
    setTimeout(() => {
      delete button.dataset.sure;
      button.textContent = 'Delete';
    }, SURE_MS);
  }

  go(path) {
    this.path = path;
    this.entries.clear();
    at('folder-list').replaceChildren();
    at('folder-empty').hidden = true;
    at('folder-path').replaceChildren(...path.map((place, i) => {
      const button = make('button', {type: 'button', textContent: place.name});
      if (i === path.length - 1) {
        button.setAttribute('aria-current', 'true');
      }
      button.addEventListener('click', () => this.go(path.slice(0, i + 1)));
      return button;
    }));
    at('folder-path').hidden = path.length === 1;
    this.isStale = true;
    this.mayListAt = 0; // the user waits for it
    clearTimeout(this.timer);
    this.timer = 0;
    this.listSoon();
  }

  // --- transfers ---

  download(entry) {
    const id = ++this.lastId;
    this.transfers.set(id, this.makeTransfer(id, entry.name, entry.size));
    this.send({order: 'download', id, node: entry.id});
  }

  add(files) {
    for (const file of files) {
      const id = ++this.lastId;
      this.transfers.set(id, this.makeTransfer(id, file.name, file.size));
      this.send({order: 'upload', id, node: this.place.id, file});
    }
  }

  makeTransfer(id, name, size) {
    const row = make('li');
    const text = make('span', {className: 'about', textContent: 'waiting'});
    const bar = make('progress', {max: Math.max(size, 1), value: 0, ariaLabel: `progress of ${name}`});
    const button = make('button', {type: 'button', textContent: 'Cancel', ariaLabel: `cancel ${name}`});
    button.addEventListener('click', () => {
      this.send({order: 'stop', id});
      this.end(id, 'cancelled');
    });
    row.append(make('span', {className: 'name', textContent: name, title: name}), button, bar, text);
    at('folder-transfers').prepend(row);
    return {row, text, bar, button, name, size};
  }

  onTransfer({id, state, value, size, blob}) {
    const transfer = this.transfers.get(id);
    if (!transfer) {
      return;
    }
    if (state === GOING) {
      transfer.bar.max = Math.max(size, 1);
      transfer.bar.value = value;
      transfer.text.textContent = `${Math.floor(value / Math.max(size, 1) * 100)} % of ${describeSize(size)}`;
    } else if (state === NO_SPACE) {
      this.end(id, `${TEXTS[NO_SPACE]}: ${describeSize(value)} are free`);
    } else {
      if (blob) {
        this.save(blob, transfer.name);
      }
      this.end(id, TEXTS[state] || TEXTS[FAILED], state === DONE);
    }
  }

  save(blob, name) {
    const link = make('a', {href: URL.createObjectURL(blob), download: name});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  end(id, text, isGood = false) {
    const {row, button, bar, name, size, text: field} = this.transfers.get(id);
    this.transfers.delete(id);
    bar.remove();
    button.remove();
    row.classList.add(isGood ? 'good' : 'bad');
    field.textContent = isGood ? `${text} · ${describeSize(size)}` : text;
    if (!isGood && text !== 'cancelled') {
      this.toast(`${name}: ${text}`);
    }
    const ended = [...at('folder-transfers').children].filter(child => child.matches('.good, .bad'));
    ended.slice(ENDED_MAX).forEach(child => child.remove());
  }
}

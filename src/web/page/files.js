// SPDX-License-Identifier: MIT
// Files for the machine: dropped on the picture, or picked.

const READY = 2;
const CAN_FILES = 4;
const GOING = 0;
const DONE = 1;
const NO_SPACE = 4;
const TEXTS = [
  '', 'sent', 'cancelled in the machine', 'failed: it could not be read here, or not written there', 'no space left in the machine',
  'the machine\'s session is locked', 'no user is logged in at the machine', 'the machine takes no files',
  'interrupted: the machine\'s agent ended', 'too many files at once', 'the machine takes no file of this name or size',
  'another person has control',
];
const LOST = 8;
// Ended files that stay in the list.
const ENDED_MAX = 20;

const at = id => document.getElementById(id);

export function describeSize(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power > 0 && bytes / 1000 ** power < 100 ? 1 : 0)} ${units[power]}`;
}

export class Files {
  // `onDrop` is called when files were dropped and have been added to the list.
  constructor(send, toast, stage, onDrop) {
    Object.assign(this, {send, toast, onDrop});
    this.can = false;
    this.instead = null; // takes the files that are dropped while the agent takes none
    this.lastId = 0;
    this.rows = new Map(); // by id: of files that have not ended
    at('pick').addEventListener('change', () => {
      this.add(at('pick').files);
      at('pick').value = '';
    });
    this.listenToDrops(stage);
    this.show();
  }

  onAgent({state, abilities}) {
    this.can = state === READY && (abilities & CAN_FILES) !== 0;
    this.show();
  }

  // The connection has ended, and with it all transfers.
  reset() {
    this.can = false;
    for (const id of [...this.rows.keys()]) {
      this.end(id, 'interrupted: the connection was lost');
    }
    this.show();
  }

  show() {
    at('pick').disabled = !this.can;
    at('pick-label').classList.toggle('off', !this.can);
  }

  // --- where files come from ---

  listenToDrops(stage) {
    const hasFiles = event => event.dataTransfer.types.includes('Files');
    let depth = 0;
    const mark = change => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle('dropping', depth > 0 && (this.can || Boolean(this.instead?.can)));
    };
    stage.addEventListener('dragenter', event => hasFiles(event) && mark(1));
    stage.addEventListener('dragleave', event => hasFiles(event) && mark(-1));
    // Without this the browser would leave the page and show the file.
    window.addEventListener('dragover', event => event.preventDefault());
    window.addEventListener('drop', event => {
      event.preventDefault();
      depth = 0;
      mark(0);
      if (hasFiles(event)) {
        this.drop(event.dataTransfer);
      }
    });
  }

  drop(transfer) {
    const taker = this.can ? this : this.instead;
    if (!taker?.can) {
      this.toast('The machine takes no files now.');
      return;
    }
    const folders = [...transfer.items].filter(item => item.webkitGetAsEntry?.()?.isDirectory).length;
    if (folders > 0) {
      this.toast('Folders cannot be sent. Send their files, or an archive.');
      return;
    }
    taker.add(transfer.files);
    this.onDrop();
  }

  add(files) {
    for (const file of files) {
      const id = ++this.lastId;
      this.rows.set(id, this.makeRow(id, file));
      this.send({order: 'file', id, file});
    }
  }

  // --- the list ---

  makeRow(id, file) {
    const row = document.createElement('li');
    const [name, text, bar, button] = ['span', 'span', 'progress', 'button'].map(tag => document.createElement(tag));
    name.className = 'name';
    name.textContent = name.title = file.name;
    text.className = 'progress-text';
    text.textContent = `waiting · ${describeSize(file.size)}`;
    bar.max = Math.max(file.size, 1);
    bar.value = 0;
    bar.ariaLabel = `progress of ${file.name}`;
    button.type = 'button';
    button.textContent = 'Cancel';
    button.ariaLabel = `cancel ${file.name}`;
    button.addEventListener('click', () => {
      this.send({order: 'cancel', id});
      this.end(id, 'cancelled');
    });
    row.append(name, button, bar, text);
    at('files').prepend(row);
    return {row, text, bar, button, file};
  }

  onFile({id, state, value}) {
    const entry = this.rows.get(id);
    if (!entry) {
      return;
    }
    if (state === GOING) {
      const percent = Math.floor(value / Math.max(entry.file.size, 1) * 100);
      entry.bar.value = value;
      entry.text.textContent = `${percent} % of ${describeSize(entry.file.size)}`;
    } else if (state === NO_SPACE && value > 0) {
      this.end(id, `not enough space in the machine: ${describeSize(value)} are free`);
    } else {
      this.end(id, TEXTS[state] || TEXTS[LOST], state === DONE);
    }
  }

  end(id, text, isGood = false) {
    const {row, button, bar, file, text: field} = this.rows.get(id);
    this.rows.delete(id);
    bar.remove();
    button.remove();
    row.classList.add(isGood ? 'good' : 'bad');
    field.textContent = isGood ? `${text} · ${describeSize(file.size)}` : text;
    if (!isGood && text !== 'cancelled') {
      this.toast(`${file.name}: ${text}`);
    }
    const ended = [...at('files').children].filter(child => child.matches('.good, .bad'));
    ended.slice(ENDED_MAX).forEach(child => child.remove());
  }
}

// SPDX-License-Identifier: MIT
// The clipboards of the machine and of this browser.
//
// What a user copies in the machine is fetched when this page has the focus, and written to the browser's clipboard as
// soon as the browser allows: at once in Chromium, else with the user's next key or click. What a user pastes comes with
// the browser's paste event, which needs no permission; the keys wait until the machine has it. Nothing else of this
// browser's clipboard is sent, unless the user switches it on: then the page reads it whenever it gets the focus. The
// choice is not kept for the next visit, when another machine may be at this address.

const READY = 2;
const STATES = ['The machine is not connected.', 'No agent answers in the machine: it needs spice-vdagent.',
                'The machine\'s agent is ready.', 'The machine\'s agent does not answer.'];
const CLIPBOARD = 0;
const PRIMARY = 1;
const TEXT = 1;
const PNG = 2;
const CAN_CLIPBOARD = 1;
const CAN_PRIMARY = 2;
const HAS_CRLF = 8;
const ANSWERS = ['', 'The machine has nothing to copy any more.', 'That is too large: at most 32 MiB can be copied.',
                 'The machine\'s agent does not answer.', 'The machine is busy. Try again.'];
const RESULTS = ['', 'Another viewer has pasted at the same time.', STATES[1], 'Another person has control.'];
const MAX_BYTES = 32 * 1024 * 1024;
// More than this is sent only after a question.
const LARGE_BYTES = 1024 * 1024;
// How long keys wait for the browser's paste event, and for the machine to see what was pasted.
const EVENT_MS = 150;
const SIGHT_MS = 1500;

const at = id => document.getElementById(id);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

function isPasteKey(event) {
  return !event.repeat && !event.altKey && ((event.code === 'KeyV' && (event.ctrlKey || event.metaKey)) ||
                                             (event.code === 'Insert' && event.shiftKey && !event.ctrlKey));
}

function describeSize(bytes) {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export class Clipboard {
  constructor(send, input, toast) {
    this.send = send;
    this.input = input;
    this.toast = toast;
    this.state = 0;
    this.abilities = 0;
    this.formats = [0, 0]; // by selection: what the machine offers
    this.asked = [null, null]; // by selection: what to do with the answer
    this.asksAgain = false;
    this.unwritten = null; // contents for the browser's clipboard, until it takes them
    this.isStale = false; // the machine has offered something while this page was not in use
    this.last = null; // what the machine was given last: a text, or null
    this.large = null; // waits for the user's consent
    this.timer = 0; // until waiting keys go on
    input.holdsKey = event => this.holdKeys(event);
    document.addEventListener('paste', event => this.onPaste(event));
    window.addEventListener('focus', () => this.onFocus());
    for (const name of ['keydown', 'pointerdown']) {
      window.addEventListener(name, () => this.writeWaiting(), true);
    }
    this.listen();
    this.show();
  }

  isReady() {
    return this.state === READY && (this.abilities & CAN_CLIPBOARD) !== 0;
  }

  // --- the panel ---

  listen() {
    at('copy').addEventListener('click', () => this.copy(CLIPBOARD));
    at('copy-selection').addEventListener('click', () => this.copy(PRIMARY));
    at('give').addEventListener('click', () => this.giveText(CLIPBOARD));
    at('give-selection').addEventListener('click', () => this.giveText(PRIMARY));
    at('offer').addEventListener('change', () => this.offerOwn());
    at('large-yes').addEventListener('click', () => this.endQuestion(true));
    at('large-no').addEventListener('click', () => this.endQuestion(false));
    // A picture that is pasted into the field goes to the machine; text stays there for the user to change.
    at('text').addEventListener('paste', event => {
      const picture = [...event.clipboardData.files].find(file => file.type === 'image/png');
      if (picture) {
        event.preventDefault();
        this.givePicture(picture, CLIPBOARD);
      }
    });
  }

  show() {
    const name = formats => ((formats & TEXT) !== 0 ? 'text' : (formats & PNG) !== 0 ? 'a picture' : 'nothing');
    const ready = this.isReady();
    at('agent-state').textContent = STATES[this.state];
    at('agent-state').classList.toggle('bad', this.state !== READY);
    at('has').textContent = name(this.formats[CLIPBOARD]);
    at('has-selection').textContent = name(this.formats[PRIMARY]);
    at('copy').disabled = !ready || this.formats[CLIPBOARD] === 0;
    at('copy-selection').disabled = !ready || this.formats[PRIMARY] === 0;
    at('give').disabled = !ready;
    at('give-selection').disabled = !ready;
    at('primary').hidden = at('give-selection').hidden = ready && (this.abilities & CAN_PRIMARY) === 0;
    at('large').hidden = !this.large;
  }

  onAgent(message) {
    this.state = message.state;
    this.abilities = message.abilities;
    if (!this.isReady()) {
      this.last = null;
      this.goOn();
    }
    this.show();
  }

  reset() {
    this.state = 0;
    this.abilities = 0;
    this.formats = [0, 0];
    this.asked = [null, null];
    this.last = null;
    this.large = null;
    this.goOn();
    this.show();
  }

  // --- from the machine ---

  onOwner({selection, formats}) {
    this.formats[selection] = formats;
    if (selection === CLIPBOARD && formats !== 0) {
      this.last = null;
      this.unwritten = null;
      this.fetchIfActive();
    } else if (selection === CLIPBOARD) {
      this.asksAgain = false;
    }
    this.show();
  }

  // Only for the viewer who is at the page.
  fetchIfActive() {
    this.isStale = !document.hasFocus() || !navigator.clipboard;
    if (this.asked[CLIPBOARD]) {
      this.asksAgain = true; // the answer that comes is of something older
    } else if (!this.isStale) {
      this.ask(CLIPBOARD, (format, bytes) => {
        this.unwritten = {format, bytes};
        this.writeWaiting();
      }, () => {});
    }
  }

  // `use` gets the format and the bytes, `fail` a text.
  ask(selection, use, fail) {
    const formats = this.formats[selection];
    if (this.asked[selection]) {
      fail(ANSWERS[4]);
      return;
    }
    this.asked[selection] = {use, fail};
    this.send({order: 'request', selection, format: (formats & TEXT) !== 0 ? TEXT : PNG});
  }

  onAnswer({selection, format, answer, bytes}) {
    const asked = this.asked[selection];
    this.asked[selection] = null;
    if (!asked) {
      return;
    }
    if (answer !== 0 || bytes.byteLength === 0) {
      asked.fail(ANSWERS[answer] || ANSWERS[1]);
    } else {
      asked.use(format, bytes);
    }
    if (selection === CLIPBOARD && this.asksAgain) {
      this.asksAgain = false;
      this.unwritten = null;
      this.fetchIfActive();
    }
  }

  textOf(bytes) {
    const text = decoder.decode(bytes);
    return (this.abilities & HAS_CRLF) !== 0 ? text.replaceAll('\r\n', '\n') : text;
  }

  // Returns: a promise, which fails if the browser does not allow it now.
  write(format, bytes) {
    if (format === TEXT) {
      const text = this.textOf(bytes);
      return navigator.clipboard.writeText(text).then(() => {
        this.last = text; // it need not go back
      });
    }
    return navigator.clipboard.write([new ClipboardItem({'image/png': new Blob([bytes], {type: 'image/png'})})]);
  }

  async writeWaiting() {
    const contents = this.unwritten;
    if (!contents || !document.hasFocus()) {
      return;
    }
    this.unwritten = null;
    try {
      await this.write(contents.format, contents.bytes);
    } catch (error) {
      this.unwritten ||= contents; // until the next key or click
    }
  }

  // By the button.
  copy(selection) {
    this.ask(selection, async (format, bytes) => {
      try {
        await this.write(format, bytes);
        this.toast('Copied from the machine.');
      } catch (error) {
        this.showCopied(format, bytes);
      }
    }, this.toast);
  }

  // Where the browser lets no page write to the clipboard, its user can.
  showCopied(format, bytes) {
    if (format === TEXT) {
      at('text').value = this.textOf(bytes);
      at('text').select();
      this.toast(document.execCommand('copy') ? 'Copied from the machine.' :
        'This browser does not let the page copy. The text is selected: copy it from the field.');
    } else {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([bytes], {type: 'image/png'}));
      link.download = 'clipboard.png';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }
  }

  // --- to the machine ---

  offer(selection, format, bytes, confirms) {
    if (bytes.byteLength > MAX_BYTES) {
      this.toast(`That is ${describeSize(bytes.byteLength)}: the machine's clipboard takes at most 32 MiB.`);
      return false;
    }
    this.send({order: 'offer', selection, format, bytes, confirms});
    return true;
  }

  // Returns: whether it was sent.
  offerText(selection, text, confirms) {
    const lines = (this.abilities & HAS_CRLF) !== 0 ? text.replace(/\r?\n/g, '\r\n') : text;
    const sent = this.offer(selection, TEXT, encoder.encode(lines).buffer, confirms);
    if (sent && selection === CLIPBOARD) {
      this.last = text;
    }
    return sent;
  }

  giveText(selection) {
    const text = at('text').value;
    if (text !== '' && this.offerText(selection, text, false)) {
      this.toast(selection === PRIMARY ? 'Sent: the middle button pastes it in the machine.' : 'Sent to the machine\'s clipboard.');
    }
  }

  async givePicture(file, selection) {
    if (this.offer(selection, PNG, await file.arrayBuffer(), false)) {
      this.toast('The picture is in the machine\'s clipboard.');
    }
  }

  onOffered({selection, result}) {
    if (result !== 0) {
      this.last = null;
      this.toast(RESULTS[result] || STATES[1]);
    }
    if (selection === CLIPBOARD) {
      this.goOn();
    }
  }

  // --- keys that paste ---

  // Returns: whether the keys wait for the browser's paste event.
  holdKeys(event) {
    if (!this.isReady() || !isPasteKey(event)) {
      return false;
    }
    this.goOnAfter(EVENT_MS);
    return true;
  }

  goOnAfter(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.goOn(), ms);
  }

  goOn() {
    clearTimeout(this.timer);
    this.input.resume();
  }

  onPaste(event) {
    const field = event.target.closest?.('textarea, input');
    // The field of on-screen keyboards types what is pasted, unless the user has pressed keys for it.
    if (!this.isReady() || (field && !(field.matches('[data-machine]') && this.input.waiting))) {
      return;
    }
    event.preventDefault();
    const text = event.clipboardData.getData('text/plain');
    const picture = [...event.clipboardData.files].find(file => file.type === 'image/png');
    if (text !== '') {
      this.pasteText(text);
    } else if (picture) {
      this.pastePicture(picture);
    } else {
      this.goOn();
    }
  }

  pasteText(text) {
    if (text === this.last) {
      this.goOn();
    } else if (text.length > LARGE_BYTES) {
      this.askUser(text.length, () => this.offerText(CLIPBOARD, text, false));
    } else {
      this.goOnAfter(SIGHT_MS);
      if (!this.offerText(CLIPBOARD, text, true)) {
        this.goOn();
      }
    }
  }

  // For text that cannot be typed. With Shift+Insert some programs paste the clipboard, others the selection, so both
  // have it; these keys are pressed afterwards. Returns: whether the machine takes it.
  lend(text) {
    if (!this.isReady()) {
      return false;
    }
    this.input.pause();
    this.goOnAfter(SIGHT_MS);
    if ((this.abilities & CAN_PRIMARY) !== 0) {
      this.offerText(PRIMARY, text, false);
    }
    if (!this.offerText(CLIPBOARD, text, true)) {
      this.goOn();
      return false;
    }
    return true;
  }

  async pastePicture(picture) {
    if (picture.size > LARGE_BYTES) {
      this.askUser(picture.size, () => this.givePicture(picture, CLIPBOARD));
      return;
    }
    this.goOnAfter(SIGHT_MS);
    this.last = null;
    if (!this.offer(CLIPBOARD, PNG, await picture.arrayBuffer(), true)) {
      this.goOn();
    }
  }

  // A large paste may be a mistake, and takes its time: the keys that asked for it are not pressed.
  askUser(size, send) {
    clearTimeout(this.timer);
    this.input.drop();
    this.large = send;
    at('large-text').textContent = `Send ${describeSize(size)} to the machine's clipboard?`;
    this.show();
    at('large-yes').focus();
  }

  endQuestion(sends) {
    const send = this.large;
    this.large = null;
    this.show();
    if (sends && send()) {
      this.toast('Sent to the machine\'s clipboard. Paste it there.');
    }
    document.getElementById('stage').focus({preventScroll: true});
  }

  // --- focus ---

  async onFocus() {
    if (!this.isReady()) {
      return;
    }
    if (this.isStale && this.formats[CLIPBOARD] !== 0) {
      this.fetchIfActive(); // copied while the page was not in use
      return;
    }
    await this.writeWaiting();
    this.offerOwn();
  }

  // If the user wants it. The browser asks them for the permission when they switch it on.
  async offerOwn() {
    if (!at('offer').checked || !this.isReady()) {
      return;
    }
    try {
      const text = await navigator.clipboard.readText();
      if (at('offer').checked && text !== '' && text !== this.last && text.length <= LARGE_BYTES && this.isReady()) {
        this.offerText(CLIPBOARD, text, false);
      }
    } catch (error) {
      at('offer').checked = false;
      this.toast('This browser does not let the page read the clipboard.');
    }
  }
}

// SPDX-License-Identifier: MIT
// The keyboard of those who have no keys: a field for on-screen keyboards and input methods, whose text is typed through
// the guest's layout, and a bar with the keys that such keyboards lack.

import {recall, remember} from './choices.js';
import {keyCode} from './keys.js';
import {DEFAULT_LAYOUT, Layout, layoutNames, split} from './typing.js';

// The kernel of a guest keeps 64 events for a program that is busy, the ends of reports included; the host keeps more.
const BURST = 4;
const BURST_MS = 40;
const MAX_WAITING = 4096;
// The field never is empty, since on-screen keyboards do not report Backspace in an empty one; nor does it grow.
const BEFORE = '\n'.repeat(8);
const MAX_FIELD = 256;
// Two taps within this time keep a modifier down.
const TWICE_MS = 400;
const MODIFIERS = {Ctrl: 29, Alt: 56, Shift: 42, Super: 125};
const IGNORED = ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'NumLock', 'Fn', 'OS'];
const MAC = /^Mac|^iP/.test(navigator.platform);

// --- strokes ---

// Presses keys one after the other, not faster than a guest takes them.
class Strokes {
  constructor(input) {
    this.input = input;
    this.waiting = [];
    this.timer = 0;
  }

  // `strokes`: [{code, held}, ...]; each is pressed and released within one turn, so that none stays down.
  add(strokes) {
    this.waiting.push(...strokes);
    if (!this.timer) {
      this.run();
    }
  }

  run() {
    for (let count = 0; this.waiting.length > 0 && count < BURST;) {
      const {code, held} = this.waiting.shift();
      const missing = held.filter(modifier => !this.input.held.has(modifier));
      const keys = [...missing, code];
      keys.forEach(key => this.input.press(key, true));
      keys.reverse().forEach(key => this.input.press(key, false));
      count += 2 * keys.length;
    }
    this.timer = this.waiting.length > 0 ? setTimeout(() => this.run(), BURST_MS) : 0;
  }

  clear() {
    this.waiting = [];
    clearTimeout(this.timer);
    this.timer = 0;
  }
}

// --- the keyboard ---

export class Keyboard {
  // `parts`: {stage, field, bar, layout}, elements; `lights`: returns whether Caps Lock is on in the guest; `report`: tells
  // the user.
  constructor(parts, input, lights, report) {
    Object.assign(this, parts);
    this.input = input;
    this.isCapsOn = lights;
    this.report = report;
    this.strokes = new Strokes(input);
    this.textMode = false;
    this.known = BEFORE; // what the guest has of the field
    this.soft = true; // the last key was one of an on-screen keyboard
    this.tapped = {code: 0, at: 0};
    this.locked = new Set(); // modifiers that stay down until they are tapped again
    this.storageKey = `layout ${location.pathname}`;
    this.listLayouts();
    this.makeBar();
    this.listenToField();
    // Set by the page: gives the machine a text that the layout lacks, to be pasted; returns whether it takes it.
    this.lend = () => false;
    input.onReleased = () => this.onReleased();
    input.onStroke = code => this.onStroke(code);
    input.takeFocus = () => this.takeFocus();
  }

  // A connection begins or ends, or the user loses the control: what was not typed yet belongs to what was before.
  restart() {
    this.strokes.clear();
    this.resetField();
  }

  // The part of the page that the machine's keys come from.
  takeFocus() {
    (this.textMode ? this.field : this.stage).focus({preventScroll: true});
  }

  // An on-screen keyboard opens if there is one.
  setTextMode(on) {
    const had = document.activeElement === this.field;
    this.textMode = on;
    this.field.tabIndex = on ? 0 : -1;
    this.bar.querySelector('#type').ariaPressed = String(on);
    if (on || had) {
      this.takeFocus();
    }
  }

  // --- text ---

  // Types what the layout has. Returns the characters that it lacks, or that are too many.
  typeText(text) {
    const strokes = [];
    let lacked = '';
    for (const char of split(text)) {
      const found = this.chosen.strokes(char, this.isCapsOn());
      if (found && this.strokes.waiting.length + strokes.length < MAX_WAITING) {
        strokes.push(...found);
      } else {
        lacked += char;
      }
    }
    this.strokes.add(strokes);
    return lacked;
  }

  // Text that the user has entered. With modifiers of the bar it is a shortcut.
  enter(text) {
    const [char, ...more] = split(text);
    if (char && more.length === 0 && [29, 56, 125].some(code => this.input.held.has(code))) {
      const stroke = this.chosen.shortcut(char);
      if (stroke) {
        this.strokes.add([stroke]);
        return;
      }
    }
    if (!this.isTypable(text) && this.lend(text)) {
      this.strokes.add([{code: keyCode('Insert'), held: [MODIFIERS.Shift]}]);
      return;
    }
    const lacked = this.typeText(text);
    if (lacked !== '') {
      this.report(`The layout ${this.chosen.name} has no key for ${[...new Set(lacked)].slice(0, 8).join(' ')}`);
      this.resetField();
    }
  }

  // --- the field ---

  listenToField() {
    const on = (name, run) => this.field.addEventListener(name, run.bind(this));
    on('keydown', this.onFieldKey);
    on('input', event => this.onInput(event));
    on('compositionend', () => this.sync());
    on('blur', () => this.resetField());
  }

  onFieldKey(event) {
    // Keys of hardware have codes; those of most on-screen keyboards have none.
    this.soft = event.code === '';
    const taken = event.isComposing || event.keyCode === 229 || event.key === 'Process' || event.key === 'Dead';
    if (!this.input.enabled || taken || this.input.leavesWith(event) || IGNORED.includes(event.key)) {
      return;
    }
    const held = [[event.ctrlKey, 29], [event.altKey, 56], [event.metaKey, 125]].flatMap(([is, code]) => (is ? [code] : []));
    const writes = event.getModifierState('AltGraph') || (MAC && event.altKey && !event.ctrlKey && !event.metaKey);
    if ([...event.key].length === 1) {
      if (held.length > 0 && !writes) {
        if (this.input.holdsKey(event)) {
          this.input.pause(); // until the browser has said what is pasted
        } else {
          event.preventDefault();
        }
        const stroke = this.chosen.shortcut(event.key);
        this.strokes.add(stroke ? [{code: stroke.code, held: [...held, ...stroke.held]}] : []);
      }
      return; // the rest comes as text
    }
    const code = keyCode(event.key) || keyCode(event.code);
    if (code !== 0) {
      event.preventDefault();
      this.strokes.add([{code, held: event.shiftKey ? [...held, 42] : held}]);
      this.resetField();
    }
  }

  // While hardware keys compose a text it may still change to another one. On-screen keyboards compose each word, which
  // is to appear at once.
  onInput(event) {
    if (!event.isComposing || (this.soft && this.isTypable(this.change().added))) {
      this.sync();
    }
  }

  isTypable(text) {
    return split(text).every(char => this.chosen.strokes(char));
  }

  // How the field differs from what the guest has. Guests only know the end of the text.
  change() {
    const [before, after] = [[...this.known], [...this.field.value]];
    let same = 0;
    while (same < before.length && same < after.length && before[same] === after[same]) {
      same++;
    }
    return {removed: before.length - same, added: after.slice(same).join('')};
  }

  sync() {
    const {removed, added} = this.change();
    this.known = this.field.value;
    if (!this.input.enabled) {
      return;
    }
    this.strokes.add(Array.from({length: removed}, () => ({code: keyCode('Backspace'), held: []})));
    if (added !== '') {
      this.enter(added);
    }
    if (this.field.value.length > MAX_FIELD || !this.field.value.startsWith('\n\n') || added.includes('\n')) {
      this.resetField();
    }
  }

  resetField() {
    this.known = BEFORE;
    if (this.field.value !== BEFORE) {
      this.field.value = BEFORE;
    }
    this.field.setSelectionRange(BEFORE.length, BEFORE.length);
  }

  // --- the layout ---

  listLayouts() {
    this.layout.replaceChildren(...layoutNames().map(([id, name]) => new Option(name, id)));
    this.chosen = new Layout(recall(this.storageKey) || DEFAULT_LAYOUT);
    this.layout.value = this.chosen.id;
    this.layout.addEventListener('change', () => {
      this.chosen = new Layout(this.layout.value);
      remember(this.storageKey, this.chosen.id);
    });
  }

  // --- the bar ---

  makeBar() {
    const keys = [...this.bar.querySelectorAll('[data-key]')];
    this.modifiers = keys.filter(button => button.textContent in MODIFIERS);
    for (const button of keys) {
      button.addEventListener('mousedown', event => event.preventDefault()); // the focus stays, and the on-screen keyboard
      if (this.modifiers.includes(button)) {
        button.addEventListener('click', () => this.tapModifier(button));
      } else {
        this.makeKey(button);
      }
    }
    const toggle = (id, run) => {
      const button = this.bar.querySelector(id);
      button.addEventListener('mousedown', event => event.preventDefault());
      button.addEventListener('click', () => run(button));
    };
    toggle('#type', () => this.setTextMode(!this.textMode));
    toggle('#cad', () => this.strokes.add([{code: keyCode('Delete'), held: [29, 56]}]));
    toggle('#more-keys', button => {
      const open = button.ariaExpanded !== 'true';
      button.ariaExpanded = String(open);
      this.bar.querySelector('#functions').hidden = !open;
    });
  }

  // Stays down as long as the finger does, so that the guest repeats it. Screen readers and keys only click.
  makeKey(button) {
    const code = keyCode(button.dataset.key);
    let down = false;
    const press = next => {
      if (down !== next && (this.input.enabled || !next)) {
        down = next;
        button.classList.toggle('down', down);
        this.input.press(code, down);
      }
    };
    let pointed = false;
    button.addEventListener('pointerdown', event => {
      pointed = true;
      if (event.button === 0) {
        press(true);
      }
    });
    for (const name of ['pointerup', 'pointercancel', 'pointerleave', 'lostpointercapture']) {
      button.addEventListener(name, () => press(false));
    }
    button.addEventListener('contextmenu', event => event.preventDefault());
    button.addEventListener('click', () => {
      if (!pointed && this.input.enabled) {
        this.strokes.add([{code, held: []}]);
      }
      pointed = false;
    });
  }

  tapModifier(button) {
    const code = MODIFIERS[button.textContent];
    const twice = this.tapped.code === code && performance.now() - this.tapped.at < TWICE_MS;
    this.tapped = {code, at: performance.now()};
    if (!this.input.enabled) {
      return;
    }
    if (!this.input.held.has(code)) {
      this.input.press(code, true);
    } else if (twice && !this.locked.has(code)) {
      this.locked.add(code);
    } else {
      this.locked.delete(code);
      this.input.press(code, false);
    }
    this.sticky = true;
    this.showModifiers();
  }

  showModifiers() {
    for (const button of this.modifiers) {
      const code = MODIFIERS[button.textContent];
      const locked = this.locked.has(code);
      button.ariaPressed = String(this.input.held.has(code));
      button.classList.toggle('locked', locked);
      button.title = locked ? `${button.textContent} stays down` : `${button.textContent} for the next key; twice: stays down`;
    }
  }

  // A key was released: it was the one for which the modifiers of the bar were.
  onStroke(code) {
    if (!this.sticky || Object.values(MODIFIERS).includes(code)) {
      return;
    }
    for (const modifier of Object.values(MODIFIERS)) {
      if (this.input.held.has(modifier) && !this.locked.has(modifier)) {
        this.input.press(modifier, false);
      }
    }
    this.sticky = this.locked.size > 0;
    this.showModifiers();
  }

  onReleased() {
    this.sticky = false;
    this.locked.clear();
    this.showModifiers();
    for (const button of this.bar.querySelectorAll('.down')) {
      button.classList.remove('down');
    }
  }
}

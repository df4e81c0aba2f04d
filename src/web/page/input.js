// SPDX-License-Identifier: MIT
// Input of the user on the picture, as orders for the worker.

import {buttonCode, keyCode} from './keys.js';
import {Quirks} from './quirks.js';

// Wheel units for events in pixels, lines and pages; one notch is 120.
const WHEEL_UNITS = [120 / 100, 120 / 3, 120];

export class Input {
  // `surface` receives pointer events, `stage` has the keyboard focus, `send` takes an order; `isCapsOn` returns whether
  // the guest's Caps Lock is on.
  constructor(stage, surface, send, isCapsOn) {
    this.stage = stage;
    this.surface = surface;
    this.send = send;
    this.enabled = false;
    this.held = new Set();
    this.waiting = null; // keys and buttons, while something else has to reach the guest before them
    this.holdsKey = () => false; // whether a key waits until resume(), and belongs to the browser, too
    this.place = null; // sent with the page's next frame
    this.wheelRest = [0, 0];
    this.quirks = new Quirks((code, down) => this.press(code, down), isCapsOn);
    // Set by the page: all keys were released; a key or button was; the machine is to get the keyboard.
    this.onReleased = () => {};
    this.onStroke = () => {};
    this.takeFocus = () => this.stage.focus({preventScroll: true});
    this.listenToKeys();
    this.listenToMouse();
  }

  enable(enabled) {
    this.releaseAll();
    this.enabled = enabled;
  }

  press(code, down) {
    if (code === 0) {
      return;
    }
    if (down) {
      this.held.add(code);
    } else if (!this.held.delete(code)) {
      return; // already released, or pressed elsewhere
    }
    this.emit({order: 'key', code, down});
    if (!down) {
      this.onStroke(code);
    }
  }

  emit(order) {
    if (this.waiting) {
      this.waiting.push(order);
    } else {
      this.send(order);
    }
  }

  pause() {
    this.waiting ||= [];
  }

  resume() {
    const orders = this.waiting || [];
    this.waiting = null;
    orders.forEach(order => this.send(order));
  }

  // The waiting keys are not pressed at all.
  drop() {
    this.waiting = null;
    this.releaseAll();
  }

  releaseAll() {
    this.quirks.forget();
    if (this.held.size > 0) {
      this.held.clear();
      this.emit({order: 'release'});
      this.onReleased();
    }
  }

  // --- keys ---

  listenToKeys() {
    this.stage.addEventListener('keydown', event => this.onKey(event, true));
    this.stage.addEventListener('keyup', event => this.onKey(event, false));
    this.stage.addEventListener('blur', event => {
      // Other parts of the page that press keys of the machine go on.
      if (!event.relatedTarget?.closest('[data-machine]')) {
        this.releaseAll();
      }
    });
    window.addEventListener('blur', () => this.releaseAll());
    window.addEventListener('pagehide', () => this.releaseAll());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) {
        this.releaseAll();
      }
    });
  }

  // A way to leave without a mouse. Returns: whether the key is it.
  leavesWith(event) {
    if (!event.ctrlKey || !event.altKey || !event.shiftKey) {
      return false;
    }
    this.releaseAll();
    document.getElementById('fit').focus();
    return true;
  }

  onKey(event, down) {
    const code = keyCode(event.code);
    if (!this.enabled || event.target !== this.stage || code === 0) {
      return;
    }
    if (down && this.holdsKey(event)) {
      this.pause();
    } else {
      event.preventDefault();
    }
    if ((down && this.leavesWith(event)) || this.quirks.handle(event, down)) {
      return;
    }
    if (!event.repeat) { // the guest repeats keys itself
      this.press(code, down);
    }
    if (!down && event.key === 'Meta') {
      this.releaseAll(); // macOS does not report keys that were released meanwhile
    }
  }

  // --- mouse ---

  listenToMouse() {
    this.surface.addEventListener('mousedown', event => {
      if (this.enabled) {
        event.preventDefault();
        this.takeFocus();
        this.moveTo(event);
        this.flushPlace();
        this.press(buttonCode(event.button), true);
      }
    });
    window.addEventListener('mouseup', event => {
      if (this.enabled && this.held.size > 0) {
        this.moveTo(event);
        this.flushPlace();
        this.press(buttonCode(event.button), false);
      }
    });
    window.addEventListener('mousemove', event => {
      // Outside of the picture only during a drag.
      if (this.enabled && (event.target === this.surface || (event.buttons !== 0 && this.held.size > 0))) {
        this.moveTo(event);
      }
    });
    this.surface.addEventListener('contextmenu', event => event.preventDefault());
    this.surface.addEventListener('wheel', event => this.onWheel(event), {passive: false});
  }

  moveTo(event) {
    const box = this.surface.getBoundingClientRect();
    this.moveToPlace((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  // x and y go from 0 to 1 across the picture.
  moveToPlace(x, y) {
    const first = this.place === null;
    this.place = {x, y};
    if (first) {
      requestAnimationFrame(() => this.flushPlace());
    }
  }

  flushPlace() {
    if (this.place) {
      this.send({order: 'motion', ...this.place});
      this.place = null;
    }
  }

  onWheel(event) {
    if (!this.enabled) {
      return;
    }
    event.preventDefault();
    this.flushPlace();
    this.turn(event.deltaX * WHEEL_UNITS[event.deltaMode], -event.deltaY * WHEEL_UNITS[event.deltaMode]);
  }

  // A remainder of less than one unit is kept for the next event.
  turn(x, y) {
    const limit = value => Math.max(-30000, Math.min(30000, value));
    this.wheelRest[0] += x;
    this.wheelRest[1] += y;
    const whole = this.wheelRest.map(value => limit(Math.trunc(value)));
    this.wheelRest = this.wheelRest.map((value, i) => value - whole[i]);
    if (whole[0] !== 0 || whole[1] !== 0) {
      this.send({order: 'wheel', x: whole[0], y: whole[1]});
    }
  }
}

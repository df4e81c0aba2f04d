// SPDX-License-Identifier: MIT
// Input of the user on the picture, as orders for the worker.

import {buttonCode, keyCode} from './keys.js';

// Wheel units for events in pixels, lines and pages; one notch is 120.
const WHEEL_UNITS = [120 / 100, 120 / 3, 120];
// Two fingers that move this far scroll one notch.
const TOUCH_NOTCH_PX = 40;

export class Input {
  // `surface` receives pointer events, `stage` has the keyboard focus, `send` takes an order.
  constructor(stage, surface, send) {
    this.stage = stage;
    this.surface = surface;
    this.send = send;
    this.enabled = false;
    this.held = new Set();
    this.place = null; // sent with the page's next frame
    this.wheelRest = [0, 0];
    this.touch = null;
    this.listenToKeys();
    this.listenToMouse();
    this.listenToTouch();
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
    this.send({order: 'key', code, down});
  }

  releaseAll() {
    if (this.held.size > 0) {
      this.held.clear();
      this.send({order: 'release'});
    }
  }

  // --- keys ---

  listenToKeys() {
    this.stage.addEventListener('keydown', event => this.onKey(event, true));
    this.stage.addEventListener('keyup', event => this.onKey(event, false));
    this.stage.addEventListener('blur', () => this.releaseAll());
    window.addEventListener('blur', () => this.releaseAll());
    window.addEventListener('pagehide', () => this.releaseAll());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) {
        this.releaseAll();
      }
    });
  }

  onKey(event, down) {
    const code = keyCode(event.code);
    if (!this.enabled || event.target !== this.stage || code === 0) {
      return;
    }
    event.preventDefault();
    if (down && event.ctrlKey && event.altKey && event.shiftKey) {
      // A way to leave without a mouse.
      this.releaseAll();
      document.getElementById('fit').focus();
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
        this.stage.focus({preventScroll: true});
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
    const first = this.place === null;
    this.place = {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height};
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

  // --- fingers: one points, two scroll ---

  listenToTouch() {
    const on = (name, fn) => this.surface.addEventListener(name, event => {
      if (this.enabled) {
        event.preventDefault(); // also suppresses emulated mouse events
        fn.call(this, event);
      }
    }, {passive: false});
    on('touchstart', this.onTouchStart);
    on('touchmove', this.onTouchMove);
    on('touchend', this.onTouchEnd);
    on('touchcancel', this.onTouchEnd);
  }

  onTouchStart(event) {
    const [finger] = event.touches;
    this.stage.focus({preventScroll: true});
    if (event.touches.length === 1) {
      this.touch = {scrolls: false};
      this.moveTo(finger);
      this.flushPlace();
      this.press(buttonCode(0), true);
    } else if (this.touch) {
      this.press(buttonCode(0), false);
      this.touch = {scrolls: true, x: finger.clientX, y: finger.clientY};
    }
  }

  onTouchMove(event) {
    const [finger] = event.touches;
    if (this.touch && this.touch.scrolls) {
      this.turn((this.touch.x - finger.clientX) * 120 / TOUCH_NOTCH_PX, (finger.clientY - this.touch.y) * 120 / TOUCH_NOTCH_PX);
      this.touch.x = finger.clientX;
      this.touch.y = finger.clientY;
    } else if (this.touch) {
      this.moveTo(finger);
    }
  }

  onTouchEnd(event) {
    if (event.touches.length === 0) {
      this.flushPlace();
      this.press(buttonCode(0), false);
      this.touch = null;
    }
  }
}

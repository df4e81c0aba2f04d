// SPDX-License-Identifier: MIT
// What browsers report of keys otherwise than keyboards do.

const CTRL = 29;
const CAPS_LOCK = 58;
// Windows reports AltGr as Ctrl and then Alt at the same time.
const SAME_MS = 20;
const HELD_BACK_MS = 60;
// How long a guest may take to change its light.
const LIGHT_MS = 3000;

export class Quirks {
  // `press` presses a key, `isCapsOn` returns the guest's light.
  constructor(press, isCapsOn) {
    this.press = press;
    this.isCapsOn = isCapsOn;
    this.ctrl = null; // a Ctrl that may be part of AltGr
    this.capsPressedAt = -Infinity;
    this.capsHopeless = false; // the guest does not show whether Caps Lock is on
  }

  // Handles a key that goes down or up. Returns: whether that was all.
  handle(event, down) {
    return this.handleAltGr(event, down) || this.handleCaps(event, down);
  }

  // --- AltGr on Windows ---

  flush() {
    if (this.ctrl) {
      clearTimeout(this.ctrl.timer);
      this.ctrl = null;
      this.press(CTRL, true);
    }
  }

  handleAltGr(event, down) {
    const ctrl = this.ctrl;
    if (ctrl && down && event.code === 'AltRight' && event.timeStamp - ctrl.at < SAME_MS) {
      clearTimeout(ctrl.timer);
      this.ctrl = null;
      return false;
    }
    this.flush();
    if (!/^Win/.test(navigator.platform) || !down || event.code !== 'ControlLeft' || event.repeat) {
      return false;
    }
    this.ctrl = {at: event.timeStamp, timer: setTimeout(() => this.flush(), HELD_BACK_MS)};
    return true;
  }

  forget() {
    clearTimeout(this.ctrl?.timer);
    this.ctrl = null;
  }

  // --- Caps Lock, which may have changed while the page did not have the keyboard ---

  tapCaps() {
    this.capsPressedAt = performance.now();
    this.press(CAPS_LOCK, true);
    this.press(CAPS_LOCK, false);
  }

  onLights() {
    this.capsPressedAt = -Infinity;
    this.capsHopeless = false;
  }

  handleCaps(event, down) {
    if (event.code === 'CapsLock') {
      this.capsPressedAt = performance.now();
      if (/^Mac/.test(navigator.platform)) {
        this.tapCaps(); // macOS reports a press for on, and a release for off
        return true;
      }
      return false;
    }
    const waits = performance.now() - this.capsPressedAt < LIGHT_MS;
    if (!down || waits || this.capsHopeless || !/^\p{L}$/u.test(event.key)) {
      return false;
    }
    if (this.capsPressedAt > -Infinity) {
      this.capsHopeless = true; // the last press changed no light
    } else if (event.getModifierState('CapsLock') !== this.isCapsOn()) {
      this.tapCaps();
    }
    return false;
  }
}

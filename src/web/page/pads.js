// SPDX-License-Identifier: MIT
// Game pads of the user, for those of the guest. They are read while one is connected and the page has the focus.

const MAX_PADS = 4;
// Sticks are never quite still.
const NOISE = 1 / 256;
const [LEFT_TRIGGER, RIGHT_TRIGGER] = [6, 7];
const BUTTONS = 17;

// The state as it is sent: a bit for each button of the standard mapping, sticks from -1 to 1, triggers from 0 to 1.
function read(pad) {
  const value = button => pad.buttons[button]?.value || 0;
  let buttons = 0;
  for (let i = 0; i < BUTTONS; i++) {
    if (i !== LEFT_TRIGGER && i !== RIGHT_TRIGGER && pad.buttons[i]?.pressed) {
      buttons |= 1 << i;
    }
  }
  return {buttons, axes: [...[0, 1, 2, 3].map(axis => pad.axes[axis] || 0), value(LEFT_TRIGGER), value(RIGHT_TRIGGER)]};
}

function differs(a, b) {
  return a.buttons !== b.buttons || a.axes.some((value, i) => Math.abs(value - b.axes[i]) > NOISE ||
    ([-1, 0, 1].includes(value) && value !== b.axes[i]));
}

export class Pads {
  // `send` takes an order, `report` tells the user.
  constructor(send, report) {
    this.send = send;
    this.report = report;
    this.count = 0; // those of the guest
    this.sent = new Map(); // the browser's number -> {number, state}
    this.polling = false;
    window.addEventListener('gamepadconnected', event => this.onConnected(event.gamepad));
    window.addEventListener('focus', () => this.start());
    window.addEventListener('blur', () => this.release());
    window.addEventListener('pagehide', () => this.release());
    document.addEventListener('visibilitychange', () => (document.hidden ? this.release() : this.start()));
  }

  // How many the guest has; 0 without a connection, or if the user may only watch.
  offer(count) {
    this.sent.clear(); // the server knows of none
    this.count = count;
    this.start();
  }

  onConnected(pad) {
    if (this.count === 0) {
      return;
    }
    this.report(pad.mapping === 'standard' ? `Game pad: ${pad.id}` :
      `Game pad: ${pad.id}. The browser does not know its buttons, so they may be mixed up`);
    this.start();
  }

  list() {
    return [...navigator.getGamepads?.() || []].filter(pad => pad?.connected);
  }

  start() {
    if (!this.polling && this.count > 0 && this.list().length > 0) {
      this.polling = true;
      requestAnimationFrame(() => this.poll());
    }
  }

  poll() {
    const pads = this.list();
    this.polling = false;
    if (this.count === 0 || document.hidden || !document.hasFocus()) {
      return;
    }
    for (const index of this.sent.keys()) {
      if (!pads.some(pad => pad.index === index)) {
        this.remove(index);
      }
    }
    pads.forEach(pad => this.look(pad));
    this.start();
  }

  look(pad) {
    const state = read(pad);
    let known = this.sent.get(pad.index);
    if (!known) {
      const taken = [...this.sent.values()].map(({number}) => number);
      const number = Array.from({length: MAX_PADS}, (_, i) => i).find(i => !taken.includes(i));
      if (number === undefined) {
        return;
      }
      known = {number, state: null};
      this.sent.set(pad.index, known);
    }
    if (!known.state || differs(state, known.state)) {
      known.state = state;
      this.send({order: 'pad', number: known.number, connected: true, ...state});
    }
  }

  remove(index) {
    const {number} = this.sent.get(index);
    this.sent.delete(index);
    this.send({order: 'pad', number, connected: false, buttons: 0, axes: [0, 0, 0, 0, 0, 0]});
  }

  release() {
    [...this.sent.keys()].forEach(index => this.remove(index));
  }
}

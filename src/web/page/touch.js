// SPDX-License-Identifier: MIT
// Fingers on the picture: as a mouse, as a touch-pad, or as fingers on the guest's touch screen; and the zoom of the view.

import {recall, remember} from './choices.js';
import {buttonCode} from './keys.js';

const CONTACTS = 10;
// A finger that moves less is a tap.
const TAP_PX = 10;
const LONG_MS = 500;
// A finger that comes back this soon after a tap drags, on a touch-pad.
const AGAIN_MS = 300;
// Two fingers that move this far scroll one notch.
const NOTCH_PX = 40;
// Two fingers scroll or pinch, whichever they do first.
const SCROLL_PX = 12;
const PINCH_PX = 24;
const MAX_ZOOM = 8;
// A touch-pad: slow movements are exact, fast ones reach the other side.
const PAD_SPEED = 1.2;
const PAD_FAST = 0.06;
const [LEFT, RIGHT] = [buttonCode(0), buttonCode(2)];

const distance = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
const middle = touches => {
  const [a, b] = touches;
  return {x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2};
};

// --- the zoom ---

export class Zoom {
  constructor(stage, picture) {
    this.stage = stage;
    this.picture = picture;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    picture.style.transformOrigin = '0 0';
  }

  // Scales around a point of the window, which moves by (dx, dy).
  change(factor, point, dx, dy) {
    const box = this.picture.getBoundingClientRect();
    const scale = Math.max(1, Math.min(MAX_ZOOM, this.scale * factor));
    const grows = scale / this.scale;
    this.x += dx + (point.x - box.left) * (1 - grows);
    this.y += dy + (point.y - box.top) * (1 - grows);
    this.scale = scale;
    this.refresh();
  }

  // Moves the view so that a place of the picture, 0 to 1, can be seen.
  show(x, y) {
    if (this.scale > 1) {
      const [picture, stage] = [this.picture.getBoundingClientRect(), this.stage.getBoundingClientRect()];
      const move = (at, from, to) => Math.max(from + 20 - at, 0) + Math.min(to - 20 - at, 0);
      this.x += move(picture.left + x * picture.width, stage.left, stage.right);
      this.y += move(picture.top + y * picture.height, stage.top, stage.bottom);
      this.refresh();
    }
  }

  // The picture has no gap at a side while it is larger than the stage.
  refresh() {
    const limit = (offset, start, size, room) => {
      const grown = size * this.scale;
      return grown <= room ? (room - grown) / 2 - start : Math.min(-start, Math.max(room - grown - start, offset));
    };
    if (this.scale < 1.02) {
      this.scale = 1;
      this.picture.style.transform = '';
      this.x = this.y = 0;
      return;
    }
    const {offsetLeft, offsetTop, offsetWidth, offsetHeight} = this.picture;
    this.x = limit(this.x, offsetLeft, offsetWidth, this.stage.clientWidth);
    this.y = limit(this.y, offsetTop, offsetHeight, this.stage.clientHeight);
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }
}

// --- a mouse or a touch-pad: one finger points, two scroll or pinch ---

class Pointer {
  constructor(input, zoom, isPad) {
    this.input = input;
    this.zoom = zoom;
    this.isPad = isPad;
    this.place = {x: 0.5, y: 0.5}; // of the touch-pad's pointer
    this.tappedAt = -Infinity;
    this.finger = null; // of one finger: where it began, and what it has become
    this.two = null; // of two fingers
    this.timer = 0;
  }

  begin(event) {
    if (event.touches.length === 1) {
      const [{clientX, clientY}] = event.touches;
      const again = this.isPad && event.timeStamp - this.tappedAt < AGAIN_MS;
      this.finger = {start: {clientX, clientY}, last: {clientX, clientY}, at: event.timeStamp, drags: false, moved: false, again};
      this.timer = setTimeout(() => this.onLong(), LONG_MS);
    } else if (event.touches.length === 2 && this.finger && !this.finger.drags) {
      this.drop();
      this.two = {from: middle(event.touches), last: middle(event.touches), apart: distance(...event.touches), does: ''};
      this.two.first = this.two.apart;
    }
  }

  move(event) {
    if (this.two && event.touches.length >= 2) {
      this.moveTwo(event.touches);
    } else if (this.finger) {
      this.moveOne(event.touches[0]);
    }
  }

  end(event) {
    const {finger} = this;
    if (finger && event.touches.length === 0) {
      if (finger.drags) {
        this.input.flushPlace();
        this.input.press(LEFT, false);
      } else if (!finger.moved && !finger.long && event.type !== 'touchcancel') {
        this.click(LEFT);
        this.tappedAt = event.timeStamp;
      }
      this.drop();
    }
    if (event.touches.length < 2) {
      this.two = null;
    }
  }

  // Forgets the finger; what it holds down is released elsewhere.
  drop() {
    clearTimeout(this.timer);
    this.finger = null;
  }

  onLong() {
    if (this.finger && !this.finger.moved) {
      this.finger.long = true;
      navigator.vibrate?.(20);
      this.click(RIGHT);
    }
  }

  click(button) {
    this.point(this.finger.start);
    this.input.flushPlace();
    this.input.press(button, true);
    this.input.press(button, false);
  }

  // Where a finger points.
  point(finger) {
    if (this.isPad) {
      this.input.moveToPlace(this.place.x, this.place.y);
    } else {
      this.input.moveTo(finger);
    }
  }

  moveOne(touch) {
    const {finger} = this;
    if (!finger.moved && distance(finger.start, touch) < TAP_PX) {
      return;
    }
    clearTimeout(this.timer);
    if (!finger.moved) {
      finger.moved = true;
      if (!finger.long && (!this.isPad || finger.again)) {
        finger.drags = true;
        this.point(finger.start);
        this.input.flushPlace();
        this.input.press(LEFT, true);
      }
    }
    if (this.isPad) {
      this.slide(touch.clientX - finger.last.clientX, touch.clientY - finger.last.clientY);
    }
    if (this.isPad || finger.drags) {
      this.point(touch);
    }
    finger.last = {clientX: touch.clientX, clientY: touch.clientY};
  }

  slide(dx, dy) {
    const box = this.input.surface.getBoundingClientRect();
    const speed = PAD_SPEED + PAD_FAST * Math.hypot(dx, dy);
    const limit = value => Math.max(0, Math.min(1, value));
    this.place = {x: limit(this.place.x + dx * speed / box.width), y: limit(this.place.y + dy * speed / box.height)};
    this.zoom.show(this.place.x, this.place.y);
  }

  moveTwo(touches) {
    const {two} = this;
    const now = middle(touches);
    const apart = distance(...touches);
    if (two.does === '') {
      two.does = Math.abs(apart - two.first) > PINCH_PX ? 'pinch' :
        Math.hypot(now.x - two.from.x, now.y - two.from.y) > SCROLL_PX ? 'scroll' : '';
    }
    const [dx, dy] = [now.x - two.last.x, now.y - two.last.y];
    if (two.does === 'pinch') {
      this.zoom.change(apart / two.apart, two.last, dx, dy);
    } else if (two.does === 'scroll') {
      this.input.turn(-dx * 120 / NOTCH_PX, dy * 120 / NOTCH_PX);
    }
    if (two.does !== '') {
      two.last = now;
      two.apart = apart;
    }
  }
}

// --- a touch screen ---

class Direct {
  constructor(input) {
    this.input = input;
    this.contacts = new Map(); // by the browser's identifiers
    this.moved = new Map(); // contact -> finger, sent with the page's next frame
  }

  send(contact, down, touch) {
    const box = this.input.surface.getBoundingClientRect();
    const [x, y] = touch ? [(touch.clientX - box.left) / box.width, (touch.clientY - box.top) / box.height] : [0, 0];
    this.input.send({order: 'touch', contact, down, x, y});
  }

  flush() {
    for (const [contact, touch] of this.moved) {
      this.send(contact, true, touch);
    }
    this.moved.clear();
  }

  begin(event) {
    this.flush();
    const taken = [...this.contacts.values()];
    for (const touch of event.changedTouches) {
      const contact = Array.from({length: CONTACTS}, (_, i) => i).find(i => !taken.includes(i));
      if (contact !== undefined) {
        taken.push(contact);
        this.contacts.set(touch.identifier, contact);
        this.send(contact, true, touch);
      }
    }
  }

  move(event) {
    if (this.moved.size === 0) {
      requestAnimationFrame(() => this.flush());
    }
    for (const touch of event.changedTouches) {
      const contact = this.contacts.get(touch.identifier);
      if (contact !== undefined) {
        this.moved.set(contact, touch);
      }
    }
  }

  end(event) {
    this.flush();
    for (const touch of event.changedTouches) {
      this.lift(touch.identifier);
    }
  }

  lift(identifier) {
    const contact = this.contacts.get(identifier);
    if (contact !== undefined) {
      this.contacts.delete(identifier);
      this.moved.delete(contact);
      this.send(contact, false, null);
    }
  }

  drop() {
    [...this.contacts.keys()].forEach(identifier => this.lift(identifier));
  }
}

// --- which of them ---

export class Touch {
  // `choice`: the list of modes, an element.
  constructor(input, zoom, choice) {
    this.input = input;
    this.choice = choice;
    this.modes = {mouse: new Pointer(input, zoom, false), pad: new Pointer(input, zoom, true), direct: new Direct(input)};
    this.mode = 'mouse';
    this.storageKey = `fingers ${location.pathname}`;
    this.offer(false);
    choice.addEventListener('change', () => this.choose(choice.value));
    this.listen();
  }

  get hands() {
    return this.modes[this.mode];
  }

  // Offers the modes of a guest with or without a touch screen.
  offer(hasScreen) {
    this.choice.hidden = navigator.maxTouchPoints === 0;
    this.choice.querySelector('[value="direct"]').disabled = !hasScreen;
    const wanted = recall(this.storageKey);
    this.set((wanted === 'direct' && !hasScreen) || !(wanted in this.modes) ? (hasScreen ? 'direct' : 'mouse') : wanted);
  }

  choose(mode) {
    this.set(mode);
    remember(this.storageKey, mode);
  }

  set(mode) {
    this.hands.drop();
    this.mode = mode;
    this.choice.value = mode;
  }

  listen() {
    const {surface} = this.input;
    const on = (name, run) => surface.addEventListener(name, event => {
      if (this.input.enabled) {
        event.preventDefault(); // also suppresses emulated mouse events
        run(event);
      }
    }, {passive: false});
    on('touchstart', event => {
      this.input.takeFocus();
      this.hands.begin(event);
    });
    on('touchmove', event => this.hands.move(event));
    on('touchend', event => this.hands.end(event));
    on('touchcancel', event => this.hands.end(event));
    const drop = () => this.hands.drop();
    window.addEventListener('blur', drop);
    window.addEventListener('pagehide', drop);
    document.addEventListener('visibilitychange', () => document.hidden && drop());
  }
}

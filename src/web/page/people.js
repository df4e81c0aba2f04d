// SPDX-License-Identifier: MIT
// Who else is here: their names, where they point at, and who controls. What comes from others is shown as text only.

import {recall, remember} from './choices.js';
import {Panel} from './panel.js';

const WATCHES = 1;
const ROLES = {1: 'watches', 2: 'guest', 3: 'owner'};
const SHARE = 0;
const TAKE = 1;
const GIVE = 2;
// One for each person, by the server's number; each has a contrast of 4.5 to black text.
const COLOURS = ['#6ea8fe', '#ffb454', '#4cc38a', '#ff8f91', '#c9a0ff', '#f2d64b', '#5fd3d3', '#ff9edb', '#a8d65c', '#d0b49f',
                 '#9fb4c9', '#e0a060'];
const POINT_MS = 50;
const IDLE_MS = 8000;
const NAME_KEY = 'vitrine-name';
// As the server, which counts bytes.
const NAME_BYTES = 48;
const ARROW = 'M1 1l6 15 2.200-6.200L15.500 8z';

function make(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

// Cuts between characters.
export function cutName(name) {
  const encoder = new TextEncoder();
  let size = 0;
  return [...name].filter(character => (size += encoder.encode(character).length) <= NAME_BYTES).join('');
}

export class People {
  // `at`: finds an element by its id. `onControl` is told whether this viewer may control now, and who does instead.
  constructor({at, surface, send, toast, onControl}) {
    Object.assign(this, {at, surface, send, toast, onControl});
    this.own = 0;
    this.holder = 0;
    this.all = new Map();
    this.display = -1;
    this.mayControl = false;
    this.pointers = new Map(); // by id: what was last told, and the element
    this.place = null; // to be sent
    this.pointTimer = 0;
    this.panel = new Panel(at('people'), at('people-panel'));
    this.listen();
  }

  listen() {
    const name = this.at('people-name');
    name.value = recall(NAME_KEY) || '';
    name.addEventListener('change', () => {
      name.value = cutName(name.value.trim());
      remember(NAME_KEY, name.value);
      this.send({order: 'name', name: name.value});
    });
    name.addEventListener('keydown', event => {
      if (event.key === 'Enter') {
        name.blur();
      }
    });
    this.at('people-take').addEventListener('click', () => this.control(TAKE));
    this.at('people-share').addEventListener('click', () => this.control(SHARE));
    this.at('people-show').addEventListener('change', () => this.draw());
    this.surface.addEventListener('pointermove', event => this.point(event));
    this.surface.addEventListener('pointerleave', () => this.point(null));
  }

  control(action, person = 0) {
    this.send({order: 'control', action, person});
  }

  nameOf(id) {
    const person = this.all.get(id);
    return (person && person.name) || `Guest ${id}`;
  }

  // --- the connection ---

  onWelcome(mayControl) {
    this.mayControl = mayControl;
    if (this.at('people-name').value) {
      this.send({order: 'name', name: this.at('people-name').value});
    }
  }

  onClosed() {
    this.all.clear();
    this.holder = 0;
    this.draw();
    this.list();
  }

  onPeople(message) {
    const before = this.holder;
    this.own = message.own;
    this.holder = message.holder;
    this.all = new Map(message.people.map(person => [person.id, person]));
    this.list();
    this.draw();
    if (before !== this.holder) {
      this.tellControl(before);
    }
    this.onControl(this.controls(), this.holder !== 0 && this.holder !== this.own ? this.nameOf(this.holder) : '');
  }

  tellControl(before) {
    if (this.holder === this.own) {
      this.toast('You have control: only your keyboard and pointer reach the machine.');
    } else if (this.holder !== 0) {
      this.toast(`${this.nameOf(this.holder)} controls the machine now.`);
    } else if (before !== 0 && this.mayControl) {
      this.toast('All who may control the machine do so again.');
    }
  }

  controls() {
    return this.mayControl && (this.holder === 0 || this.holder === this.own);
  }

  // --- the list ---

  // Whether this viewer decides who controls: as the server does.
  disposes() {
    const holder = this.all.get(this.holder);
    const self = this.all.get(this.own);
    return this.mayControl && Boolean(self) && (!holder || this.holder === this.own || self.role === 3);
  }

  row(person) {
    const row = make('li', person.role === WATCHES ? 'watches' : '', '');
    const dot = make('span', 'dot', '');
    dot.style.background = COLOURS[person.colour % COLOURS.length];
    const controls = person.id === this.holder;
    const role = controls ? 'has control' : ROLES[person.role] || '';
    const name = make('bdi', 'name', this.nameOf(person.id));
    row.append(dot, name, make('span', 'role', person.id === this.own ? `you · ${role}` : role));
    if (this.disposes() && person.role !== WATCHES && person.id !== this.own && !controls) {
      const give = make('button', 'give', 'Give control');
      give.type = 'button';
      give.ariaLabel = `Give control to ${this.nameOf(person.id)}`;
      give.addEventListener('click', () => this.control(GIVE, person.id));
      row.append(give);
    }
    return row;
  }

  list() {
    const count = this.all.size;
    const holder = this.all.get(this.holder);
    const self = this.all.get(this.own);
    const blocked = holder && holder.role === 3 && self && self.role !== 3;
    this.at('people-list').replaceChildren(...[...this.all.values()].map(person => this.row(person)));
    this.at('people-count').textContent = count > 1 ? String(count) : '';
    this.at('people').title = count > 1 ? `People: ${count} are here` : 'People';
    this.at('people-who').textContent = this.holder === 0 ? 'All who may control the machine do.' :
      this.holder === this.own ? 'Only you control the machine.' : `Only ${this.nameOf(this.holder)} controls the machine.`;
    this.at('people-take').hidden = !this.mayControl || this.holder === this.own || Boolean(blocked);
    this.at('people-share').hidden = !this.mayControl || this.holder === 0 || !this.disposes();
    document.body.classList.toggle('not-in-control', this.mayControl && !this.controls());
  }

  // --- pointers ---

  // Only while others are there: without them it would cost for nothing.
  point(event) {
    if (this.all.size < 2 || this.display < 0) {
      return;
    }
    const box = this.surface.getBoundingClientRect();
    this.place = event ? {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height, visible: true} :
      {x: 0, y: 0, visible: false};
    if (!this.pointTimer) {
      this.flush();
      this.pointTimer = setTimeout(() => {
        this.pointTimer = 0;
        this.flush();
      }, POINT_MS);
    }
  }

  flush() {
    if (this.place) {
      this.send({order: 'point', ...this.place});
      this.place = null;
    }
  }

  onPointers(message) {
    for (const pointer of message.pointers) {
      const known = this.pointers.get(pointer.id) || {};
      clearTimeout(known.timer);
      const timer = setTimeout(() => known.element?.classList.add('idle'), IDLE_MS);
      known.element?.classList.remove('idle');
      this.pointers.set(pointer.id, Object.assign(known, {...pointer, timer}));
    }
    this.draw();
  }

  watch(display) {
    this.display = display;
    this.draw();
  }

  makePointer(id) {
    const element = make('div', 'other-pointer', '');
    const arrow = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', ARROW);
    arrow.setAttribute('viewBox', '0 0 17 18');
    arrow.append(path);
    element.append(arrow, make('bdi', '', ''));
    element.dataset.person = id;
    this.at('other-pointers').append(element);
    return element;
  }

  draw() {
    for (const [id, pointer] of this.pointers) {
      const person = this.all.get(id);
      if (!person) {
        clearTimeout(pointer.timer);
        pointer.element?.remove();
        this.pointers.delete(id);
        continue;
      }
      pointer.element ||= this.makePointer(id);
      const {element} = pointer;
      const colour = COLOURS[person.colour % COLOURS.length];
      element.hidden = !pointer.visible || pointer.display !== this.display || !this.at('people-show').checked;
      element.style.left = `${pointer.x * 100}%`;
      element.style.top = `${pointer.y * 100}%`;
      element.style.color = colour;
      element.lastChild.style.background = colour;
      element.lastChild.textContent = this.nameOf(id);
    }
  }
}

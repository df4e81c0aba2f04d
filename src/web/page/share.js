// SPDX-License-Identifier: MIT
// Links for others: an owner makes them with a life time, shows them as QR codes, and ends them.

import {Panel} from './panel.js';
import {draw} from './qr.js';

const CONTROL = 2;
const MODULE_PX = 5;
// At the page's own pace: only full minutes are shown.
const TICK_MS = 10000;

function describeTime(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const [size, name] = [[1440, 'day'], [60, 'hour'], [1, 'minute']].find(([size]) => minutes >= size);
  const count = Math.floor(minutes / size);
  return `${count} ${name}${count === 1 ? '' : 's'} left`;
}

// Whether the link leads others to this machine.
function isLocal() {
  return /^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(location.hostname);
}

export class Share {
  constructor({at, send, toast}) {
    Object.assign(this, {at, send, toast});
    this.viewToken = '';
    this.links = new Map();
    this.wanted = false; // the next new link is shown
    this.shown = ''; // the token whose code is shown
    this.panel = new Panel(at('link'), at('share-panel'), () => this.list());
    at('share-form').addEventListener('submit', event => {
      event.preventDefault();
      this.wanted = true;
      send({order: 'makeLink', kind: Number(at('share-kind').value), seconds: Number(at('share-time').value)});
    });
    at('share-local').hidden = !isLocal();
    setInterval(() => this.list(), TICK_MS);
  }

  onWelcome(viewToken) {
    this.viewToken = viewToken;
    document.body.classList.toggle('guest', viewToken === '');
    if (viewToken === '') {
      this.panel.open(false);
    }
  }

  onClosed() {
    this.links.clear();
    this.list();
  }

  onLinks(message) {
    const now = performance.now();
    const before = this.links;
    this.links = new Map(message.links.map(link => [link.id, {...link, until: now + link.seconds * 1000}]));
    const made = message.links.find(link => !before.has(link.id));
    if (made && this.wanted) {
      this.wanted = false;
      this.shown = made.token;
    }
    this.list();
  }

  // --- the list ---

  url(token) {
    return `${location.origin}${location.pathname}#token=${token}`;
  }

  async copy(token) {
    try {
      await navigator.clipboard.writeText(this.url(token));
      this.toast('The link is copied.');
    } catch (error) {
      // Only pages over TLS, or from this machine, may use the clipboard.
      prompt('Link:', this.url(token));
    }
  }

  button(text, label, run) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = text;
    button.ariaLabel = label;
    button.addEventListener('click', run);
    return button;
  }

  row(key, title, note, token, end) {
    const row = document.createElement('li');
    const text = document.createElement('span');
    const [name, small] = ['b', 'small'].map(tag => document.createElement(tag));
    row.dataset.link = key;
    name.textContent = title;
    small.textContent = note;
    text.append(name, small);
    row.append(text, this.button('Copy', `Copy the link: ${title}, ${note}`, () => this.copy(token)));
    const code = this.button('QR', `Show the link as a QR code: ${title}, ${note}`, () => {
      this.shown = this.shown === token ? '' : token;
      this.list();
    });
    code.ariaPressed = String(this.shown === token);
    row.append(code);
    if (end) {
      row.append(this.button('End', `End the link: ${title}, ${note}`, end));
    }
    return row;
  }

  rows() {
    const now = performance.now();
    const made = [...this.links.values()].filter(link => link.until > now).map(link => {
      const title = link.kind === CONTROL ? 'Controls' : 'Watches';
      const note = `${describeTime((link.until - now) / 1000)} · ${link.viewers} here`;
      return this.row(link.id, title, note, link.token, () => this.send({order: 'endLink', id: link.id}));
    });
    return [this.row('view', 'Watches', 'does not end', this.viewToken, null), ...made];
  }

  list() {
    if (this.at('share-panel').hidden && !this.at('share-list').firstChild) {
      return;
    }
    const focused = document.activeElement?.closest('#share-list li');
    const place = focused ? [focused.dataset.link, [...focused.children].indexOf(document.activeElement)] : null;
    this.at('share-list').replaceChildren(...(this.viewToken ? this.rows() : []));
    if (place) { // the list is made anew
      const row = [...this.at('share-list').children].find(item => item.dataset.link === place[0]);
      (row?.children[place[1]] || this.at('share-make')).focus();
    }
    this.showCode();
  }

  showCode() {
    const known = [this.viewToken, ...[...this.links.values()].map(link => link.token)];
    if (!this.shown || !known.includes(this.shown)) {
      this.shown = '';
      this.at('share-code').hidden = true;
      return;
    }
    this.at('share-code').hidden = false;
    try {
      draw(this.at('share-qr'), this.url(this.shown), MODULE_PX);
      this.at('share-qr').hidden = false;
    } catch (error) {
      this.at('share-qr').hidden = true; // the address is too long
    }
    this.at('share-url').textContent = this.url(this.shown);
  }
}

// SPDX-License-Identifier: MIT
// The page around the picture; the worker does the rest.

import {CLOSE_TOKEN} from './wire.js';
import {Clipboard} from './clipboard.js';
import {Files} from './files.js';
import {Folder} from './folder.js';
import {Input} from './input.js';
import {Keyboard} from './keyboard.js';
import {Pads} from './pads.js';
import {Panel} from './panel.js';
import {People} from './people.js';
import {Share} from './share.js';
import {Sound} from './sound.js';
import {Stills} from './stills.js';
import {Toolbar} from './toolbar.js';
import {Touch, Zoom} from './touch.js';
import {Floating, hasFloating, openDisplay} from './windows.js';

const TOAST_MS = 4000;
const TOKEN = /[0-9a-f]{32}/;

const at = id => document.getElementById(id);
const stage = at('stage');
const picture = at('picture');
// Some browsers have video decoders, but none for H.264.
const decodes = async () => (await VideoDecoder.isConfigSupported({codec: 'avc1.42c01f'})).supported;
const hasVideo = typeof VideoDecoder === 'function' && typeof OffscreenCanvas === 'function' &&
                 'transferControlToOffscreen' in HTMLCanvasElement.prototype && await decodes().catch(() => false);
const LIGHTS = [['Num', 1], ['Caps', 2], ['Scroll', 4]];
const surface = hasVideo ? at('canvas') : at('still');

const view = {
  token: '', mayControl: false, connected: false, gone: false, displays: [], display: -1, wanted: 0,
  width: 0, height: 0, exact: false, shown: false, cursor: null, cursorSeen: false, place: null, inside: false,
  rate: 0, // chosen by the server
  lights: 0,
  hinted: false,
  controller: '', // the name of another person who alone controls
};

const worker = new Worker('worker.js', {type: 'module'});
const send = (order, transfer = []) => worker.postMessage(order, transfer);
const isCapsOn = () => (view.lights & 2) !== 0;
const input = new Input(stage, surface, send, isCapsOn);
const keyboard = new Keyboard({stage, field: at('field'), bar: at('keys'), layout: at('layout')}, input, isCapsOn, toast);
const sound = new Sound(worker, text => toast(text));
const zoom = new Zoom(stage, picture);
const touch = new Touch(input, zoom, at('fingers'));
const pads = new Pads(send, toast);
let stills = null;

// --- notices ---

let toastTimer = 0;

function toast(text) {
  at('toast').textContent = text;
  at('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    at('toast').hidden = true;
  }, TOAST_MS);
}

function current() {
  return view.displays.find(display => display.number === view.display);
}

function describeState() {
  const display = current();
  if (!view.connected) {
    return !view.closed ? 'connecting' : view.gone ? 'disconnected' : 'connecting again';
  }
  const role = !view.mayControl ? ' · view only' : view.controller ? ` · ${view.controller} controls` : '';
  if (!display) {
    return `no display${role}`;
  }
  return display.lit ? `${display.width} × ${display.height}${role}` : `dark${role}`;
}

function describeTrouble() {
  const display = current();
  if (!view.connected) {
    return view.closed || 'Connecting to the machine…';
  }
  if (!display) {
    return 'The machine has no display yet.';
  }
  if (!display.connected && !display.lit) {
    return 'This display is not connected.';
  }
  if (!display.lit) {
    return view.mayControl ? 'The display is dark. A key press may wake the machine.' : 'The display is dark.';
  }
  return view.shown ? '' : 'Waiting for the picture…';
}

function refresh() {
  const trouble = describeTrouble();
  const display = current();
  at('state').textContent = describeState();
  at('light').className = view.connected ? (display && display.lit ? 'live' : '') : view.closed ? 'lost' : 'connecting';
  at('message').hidden = trouble === '' || !at('ask').hidden;
  at('message-text').textContent = trouble;
  at('message').classList.toggle('over', !view.connected && view.shown);
  picture.classList.toggle('dark', !view.shown || Boolean(view.connected && display && !display.lit));
  document.body.classList.toggle('watching', view.connected && !view.mayControl);
  for (const id of ['resize', 'link', 'rate', 'keyboard']) {
    at(id).disabled = !view.connected || !view.mayControl;
  }
  at('float').disabled = !view.shown;
  at('photo').disabled = !view.shown || !display || !display.lit;
  document.body.classList.toggle('many', view.displays.length > 1);
  document.title = view.displays.length > 1 ? `display ${view.display} – vitrine` : 'vitrine';
}

// --- displays ---

function chooseDisplay(number) {
  if (view.display !== number) {
    view.display = number;
    view.shown = false;
    send({order: 'watch', display: number});
    people.watch(number);
    askRate();
    if (stills) {
      stills.watch(number);
    }
    history.replaceState(null, '', number > 0 ? `#display=${number}` : location.pathname);
  }
  listDisplays();
  refresh();
}

function makeTab(number) {
  const tab = document.createElement('span');
  const [choose, apart] = ['', 'apart'].map(className => Object.assign(document.createElement('button'), {type: 'button', className}));
  tab.dataset.number = number;
  choose.textContent = `Display ${number}`;
  choose.addEventListener('click', event => {
    chooseDisplay(number);
    focusStage(event);
  });
  apart.innerHTML = '<svg aria-hidden="true"><use href="#i-apart"/></svg>';
  apart.title = apart.ariaLabel = `Open display ${number} in a window of its own`;
  apart.addEventListener('click', () => {
    if (!openDisplay(number)) {
      toast('This browser blocks new windows of this page.');
    }
  });
  tab.append(choose, apart);
  return tab;
}

// Entries that stay are not touched: one may have the focus.
function listDisplays() {
  const numbers = view.displays.length > 1 ? view.displays.map(display => display.number) : [];
  const tabs = at('displays').children;
  [...tabs].filter(tab => !numbers.includes(Number(tab.dataset.number))).forEach(tab => tab.remove());
  numbers.forEach((number, i) => {
    if (Number(tabs[i]?.dataset.number) !== number) {
      at('displays').insertBefore(makeTab(number), tabs[i] || null);
    }
  });
  for (const tab of at('displays').children) {
    tab.firstChild.ariaPressed = String(Number(tab.dataset.number) === view.display);
  }
}

function onDisplays(message) {
  view.displays = message.displays;
  const numbers = view.displays.map(display => display.number);
  if (numbers.length > 0 && !numbers.includes(view.display)) {
    chooseDisplay(numbers.includes(view.wanted) ? view.wanted : numbers[0]);
  }
  listDisplays();
  refresh();
}

// --- the picture's position ---

function layOut() {
  if (view.width === 0) {
    return;
  }
  const fits = Math.min(stage.clientWidth / view.width, stage.clientHeight / view.height);
  const scale = view.exact ? 1 / devicePixelRatio : fits;
  surface.style.width = `${view.width * scale}px`;
  surface.style.height = `${view.height * scale}px`;
  surface.style.imageRendering = scale * devicePixelRatio >= 2 ? 'pixelated' : 'auto';
  view.scale = scale;
  zoom.refresh();
  placePointer();
}

function onSize(width, height) {
  view.width = width;
  view.height = height;
  layOut();
}

function onShown() {
  view.shown = true;
  placePointer();
  refresh();
}

// --- the guest's cursor ---

// The browser's own cursor, so that it moves without delay.
function onCursor(message) {
  const canvas = at('pointer');
  view.cursor = message;
  view.cursorSeen ||= message.visible;
  if (message.visible) {
    canvas.width = message.width;
    canvas.height = message.height;
    canvas.getContext('2d').putImageData(new ImageData(message.pixels, message.width, message.height), 0, 0);
    surface.style.cursor = view.mayControl ? `url(${canvas.toDataURL()}) ${message.hotX} ${message.hotY}, default` : '';
  } else {
    // A guest that never had a cursor may draw its own, or have none: then the browser's is shown.
    surface.style.cursor = view.cursorSeen && view.mayControl ? 'none' : '';
  }
  placePointer();
}

// At the guest's position, for viewers who do not control it.
function placePointer() {
  const canvas = at('pointer');
  const shows = view.cursor && view.cursor.visible && view.place && hasVideo && view.shown &&
                !(view.mayControl && view.inside);
  canvas.hidden = !shows;
  if (shows) {
    const x = (view.place.x - view.cursor.hotX) * view.scale;
    const y = (view.place.y - view.cursor.hotY) * view.scale;
    canvas.style.transform = `translate(${x}px, ${y}px) scale(${view.scale})`;
  }
}

surface.addEventListener('mouseenter', () => {
  view.inside = true;
  placePointer();
});
surface.addEventListener('mouseleave', () => {
  view.inside = false;
  placePointer();
});

// --- figures ---

function rowsOfStills(f) {
  return [['pictures', `${stills.takeRate().toFixed(1)} /s`], ['round trip', `${f.rtt.toFixed(1)} ms`], ['frame', stills.frame],
          ['size', `${view.width} × ${view.height}`], ['codec', 'single pictures']];
}

function rowsOfVideo(f) {
  const ms = value => (value === null ? '–' : `${value.toFixed(1)} ms`);
  const rows = [
    ['pictures', `${f.fps.toFixed(0)} /s`],
    ['capture to decoded', `${ms(f.p50)}`],
    ['… 99th percentile', ms(f.p99)],
    ['first picture after', ms(f.joinMs)],
    ['round trip', ms(f.rtt)],
    ['bitrate', `${(f.bitrate / 1e6).toFixed(2)} Mbit/s`],
    ['frame', f.frame],
    ['dropped in this browser', f.drops],
    ['decoder queue', f.queue],
    ['lossless patches', f.patches],
    ['size', `${f.width} × ${f.height}`],
    ['codec', f.codec || '–'],
    ['encoder', f.encoder || '–'],
  ];
  if (f.server) {
    rows.push(['bitrate limit', `${(f.server.bitrate / 1e6).toFixed(1)} Mbit/s`],
              ['dropped before encoding', f.server.dropped], ['skipped for this viewer', f.server.skipped],
              ['viewers', f.server.viewers]);
  }
  return rows;
}

function showFigures(f) {
  const rows = [...(stills ? rowsOfStills(f) : rowsOfVideo(f)), ...sound.rows(f)];
  at('figures').replaceChildren(...rows.flatMap(([name, value]) => {
    const term = document.createElement('dt');
    const text = document.createElement('dd');
    term.textContent = name;
    text.textContent = value;
    text.dataset.figure = name;
    return [term, text];
  }));
}

// --- the lights of the machine's keyboard ---

// Shows the lights that are on; all of them while the user types.
function showLights() {
  const types = input.enabled && [stage, at('field')].includes(document.activeElement) && document.hasFocus();
  document.body.classList.toggle('typing', types);
  const shown = LIGHTS.filter(([, bit]) => types || (view.lights & bit) !== 0);
  at('lights').hidden = shown.length === 0;
  at('lights').replaceChildren(...shown.map(([name, bit]) => {
    const light = document.createElement('span');
    const on = (view.lights & bit) !== 0;
    light.textContent = name;
    light.title = `${name} Lock is ${on ? 'on' : 'off'}`;
    light.classList.toggle('on', on);
    return light;
  }));
}

function onLights(message) {
  const changed = LIGHTS.filter(([, bit]) => ((view.lights ^ message.lights) & bit) !== 0);
  view.lights = message.lights;
  input.quirks.onLights();
  showLights();
  if (document.fullscreenElement) { // the bar is hidden there
    toast(changed.map(([name, bit]) => `${name} Lock ${(view.lights & bit) !== 0 ? 'on' : 'off'}`).join(', '));
  }
}

// Helps users who look for the way out.
stage.addEventListener('keydown', event => {
  if (event.key === 'Tab' && input.enabled && !view.hinted) {
    view.hinted = true;
    toast('The machine has the keyboard. Ctrl+Alt+Shift gives it back to this page.');
  }
});
for (const part of [stage, at('field')]) {
  part.addEventListener('focus', showLights);
  part.addEventListener('blur', showLights);
}
window.addEventListener('focus', showLights);
window.addEventListener('blur', showLights);

// --- the clipboard and files ---

const clipboard = new Clipboard(send, input, toast);
keyboard.lend = text => clipboard.lend(text);
const exchange = new Panel(at('exchange'), at('exchange-panel'), () => folder.listSoon());
const files = new Files(send, toast, stage, () => exchange.open(true));

const folder = new Folder(send, toast);
files.instead = folder;

function onAgent(message) {
  at('exchange').hidden = false;
  at('exchange-panel').classList.add('with-agent');
  clipboard.onAgent(message);
  files.onAgent(message);
}

function onFolder(message) {
  at('exchange').hidden = false;
  folder.onFolder(message);
}

// --- tools ---

// After a click the machine keeps the keyboard focus; with keys, the tool keeps it.
function focusStage(event) {
  if (event.detail > 0) {
    keyboard.takeFocus();
  }
}

function savePhoto(blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `vitrine-${view.display}-${new Date().toISOString().replace(/[:.]/g, '-')}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const floating = new Floating(send, (active, trouble) => {
  at('float').ariaPressed = String(active);
  if (trouble) {
    toast(trouble);
  }
  tellHidden();
});
at('float').hidden = !hasVideo || !hasFloating();

const tools = {
  float: () => floating.toggle(),
  fit: () => {
    view.exact = !view.exact;
    at('fit').ariaPressed = String(view.exact);
    stage.classList.toggle('exact', view.exact);
    layOut();
  },
  resize: () => {
    // Even, since video has no odd sides.
    const side = px => Math.min(Math.max(Math.round(px * devicePixelRatio / 2) * 2, 64), 8192);
    send({order: 'mode', width: side(stage.clientWidth), height: side(stage.clientHeight)});
    toast(`asked the machine for ${side(stage.clientWidth)} × ${side(stage.clientHeight)}`);
  },
  photo: async () => {
    if (hasVideo) {
      send({order: 'photo'});
    } else {
      savePhoto(await (await fetch(at('still').src)).blob());
    }
  },
  stats: () => {
    at('figures').hidden = !at('figures').hidden;
    at('stats').ariaPressed = String(!at('figures').hidden);
  },
  keyboard: () => {
    const open = at('keys').hidden;
    at('keys').hidden = !open;
    at('keyboard').ariaExpanded = String(open);
    // Where there are no other keys, the on-screen keyboard is what is wanted.
    keyboard.setTextMode(open && matchMedia('(hover: none)').matches);
  },
  full: async () => {
    try {
      await document.documentElement.requestFullscreen({navigationUI: 'hide'});
      // Alt+Tab, Escape and the like go to the guest; holding Escape leaves.
      await navigator.keyboard?.lock();
    } catch (error) {
      toast('This browser does not allow full screen here.');
    }
  },
};

for (const [id, run] of Object.entries(tools)) {
  at(id).addEventListener('click', async event => {
    await run();
    focusStage(event);
  });
}

for (const [id, run] of [['sound', () => sound.toggle()], ['microphone', () => sound.toggleMicrophone()]]) {
  at(id).addEventListener('click', async event => {
    focusStage(event);
    await run();
  });
}
new Toolbar(at('bar'), at('tools'), at('more'), at('menu'));

at('rate').addEventListener('change', () => {
  view.rate = Number(at('rate').value) * 1e6;
  send({order: 'bitrate', value: view.rate});
  if (!at('rate').matches(':focus-visible')) { // chosen by mouse
    keyboard.takeFocus();
  }
});

// Sent for each connection: a restarted screen process does not know the rate.
function askRate() {
  if (view.rate > 0 && view.mayControl) {
    send({order: 'bitrate', value: view.rate});
  }
}

const people = new People({
  at, surface, send, toast,
  onControl: (controls, controller) => {
    view.controller = controller;
    if (input.enabled !== controls) {
      input.enable(controls);
      keyboard.restart();
      showLights();
    }
    refresh();
  },
});

const share = new Share({at, send, toast});

// --- the connection ---

function onWelcome(message) {
  view.connected = true;
  view.closed = '';
  view.mayControl = message.mayControl;
  sessionStorage.setItem('token', view.token);
  input.enable(message.mayControl);
  people.onWelcome(message.mayControl);
  share.onWelcome(message.viewToken);
  sound.onWelcome(message.mayControl);
  keyboard.restart();
  touch.offer(false);
  pads.offer(0);
  showLights();
  refresh();
  askRate();
}

let countDown = 0;

function onClosed(message) {
  view.connected = false;
  input.enable(false);
  view.controller = '';
  people.onClosed();
  share.onClosed();
  sound.onClosed();
  clipboard.reset();
  files.reset();
  folder.reset();
  keyboard.restart();
  pads.offer(0);
  view.lights = 0; // until the next connection reports them
  showLights();
  clearInterval(countDown);
  if (message.code === CLOSE_TOKEN) {
    sessionStorage.removeItem('token');
    askForToken('This link is not valid, or no longer valid.');
    return;
  }
  view.gone = message.final;
  const until = performance.now() + message.waitMs;
  const say = () => {
    const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    const why = message.reason ? `: ${message.reason}` : '';
    view.closed = message.final ? `Disconnected${why}` :
      message.waitMs < 1500 ? 'Connecting again…' : `No connection${why}. Trying again in ${seconds} s`;
    refresh();
  };
  say();
  if (!message.final) {
    countDown = setInterval(() => (view.connected ? clearInterval(countDown) : say()), 500);
  }
}

const handlers = {
  welcome: onWelcome,
  displays: onDisplays,
  closed: onClosed,
  size: message => onSize(message.width, message.height),
  shown: onShown,
  cursor: onCursor,
  pointer: message => {
    view.place = message;
    placePointer();
  },
  lit: refresh,
  lights: onLights,
  people: message => people.onPeople(message),
  pointers: message => people.onPointers(message),
  links: message => share.onLinks(message),
  agent: onAgent,
  owner: message => clipboard.onOwner(message),
  answer: message => clipboard.onAnswer(message),
  offered: message => clipboard.onOffered(message),
  file: message => files.onFile(message),
  folder: onFolder,
  entries: message => folder.onEntries(message),
  transfer: message => folder.onTransfer(message),
  devices: message => {
    touch.offer(message.touch);
    pads.offer(message.pads);
  },
  figures: showFigures,
  notice: message => toast(message.text),
  note: message => toast(message.text),
  photo: message => savePhoto(message.blob),
  sound: message => sound.onSound(message),
  microphone: message => sound.onMicrophone(message),
};

worker.onmessage = event => handlers[event.data.kind](event.data);

function askForToken(wrong) {
  at('ask').hidden = false;
  at('ask-wrong').textContent = wrong;
  view.closed = 'Disconnected';
  view.gone = true;
  refresh();
  at('ask-token').focus();
}

let started = false;

function start(token) {
  view.token = token;
  view.closed = '';
  at('ask').hidden = true;
  refresh();
  if (started) {
    send({order: 'token', token});
    if (stills) {
      stills.token = token;
    }
    return;
  }
  started = true;
  const url = new URL('ws', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  const canvas = hasVideo ? at('canvas').transferControlToOffscreen() : null;
  worker.postMessage({order: 'start', url: url.href, token, canvas, video: hasVideo}, canvas ? [canvas] : []);
  if (!hasVideo) {
    at('canvas').hidden = true;
    at('still').hidden = false;
    stills = new Stills(at('still'), token, (width, height) => {
      onSize(width, height);
      onShown();
    });
    at('rate').hidden = true;
    toast(isSecureContext ? 'This browser has no video decoder: the page shows single pictures.' :
      'Browsers decode video only on pages that come over TLS or from this machine: this page shows single pictures.');
  }
  stage.focus();
}

at('ask').addEventListener('submit', event => {
  event.preventDefault();
  const [token] = at('ask-token').value.match(TOKEN) || [];
  at('ask-token').value = '';
  if (token) {
    start(token);
  } else {
    at('ask-wrong').textContent = 'This text has no token: a token is 32 digits and letters.';
  }
});

// A hidden page gets no video, unless the picture is in a window above others.
function tellHidden() {
  send({order: 'hidden', hidden: document.hidden && !floating.active});
}

document.addEventListener('visibilitychange', tellHidden);
window.addEventListener('online', () => send({order: 'retry'}));
new ResizeObserver(layOut).observe(stage);
// Some browsers lay on-screen keyboards over the page.
visualViewport?.addEventListener('resize', () => {
  document.body.style.height = at('keys').hidden || visualViewport.scale !== 1 ? '' : `${visualViewport.height}px`;
});

// Moves the token from the address to storage of this tab.
const given = new URLSearchParams(location.hash.slice(1));
view.wanted = Number(given.get('display')) || 0;
history.replaceState(null, '', view.wanted > 0 ? `#display=${view.wanted}` : location.pathname);
const token = given.get('token') || sessionStorage.getItem('token');
refresh();
if (token) {
  start(token);
} else {
  askForToken('');
}

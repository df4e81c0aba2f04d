// SPDX-License-Identifier: MIT
// The connection, the decoder and the canvas. They are off the page's thread, so that the user
// interface cannot delay pictures.

import {browserIsExact, Converter} from './colour.js';
import {Agent} from './agent.js';
import {FolderTransfers} from './folder_transfers.js';
import {Sharp} from './sharp.js';
import {SoundDecoder} from './sound_decoder.js';
import * as wire from './wire.js';

const PING_MS = 1000;
const REPORT_MS = 500;
// If bytes arrive but no picture for this long, the decoder is restarted.
const STUCK_MS = 2000;
// The delay before the next try: twice as long each time, and randomized.
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 10000;
// If the decoder holds more units, it restarts at a key frame.
const QUEUE_MAX = 30;
// The number of delays in the statistics.
const SAMPLES = 600;
// From a painted canvas to the screen.
const REFRESH_MS = 16;
const FINAL = [wire.CLOSE_TOKEN, wire.CLOSE_VIEW];

const state = {
  url: '', token: '', socket: null, ready: false, retryMs: RETRY_FIRST_MS, retryTimer: 0,
  display: -1, hidden: false, video: true,
};

function tell(message, transfer) {
  self.postMessage(message, transfer || []);
}

function send(bytes) {
  if (state.ready && state.socket.readyState === WebSocket.OPEN) {
    state.socket.send(bytes);
    return true;
  }
  return false;
}

const agent = new Agent(send, tell, () => state.socket.bufferedAmount);
const folder = new FolderTransfers(send, tell, () => state.socket.bufferedAmount);

// --- clocks ---

// The server's clock minus ours, from the answer with the shortest round trip, which is the most
// exact.
const clock = {offset: 0, best: Infinity, rtt: 0, recent: []};

function onPong(message) {
  const now = performance.now();
  const rtt = now - message.value;
  clock.recent.push({rtt, offset: message.time - (message.value + rtt / 2)});
  if (clock.recent.length > 20) {
    clock.recent.shift();
  }
  const best = clock.recent.reduce((a, b) => (b.rtt < a.rtt ? b : a));
  clock.rtt = rtt;
  clock.best = best.rtt;
  clock.offset = best.offset;
}

// --- figures ---

const figures = {delays: [], at: 0, decoded: 0, painted: 0, bytes: 0, drops: 0, since: 0, frame: 0, encoder: ''};
let server = null;

// Adds the age of a unit's picture if the picture is new: not what a static screen showed to a new
// viewer, nor a refinement of the same frame.
function addDelay(unit) {
  const now = performance.now() + clock.offset;
  const ms = now - unit.captured;
  if (clock.best === Infinity || unit.frame <= figures.frame || unit.captured < video.joinedAt + clock.offset) {
    return;
  }
  if (figures.delays.length < SAMPLES) {
    figures.delays.push(ms);
  } else {
    figures.delays[figures.at] = ms;
    figures.at = (figures.at + 1) % SAMPLES;
  }
}

function percentile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : null;
}

function report() {
  const now = performance.now();
  const seconds = (now - figures.since) / 1000;
  const sorted = [...figures.delays].sort((a, b) => a - b);
  tell({
    kind: 'figures', fps: figures.painted / seconds, decoded: figures.decoded / seconds,
    bitrate: figures.bytes * 8 / seconds, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99),
    samples: sorted.length, rtt: clock.rtt, drops: figures.drops, frame: figures.frame,
    encoder: figures.encoder, joinMs: video.joinMs, codec: video.codec, width: video.width, height: video.height,
    queue: video.decoder ? video.decoder.decodeQueueSize : 0, server, sound: sound.figures(),
    patches: sharp.count,
  });
  figures.decoded = figures.painted = figures.bytes = 0;
  figures.since = now;
}

// --- pictures ---

let canvas = null;
let context = null;
let converter = null; // null: the browser's own conversion is accurate
let newest = null; // decoded, not painted yet
let current = null; // being painted
let painting = false;

function dropNewest() {
  if (newest) {
    newest.close();
    newest = null;
  }
}

// What stays still, without the loss of the video.
const sharp = new Sharp(number => send(wire.ackPatch(state.display, number)), () => {
  // Between the pictures of the video.
  if (video.shown) {
    sharp.drawOver(context);
  }
});

// `image`: the frame's picture; null: the browser converts it.
function draw(frame, image) {
  const {displayWidth, displayHeight} = frame;
  if (canvas.width !== displayWidth || canvas.height !== displayHeight) {
    canvas.width = displayWidth;
    canvas.height = displayHeight;
    tell({kind: 'size', width: displayWidth, height: displayHeight});
  }
  if (image) {
    context.putImageData(image, 0, 0);
  } else {
    context.drawImage(frame, 0, 0);
  }
  sharp.drawOver(context);
  figures.painted++;
  video.paintedAt = performance.now();
  state.retryMs = RETRY_FIRST_MS;
  if (!video.shown) {
    video.shown = true;
    video.joinMs = video.paintedAt - video.joinedAt;
    tell({kind: 'shown'});
  }
}

async function paint() {
  const frame = newest;
  newest = null;
  current = frame;
  try {
    const image = frame && converter ? await converter.convert(frame) : null;
    if (frame && frame === current) { // not replaced meanwhile
      draw(frame, image);
    }
  } finally {
    frame?.close();
    painting = false;
  }
  if (newest) {
    schedulePaint();
  }
}

// The callback never comes in a hidden window.
function schedulePaint() {
  if (!painting) {
    painting = true;
    self.requestAnimationFrame(paint);
  }
}

// --- the decoder ---

// Units are identified by their timestamps, which are their numbers times this. Firefox ends a hardware decoder that
// takes longer for a picture than the picture lasts, and a picture without a duration lasts no time.
const UNIT_US = 33333;

const video = {
  decoder: null, codec: '', width: 0, height: 0, waits: true, pending: new Map(), paintedAt: 0, heardAt: 0,
  askedAt: 0, failures: 0, shown: false, joinedAt: 0, joinMs: null,
};

function acknowledge(number) {
  send(wire.ack(state.display, number, video.decoder ? video.decoder.decodeQueueSize : 0));
}

// The small window's: a writer of video, or null. What it does not take in time is dropped.
let floating = null;

function floatFrame(frame) {
  video.paintedAt = performance.now(); // a hidden page is never painted
  if (floating.desiredSize > 0) {
    floating.write(new VideoFrame(frame, {timestamp: Math.round(performance.now() * 1000)})).catch(() => {});
  }
}

function onDecoded(frame) {
  const number = Math.round(frame.timestamp / UNIT_US);
  const unit = video.pending.get(number);
  video.pending.delete(number);
  dropNewest();
  newest = frame;
  if (floating) {
    floatFrame(frame);
  }
  figures.decoded++;
  video.failures = 0;
  if (unit) {
    addDelay(unit);
    figures.frame = unit.frame;
    acknowledge(unit.number);
  }
  schedulePaint();
}

// A key frame is work for all viewers, so a decoder that fails repeatedly asks less and less often.
function waitForKey() {
  const now = performance.now();
  video.waits = true;
  if (now - video.askedAt > 250 * 2 ** Math.min(video.failures, 5)) {
    video.askedAt = now;
    send(wire.wantKey(state.display));
  }
}

function stopDecoder() {
  if (video.decoder && video.decoder.state !== 'closed') {
    video.decoder.close();
  }
  video.decoder = null;
  // Its pending units will never be decoded; the server must not wait for them.
  const last = [...video.pending.values()].pop();
  video.pending.clear();
  if (last) {
    acknowledge(last.number);
  }
}

function startDecoder() {
  stopDecoder();
  const decoder = new VideoDecoder({
    output: onDecoded,
    error: error => {
      if (video.decoder === decoder) {
        figures.drops++;
        tell({kind: 'note', text: `The decoder failed: ${error.message}`});
        video.failures++;
        stopDecoder();
        waitForKey(); // which restarts it
      }
    },
  });
  video.decoder = decoder;
  video.waits = true;
  if (video.codec) {
    decoder.configure({codec: video.codec, optimizeForLatency: true});
  }
}

function onConfig(message) {
  video.codec = message.codec;
  video.width = message.width;
  video.height = message.height;
  figures.encoder = message.encoder;
  sharp.restart(message);
  startDecoder();
}

function onUnit(message) {
  figures.bytes += message.data.length;
  video.heardAt = performance.now();
  if (!video.decoder && message.key && video.codec) {
    startDecoder();
  }
  if (!video.decoder || (video.waits && !message.key)) {
    figures.drops++;
    acknowledge(message.number);
    if (video.waits) {
      waitForKey();
    }
    return;
  }
  if (video.decoder.decodeQueueSize > QUEUE_MAX) {
    figures.drops++;
    startDecoder();
    acknowledge(message.number);
    waitForKey();
    return;
  }
  video.waits = false;
  video.pending.set(message.number, message);
  video.decoder.decode(new EncodedVideoChunk({
    type: message.key ? 'key' : 'delta', timestamp: message.number * UNIT_US, duration: UNIT_US,
    data: message.data,
  }));
}

function watchDog() {
  const now = performance.now();
  if (state.ready && !state.hidden && video.decoder && !video.waits && video.pending.size > 0 &&
      now - video.heardAt < STUCK_MS && now - video.paintedAt > STUCK_MS) {
    tell({kind: 'note', text: 'No picture for two seconds: the decoder is started again.'});
    video.paintedAt = now;
    startDecoder();
    waitForKey();
  }
}

// --- sound ---

const sound = new SoundDecoder({
  send, tell,
  waiting: () => state.socket.bufferedAmount,
  offset: () => (clock.best === Infinity ? null : clock.offset),
  // One refresh more until it is on the screen.
  pictureDelay: () => (figures.delays.length === 0 ? null :
    percentile([...figures.delays].sort((a, b) => a - b), 0.5) + REFRESH_MS),
});

// --- the connection ---

const handlers = {
  welcome: message => {
    state.ready = true;
    sendPing();
    subscribe();
    tell(message);
  },
  displays: tell,
  config: onConfig,
  unit: onUnit,
  patch: message => sharp.onPatch(message),
  stale: message => sharp.onStale(message.rect),
  cursor: message => {
    const pixels = new Uint8ClampedArray(message.pixels);
    tell({...message, pixels}, [pixels.buffer]);
  },
  pointer: tell,
  lit: tell,
  pong: onPong,
  stats: message => {
    server = message;
  },
  notice: tell,
  lights: tell,
  sound: message => sound.onSound(message),
  packet: message => sound.onPacket(message),
  silence: () => sound.onSilence(),
  microphone: tell,
  people: tell,
  pointers: tell,
  links: tell,
  ...agent.handlers,
  ...folder.handlers,
  devices: tell,
};

function sendPing() {
  send(wire.ping(performance.now()));
}

function subscribe() {
  if (state.display >= 0 && !state.hidden && state.video) {
    video.paintedAt = video.joinedAt = performance.now();
    video.shown = false;
    send(wire.subscribe(state.display, true));
    send(wire.takePatches(state.display, true));
  }
}

function unsubscribe() {
  if (state.display >= 0) {
    send(wire.subscribe(state.display, false));
  }
  if (typeof VideoDecoder === 'function') {
    stopDecoder();
  }
  dropNewest();
  sharp.restart(null);
  current = null;
  video.waits = true;
}

function connect() {
  clearTimeout(state.retryTimer);
  const socket = new WebSocket(state.url, wire.SUBPROTOCOL);
  socket.binaryType = 'arraybuffer';
  state.socket = socket;
  state.ready = false;
  socket.onopen = () => socket.send(wire.hello(state.token));
  socket.onmessage = event => {
    const message = parseSafely(event.data);
    if (message && (message.kind === 'welcome' || state.ready)) {
      if (message.display !== state.display && ['config', 'unit', 'patch', 'stale', 'cursor', 'pointer', 'lit'].includes(message.kind)) {
        return; // of a display that is not viewed any more
      }
      handlers[message.kind](message);
    }
  };
  socket.onclose = event => onClosed(socket, event);
}

function parseSafely(data) {
  try {
    return wire.parse(data);
  } catch (error) {
    return null; // too short: a server of another version
  }
}

function onClosed(socket, event) {
  if (socket !== state.socket) {
    return;
  }
  state.ready = false;
  agent.reset();
  folder.reset();
  if (typeof VideoDecoder === 'function') {
    stopDecoder();
  }
  video.waits = true;
  sharp.restart(null);
  sound.onClosed();
  clock.recent = [];
  clock.best = Infinity;
  const final = FINAL.includes(event.code);
  const waitMs = state.retryMs * (0.5 + Math.random());
  state.retryMs = Math.min(state.retryMs * 2, RETRY_MAX_MS);
  tell({kind: 'closed', code: event.code, reason: event.reason, final, waitMs});
  if (!final) {
    state.retryTimer = setTimeout(connect, waitMs);
  }
}

// --- orders of the page ---

const orders = {
  start: order => {
    state.url = order.url;
    state.token = order.token;
    state.video = order.video;
    canvas = order.canvas; // null: there is no video
    context = canvas && canvas.getContext('2d', {alpha: false, desynchronized: true});
    converter = state.video && !browserIsExact() ? new Converter() : null;
    figures.since = performance.now();
    connect();
    setInterval(sendPing, PING_MS);
    setInterval(report, REPORT_MS);
    setInterval(watchDog, 500);
  },
  watch: order => {
    if (state.display !== order.display) {
      unsubscribe();
      figures.delays = [];
      figures.at = 0;
      figures.frame = 0;
      state.display = order.display;
      subscribe();
    }
  },
  hidden: order => {
    if (state.hidden !== order.hidden) {
      state.hidden = order.hidden;
      if (order.hidden) {
        unsubscribe();
      } else {
        subscribe();
        orders.retry(); // the user is present: reconnect now
      }
    }
  },
  float: order => {
    floating = order.writable && order.writable.getWriter();
    if (floating) {
      send(wire.wantKey(state.display)); // a picture, also if nothing changes
    }
  },
  token: order => {
    state.token = order.token;
    state.retryMs = RETRY_FIRST_MS;
    connect();
  },
  retry: () => {
    state.retryMs = RETRY_FIRST_MS;
    if (state.socket && state.socket.readyState === WebSocket.CLOSED) {
      connect();
    }
  },
  mode: order => send(wire.mode(state.display, order.width, order.height)),
  bitrate: order => send(wire.bitrate(state.display, order.value)),
  key: order => send(wire.key(state.display, order.code, order.down)),
  motion: order => send(wire.motion(state.display, order.x, order.y)),
  wheel: order => send(wire.wheel(state.display, order.x, order.y)),
  release: () => send(wire.release()),
  listen: order => sound.listen(order),
  latency: order => sound.setLatency(order),
  speak: order => sound.speak(order),
  name: order => send(wire.name(order.name)),
  point: order => send(wire.point(state.display, order.x, order.y, order.visible)),
  control: order => send(wire.control(order.action, order.person)),
  makeLink: order => send(wire.makeLink(order.kind, order.seconds)),
  endLink: order => send(wire.endLink(order.id)),
  touch: order => send(wire.touch(state.display, order.contact, order.down, order.x, order.y)),
  pad: order => send(wire.pad(order.number, order.connected, order.buttons, order.axes)),
  photo: async () => {
    // A canvas can be read in the same task in which it was painted.
    const blob = await canvas.convertToBlob({type: 'image/png'});
    tell({kind: 'photo', blob});
  },
  ...agent.orders,
  ...folder.orders,
};

self.onmessage = event => orders[event.data.order](event.data);

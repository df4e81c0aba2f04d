// SPDX-License-Identifier: MIT
// The page in Chromium, as people have it: the picture, the tools, keys and mouse.
//
//   test_page.mjs VITRINE SCREEN_FRONT FOLDER          pictures of the page go to the folder
//   test_page.mjs VITRINE SCREEN_FRONT FOLDER NAME     only the tests with NAME in their names
//   test_page.mjs VITRINE SCREEN_FRONT FOLDER goals    only what goes by the clock, held to what a quiet machine can do

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdirSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {Front, PHONE, TELEPHONE, launch} from './front.mjs';
import {LIMIT_MS, inputSoFar, sleep, until} from './wait.mjs';

const [vitrine, program, folder, only] = process.argv.slice(2);
const goals = only === 'goals';
const CODE_BITS = 24;
const CODE_SIDE = 16;
const WIDTH = 1280;
const HEIGHT = 800;
// What a quiet machine can do. Any other one may take its time.
const LIMITS = goals ? {p50: 15, p99: 33, first: 150, back: 2000} : {p50: Infinity, p99: Infinity, first: Infinity, back: Infinity};
// Of 60 a second.
const FRESH = 30;
// Of the first try to connect again: half of what the page waits on average.
const FIRST_WAIT_MS = 250;
const COLOUR_LIMIT = 2;
const COLOURS = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]];

mkdirSync(folder, {recursive: true});
const browser = await launch('--host-resolver-rules=MAP vm.example 127.0.0.1');
const front = await Front.start(vitrine, program, '127.0.0.1:0', 'names=vm.example');
await front.say('mode 0 1 1280 800');

const tests = [];
const test = (name, run, timed = false) => tests.push({name, run, timed});
const timed = (name, run) => test(name, run, true);

// A context has its own session and clipboard.
async function open(link, options = {}) {
  const context = await browser.newContext({viewport: {width: 1400, height: 900}, ...options});
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', error => page.errors.push(String(error)));
  page.on('console', message => {
    // A refused connection is what some tests are about.
    if (message.type() === 'error' && !/WebSocket|Failed to load resource/.test(message.text())) {
      page.errors.push(message.text());
    }
  });
  await page.goto(link);
  return page;
}

async function openShown(link = front.control, options = {}) {
  const page = await open(link, options);
  await shown(page);
  return page;
}

function shown(page) {
  return page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
}

async function close(page) {
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

async function showBars() {
  await front.say('play 0 0 0');
  await front.say(`scanout 0 2 ${WIDTH} ${HEIGHT} ${WIDTH * 4} window`);
  await front.say('bars 0');
}

async function play(count, us = 16667) {
  await front.say(`scanout 0 2 ${WIDTH} ${HEIGHT} ${WIDTH * 4} window`);
  await front.say(`code 0 ${us} ${count}`);
}

// The colours of the picture at some places, from the canvas that people see.
function readColours(page, places) {
  return page.evaluate(places => {
    const source = document.getElementById('canvas');
    const canvas = new OffscreenCanvas(source.width, source.height);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(source, 0, 0);
    return places.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3));
  }, places);
}

// All input that has come, with what the page has sent so far: a last key has come behind it.
async function input(page) {
  await page.focus('#stage');
  await page.keyboard.press('F9');
  await front.wait('INPUT key 0 67 0');
  return front.take('INPUT').filter(line => !line.startsWith('INPUT key 0 67 '));
}

// A figure of the server.
async function metric(name) {
  const answer = await fetch(`${front.url.origin}/metrics`, {headers: {authorization: `Bearer ${front.url.hash.slice(7)}`}});
  return Number((await answer.text()).match(new RegExp(`^${name}(?:\\{display="0"\\})? (\\d+)`, 'm'))?.[1]);
}

// The number of the frame that shows, at every picture of the page until so many different ones were seen.
function readFrames(page, count) {
  return page.evaluate(([count, bits, side]) => new Promise(resolve => {
    const source = document.getElementById('canvas');
    const canvas = new OffscreenCanvas(bits * side, side);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const seen = [];
    const different = new Set();
    const look = () => {
      context.drawImage(source, 0, 0);
      const {data} = context.getImageData(0, side / 2, bits * side, 1);
      let number = 0;
      for (let bit = 0; bit < bits; bit++) {
        number += data[(bit * side + side / 2) * 4] > 127 ? 2 ** bit : 0;
      }
      seen.push(number);
      different.add(number);
      if (different.size < count) {
        requestAnimationFrame(look);
      } else {
        resolve(seen);
      }
    };
    requestAnimationFrame(look);
  }), [count, CODE_BITS, CODE_SIDE]);
}

async function readFrame(page) {
  return (await readFrames(page, 1))[0];
}

// Until the page shows a frame that is not older than this call.
async function caughtUp(page) {
  const now = await front.played();
  await until(async () => await readFrame(page) >= now, 'a frame of now');
}

function figure(page, name) {
  return page.locator(`#figures dd[data-figure="${name}"]`).textContent();
}

async function number(page, name) {
  return parseFloat(await figure(page, name));
}

// --- the picture -------------------------------------------------------------------------------------

test('colours are those of the machine', async () => {
  await showBars();
  const page = await openShown();
  const greys = Array.from({length: 16}, (_, i) => [i * 17, i * 17, i * 17]);
  const wanted = [...COLOURS, ...greys];
  const places = [...COLOURS.map((_, i) => [Math.floor(WIDTH * (2 * i + 1) / 12), 200]),
                  ...greys.map((_, i) => [Math.floor(WIDTH * (2 * i + 1) / 32), 600])];
  let off;
  await until(async () => {
    const found = await readColours(page, places);
    off = found.map((colour, i) => Math.max(...colour.map((value, j) => Math.abs(value - wanted[i][j]))));
    return off.every(value => value <= COLOUR_LIMIT);
  }, 'the colours').finally(() => console.log(`colours: 6 primaries are off by at most ${Math.max(...off.slice(0, 6))}, 16 greys by ${Math.max(...off.slice(6))}`));
  await page.screenshot({path: `${folder}/colours.png`});
  await close(page);
});

test('frames come in order and fresh', async () => {
  await play(100000);
  const page = await openShown();
  const begin = performance.now();
  const seen = await readFrames(page, 80);
  console.log(`80 different frames seen in ${((performance.now() - begin) / 1000).toFixed(1)} s of 60 a second`);
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'never an older one');
  // On a busy machine they are fresh now and then; frames that queued up would never be.
  let old;
  await until(async () => {
    const last = await readFrame(page);
    old = await front.played() - last;
    return old < FRESH;
  }, 'a fresh frame');
  console.log(`the last one read was ${old} frames old`);
  await close(page);
});

timed('capture to decoded', async () => {
  await play(100000);
  const page = await openShown();
  await page.click('#stats');
  await page.waitForSelector('#figures dd[data-figure="capture to decoded"]');
  let best = {p50: NaN, p99: Infinity};
  for (let round = 0; round < 4 && !(best.p50 <= LIMITS.p50 && best.p99 <= LIMITS.p99); round++) {
    if (goals) {
      await sleep(11000); // 600 samples are 10 s
    }
    await until(async () => Number.isFinite(await number(page, '… 99th percentile')), 'a figure');
    const p50 = await number(page, 'capture to decoded');
    const p99 = await number(page, '… 99th percentile');
    console.log(`capture to decoded: p50 ${p50} ms, p99 ${p99} ms; ${await figure(page, 'pictures')} shown, ` +
                `${await figure(page, 'bitrate')}, ${await figure(page, 'encoder')}`);
    if (p99 < best.p99) {
      best = {p50, p99};
    }
  }
  await page.screenshot({path: `${folder}/playing.png`});
  assert.ok(best.p50 <= LIMITS.p50 && best.p99 <= LIMITS.p99, JSON.stringify(best));
  await close(page);
});

timed('a second viewer of a static screen sees it soon', async () => {
  await showBars();
  const refined = await metric('vitrine_video_refined_total');
  const first = await openShown();
  await until(async () => await metric('vitrine_video_refined_total') > refined, 'the refinement, after which the stream rests');
  const times = [];
  for (let i = 0; i < 3; i++) {
    const page = await openShown(front.view);
    await page.click('#stats');
    await page.waitForSelector('#figures dd');
    times.push(await number(page, 'first picture after'));
    await close(page);
    await sleep(300); // the next one comes when key frames may come again
  }
  console.log(`from the subscription to the picture: ${times.join(', ')} ms`);
  assert.ok(Math.min(...times) <= LIMITS.first, times.join());
  await close(first);
});

test('another size, darkness and light', async () => {
  await showBars();
  const page = await openShown();
  assert.match(await page.textContent('#state'), /1280 × 800/);
  await front.say('scanout 0 2 642 480 2568 window');
  await front.say('bars 0');
  await page.waitForFunction(() => document.getElementById('state').textContent.includes('642 × 480'));
  await page.waitForFunction(() => document.getElementById('canvas').width === 642);
  await front.say('dark 0');
  await page.waitForFunction(() => document.getElementById('message-text').textContent.startsWith('The display is dark.'));
  assert.ok(await page.isDisabled('#photo'));
  await showBars();
  await page.waitForFunction(() => document.getElementById('canvas').width === 1280);
  await page.waitForSelector('#message', {state: 'hidden'});
  await close(page);
});

timed('the screen process dies, and the page is back', async () => {
  await play(100000);
  const page = await openShown();
  const pid = front.screenPid();
  process.kill(pid, 'SIGKILL');
  const begin = performance.now();
  await until(() => ![0, pid].includes(front.screenPid()), 'another screen process');
  await caughtUp(page); // with frames that only that one can have sent
  await page.waitForFunction(() => document.getElementById('light').className === 'live');
  const took = performance.now() - begin;
  console.log(`a new picture ${took.toFixed(0)} ms after kill -9`);
  assert.ok(took < LIMITS.back, `${took}`);
  await close(page);
});

test('a server that is away is asked ever less often', async () => {
  const gone = await Front.start(vitrine, program, '127.0.0.1:0');
  await gone.say('mode 0 1 640 480');
  await gone.say('scanout 0 2 640 480 2560 window');
  await gone.say('bars 0');
  const page = await openShown(gone.control);
  const port = Number(gone.url.port);
  await gone.stop();
  const times = [];
  const silent = createServer(socket => {
    times.push(performance.now());
    socket.on('error', () => {});
    socket.destroy();
  }).listen(port, '127.0.0.1');
  await page.waitForFunction(() => /^No connection. Trying again in \d+ s$/.test(document.getElementById('message-text').textContent));
  assert.equal(await page.textContent('#state'), 'connecting again');
  await page.screenshot({path: `${folder}/away.png`});
  // The wait doubles each time, and is between half and three halves of that; the first one may have been before.
  await until(() => times.length >= 5, 'five tries');
  const waits = times.slice(1).map((time, i) => Math.round(time - times[i]));
  console.log(`tries ${waits.join(', ')} ms apart`);
  waits.forEach((wait, i) => assert.ok(wait > FIRST_WAIT_MS * 2 ** i, `${waits}`));
  silent.close();
  await close(page);
});

test('a hidden page gets no video', async () => {
  await play(100000);
  const page = await openShown();
  const hide = hidden => page.evaluate(hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  const viewers = wanted => until(async () => await metric('vitrine_video_sinks') === wanted, `${wanted} viewers`);
  await viewers(1);
  await page.keyboard.down('KeyQ');
  await front.wait('INPUT key 0 16 1');
  await hide(true);
  await viewers(0);
  await front.wait('INPUT key 0 16 0');
  await hide(false);
  await viewers(1);
  await caughtUp(page);
  await page.keyboard.up('KeyQ');
  await close(page);
});

test('two displays', async () => {
  await showBars();
  const page = await openShown();
  assert.equal(await page.locator('#displays button').count(), 0);
  await front.say('mode 1 1 640 480');
  await front.say('scanout 1 2 640 480 2560 window');
  await front.say('bars 1');
  await page.click('text=Display 1');
  await page.waitForFunction(() => document.getElementById('canvas').width === 640);
  await shown(page);
  assert.match(page.url(), /#display=1$/);
  await page.reload();
  await shown(page);
  await page.waitForFunction(() => document.getElementById('canvas').width === 640);
  await page.screenshot({path: `${folder}/displays.png`});
  // With keys alone: out of the machine, to the tabs, and still there when displays change.
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => document.getElementById('toast').textContent.includes('Ctrl+Alt+Shift'));
  assert.ok(await page.evaluate(() => document.body.classList.contains('typing')));
  for (const key of ['Control', 'Alt', 'Shift']) {
    await page.keyboard.down(key);
  }
  for (const key of ['Control', 'Alt', 'Shift']) {
    await page.keyboard.up(key);
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), 'fit');
  assert.ok(!await page.evaluate(() => document.body.classList.contains('typing')));
  await page.focus('text=Display 0');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('canvas').width === 1280);
  await front.say('mode 2 1 800 600');
  await page.waitForSelector('text=Display 2');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Display 0');
  assert.equal(await page.getAttribute('text=Display 0', 'aria-pressed'), 'true');
  await front.say('dark 1');
  await front.say('mode 1 0 640 480');
  await front.say('mode 2 0 800 600');
  await close(page);
});

// --- who may -----------------------------------------------------------------------------------------

test('the token is hidden from the address, and stays for a reload', async () => {
  await showBars();
  const page = await openShown();
  assert.ok(!page.url().includes('token'), page.url());
  await page.reload();
  await shown(page);
  await close(page);
});

test('without a token the page asks for it', async () => {
  await showBars();
  const page = await open(front.url.origin);
  await page.waitForSelector('#ask');
  await page.screenshot({path: `${folder}/ask.png`});
  await page.fill('#ask-token', 'hello');
  await page.keyboard.press('Enter');
  assert.match(await page.textContent('#ask-wrong'), /has no token/);
  await page.fill('#ask-token', '0'.repeat(32));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('ask-wrong').textContent.includes('not valid, or no longer'));
  await page.fill('#ask-token', front.control);
  await page.keyboard.press('Enter');
  await shown(page);
  await close(page);
});

test('who only watches has no way to do more', async () => {
  await showBars();
  const page = await openShown(front.view);
  front.take('INPUT');
  assert.ok(!await page.isVisible('#resize'));
  assert.ok(!await page.isVisible('#link'));
  assert.match(await page.textContent('#state'), /view only/);
  await page.mouse.click(700, 400);
  await page.keyboard.type('hello');
  assert.deepEqual(await inputSoFar(page, front, openShown), []);
  assert.equal(await page.getAttribute('#light', 'class'), 'live');
  await close(page);
});

test('the view-only link', async () => {
  await showBars();
  const page = await openShown(front.control, {permissions: ['clipboard-read', 'clipboard-write']});
  const shown = await page.evaluate(() => {
    document.getElementById('link').click();
    return document.querySelectorAll('#share-list li').length;
  });
  assert.equal(shown, 1, 'the panel is filled when it opens');
  await page.click('#share-list [data-link=view] >> text=Copy');
  await page.waitForSelector('#toast');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), front.view);
  await close(page);
});

test('the view-only link where pages may not copy', async () => {
  await showBars();
  const page = await openShown();
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('no'));
  });
  let offered = '';
  page.on('dialog', dialog => {
    offered = dialog.defaultValue();
    return dialog.accept();
  });
  await page.click('#link');
  await page.click('#share-list [data-link=view] >> text=Copy');
  assert.equal(offered, front.view);
  await close(page);
});

test('another page cannot use the server', async () => {
  const page = await open('about:blank');
  const result = await page.evaluate(url => new Promise(resolve => {
    const socket = new WebSocket(url, 'vitrine.1');
    socket.onopen = () => resolve('open');
    socket.onclose = event => resolve(event.code);
  }), `ws://${front.url.host}/ws`);
  assert.equal(result, 1006);
  await page.context().close();
});

// --- keys and mouse ----------------------------------------------------------------------------------

function inputs(lines) {
  return lines.map(line => line.split(' ').slice(1).map((word, i) => (i === 0 ? word : Number(word))));
}

async function surfaceBox(page) {
  return page.locator('#canvas').boundingBox();
}

test('keys arrive by their place, and are let go of', async () => {
  await showBars();
  const page = await openShown();
  await input(page);
  await page.keyboard.press('a');
  await page.keyboard.press('Control+Shift+KeyZ');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('NumpadEnter');
  const keys = inputs(await input(page)).filter(([kind]) => kind === 'key').map(([, , code, down]) => [code, down]);
  assert.deepEqual(keys, [[30, 1], [30, 0], [29, 1], [42, 1], [44, 1], [44, 0], [42, 0], [29, 0], [103, 1], [103, 0],
                          [96, 1], [96, 0]]);
  await page.keyboard.down('Shift');
  await page.keyboard.down('KeyQ');
  assert.deepEqual(inputs([await front.wait('INPUT'), await front.wait('INPUT')]).map(([, , code, down]) => [code, down]), [[42, 1], [16, 1]]);
  await page.evaluate(() => document.getElementById('stage').blur());
  const released = inputs([await front.wait('INPUT'), await front.wait('INPUT')]).map(([, , code, down]) => [code, down]);
  assert.deepEqual(released.sort(), [[16, 0], [42, 0]].sort());
  await page.keyboard.up('KeyQ');
  await page.keyboard.up('Shift');
  assert.deepEqual(await input(page), []);
  await page.keyboard.down('KeyM');
  await front.wait('INPUT');
  await page.context().close(); // and so does who closes the tab
  assert.deepEqual(inputs([await front.wait('INPUT')])[0].slice(0, 4), ['key', 0, 50, 0]);
});

test('the lights of the machine\'s keyboard', async () => {
  await showBars();
  const page = await openShown();
  const lights = () => page.$$eval('#lights span', spans => spans.map(span => [span.textContent, span.classList.contains('on')]));
  const wait = count => page.waitForFunction(count => document.querySelectorAll('#lights span.on').length === count, count);
  assert.deepEqual(await lights(), [['Num', false], ['Caps', false], ['Scroll', false]], 'while the keyboard is the machine\'s');
  await front.say('lights 2');
  await wait(1);
  assert.deepEqual(await lights(), [['Num', false], ['Caps', true], ['Scroll', false]]);
  assert.equal(await page.locator('#lights .on').getAttribute('title'), 'Caps Lock is on');
  await page.focus('#fit');
  assert.deepEqual(await lights(), [['Caps', true]]);
  await front.say('lights 0');
  await page.waitForSelector('#lights', {state: 'hidden'});
  await page.click('#full');
  await page.waitForFunction(() => document.fullscreenElement !== null);
  await front.say('lights 5');
  await page.waitForFunction(() => document.getElementById('toast').textContent === 'Num Lock on, Scroll Lock on');
  const watching = await openShown(front.view);
  assert.ok(!await watching.isVisible('#lights'));
  await close(watching);
  await close(page);
  const telephone = await openShown(front.control, TELEPHONE);
  await telephone.waitForFunction(() => document.querySelectorAll('#lights span.on').length === 2);
  await telephone.screenshot({path: `${folder}/lights.png`});
  const [row, state] = [await telephone.locator('#lights').boundingBox(), await telephone.locator('#state').boundingBox()];
  assert.ok(row.x >= 0 && row.x + row.width <= state.x && row.height >= 18, JSON.stringify([row, state]));
  assert.ok(await telephone.evaluate(() => document.getElementById('state').scrollWidth <= document.getElementById('state').clientWidth));
  await front.say('lights 0');
  await close(telephone);
});

test('every key of a keyboard has a code', async () => {
  const text = readFileSync('/usr/include/linux/input-event-codes.h', 'utf8');
  const codes = Object.fromEntries([...text.matchAll(/^#define (KEY_\w+)\s+(0x[0-9a-f]+|\d+)/gm)].map(match => [match[1], Number(match[2])]));
  const page = await open(front.view);
  const pairs = {
    Escape: 'ESC', Digit1: '1', Digit0: '0', Minus: 'MINUS', Equal: 'EQUAL', Backspace: 'BACKSPACE', Tab: 'TAB', KeyP: 'P',
    BracketLeft: 'LEFTBRACE', BracketRight: 'RIGHTBRACE', Enter: 'ENTER', ControlLeft: 'LEFTCTRL', KeyA: 'A', KeyL: 'L',
    Semicolon: 'SEMICOLON', Quote: 'APOSTROPHE', Backquote: 'GRAVE', ShiftLeft: 'LEFTSHIFT', Backslash: 'BACKSLASH',
    KeyZ: 'Z', KeyM: 'M', Comma: 'COMMA', Period: 'DOT', Slash: 'SLASH', ShiftRight: 'RIGHTSHIFT',
    NumpadMultiply: 'KPASTERISK', AltLeft: 'LEFTALT', Space: 'SPACE', CapsLock: 'CAPSLOCK', F1: 'F1', F10: 'F10',
    NumLock: 'NUMLOCK', ScrollLock: 'SCROLLLOCK', Numpad7: 'KP7', NumpadSubtract: 'KPMINUS', Numpad4: 'KP4',
    NumpadAdd: 'KPPLUS', Numpad1: 'KP1', Numpad3: 'KP3', Numpad0: 'KP0', NumpadDecimal: 'KPDOT', IntlBackslash: '102ND',
    F11: 'F11', F12: 'F12', IntlRo: 'RO', Convert: 'HENKAN', KanaMode: 'KATAKANAHIRAGANA', NonConvert: 'MUHENKAN',
    NumpadEnter: 'KPENTER', ControlRight: 'RIGHTCTRL', NumpadDivide: 'KPSLASH', PrintScreen: 'SYSRQ', AltRight: 'RIGHTALT',
    Home: 'HOME', ArrowUp: 'UP', PageUp: 'PAGEUP', ArrowLeft: 'LEFT', ArrowRight: 'RIGHT', End: 'END', ArrowDown: 'DOWN',
    PageDown: 'PAGEDOWN', Insert: 'INSERT', Delete: 'DELETE', AudioVolumeMute: 'MUTE', AudioVolumeDown: 'VOLUMEDOWN',
    AudioVolumeUp: 'VOLUMEUP', Power: 'POWER', NumpadEqual: 'KPEQUAL', Pause: 'PAUSE', NumpadComma: 'KPCOMMA',
    Lang1: 'HANGEUL', Lang2: 'HANJA', IntlYen: 'YEN', MetaLeft: 'LEFTMETA', MetaRight: 'RIGHTMETA', ContextMenu: 'COMPOSE',
    BrowserStop: 'STOP', Again: 'AGAIN', Props: 'PROPS', Undo: 'UNDO', Copy: 'COPY', Open: 'OPEN', Paste: 'PASTE',
    Find: 'FIND', Cut: 'CUT', Help: 'HELP', Sleep: 'SLEEP', WakeUp: 'WAKEUP', BrowserBack: 'BACK',
    BrowserForward: 'FORWARD', MediaTrackNext: 'NEXTSONG', MediaPlayPause: 'PLAYPAUSE', MediaTrackPrevious: 'PREVIOUSSONG',
    MediaStop: 'STOPCD', BrowserHome: 'HOMEPAGE', BrowserRefresh: 'REFRESH', F13: 'F13', F24: 'F24', LaunchMail: 'MAIL',
    LaunchApp2: 'CALC', LaunchApp1: 'COMPUTER', BrowserSearch: 'SEARCH', BrowserFavorites: 'BOOKMARKS', Eject: 'EJECTCD',
    NumpadParenLeft: 'KPLEFTPAREN', NumpadParenRight: 'KPRIGHTPAREN', Lang3: 'KATAKANA', Lang4: 'HIRAGANA',
    Lang5: 'ZENKAKUHANKAKU', Fn: 'FN',
  };
  const found = await page.evaluate(async names => {
    const {keyCode} = await import('/keys.js');
    return names.map(keyCode);
  }, Object.keys(pairs));
  const wrong = Object.entries(pairs).flatMap(([name, key], i) => {
    const wanted = codes[`KEY_${key}`];
    return found[i] === wanted ? [] : [`${name}: ${found[i]}, not ${wanted}`];
  });
  assert.deepEqual(wrong, []);
  await close(page);
});

test('the mouse points where it is, at any scale', async () => {
  await showBars();
  const page = await openShown();
  for (const exact of [false, true]) {
    if (exact) {
      await page.click('#fit');
    }
    const box = await surfaceBox(page);
    if (exact) {
      assert.deepEqual([box.width, box.height], [WIDTH, HEIGHT]);
    }
    await input(page);
    await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.up();
    await page.mouse.click(box.x + box.width / 4, box.y + box.height / 2, {button: 'right'});
    await page.mouse.wheel(0, 100);
    const got = inputs(await input(page));
    const moved = got.find(([kind]) => kind === 'motion');
    assert.ok(Math.abs(moved[4] - 65535 / 4) < 120 && Math.abs(moved[5] - 65535 / 2) < 120, moved.join());
    const buttons = got.filter(([kind]) => kind === 'key').map(([, , code, down]) => [code, down]);
    assert.deepEqual(buttons, [[0x110, 1], [0x110, 0], [0x111, 1], [0x111, 0]]);
    const wheel = got.find(([kind]) => kind === 'wheel');
    assert.deepEqual(wheel.slice(6), [0, -120]);
  }
  await close(page);
});

test('fingers point, and two scroll', async () => {
  await showBars();
  const page = await openShown(front.control, {...PHONE, deviceScaleFactor: 1});
  const box = await surfaceBox(page);
  await input(page);
  await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
  const got = inputs(await input(page));
  assert.deepEqual(got.map(([kind, , code, down]) => [kind, code, down]).filter(([kind]) => kind === 'key'),
                   [['key', 0x110, 1], ['key', 0x110, 0]]);
  assert.ok(Math.abs(got.find(([kind]) => kind === 'motion')[4] - 32768) < 400);
  await close(page);
});

test('the cursor is the machine\'s', async () => {
  await showBars();
  await front.say('cursor 0 3359061 5 6');
  await front.say('move 0 640 400');
  const page = await openShown();
  await page.waitForFunction(() => document.getElementById('canvas').style.cursor.startsWith('url('));
  assert.match(await page.evaluate(() => document.getElementById('canvas').style.cursor), /5 6, default$/);
  const watching = await openShown(front.view);
  await watching.waitForSelector('#pointer');
  const [picture, pointer] = [await surfaceBox(watching), await watching.locator('#pointer').boundingBox()];
  const scale = picture.width / WIDTH;
  assert.ok(Math.abs(pointer.x - picture.x - (640 - 5) * scale) < 1, JSON.stringify(pointer));
  await front.say('hide 0');
  await page.waitForFunction(() => document.getElementById('canvas').style.cursor === 'none');
  await close(watching);
  await close(page);
});

// --- tools -------------------------------------------------------------------------------------------

test('the window\'s size is asked for', async () => {
  await showBars();
  const page = await openShown();
  await page.click('#resize');
  const [, display, connected, width, height] = (await front.wait('MODE')).split(' ').map(Number);
  const stage = await page.locator('#stage').boundingBox();
  assert.deepEqual([display, connected, width], [0, 1, 1400]);
  assert.ok(Math.abs(height - stage.height) <= 1);
  await close(page);
});

test('a screenshot is the picture in its own size', async () => {
  await showBars();
  const page = await openShown();
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#photo')]);
  assert.match(download.suggestedFilename(), /^vitrine-0-.*\.png$/);
  const png = readFileSync(await download.path());
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [WIDTH, HEIGHT]);
  await close(page);
});

test('the bitrate can be chosen', async () => {
  await play(100000);
  const page = await openShown();
  await page.click('#stats');
  await page.selectOption('#rate', '1');
  await page.waitForFunction(() => {
    const text = document.querySelector('#figures dd[data-figure="bitrate limit"]');
    return text && text.textContent === '1.0 Mbit/s';
  });
  await until(async () => await number(page, 'bitrate') < 2, 'fewer bits');
  await page.selectOption('#rate', '0');
  await page.waitForFunction(() => document.querySelector('#figures dd[data-figure="bitrate limit"]').textContent === '8.1 Mbit/s');
  await close(page);
});

test('full screen', async () => {
  await showBars();
  const page = await openShown();
  await page.evaluate(() => {
    // What the page asks for; whether it is granted, only a person with a keyboard can see.
    const lock = navigator.keyboard.lock.bind(navigator.keyboard);
    navigator.keyboard.lock = (...keys) => {
      window.locked = keys;
      return lock(...keys);
    };
  });
  await page.click('#full');
  await page.waitForFunction(() => document.fullscreenElement !== null);
  await page.waitForFunction(() => window.locked && window.locked.length === 0); // all keys
  assert.ok(!await page.isVisible('#bar'));
  await page.evaluate(() => document.exitFullscreen());
  await page.waitForSelector('#bar');
  await close(page);
});

test('it fits on a telephone', async () => {
  await showBars();
  const page = await openShown(front.control, TELEPHONE);
  await page.evaluate(() => document.getElementById('stats').click()); // it may be in the menu
  await page.waitForSelector('#figures dd');
  await page.screenshot({path: `${folder}/telephone.png`});
  const sizes = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
  assert.deepEqual(sizes, [390, 780]);
  for (const button of await page.locator('#tools > :is(button, select):visible').all()) {
    const box = await button.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height >= 40 && box.width >= 40, JSON.stringify(box));
  }
  const box = await surfaceBox(page);
  assert.ok(box.width <= 390 && Math.abs(box.width / box.height - WIDTH / HEIGHT) < 0.01, JSON.stringify(box));
  await close(page);
});

test('single pictures where there is no decoder', async () => {
  // Neither this machine by its name nor TLS: browsers have no decoder for such pages.
  const other = await Front.start(vitrine, program, '0.0.0.0:0', 'insecure', 'names=vm.example');
  await other.say('mode 0 1 640 480');
  await other.say('scanout 0 2 640 480 2560 window');
  await other.say('bars 0');
  const link = new URL(other.control);
  const page = await open(`http://vm.example:${link.port}/${link.hash}`);
  await page.waitForSelector('#still');
  await shown(page);
  await page.screenshot({path: `${folder}/stills.png`});
  assert.equal(await page.evaluate(() => document.getElementById('still').naturalWidth), 640);
  assert.match(await page.textContent('#toast'), /over TLS .* single pictures/);
  assert.ok(!await page.isVisible('#rate'));
  await page.click('#stats');
  await page.waitForSelector('#figures dd[data-figure="codec"]');
  assert.equal(await figure(page, 'codec'), 'single pictures');
  assert.equal(await figure(page, 'size'), '640 × 480');
  assert.match(await figure(page, 'pictures'), /^\d+\.\d \/s$/);
  await page.mouse.click(700, 500);
  await other.wait('INPUT');
  await other.say('scanout 0 2 320 240 1280 window');
  await other.say('bars 0');
  await page.waitForFunction(() => document.getElementById('still').naturalWidth === 320);
  await close(page);
  await other.stop();
});

test('a browser that has no decoder for H.264', async () => {
  await showBars();
  const page = await open('about:blank');
  await page.addInitScript(() => {
    VideoDecoder.isConfigSupported = async config => ({supported: false, config});
  });
  // A token that is wrong at first: the pictures want the right one, too.
  await page.goto(front.control.replace(/[0-9a-f]{32}/, '0'.repeat(32)));
  await page.waitForSelector('#ask:not([hidden])');
  await page.fill('#ask-token', front.control);
  await page.keyboard.press('Enter');
  await shown(page);
  assert.equal(await page.evaluate(() => document.getElementById('still').naturalWidth), WIDTH);
  await close(page);
});

test('over TLS, as from another machine', async () => {
  const [cert, key] = ['cert.pem', 'key.pem'].map(name => `${folder}/${name}`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=vm.example',
                           '-keyout', key, '-out', cert], {stdio: 'ignore'});
  const other = await Front.start(vitrine, program, '0.0.0.0:0', `tls-cert=${cert}`, `tls-key=${key}`, 'names=vm.example');
  await other.say('mode 0 1 640 480');
  await other.say('scanout 0 2 640 480 2560 window');
  await other.say('bars 0');
  const link = new URL(other.control);
  const page = await openShown(`https://vm.example:${link.port}/${link.hash}`, {ignoreHTTPSErrors: true});
  await page.waitForSelector('#canvas', {state: 'visible'});
  assert.equal(await page.evaluate(() => document.getElementById('canvas').width), 640);
  await close(page);
  await other.stop();
});

// --- all of them -------------------------------------------------------------------------------------

let failed = 0;
let passed = 0;
for (const {name, run} of tests.filter(({name, timed}) => goals ? timed : !only || name.includes(only))) {
  const begin = performance.now();
  try {
    await run();
    passed++;
    console.log(`ok: ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${name}\n${error.stack}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        console.log(`  the page said: ${JSON.stringify(page.errors)}`);
        await page.screenshot({path: `${folder}/failed.png`}).catch(() => {});
      }
      await context.close();
    }
  }
}
await browser.close();
const status = await front.stop();
if (status !== 0 || /Sanitizer|runtime error|assertion/.test(front.log)) {
  console.log(`the front ended with ${status}\n${front.log}`);
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

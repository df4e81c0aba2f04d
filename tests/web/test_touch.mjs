// SPDX-License-Identifier: MIT
// Fingers and game pads. Chromium's touch emulation plays the fingers; the pads are those that the browser would report.
//
//   test_touch.mjs VITRINE SCREEN_FRONT FOLDER [NAME]      pictures of the page go to the folder

import assert from 'node:assert/strict';
import {Front} from './front.mjs';
import {
  PHONE, begin, close, folder, frames, front, inputSoFar, openShown, program, run, showBars, test, until, vitrine,
} from './runner.mjs';

const [LEFT, RIGHT] = [0x110, 0x111];

await begin('touch', 'pads=2');
const plain = await Front.start(vitrine, program, '127.0.0.1:0'); // a guest with neither
await showBars();
await showBars(plain);

function numbers(line) {
  return line.split(' ').slice(2).map(Number);
}

// The next input of a kind, as numbers.
async function next(from, kind) {
  return numbers(await from.wait(`INPUT ${kind} `));
}

// The buttons of the mouse, until one is released.
async function click(from) {
  const keys = [];
  do {
    const [, code, down] = await next(from, 'key');
    keys.push([code, down]);
  } while (keys.at(-1)[1] !== 0);
  return keys;
}

async function openPhone(mode = null, of = plain) {
  const page = await openShown(of.control, PHONE);
  if (mode) {
    await page.evaluate(mode => {
      const choice = document.getElementById('fingers');
      choice.value = mode;
      choice.dispatchEvent(new Event('change'));
    }, mode);
  }
  const session = await page.context().newCDPSession(page);
  const box = await page.locator('#canvas').boundingBox();
  // The fingers' own clock, in seconds: they are as fast on a busy machine as on any.
  const clock = {now: Date.now() / 1000};
  const fingers = (type, ...places) => session.send('Input.dispatchTouchEvent', {
    type, touchPoints: places.map(([x, y, id], i) => ({x: box.x + box.width * x, y: box.y + box.height * y, id: id ?? i})),
    timestamp: clock.now += 0.01,
  });
  // At once, since the page would take a finger that stays for a long press.
  const tap = place => Promise.all([fingers('touchStart', place), fingers('touchEnd')]);
  of.lines = [];
  return {page, fingers, tap, clock, box};
}

function near(got, wanted, error = 700) {
  assert.ok(Math.abs(got[0] - wanted[0] * 65535) < error && Math.abs(got[1] - wanted[1] * 65535) < error, `${got}, not ${wanted}`);
}

// The last place of the mouse in these lines.
function lastPlace(lines) {
  return numbers(lines.filter(line => line.startsWith('INPUT motion')).at(-1)).slice(3, 5);
}

// Where the mouse was at a click that has come.
function placeOfClick(from) {
  return lastPlace(from.lines.splice(0));
}

// --- a mouse -----------------------------------------------------------------------------------------

test('a tap clicks, a long press is the right button', async () => {
  const {page, fingers, tap} = await openPhone();
  await tap([0.25, 0.5]);
  assert.deepEqual(await click(plain), [[LEFT, 1], [LEFT, 0]]);
  near(placeOfClick(plain), [0.25, 0.5]);
  await fingers('touchStart', [0.75, 0.5]);
  assert.deepEqual(await click(plain), [[RIGHT, 1], [RIGHT, 0]]);
  near(placeOfClick(plain), [0.75, 0.5]);
  await fingers('touchEnd');
  assert.deepEqual((await inputSoFar(page, plain)).filter(line => line.startsWith('INPUT key')), [], 'no click after it');
  await close(page);
});

test('a finger that moves drags', async () => {
  const {page, fingers} = await openPhone();
  await fingers('touchStart', [0.2, 0.2]);
  await fingers('touchMove', [0.4, 0.4]);
  await fingers('touchMove', [0.6, 0.6]);
  await fingers('touchEnd');
  assert.deepEqual(await click(plain), [[LEFT, 1], [LEFT, 0]]);
  near(placeOfClick(plain), [0.6, 0.6]);
  await close(page);
});

test('two fingers scroll', async () => {
  const {page, fingers, box} = await openPhone();
  await fingers('touchStart', [0.4, 0.6], [0.6, 0.6]);
  for (const y of [0.5, 0.4, 0.3]) {
    await fingers('touchMove', [0.4, y], [0.6, y]);
  }
  await fingers('touchEnd');
  let turned = 0;
  await until(() => {
    turned = plain.lines.filter(line => line.startsWith('INPUT wheel')).reduce((sum, line) => sum + numbers(line)[6], 0);
    return Math.abs(turned) > 0.5 * box.height * 0.3 * 3;
  }, 'a turn of the wheel');
  assert.ok(turned < 0, 'fingers that go up move the text up, as a wheel that is turned to the user');
  assert.deepEqual(plain.lines.filter(line => line.startsWith('INPUT key')), []);
  assert.equal(await page.evaluate(() => document.getElementById('picture').style.transform), '');
  await close(page);
});

test('two fingers pinch, and the picture stays under the finger', async () => {
  const {page, fingers, box} = await openPhone();
  await fingers('touchStart', [0.45, 0.5], [0.55, 0.5]);
  for (const half of [0.15, 0.2, 0.3]) {
    await fingers('touchMove', [0.5 - half, 0.5], [0.5 + half, 0.5]);
  }
  await fingers('touchEnd');
  const zoomed = await page.locator('#canvas').boundingBox();
  assert.ok(zoomed.width > 2 * box.width, `${zoomed.width}`);
  assert.ok(zoomed.x <= 0 && zoomed.x + zoomed.width >= 390);
  await page.screenshot({path: `${folder}/zoomed.png`});
  plain.lines = [];
  await page.touchscreen.tap(zoomed.x + zoomed.width * 0.5, zoomed.y + zoomed.height * 0.5);
  await click(plain);
  near(placeOfClick(plain), [0.5, 0.5]);
  await fingers('touchStart', [0.1, 0.5], [0.9, 0.5]);
  await fingers('touchMove', [0.3, 0.5], [0.7, 0.5]);
  await fingers('touchMove', [0.48, 0.5], [0.52, 0.5]);
  await fingers('touchEnd');
  await until(async () => (await page.locator('#canvas').boundingBox()).width === box.width, 'the first size');
  await close(page);
});

// --- a touch-pad -------------------------------------------------------------------------------------

test('a touch-pad moves the pointer from where it is', async () => {
  const {page, fingers, tap, clock} = await openPhone('pad');
  await tap([0.1, 0.9]);
  await click(plain);
  near(placeOfClick(plain), [0.5, 0.5]); // not where the finger was
  clock.now += 0.4; // too late for a drag
  await fingers('touchStart', [0.1, 0.1]);
  await fingers('touchMove', [0.15, 0.1]);
  await fingers('touchMove', [0.2, 0.1]);
  await fingers('touchEnd');
  const moved = await inputSoFar(page, plain);
  assert.deepEqual(moved.filter(line => line.startsWith('INPUT key')), []);
  const [x, y] = lastPlace(moved);
  assert.ok(x > 65535 * 0.55 && Math.abs(y - 32768) < 700, `${x} ${y}`);
  // A tap and a finger that comes back drag.
  clock.now += 0.4;
  await tap([0.5, 0.5]);
  await fingers('touchStart', [0.5, 0.5]);
  await fingers('touchMove', [0.5, 0.6]);
  assert.deepEqual(await click(plain), [[LEFT, 1], [LEFT, 0]]);
  assert.deepEqual((await next(plain, 'key')).slice(1, 3), [LEFT, 1]);
  await fingers('touchEnd');
  assert.deepEqual((await next(plain, 'key')).slice(1, 3), [LEFT, 0]);
  await close(page);
});

test('the mode is remembered, and one that the guest lacks is not offered', async () => {
  const {page} = await openPhone('pad');
  await page.reload();
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
  assert.equal(await page.inputValue('#fingers'), 'pad');
  assert.ok(await page.locator('#fingers option[value="direct"]').isDisabled());
  await close(page);
  const desktop = await openShown(plain.control);
  await desktop.click('#keyboard');
  assert.ok(!await desktop.isVisible('#fingers'), 'a computer without a touch screen');
  await close(desktop);
});

// --- a touch screen ----------------------------------------------------------------------------------

test('fingers of a guest with a touch screen', async () => {
  const {page, fingers} = await openPhone(null, front);
  await until(async () => await page.inputValue('#fingers') === 'direct', 'the mode for it');
  await fingers('touchStart', [0.25, 0.25]);
  const [display, first, down, x, y] = await next(front, 'touch');
  assert.deepEqual([display, down], [0, 1]);
  near([x, y], [0.25, 0.25]);
  await fingers('touchStart', [0.25, 0.25], [0.75, 0.5]);
  const [, second] = await next(front, 'touch');
  assert.notEqual(second, first);
  await fingers('touchMove', [0.3, 0.3], [0.7, 0.5]);
  const moved = [await next(front, 'touch'), await next(front, 'touch')];
  assert.deepEqual(moved.map(([, contact]) => contact).sort(), [first, second].sort());
  // Fingers of somebody else are others.
  const other = await openPhone(null, front);
  await until(async () => await other.page.inputValue('#fingers') === 'direct', 'the mode for it');
  await other.fingers('touchStart', [0.5, 0.5]);
  const [, third, isDown] = await next(front, 'touch');
  assert.ok(isDown === 1 && third !== first && third !== second);
  await close(other.page);
  assert.deepEqual((await next(front, 'touch')).slice(1, 3), [third, 0], 'lifted as its page goes');
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  const lifted = [await next(front, 'touch'), await next(front, 'touch')];
  assert.deepEqual(lifted.map(([, contact, down]) => [contact, down]).sort(), [[first, 0], [second, 0]].sort());
  assert.ok(!front.lines.some(line => /INPUT (motion|key)/.test(line)), 'no mouse');
  await page.tap('#keyboard');
  await page.screenshot({path: `${folder}/fingers.png`});
  await close(page);
});

test('who only watches has no fingers', async () => {
  const page = await openShown(front.view, PHONE);
  front.lines = [];
  const box = await page.locator('#canvas').boundingBox();
  await page.touchscreen.tap(box.x + 50, box.y + 50);
  assert.deepEqual(await inputSoFar(page), []);
  await close(page);
});

// --- game pads ---------------------------------------------------------------------------------------

// What the page sees of pads: the test changes window.padStates.
const PADS = () => {
  window.padStates = [];
  window.polls = 0;
  navigator.getGamepads = () => {
    window.polls++;
    return window.padStates;
  };
};

function plug(page, index, more = {}) {
  return page.evaluate(([index, more]) => {
    const pad = {
      index, id: `Test pad ${index}`, connected: true, mapping: 'standard', axes: [0, 0, 0, 0],
      buttons: Array.from({length: 17}, () => ({pressed: false, value: 0})), ...more,
    };
    window.padStates[index] = pad;
    const event = new Event('gamepadconnected');
    event.gamepad = pad;
    window.dispatchEvent(event);
  }, [index, more]);
}

async function nextPad() {
  const [, , number, buttons, ...axes] = (await front.wait('INPUT pad')).split(' ');
  return [Number(number), parseInt(buttons, 16), ...axes.map(Number)];
}

test('a game pad, by what changes', async () => {
  const page = await openShown(front.control, {script: PADS});
  front.lines = [];
  await plug(page, 0);
  assert.deepEqual(await nextPad(), [0, 0, 0, 0, 0, 0, 0, 0]);
  await page.waitForFunction(() => document.getElementById('toast').textContent === 'Game pad: Test pad 0');
  await page.evaluate(() => {
    const [pad] = window.padStates;
    pad.buttons[0] = {pressed: true, value: 1};
    pad.buttons[7] = {pressed: true, value: 0.5};
    pad.buttons[16] = {pressed: true, value: 1};
    pad.axes = [-1, 0.001, 0, 1];
  });
  assert.deepEqual(await nextPad(), [0, 0x10001, -32767, 33, 0, 32767, 0, 16384]);
  await page.evaluate(() => {
    window.padStates[0].axes[1] = 0.002; // noise
    window.before = window.polls;
  });
  await page.waitForFunction(() => window.polls > window.before + 10);
  assert.deepEqual(front.lines.filter(line => line.startsWith('INPUT')), []);
  // A second one, of another page; and no third.
  const other = await openShown(front.control, {script: PADS});
  await other.bringToFront();
  await plug(other, 3);
  assert.deepEqual(await nextPad(), [1, 0, 0, 0, 0, 0, 0, 0]);
  await plug(other, 1, {buttons: [{pressed: true, value: 1}]});
  await frames(other);
  await close(other);
  assert.deepEqual(await nextPad(), [1, 0, 0, 0, 0, 0, 0, 0]);
  await page.bringToFront();
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  assert.deepEqual(await nextPad(), [0, 0, 0, 0, 0, 0, 0, 0], 'nothing stays pressed');
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  assert.deepEqual(await nextPad(), [0, 0x10001, -32767, 66, 0, 32767, 0, 16384], 'and it is back');
  await page.evaluate(() => {
    window.padStates[0] = null;
  });
  // The last one went: polling ends.
  assert.deepEqual(await nextPad(), [0, 0, 0, 0, 0, 0, 0, 0]);
  const polls = await page.evaluate(() => window.polls);
  await frames(page);
  assert.equal(await page.evaluate(() => window.polls), polls);
  await close(page);
});

test('a guest without pads costs nothing', async () => {
  const page = await openShown(plain.control, {script: PADS});
  plain.lines = [];
  const polls = await page.evaluate(() => window.polls);
  await plug(page, 0, {buttons: [{pressed: true, value: 1}]});
  await frames(page);
  assert.equal(await page.evaluate(() => window.polls), polls);
  assert.deepEqual(await inputSoFar(page, plain), []);
  await close(page);
});

test('who only watches has no pads', async () => {
  const page = await openShown(front.view, {script: PADS});
  front.lines = [];
  await plug(page, 0, {buttons: [{pressed: true, value: 1}]});
  await frames(page);
  assert.deepEqual(await inputSoFar(page), []);
  await close(page);
});

process.on('exit', () => plain.process.kill());
await run();

// SPDX-License-Identifier: MIT
// The page's sound in Chromium: what is heard is examined sample by sample.
//
//   test_sound.mjs SOUND_SERVER FOLDER          pictures of the page go to the folder
//   test_sound.mjs SOUND_SERVER FOLDER NAME     only the tests with NAME in their names
//   test_sound.mjs SOUND_SERVER FOLDER goals [SECONDS]    only what goes by the clock, held to what a quiet machine can do

import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {TELEPHONE, launch} from './front.mjs';
import {examine, giveEar, heardTone, listen, Machine, watchStalls} from './sound.mjs';
import {LIMIT_MS, handled, sleep, until} from './wait.mjs';

const [program, folder, only, seconds = '600'] = process.argv.slice(2);
const goals = only === 'goals';
const HERTZ = 997;
const LEVEL = 16000 / 32768;
// What a quiet machine can do. Any other one may take its time.
const LIMITS = goals ? {hertz: 1, delay: 80, sync: 40} : {hertz: 5, delay: Infinity, sync: Infinity};
const SECONDS = Number(seconds);
// A thread that has nothing else to do, and is late by this, shows that the machine is busy.
const STALL_MS = 8;
// Clocks do not differ by so much in ten seconds.
const STILL_MS = 5;
// Figures are of the last second.
const BEFORE_S = 2;

mkdirSync(folder, {recursive: true});
const browser = await launch('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');
const machine = await Machine.start('', program, '');

const tests = [];
const test = (name, run, modes = [false]) => tests.push({name, run, modes});
const timed = (name, run) => test(name, run, [false, true]);
const goal = (name, run) => test(name, run, [true]);

async function open(link = machine.control, options = {}, prepare = async () => {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, bypassCSP: true, ...options});
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', error => page.errors.push(String(error)));
  page.on('console', message => message.type() === 'error' && page.errors.push(message.text()));
  await prepare(page);
  await page.goto(link);
  await page.waitForSelector('#sound:not([hidden])');
  return page;
}

async function close(page) {
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

const state = (page, wanted) => page.waitForSelector(`#sound[data-state="${wanted}"]`);

// A click into the picture, which a browser may wait for.
async function wake(page) {
  await page.click('#stage', {position: {x: 200, y: 200}});
  await state(page, 'on');
}

async function openHeard(link, options) {
  const page = await open(link, options, giveEar);
  await wake(page);
  await page.waitForFunction(() => window.heard.some(({piece}) => Math.max(...piece) > 0.1));
  return page;
}

async function figure(page, name) {
  return parseFloat(await page.locator(`#figures dd[data-figure="${name}"]`).textContent());
}

// Until the figures are new ones, of a second that has begun after this call.
async function newFigures(page) {
  for (let i = 0; i < 2; i++) {
    await page.evaluate(() => {
      document.querySelector('#figures dd').dataset.old = '';
    });
    await page.waitForFunction(() => !('old' in document.querySelector('#figures dd').dataset));
  }
}

// How often the machine has heard, by now, that sound is listened to.
async function listens(page) {
  await handled(page);
  await machine.say('voice');
  return machine.lines.filter(line => line === 'LISTEN 1').length;
}

// --- what is heard -----------------------------------------------------------------------------------

// Counts the gaps of each second, and those that came while the machine was busy. Returns: {gaps, busy, stalls}.
async function countGaps(page, seconds) {
  const result = {gaps: 0, busy: 0, stalls: 0};
  const recent = [];
  let gaps = await figure(page, 'gaps in the sound');
  let stalls = await page.evaluate(() => window.stalls);
  machine.lines = [];
  for (let second = 0; second < seconds; second++) {
    await sleep(1000);
    const [newGaps, newStalls] = [await figure(page, 'gaps in the sound'), await page.evaluate(() => window.stalls)];
    const late = machine.lines.splice(0).filter(line => line.startsWith('LATE')).length + newStalls - stalls;
    recent.push(late);
    result.stalls += late;
    result.gaps += newGaps - gaps;
    result.busy += recent.slice(-1 - BEFORE_S).some(late => late > 0) ? newGaps - gaps : 0;
    [gaps, stalls] = [newGaps, newStalls];
  }
  return result;
}

// The browser's audio may stand still while the machine is busy, which is not its clock's speed.
function followClock(clock, from, to) {
  const ms = to.systemMs - from.systemMs;
  const off = to.audioMs - from.audioMs - ms;
  if (Math.abs(off) > STILL_MS) {
    clock.still -= off;
  } else {
    clock.off += off;
    clock.ms += ms;
  }
}

async function openToneEar() {
  const page = await open(machine.control, {}, page => giveEar(page, HERTZ));
  await wake(page);
  await page.waitForFunction(() => window.ear);
  await until(async () => (await heardTone(page)).level >= LEVEL / 2, 'the tone');
  await watchStalls(page, STALL_MS);
  await page.click('#stats');
  await page.waitForSelector('#figures dd[data-figure="sound delay"]');
  if (goals) {
    await sleep(10000); // the start is over
  }
  return page;
}

const isTone = ({hertz, level}) => Math.abs(hertz - HERTZ) < LIMITS.hertz && Math.abs(level / LEVEL - 1) < 0.02;

test('a tone has its pitch and its level', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openToneEar();
  let heard;
  await until(async () => {
    await sleep(500);
    heard = await heardTone(page);
    return heard.seconds > 0.3 && heard.breaks === 0 && isTone(heard);
  }, 'a third of a second of the tone').finally(() => console.log(JSON.stringify(heard)));
  await until(async () => Number.isFinite(await figure(page, 'sound delay')), 'a delay');
  await close(page);
});

goal('a tone has no gap', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openToneEar();
  let breaks = 0;
  const pitches = [];
  const delays = [];
  const total = {gaps: 0, busy: 0, stalls: 0};
  const clock = {still: 0, off: 0, ms: 0};
  let last = await heardTone(page);
  for (let seconds = 0; seconds < SECONDS; seconds += 10) {
    const counted = await countGaps(page, 10);
    Object.keys(total).forEach(key => {
      total[key] += counted[key];
    });
    const heard = await heardTone(page);
    followClock(clock, last, heard);
    last = heard;
    breaks += heard.breaks;
    const delay = await figure(page, 'sound delay');
    delays.push(...(Number.isFinite(delay) ? [delay] : [])); // not known just after a start
    assert.ok(heard.seconds > 9.5, `only ${heard.seconds} s were heard`);
    if (heard.breaks === 0 && counted.gaps === 0) {
      pitches.push(heard.hertz);
      assert.ok(isTone(heard), `${heard.hertz} Hz, level ${heard.level}`);
    }
  }
  const delay = delays.sort((a, b) => a - b)[delays.length >> 1];
  const pitch = pitches.length > 0 ? `${Math.min(...pitches).toFixed(2)} to ${Math.max(...pitches).toFixed(2)}` : 'none';
  console.log(`${SECONDS} s: ${await figure(page, '… bridged')} ms bridged, ${total.gaps} gaps, ${total.busy} of them while the machine was busy, which it was ` +
              `${total.stalls} times; ${breaks} places that are no sine; ${pitch} of ${HERTZ} Hz`);
  console.log(`the audio's clock is ${(clock.off / clock.ms * 1e6).toFixed(1)} ppm faster than the system's, and stood still ` +
              `for ${clock.still.toFixed(0)} ms; heard ${delay} ms after it was played`);
  assert.ok(delay < LIMITS.delay, `${delay} ms`);
  assert.ok(pitches.length > 0 && delays.length > 0);
  assert.equal(total.gaps - total.busy, 0);
  assert.ok(breaks <= 2 * total.gaps, `${breaks} places that are no sine`);
  await close(page);
});

// When the picture became white, and when the beeps began in the audio graph, both on the page's clock.
function watchBeeps(page, ms) {
  return page.evaluate(ms => new Promise(resolve => {
    window.heard = [];
    const source = document.getElementById('canvas');
    const context = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const flashes = [];
    let white = true;
    const until = performance.now() + ms;
    const finish = () => {
      const {contextTime, performanceTime} = window.audio.getOutputTimestamp();
      const latency = window.audio.outputLatency * 1000;
      const beeps = [];
      let quiet = 0;
      for (const {first, piece} of window.heard) {
        piece.forEach((sample, i) => {
          const loud = Math.abs(sample) > 0.05;
          if (loud && quiet > 4800) {
            beeps.push(performanceTime + ((first + i) / 48000 - contextTime) * 1000 - latency);
          }
          quiet = loud ? 0 : quiet + 1;
        });
      }
      resolve({flashes, beeps});
    };
    const look = () => {
      context.drawImage(source, 0, 0, 1, 1);
      const bright = context.getImageData(0, 0, 1, 1).data[1] > 127;
      if (bright && !white) {
        flashes.push(performance.now());
      }
      white = bright;
      if (performance.now() < until) {
        requestAnimationFrame(look);
      } else {
        finish();
      }
    };
    requestAnimationFrame(look);
  }), ms);
}

timed('sound is in step with the picture', async () => {
  await machine.say('beeps');
  const page = await openHeard();
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
  if (goals) {
    await sleep(10000);
  }
  const late = [];
  await until(async () => {
    const {flashes, beeps} = await watchBeeps(page, 8000);
    late.push(...flashes.map(flash => beeps.map(beep => beep - flash).reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a), 250))
      .filter(ms => ms !== 250));
    return late.length >= 10;
  }, 'ten flashes with a beep near to each');
  late.sort((a, b) => a - b);
  const median = late[late.length >> 1];
  console.log(`${late.length} beeps: ${late[0].toFixed(1)} to ${late.at(-1).toFixed(1)} ms after their flash, median ${median.toFixed(1)}`);
  assert.ok(Math.abs(median) < LIMITS.sync, `${median} ms`);
  await close(page);
});

test('a pause is no click', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openHeard();
  for (const ms of [60, 150, 1000]) {
    await page.evaluate(() => {
      window.heard = [];
    });
    await machine.say(`jump ${ms}`);
    const {samples} = await listen(page, 2000, LEVEL * 0.9); // it is heard again
    let step = 0;
    for (let i = 1; i < samples.length; i++) {
      step = Math.max(step, Math.abs(samples[i] - samples[i - 1]));
    }
    // The steepest place of the tone is 0.064 from one sample to the next.
    assert.ok(step < 0.1, `a step of ${step} after ${ms} ms`);
  }
  await close(page);
});

test('silence, and sound again', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openHeard();
  await page.click('#stats');
  await machine.say('silence');
  await page.waitForFunction(() => window.heard.slice(-3).every(({piece}) => piece.every(sample => sample === 0)));
  await page.waitForSelector('#figures dd[data-figure="gaps in the sound"]');
  await newFigures(page);
  const gaps = await figure(page, 'gaps in the sound');
  await newFigures(page);
  assert.equal(await figure(page, 'gaps in the sound'), gaps, 'silence is no gap');
  await machine.say(`tone ${HERTZ} 16000`);
  await page.waitForFunction(() => Math.max(...window.heard.at(-1).piece) > 0.4);
  await close(page);
});

// --- the buttons -------------------------------------------------------------------------------------

test('sound off, and on', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openHeard();
  await machine.wait('LISTEN 1');
  await page.screenshot({path: `${folder}/sound.png`});
  await page.click('#sound');
  await state(page, 'muted');
  await machine.wait('LISTEN 0');
  assert.equal(await page.getAttribute('#sound', 'aria-pressed'), 'false');
  await page.reload();
  await state(page, 'muted'); // it is remembered
  await page.click('#sound');
  await state(page, 'on');
  await machine.wait('LISTEN 1');
  await close(page);
  await machine.wait('LISTEN 0');
});

test('a browser that waits for a click', async () => {
  machine.take('LISTEN');
  await machine.say(`tone ${HERTZ} 16000`);
  // Playwright's own calls count as clicks, so the browser's rule is played here.
  const page = await open(machine.control, TELEPHONE, page => page.addInitScript(() => {
    let clicked = false;
    window.addEventListener('pointerdown', () => {
      clicked = true;
    }, {capture: true});
    const Context = window.AudioContext;
    window.AudioContext = class extends Context {
      constructor(options) {
        super(options);
        this.suspend();
      }
      resume() {
        return clicked ? super.resume() : new Promise(() => {});
      }
    };
  }));
  await state(page, 'waits');
  assert.equal(await page.textContent('#sound span'), 'Click to hear');
  assert.ok(await page.isVisible('#sound span'), 'in words at any width');
  await page.screenshot({path: `${folder}/sound-waits.png`});
  assert.equal(await listens(page), 0, 'nothing is sent that nobody hears');
  await page.mouse.click(200, 500);
  await state(page, 'on');
  await machine.wait('LISTEN 1');
  const sizes = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
  assert.deepEqual(sizes, [390, 780]);
  await close(page);
  await machine.wait('LISTEN 0');
});

test('a browser without a decoder for sound', async () => {
  machine.take('LISTEN');
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await open(machine.control, {}, page => page.addInitScript(() => {
    delete window.AudioDecoder;
  }));
  await page.click('#stage', {position: {x: 200, y: 200}});
  await state(page, 'none');
  assert.ok(await page.isDisabled('#sound'));
  assert.match(await page.getAttribute('#sound', 'title'), /This browser cannot play/);
  assert.equal(await listens(page), 0, 'nothing is sent that nobody hears');
  await close(page);
});

test('a hidden page plays on', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openHeard();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});
    document.dispatchEvent(new Event('visibilitychange'));
    window.requestAnimationFrame = () => 0;
  });
  await until(async () => {
    await page.evaluate(() => {
      window.heard = [];
    });
    const {level} = examine((await listen(page, 2000)).samples, HERTZ);
    return Math.abs(level / LEVEL - 1) < 0.2;
  }, 'two seconds of the tone');
  await close(page);
});

test('who only watches hears, and has no microphone', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await openHeard(machine.view);
  assert.ok(!await page.isVisible('#microphone'));
  await close(page);
});

test('the page\'s own rules allow its sound', async () => {
  await machine.say(`tone ${HERTZ} 16000`);
  const page = await open(machine.control, {bypassCSP: false});
  await wake(page);
  await page.click('#stats');
  await page.waitForFunction(() => parseFloat(document.querySelector('#figures dd[data-figure="sound bitrate"]')?.textContent) > 50);
  await close(page);
});

// --- the microphone ----------------------------------------------------------------------------------

async function voice() {
  const [, , blocks, , level] = (await machine.say('voice')).split(' ').map(Number);
  return {blocks, level};
}

test('the microphone is heard while it is on', async () => {
  await machine.say('silence');
  const page = await open(machine.control, {permissions: ['microphone']});
  await voice();
  await page.click('#microphone');
  await page.waitForSelector('#microphone[aria-pressed="true"]');
  assert.equal(await page.textContent('#microphone span'), 'Microphone is on');
  let heard = {blocks: 0, level: 0};
  await until(async () => {
    const more = await voice();
    heard = {blocks: heard.blocks + more.blocks, level: Math.max(heard.level, more.level)};
    return heard.blocks >= 100 && heard.level >= 500;
  }, 'the voice');
  await page.screenshot({path: `${folder}/microphone.png`});
  await page.setViewportSize(TELEPHONE.viewport);
  await page.screenshot({path: `${folder}/microphone-telephone.png`});
  assert.ok(!await page.isVisible('#recording'));
  await page.evaluate(() => document.documentElement.requestFullscreen());
  await page.waitForSelector('#recording', {state: 'visible'});
  await page.evaluate(() => document.exitFullscreen());
  await page.click('#microphone');
  await page.waitForSelector('#microphone[aria-pressed="false"]');
  await handled(page); // with what was said before
  await voice();
  await sleep(300); // for what must not come
  await handled(page);
  assert.equal((await voice()).blocks, 0);
  await close(page);
});

test('a user who answers when the connection is another one', async () => {
  const page = await open(machine.control, {permissions: ['microphone']}, page => page.addInitScript(() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async wanted => {
      const stream = await ask(wanted);
      window.track = stream.getAudioTracks()[0];
      await new Promise(resolve => {
        window.answer = resolve;
      });
      return stream;
    };
    const RealWorker = window.Worker;
    window.Worker = class extends RealWorker {
      constructor(...args) {
        super(...args);
        window.worker ||= this;
      }
    };
  }));
  await page.click('#microphone');
  await page.waitForFunction(() => window.answer);
  // What the worker says when the connection is lost, and of the next one.
  await page.evaluate(() => {
    const say = data => window.worker.onmessage({data});
    say({kind: 'closed', code: 1006, reason: '', final: false, waitMs: 100});
    say({kind: 'welcome', mayControl: true, viewToken: ''});
    say({kind: 'sound', plays: true, records: true});
    window.answer();
  });
  await page.waitForFunction(() => window.track.readyState === 'ended');
  assert.equal(await page.getAttribute('#microphone', 'aria-pressed'), 'false');
  await close(page);
});

test('one speaks at a time', async () => {
  const [first, second] = [await open(machine.control, {permissions: ['microphone']}), await open(machine.control, {permissions: ['microphone']})];
  await first.click('#microphone');
  await first.waitForSelector('#microphone[aria-pressed="true"]');
  await second.click('#microphone');
  await first.waitForSelector('#microphone[aria-pressed="false"]');
  assert.match(await first.textContent('#toast'), /another person speaks/);
  assert.equal(await second.getAttribute('#microphone', 'aria-pressed'), 'true');
  await close(first);
  await close(second);
});

test('a browser that does not allow the microphone', async () => {
  const page = await open(machine.control, {}, page => page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  }));
  await page.click('#microphone');
  await page.waitForFunction(() => document.getElementById('toast').textContent.includes('does not allow the microphone'));
  assert.equal(await page.getAttribute('#microphone', 'aria-pressed'), 'false');
  await close(page);
});

// --- all of them -------------------------------------------------------------------------------------

let failed = 0;
let passed = 0;
for (const {name, run} of tests.filter(({name, modes}) => modes.includes(goals) && (goals || !only || name.includes(only)))) {
  machine.lines = [];
  try {
    await run();
    passed++;
    console.log(`ok: ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${name}\n${error.stack}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        console.log(`  the page said: ${JSON.stringify(page.errors)}`);
        await page.screenshot({path: `${folder}/failed-sound.png`}).catch(() => {});
      }
      await context.close();
    }
  }
}
await browser.close();
const status = await machine.stop();
if (status !== 0 || /Sanitizer|runtime error|assertion/.test(machine.log)) {
  console.log(`the server ended with ${status}\n${machine.log}`);
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

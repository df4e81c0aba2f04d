// SPDX-License-Identifier: MIT
// The page's jitter buffer for an hour of simulated time: the clocks of the machine, of the browser's system and of its
// audio differ, packets come unevenly, and frames are asked for in bursts. The distance between what the machine plays
// and what is heard must stay where the buffer wants it.
//
//   test_sound_drift.mjs

import assert from 'node:assert/strict';
import {MS, PACKET, PLAYER, QUANTUM, RATE, SoundDecoder, makePlayer} from './player.mjs';

const SECONDS = 3600;
// The first packets are played, and the speed finds what the clocks differ by.
const SETTLE_MS = 60000;
const LIMIT_MS = 5;

// The same numbers in each run.
function makeRandom(seed) {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 2 ** 32;
  };
}

// What is played: each sample tells its own place in its second, so what is heard tells when it was played. The right
// channel is half a second off: where one of them begins anew, the two do not agree.
function makePacket(number) {
  const left = new Float32Array(PACKET);
  const right = new Float32Array(PACKET);
  for (let i = 0; i < PACKET; i++) {
    left[i] = (number * PACKET + i) % RATE / RATE;
    right[i] = (number * PACKET + i + RATE / 2) % RATE / RATE;
  }
  return {time: number * PACKET / MS, left, right};
}

// Network and processors: mostly within a millisecond, a few are late. In ms, after the first sample was played.
function arrival(number, random) {
  const late = random() < 0.01 ? 9 * random() : 0;
  return number * PACKET / MS + 23.5 - Math.log(1 - random()) / 4 + late;
}

// Only few samples are looked at, and only those are made.
function lookRarely(player, looks) {
  const next = player.next;
  player.next = () => {
    if (looks() || player.cross) {
      next.call(player);
    } else {
      player.at += player.speed;
    }
  };
}

// The worker's part: it holds sound back that would be heard before its picture is seen.
function keepInStep(worker, pictureMs, now) {
  const decoder = new SoundDecoder({offset: () => 0, pictureDelay: () => pictureMs(now())});
  Object.defineProperty(performance, 'now', {value: now, configurable: true}); // an assignment fails in Node 18
  decoder.port = {postMessage: data => worker.onmessage({data})};
  worker.postMessage = report => decoder.onReport(report);
}

// Returns: for each second, how far the distance from played to heard is from the buffer's own aim, and the speed.
function simulate({audioPpm, systemPpm, seed = 1, burst = 480, seconds = SECONDS, pictureMs = () => 0, source}) {
  const random = makeRandom(seed);
  let now = 0; // ms
  const {player, worker} = makePlayer(() => 1.8e12 + now * (1 + systemPpm / 1e6), source);
  const result = {distances: [], heard: [], speeds: [], gaps: 0};
  const output = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  const frameMs = 1 / MS / (1 + audioPpm / 1e6);
  let looks = false;
  let number = 0;
  let nextPacket = arrival(0, random);
  let asked = 0;
  let nextLook = 0;
  lookRarely(player, () => looks);
  keepInStep(worker, pictureMs, () => now);

  // A whole burst is asked for when the device begins to play the last one.
  for (let until = burst; until * frameMs < seconds * 1000; until += burst) {
    const begin = (until - burst) * frameMs;
    while (nextPacket <= begin) {
      now = nextPacket;
      worker.onmessage({data: makePacket(number++)});
      nextPacket = Math.max(nextPacket, arrival(number, random));
    }
    now = begin;
    for (; asked < until; asked += QUANTUM) {
      globalThis.currentFrame = asked;
      looks = asked * frameMs >= nextLook;
      player.process([], [output]);
      const [left, right] = [output[0][0], output[1][0]];
      if (looks && player.playing && Math.abs(Math.abs(left - right) - 0.5) < 0.001) {
        note(result, player, asked * frameMs, left);
        nextLook += 1000;
      }
    }
  }
  return result;
}

function note(result, player, heardMs, value) {
  // The sample of the last second that has this place in its second.
  const distance = ((heardMs - value * 1000) % 1000 + 1000) % 1000;
  if (heardMs > SETTLE_MS) {
    result.distances.push(distance - player.wanted() / MS);
    result.heard.push(distance);
    result.speeds.push(player.speed);
    result.gaps = player.gaps - result.early;
  } else {
    result.early = player.gaps;
  }
}

function spread(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  return {median, off: Math.max(median - sorted[0], sorted.at(-1) - median)};
}

function tell(name, result) {
  const {median, off} = spread(result.distances);
  const ppm = result.speeds.map(speed => (speed - 1) * 1e6);
  console.log(`${name}: within ${off.toFixed(2)} ms of the aim and ${median.toFixed(2)} ms, ` +
              `${result.gaps} gaps, speed ${Math.min(...ppm).toFixed(0)} to ${Math.max(...ppm).toFixed(0)} ppm`);
  return off;
}

const CLOCKS = [
  {audioPpm: 200, systemPpm: -200}, {audioPpm: -200, systemPpm: 200, seed: 2},
  {audioPpm: -200, systemPpm: 0, seed: 3, burst: 1920, seconds: 600},
  {audioPpm: 400, systemPpm: 0, seed: 4, seconds: 600},
  {audioPpm: 0, systemPpm: 0, seed: 4, burst: 128, seconds: 600},
];
for (const clocks of CLOCKS) {
  const result = simulate(clocks);
  const off = tell(JSON.stringify(clocks), result);
  assert.ok(result.distances.length > (clocks.seconds || SECONDS) - SETTLE_MS / 1000 - 10);
  assert.ok(off < LIMIT_MS, `${off} ms`);
  assert.equal(result.gaps, 0);
}

// A picture that takes longer than the sound, and from then on still longer: the sound waits for it, and not longer.
const pictureMs = now => (now < 90000 ? 60 : 80);
const held = simulate({audioPpm: 100, systemPpm: 0, seconds: 240, pictureMs});
tell('a picture after 60, then after 80 ms', held);
const [first, last] = [held.heard[0], held.heard.at(-1)];
const most = Math.max(...held.heard);
console.log(`heard ${first.toFixed(1)}, then ${last.toFixed(1)} ms after it was played, at most ${most.toFixed(1)}`);
assert.ok(first > 55 && last > 75 && most < 95);

// Without the control of the speed, the distance goes astray.
const fixed = PLAYER.replace('const SPEED_MAX = 0.0009;', 'const SPEED_MAX = 0;');
assert.notEqual(fixed, PLAYER);
assert.ok(tell('a fixed speed', simulate({audioPpm: 200, systemPpm: 0, seconds: 600, source: fixed})) > LIMIT_MS);
console.log('ok: played and heard keep their distance');

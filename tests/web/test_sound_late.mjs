// SPDX-License-Identifier: MIT
// What is heard when packets of sound come late: a tone goes on without a break while its next packets are missing for
// less than the player can bridge, and falls silent without a click when they are missing for longer.
//
//   test_sound_late.mjs

import assert from 'node:assert/strict';
import {MS, PACKET, PLAYER, QUANTUM, RATE, makePlayer} from './player.mjs';
import {Examiner} from './sound.mjs';

const LEVEL = 0.5;
const SECONDS = 12;
const DELAY_MS = 25; // of a packet that is not late
const LATE_MS = 6000;

// The sum of the tones.
function makePacket(number, tones) {
  const left = Float32Array.from({length: PACKET}, (unused, i) =>
    tones.reduce((sum, hertz) => sum + Math.sin(2 * Math.PI * hertz * (number * PACKET + i) / RATE), 0) * LEVEL / tones.length);
  return {time: number * PACKET / MS, left, right: left.slice()};
}

// Plays tones whose packets arrive when `arrival(ms of the first sample)` says. Infinity: never, and the machine says
// that it plays nothing. `source` may be a changed player. Returns what was heard, and the player.
function play(arrival, {tones = [997], burst = 480, source = PLAYER} = {}) {
  let now = 0;
  const {player, worker} = makePlayer(() => 1.8e12 + now, source);
  const heard = [];
  const output = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  let number = 0;
  let last = 0;
  for (let until = burst, asked = 0; until < SECONDS * RATE; until += burst) {
    now = (until - burst) / MS;
    for (;;) {
      const arrives = arrival(number * PACKET / MS);
      last = Number.isFinite(arrives) ? Math.max(last, arrives) : last;
      if (last > now || number * PACKET / MS > now) {
        break;
      }
      worker.onmessage({data: Number.isFinite(arrives) ? makePacket(number, tones) : {idle: true}});
      number++;
    }
    for (; asked < until; asked += QUANTUM) {
      globalThis.currentFrame = asked;
      player.process([], [output]);
      heard.push(...output[0]);
    }
  }
  return {heard, player};
}

// From a second before packets are late on.
function examine({heard}, hertz) {
  const examiner = new Examiner(hertz);
  const samples = heard.slice((LATE_MS - 1000) * MS);
  examiner.add(samples);
  let quiet = 0;
  let longest = 0;
  let step = 0;
  for (let i = 1; i < samples.length; i++) {
    quiet = Math.abs(samples[i]) < 0.001 ? quiet + 1 : 0;
    longest = Math.max(longest, quiet);
    step = Math.max(step, Math.abs(samples[i] - samples[i - 1]));
  }
  return {...examiner.result(), silentMs: longest / MS, step};
}

const stall = ms => at => (at >= LATE_MS && at < LATE_MS + ms ? LATE_MS + ms : at) + DELAY_MS;
const shift = ms => at => at + DELAY_MS + (at >= LATE_MS ? ms : 0);

// A pause of the machine or of the network, after which all packets come at once; a way that gets longer for good.
for (const [name, arrival] of [
  ...[30, 40, 60, 80, 100].map(ms => [`a stall of ${ms} ms`, stall(ms)]),
  ...[20, 40, 60].map(ms => [`${ms} ms later from now on`, shift(ms)]),
]) {
  for (const hertz of [997, 440, 110]) {
    const result = play(arrival, {tones: [hertz]});
    const {breaks, silentMs, level} = examine(result, hertz);
    const {gaps, bridged} = result.player;
    console.log(`${name}, ${hertz} Hz: ${gaps} gaps, ${(bridged / MS).toFixed(0)} ms bridged, ${breaks} breaks, level ${level.toFixed(3)}`);
    assert.equal(gaps, 0);
    assert.equal(breaks, 0);
    assert.ok(bridged > 0 && silentMs < 1);
    assert.ok(Math.abs(level / LEVEL - 1) < 0.02);
  }
}

// What cannot be bridged: one gap, without a click. The steepest place of the tone is 0.065 from one sample to the next.
for (const ms of [200, 400, 1500]) {
  const result = play(stall(ms));
  const {silentMs, step} = examine(result, 997);
  console.log(`a stall of ${ms} ms: ${result.player.gaps} gaps, ${silentMs.toFixed(0)} ms of silence, steps up to ${step.toFixed(3)}`);
  assert.equal(result.player.gaps, 1);
  assert.ok(silentMs > ms - 200 && step < 0.08);
}

// The end of what the machine plays is neither a gap nor a click.
const ended = play(at => (at >= LATE_MS && at < LATE_MS + 2000 ? Infinity : at + DELAY_MS));
const {silentMs, step} = examine(ended, 997);
console.log(`2 s of nothing: ${ended.player.gaps} gaps, ${silentMs.toFixed(0)} ms of silence, steps up to ${step.toFixed(3)}`);
assert.equal(ended.player.gaps, 0);
assert.equal(ended.player.bridged, 0);
assert.ok(silentMs > 1900 && silentMs < 2100 && step < 0.08);

// Several tones at once: no step that they do not have themselves.
const chord = play(stall(60), {tones: [262, 330, 392, 1046]});
assert.equal(chord.player.gaps, 0);
assert.ok(examine(chord, 997).step < 0.1);

// Sound that is turned off before it starts leaves nothing behind: the next one waits as long as any for late packets.
for (const off of [false, true]) {
  const {player, worker} = makePlayer(() => 1.8e12);
  const output = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  const run = samples => {
    for (let i = 0; i < samples; i += QUANTUM) {
      player.process([], [output]);
    }
  };
  run(RATE);
  if (off) {
    worker.onmessage({data: makePacket(0, [997])});
    run(12 * MS);
    worker.onmessage({data: {reset: true}});
    run(RATE);
  }
  worker.onmessage({data: makePacket(1000, [997])});
  run(12 * MS);
  assert.ok(!player.playing && player.wait > 0, `wait ${player.wait}`);
  run(12 * MS);
  assert.ok(player.playing);
}

// Without the search for the piece that fits, the tone breaks.
const blind = PLAYER.replace('if (likeness > best) {', 'if (best === -Infinity) {');
assert.notEqual(blind, PLAYER);
assert.ok(examine(play(stall(60), {source: blind}), 997).breaks > 0);
console.log('ok: late sound is bridged');

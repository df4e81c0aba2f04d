// SPDX-License-Identifier: MIT
// The audio thread's player, outside a browser and in a world with its own clock.

import {readFileSync} from 'node:fs';

const read = name => readFileSync(new URL(`../../src/web/page/${name}`, import.meta.url), 'utf8');
export const PLAYER = read('sound_worklet.js');
const DECODER = read('sound_decoder.js').replace('import * as wire from \'./wire.js\';', '');
export const {SoundDecoder} = await import(`data:text/javascript;base64,${Buffer.from(DECODER).toString('base64')}`);

export const RATE = 48000;
export const MS = RATE / 1000;
export const PACKET = 20 * MS;
export const QUANTUM = 128;

// `now`: the system's clock in ms. `source` may be a changed player.
export function makePlayer(now, source = PLAYER) {
  const classes = {};
  globalThis.AudioWorkletProcessor = class {
    port = {};
  };
  globalThis.registerProcessor = (name, value) => {
    classes[name] = value;
  };
  globalThis.currentFrame = 0;
  new Function(source)();
  Date.now = () => Math.floor(now());
  const player = new classes.player();
  const worker = {postMessage() {}};
  player.port.onmessage({data: {port: worker}});
  return {player, worker};
}

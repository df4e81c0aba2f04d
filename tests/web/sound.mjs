// SPDX-License-Identifier: MIT
// What tests of sound share: a machine that makes sound (tests/proto/sound_server.c), and an ear in the page.

import {Front} from './front.mjs';

export class Machine extends Front {
  async say(line) {
    this.process.stdin.write(`${line}\n`);
    return this.wait(`OK ${line.split(' ')[0]}`);
  }
}

// Of a tone: its frequency by the upward crossings of zero, its amplitude by its power, and where it is no sine: a
// sine's samples follow from the two before.
export class Examiner {
  constructor(hertz, rate = 48000) {
    this.rate = rate;
    this.factor = 2 * Math.cos(2 * Math.PI * hertz / rate);
    this.a = this.b = 0; // the last two samples
    this.samples = 0;
    this.reset();
  }

  reset() {
    this.from = this.samples;
    this.power = this.breaks = this.crossings = 0;
    this.first = this.last = 0; // where zero was crossed
    this.broken = -Infinity;
  }

  add(samples) {
    for (const c of samples) {
      const at = this.samples++;
      this.power += c * c;
      if (at > this.from && this.b < 0 && c >= 0) {
        this.last = at - 1 + this.b / (this.b - c);
        this.first = this.crossings++ === 0 ? this.last : this.first;
      }
      const step = Math.abs(c - this.factor * this.b + this.a);
      if (at > this.from + 1 && step > 0.02 && at - this.broken > this.rate / 100) {
        this.breaks++;
        this.broken = at;
      }
      this.a = this.b;
      this.b = c;
    }
  }

  result() {
    const count = this.samples - this.from;
    return {
      hertz: this.crossings > 1 ? (this.crossings - 1) * this.rate / (this.last - this.first) : 0,
      level: Math.sqrt(2 * this.power / count), breaks: this.breaks, seconds: count / this.rate,
    };
  }
}

export function examine(samples, hertz) {
  const examiner = new Examiner(hertz);
  examiner.add(samples);
  return examiner.result();
}

// Keeps what the page plays: each sample of the left channel, at window.heard, with the number of the first one. Told
// what tone to expect, it examines that instead, in the audio thread: to move samples out of the browser is work that
// delays what the browser plays.
const EAR = `${Examiner}
registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor({processorOptions: {hertz}}) {
    super();
    this.examiner = hertz ? new Examiner(hertz) : null;
    this.silence = new Float32Array(128);
    this.piece = new Float32Array(4800);
    this.count = 0;
    this.port.onmessage = () => {
      this.port.postMessage(this.examiner.result());
      this.examiner.reset();
    };
  }
  process([input]) {
    const samples = input.length === 0 ? this.silence : input[0];
    if (this.examiner) {
      this.examiner.add(samples);
      return true;
    }
    for (let i = 0; i < samples.length; i++) {
      if (this.count === 0) {
        this.first = currentFrame + i;
      }
      this.piece[this.count++] = samples[i];
      if (this.count === this.piece.length) {
        this.port.postMessage({first: this.first, piece: this.piece});
        this.count = 0;
      }
    }
    return true;
  }
});`;

// Before the page is opened. Its context needs `bypassCSP`, since the page itself may load only from the server.
// `hertz`: examine() is asked for, not listen().
export async function giveEar(page, hertz = 0) {
  await page.addInitScript(({ear, hertz}) => {
    window.heard = [];
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function(target, ...rest) {
      if (target instanceof AudioDestinationNode) {
        window.audio = this.context;
        this.context.audioWorklet.addModule(URL.createObjectURL(new Blob([ear], {type: 'text/javascript'}))).then(() => {
          window.ear = new AudioWorkletNode(this.context, 'ear', {numberOfOutputs: 0, processorOptions: {hertz}});
          window.ear.port.onmessage = event => window.heard.push(event.data);
          connect.call(this, window.ear);
        });
      }
      return connect.call(this, target, ...rest);
    };
  }, {ear: EAR, hertz});
}

// What an ear that expects a tone has heard since the last call, and the time of the audio's clock and of the system's.
export async function heardTone(page) {
  return page.evaluate(() => new Promise(resolve => {
    window.ear.port.onmessage = ({data}) => {
      const {contextTime, performanceTime} = window.audio.getOutputTimestamp();
      resolve({...data, audioMs: contextTime * 1000, systemMs: performanceTime});
    };
    window.ear.port.postMessage(null);
  }));
}

// Counts how often a thread of the browser that has nothing else to do runs too late, as `window.stalls`: the machine is
// busy then, and late with everything.
export async function watchStalls(page, ms) {
  await page.evaluate(ms => {
    const source = `let last = performance.now();
      setInterval(() => {
        const now = performance.now();
        if (now - last > 5 + ${ms}) {
          postMessage(now - last - 5);
        }
        last = now;
      }, 5);`;
    window.stalls = 0;
    window.watcher = new Worker(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
    window.watcher.onmessage = () => window.stalls++;
  }, ms);
}

// What was heard since the last call and after that, until it is so much and satisfies: the number of the first sample,
// and the samples. `loud`: the last piece is at least as loud.
export async function listen(page, ms, loud = 0) {
  await page.waitForFunction(([pieces, loud]) =>
    window.heard.length >= pieces && Math.max(...window.heard.at(-1).piece) >= loud, [ms / 100, loud]);
  const {first, bytes} = await page.evaluate(() => {
    const pieces = window.heard.splice(0);
    const all = new Float32Array(pieces.length * 4800);
    pieces.forEach(({piece}, i) => all.set(piece, i * 4800));
    let text = '';
    const view = new Uint8Array(all.buffer);
    for (let i = 0; i < view.length; i += 8192) {
      text += String.fromCharCode(...view.subarray(i, i + 8192));
    }
    return {first: pieces[0]?.first, bytes: btoa(text)};
  });
  return {first, samples: new Float32Array(new Uint8Array(Buffer.from(bytes, 'base64')).buffer)};
}

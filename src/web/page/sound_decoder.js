// SPDX-License-Identifier: MIT
// The worker's part of the sound: from the connection to the audio thread and back. The page's thread has no part in
// it, so sound goes on in a hidden tab.

import * as wire from './wire.js';

// Packets are acknowledged by tens.
const ACK_EVERY = 10;
// Pictures and sound may differ by so much before the sound is held back further.
const STEP_SLACK_MS = 8;
const HOLD_MAX_MS = 300;
// A voice is dropped while so much waits to be sent.
const SEND_MAX_BYTES = 32768;
const SAMPLES = 40;
const LEAST = 8;

const median = list => [...list].sort((a, b) => a - b)[list.length >> 1];

export class SoundDecoder {
  // `link`: send(bytes), tell(message), waiting(): bytes that wait to be sent, offset(): the server's clock minus ours
  // or null, pictureDelay(): ms from capture to screen, or null.
  constructor(link) {
    this.link = link;
    this.known = null; // what the server said of its sound
    this.wanted = false;
    this.port = null;
    this.decoder = null;
    this.times = []; // of packets that are being decoded
    this.latency = 0; // ms from the audio thread to the ear
    this.player = null; // the last report
    this.delays = [];
    this.least = [];
    this.hold = 0;
    this.bytes = 0;
    this.since = performance.now();
    this.microphone = null;
  }

  // --- orders of the page ---

  listen({on, port}) {
    if (port) {
      this.port = port;
      port.onmessage = event => this.onReport(event.data);
    }
    this.wanted = on;
    if (this.known) {
      this.link.send(wire.listen(on));
    }
    if (!on) {
      this.stop();
    }
  }

  setLatency({ms}) {
    this.latency = ms;
  }

  speak({port}) {
    this.microphone?.close();
    this.microphone = port;
    this.link.send(wire.openMicrophone(port !== null));
    if (port) {
      port.onmessage = event => {
        if (this.link.waiting() < SEND_MAX_BYTES) {
          this.link.send(wire.speech(event.data));
        }
      };
    }
  }

  // --- the connection ---

  onClosed() {
    this.known = null;
    this.microphone?.close();
    this.microphone = null;
    this.stop();
  }

  onSound(message) {
    this.known = message;
    if (this.wanted) {
      this.link.send(wire.listen(true));
    }
    this.link.tell(message);
  }

  onSilence() {
    this.port?.postMessage({idle: true});
  }

  onPacket(message) {
    this.bytes += message.data.length;
    if (message.number % ACK_EVERY === ACK_EVERY - 1) {
      this.link.send(wire.heard(message.number));
    }
    if (!this.wanted || !this.port) {
      return;
    }
    this.decoder ||= this.start();
    this.times.push(message.time);
    this.decoder.decode(new EncodedAudioChunk({
      type: 'key', timestamp: Math.round(message.time * 1000), data: message.data,
    }));
  }

  // --- decoding ---

  start() {
    const decoder = new AudioDecoder({
      output: data => this.onDecoded(data),
      error: error => {
        if (this.decoder === decoder) {
          this.link.tell({kind: 'note', text: `The decoder for sound failed: ${error.message}`});
          this.stop();
        }
      },
    });
    decoder.configure({codec: 'opus', sampleRate: 48000, numberOfChannels: 2});
    return decoder;
  }

  stop() {
    if (this.decoder && this.decoder.state !== 'closed') {
      this.decoder.close();
    }
    this.decoder = null;
    this.times = [];
    this.delays = [];
    this.least = [];
    this.player = null;
    this.port?.postMessage({reset: true});
  }

  onDecoded(data) {
    const count = data.numberOfFrames;
    const time = this.times.shift();
    const [left, right] = [0, 1].map(planeIndex => {
      const plane = new Float32Array(count);
      data.copyTo(plane, {planeIndex: Math.min(planeIndex, data.numberOfChannels - 1), format: 'f32-planar'});
      return plane;
    });
    data.close();
    this.port.postMessage({time, left, right}, [left.buffer, right.buffer]);
  }

  // --- in step with the picture ---

  onReport(report) {
    const offset = this.link.offset();
    this.player = report;
    if (!report.playing || offset === null) {
      return;
    }
    const delay = performance.now() + offset - report.time + this.latency;
    this.delays = [...this.delays.slice(1 - SAMPLES), delay];
    if (report.surplus !== null) {
      this.inStep(delay - report.hold - report.surplus);
    }
  }

  // `least`: the delay that the sound will have if it is not held back.
  inStep(least) {
    const picture = this.link.pictureDelay();
    this.least = [...this.least.slice(1 - LEAST), least];
    if (picture === null || this.least.length < LEAST / 2) {
      return;
    }
    // Sound that comes before its picture waits for it; it waits no longer than it must otherwise.
    const wanted = Math.min(Math.max(picture - Math.min(...this.least), 0), HOLD_MAX_MS);
    if (Math.abs(wanted - this.hold) > STEP_SLACK_MS) {
      this.hold = wanted;
      this.port.postMessage({hold: wanted});
    }
  }

  figures() {
    const now = performance.now();
    const bitrate = this.bytes * 8000 / (now - this.since);
    const picture = this.link.pictureDelay();
    const delay = this.delays.length ? median(this.delays) : null;
    this.bytes = 0;
    this.since = now;
    return this.known && this.wanted && {
      bitrate, delay, behind: delay === null || picture === null ? null : delay - picture, ...this.player,
    };
  }
}

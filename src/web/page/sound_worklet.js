// SPDX-License-Identifier: MIT
// The two ends of the sound in the browser's audio thread: a jitter buffer that plays what the worker decodes, and a
// recorder that hands the microphone's samples to the worker.

const RATE = 48000;
const MS = RATE / 1000;
// Samples that are kept: far more than are ever buffered, since late sound is bridged by what was heard before.
const ROOM = 1 << 17;
const MASK = ROOM - 1;
// The reserve is the sound that is left when the next packet arrives. Its median is held at an allowance for late
// packets plus this:
const MARGIN = 5 * MS;
// The allowance covers what was late in the last five minutes, which are looked at in parts; the worst part is taken for
// an accident. Parts raise it by one step at a time; a gap that follows the last one soon, by twice the last step.
const ALLOWANCE_MIN = 12 * MS;
const ALLOWANCE_MAX = 200 * MS;
const ALLOWANCE_STEP = 8 * MS;
const ALLOWANCE_STEP_MAX = 64 * MS;
const SOON = 10 * RATE;
const ALLOWANCE_RISE = MS / RATE; // for each sample: a millisecond in a second
const ALLOWANCE_FALL = MS / (10 * RATE);
const PART = 2 * RATE;
const PARTS = 150;
// Packets of which the median is taken, and how many of them are enough.
const RESERVES = 50;
const RESERVES_LEAST = 8;
// The speed corrects a deviation within about ten seconds, and learns how the clocks differ: the share of a sample for
// each sample of deviation, and how much of that is learnt for each sample of time.
const SPEED_GAIN = 1 / (10 * RATE);
const LEARN_GAIN = 1 / (40 * RATE);
const LEARN_MAX = 0.0005;
const SPEED_MAX = 0.0009; // 1.6 cents
// Only small deviations come from the clocks.
const LEARN_WITHIN = 5 * MS;
// Beyond this, samples are skipped, or repeated.
const SKIP = 30 * MS;
// In the first second after a start, when it disturbs least, much less is skipped at once.
const SKIP_FIRST = 10 * MS;
const FIRST = RATE;
// The system's clock may be set, and the audio stopped: such a distance between the two is not averaged.
const CLOCK_JUMP_MS = 100;
const CLOCK_CALLS = 750; // two seconds
const FADE = 5 * MS;
// A sample between others is made of as many on each side of it.
const SIDE = 8;
const PHASES = 1024;
const NEED = SIDE + 1;
const CROSS = 10 * MS;
// A bridge over late sound repeats the last piece of a length from PIECE_MIN to PIECE_MAX: the one after which the sound
// went on most like it does now. It gets quieter, and if the sound is not there at its end, that is a gap. At the end of
// what the machine plays, a short one avoids a click.
const PIECE_MIN = 2.5 * MS;
const PIECE_MAX = 20 * MS;
const COMPARED = 10 * MS;
const COMPARED_ROUGHLY = 4; // one of so many samples
const BRIDGE = {late: true, loud: 40 * MS, end: 120 * MS};
const FADE_OUT = {late: false, loud: 0, end: 10 * MS};
// A start after a gap is no shorter than this.
const PAUSE_MIN = 10 * MS;
// What replaces a missing packet is at first the end of the last one, backwards.
const CONCEAL = 10 * MS;
// Packets that are missing are replaced by silence of their length, up to this; later ones just follow.
const GAP_MAX = 500 * MS;
const REPORT = RATE / 4;

// Windowed sincs, one for each of the places between two samples that are told apart. A constant stays as it is.
function makeFilter() {
  const filter = new Float32Array((PHASES + 1) * 2 * SIDE);
  for (let phase = 0; phase <= PHASES; phase++) {
    const part = filter.subarray(phase * 2 * SIDE, (phase + 1) * 2 * SIDE);
    part.forEach((unused, i) => {
      const x = i - SIDE + 1 - phase / PHASES;
      const window = 0.5 + 0.5 * Math.cos(Math.PI * x / (SIDE + 1));
      part[i] = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x) * window;
    });
    const sum = part.reduce((a, b) => a + b);
    part.forEach((value, i) => {
      part[i] = value / sum;
    });
  }
  return filter;
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.left = new Float32Array(ROOM);
    this.right = new Float32Array(ROOM);
    this.end = 0; // samples written, ever
    this.at = 0; // the sample to play next, counted like those written
    this.timeOfEnd = 0; // ms of the server's clock
    this.playing = false;
    this.idle = true; // the machine plays nothing, so a pause is not a gap
    this.wait = 0; // samples until a start
    this.fade = 0; // samples since the start, up to FADE
    this.since = 0; // samples since the start
    this.pause = PAUSE_MIN; // samples since a gap began
    this.bridge = null; // {piece, done, ...}: the samples before `at` are repeated
    this.cross = null; // {to, done}: going on at another sample
    this.hold = 0; // samples more, to stay in step with the picture
    this.allowance = this.needed = ALLOWANCE_MIN; // what it is, and where it goes to
    this.step = ALLOWANCE_STEP; // of the last gap
    this.lastGap = -SOON; // in samples played
    this.worst = 0; // how much less than the median was left, in the part that goes on
    this.parts = []; // the same of each part, the newest last
    this.partSize = 0;
    this.reserves = []; // at the last packets
    this.median = null; // of them; null: not known yet
    this.learnt = 0; // of the speed
    this.speed = 1;
    this.ahead = 0; // ms, the mean distance of the count of frames from the system's clock
    this.calls = 0; // in that mean
    this.filter = makeFilter();
    this.gaps = 0;
    this.bridged = 0; // samples
    this.played = 0;
    this.sinceReport = 0;
    this.outLeft = this.outRight = 0; // the sample that sample() found
    this.port.onmessage = event => {
      this.worker = event.data.port;
      this.worker.onmessage = message => this.onMessage(message.data);
    };
  }

  onMessage(message) {
    if (message.left) {
      this.add(message);
    } else if (message.hold !== undefined) {
      this.hold = message.hold * MS;
    } else if (message.idle) {
      this.idle = true;
    } else if (message.reset) {
      this.end = Math.min(this.end, Math.ceil(this.at));
      this.idle = true;
      this.wait = 0;
    }
  }

  // --- writing ---

  add({time, left, right}) {
    const missing = Math.round((time - this.timeOfEnd) * MS);
    if (!this.playing && this.end - this.at < NEED) {
      this.at = this.end; // what is missing was a pause already
    } else if (!this.idle && Math.abs(missing) > FADE) {
      this.addGap(missing > 0 && missing <= GAP_MAX ? missing : CONCEAL);
      this.fadeIn(left, right);
    }
    if (this.playing && !this.cross && !this.bridge) {
      this.noteReserve();
    }
    this.idle = false;
    this.write(left, right);
    this.timeOfEnd = time + left.length / MS;
    if (!this.playing && this.wait <= 0) {
      this.wait = Math.max(this.wanted(), PAUSE_MIN - this.pause);
    }
    if (this.end - this.at > ROOM / 2) { // the audio thread was stopped: go on with what is new
      this.at = this.end - this.wanted();
    }
  }

  write(left, right) {
    for (let i = 0; i < left.length; i++) {
      this.left[this.end & MASK] = left[i];
      this.right[this.end & MASK] = right[i];
      this.end++;
    }
  }

  // The last samples once more, backwards and ever more quietly, then silence.
  addGap(count) {
    const end = this.end;
    for (let i = 0; i < count; i++) {
      const gain = Math.max(0, 1 - (i + 1) / CONCEAL);
      const from = Math.max(0, end - 1 - i) & MASK;
      this.left[this.end & MASK] = gain > 0 ? this.left[from] * gain : 0;
      this.right[this.end & MASK] = gain > 0 ? this.right[from] * gain : 0;
      this.end++;
    }
    this.gaps++;
  }

  fadeIn(left, right) {
    for (let i = 0; i < Math.min(FADE, left.length); i++) {
      left[i] *= i / FADE;
      right[i] *= i / FADE;
    }
  }

  // --- reading ---

  // The sample at a place between samples.
  read(samples, place) {
    const i = Math.floor(place);
    const phase = Math.round((place - i) * PHASES);
    if (phase === 0) {
      return samples[i & MASK];
    }
    const from = i - SIDE + 1;
    let sum = 0;
    for (let k = 0; k < 2 * SIDE; k++) {
      sum += this.filter[phase * 2 * SIDE + k] * samples[(from + k) & MASK];
    }
    return sum;
  }

  stop() {
    this.playing = false;
    this.cross = this.bridge = null;
    this.pause = 0;
    this.wait = 0;
    this.forget();
  }

  begin() {
    this.playing = true;
    this.fade = this.since = 0;
    this.at = Math.floor(this.at);
    this.forget();
  }

  // What is left at a packet is another matter from now on.
  forget() {
    this.reserves = [];
    this.median = null;
    this.speed = 1 + this.learnt;
  }

  // How alike the samples from two places on are: 1 if one is the other, louder or not.
  likeness(a, b, step) {
    let product = 0;
    let powerA = 1e-9;
    let powerB = 1e-9;
    for (let i = 0; i < COMPARED; i += step) {
      const x = this.left[(a + i) & MASK] + this.right[(a + i) & MASK];
      const y = this.left[(b + i) & MASK] + this.right[(b + i) & MASK];
      product += x * y;
      powerA += x * x;
      powerB += y * y;
    }
    return product / Math.sqrt(powerA * powerB);
  }

  // The place from `first` to `last` that is most like `a`.
  mostLike(a, first, last, step = COMPARED_ROUGHLY) {
    let best = -Infinity;
    let found = first;
    for (let b = first; b <= last; b++) {
      const likeness = this.likeness(a, b, step);
      if (likeness > best) {
        best = likeness;
        found = b;
      }
    }
    return step === 1 ? found : this.mostLike(a, Math.max(first, found - step), Math.min(last, found + step), 1);
  }

  beginBridge() {
    const known = this.since >= PIECE_MAX + COMPARED;
    const newest = Math.floor(this.at) - COMPARED;
    const piece = known ? newest - this.mostLike(newest, newest - PIECE_MAX, newest - PIECE_MIN) : PIECE_MAX;
    this.bridge = {...(this.idle ? FADE_OUT : BRIDGE), piece, done: 0};
    if (!this.idle) {
      this.noteLate();
    }
    this.forget();
  }

  // Goes on with sound that has arrived once that is enough: with what would be heard now had it come in time, or
  // earlier sound, so that the next packet is less late.
  leaveBridge() {
    const {piece, done} = this.bridge;
    const from = Math.min(Math.max(done - this.step, 0), this.end - this.at - this.wanted());
    const begin = Math.floor(this.at);
    const last = Math.floor(Math.min(begin + from + piece / 2, this.end - CROSS - NEED));
    if (from < 0 || last < begin) {
      return;
    }
    const next = begin + done % piece - piece;
    this.cross = {to: this.mostLike(next, Math.max(begin, last - piece), last) + this.at % 1, done: 0};
  }

  // The place of the next sample, or of the one that the bridge repeats.
  place() {
    if (!this.bridge) {
      return this.at;
    }
    const {piece, done} = this.bridge;
    return this.at - piece + done % piece;
  }

  next() {
    let left = this.read(this.left, this.place());
    let right = this.read(this.right, this.place());
    if (this.bridge) {
      const {loud, end, late} = this.bridge;
      const gain = Math.min(1, Math.max(0, end - ++this.bridge.done) / (end - loud));
      left *= gain;
      right *= gain;
      this.bridged += late ? 1 : 0;
    } else {
      this.at += this.speed;
    }
    if (this.cross) {
      const share = ++this.cross.done / CROSS;
      left += (this.read(this.left, this.cross.to) - left) * share;
      right += (this.read(this.right, this.cross.to) - right) * share;
      this.cross.to += this.speed;
      if (this.cross.done >= CROSS) {
        this.at = this.cross.to;
        this.cross = this.bridge = null;
      }
    }
    if (this.fade < FADE) {
      const gain = ++this.fade / FADE;
      left *= gain;
      right *= gain;
    }
    this.outLeft = left;
    this.outRight = right;
  }

  // Whether there is a sample to play.
  ready() {
    if (!this.playing) {
      return false;
    }
    if (!this.bridge && this.end - this.at >= NEED) {
      return true;
    }
    if (!this.bridge) {
      this.beginBridge();
    }
    if (!this.cross) {
      this.leaveBridge();
    }
    return this.cross !== null || this.bridge.done < this.bridge.end;
  }

  sample() {
    if (this.ready()) {
      this.next();
      return;
    }
    if (this.playing) {
      this.gaps += this.bridge.late && !this.idle ? 1 : 0;
      this.stop();
    }
    this.pause++;
    this.outLeft = this.outRight = 0;
    if (this.wait > 0 && this.end > this.at && --this.wait <= 0) {
      this.begin();
    }
  }

  // --- control ---

  // The frames come in bursts, so their count is no clock; its mean distance from the system's clock makes one of it.
  followClock() {
    const off = currentFrame / MS - Date.now() - this.ahead;
    if (Math.abs(off) > CLOCK_JUMP_MS) {
      this.ahead += off;
      this.calls = 1;
      return;
    }
    this.calls = Math.min(this.calls + 1, CLOCK_CALLS);
    this.ahead += off / this.calls;
  }

  // The median that the control wants.
  wanted() {
    return MARGIN + this.allowance + this.hold;
  }

  noteReserve() {
    const sinceBurst = Date.now() + this.ahead - currentFrame / MS;
    this.reserves = [...this.reserves.slice(1 - RESERVES), this.end - this.at - sinceBurst * MS];
    const known = this.reserves.length >= RESERVES_LEAST;
    this.median = known ? [...this.reserves].sort((a, b) => a - b)[this.reserves.length >> 1] : null;
  }

  noteLate() {
    const soon = this.played - this.lastGap < SOON;
    this.step = soon ? Math.min(2 * this.step, ALLOWANCE_STEP_MAX) : ALLOWANCE_STEP;
    this.lastGap = this.played;
    this.worst = Infinity;
    this.endPart(this.step);
    this.allowance = Math.max(this.allowance, this.needed);
  }

  endPart(step) {
    const limit = Math.min(this.allowance + step, ALLOWANCE_MAX);
    this.parts = [...this.parts.slice(1 - PARTS), Math.min(this.worst, limit)];
    this.partSize = this.worst = 0;
    this.needed = Math.max([...this.parts].sort((a, b) => b - a)[1] || 0, ALLOWANCE_MIN);
  }

  // The allowance follows slowly, so that the speed can follow it.
  adapt(count) {
    if (this.median !== null) {
      this.worst = Math.max(this.worst, this.median - (this.end - this.at));
    }
    this.partSize += count;
    if (this.partSize >= PART) {
      this.endPart(ALLOWANCE_STEP);
    }
    const change = this.needed - this.allowance;
    this.allowance += Math.min(Math.max(change, -ALLOWANCE_FALL * count), ALLOWANCE_RISE * count);
  }

  control(count) {
    this.adapt(count);
    this.since += count;
    if (this.median === null) {
      return;
    }
    const surplus = this.median - this.wanted();
    if (Math.abs(surplus) > (this.since < FIRST ? SKIP_FIRST : SKIP) && this.canSkip(surplus)) {
      this.cross = {to: this.at + surplus, done: 0};
      this.forget();
      return;
    }
    if (Math.abs(surplus) < LEARN_WITHIN) {
      const learnt = this.learnt + surplus * SPEED_GAIN * LEARN_GAIN * count;
      this.learnt = Math.min(Math.max(learnt, -LEARN_MAX), LEARN_MAX);
    }
    this.speed = 1 + Math.min(Math.max(this.learnt + surplus * SPEED_GAIN, -SPEED_MAX), SPEED_MAX);
  }

  // Neither beyond what is there, nor back before what was heard since the start.
  canSkip(surplus) {
    return this.end - this.at > surplus + CROSS + NEED && this.since > -surplus;
  }

  report(count) {
    this.sinceReport += count;
    if (this.worker && this.sinceReport >= REPORT) {
      this.sinceReport = 0;
      const buffered = (this.end - this.at) / MS;
      this.worker.postMessage({
        playing: this.playing, time: this.timeOfEnd - buffered, buffered, gaps: this.gaps, bridged: this.bridged / MS,
        played: this.played / MS, hold: this.hold / MS, wanted: this.wanted() / MS, speed: this.speed,
        surplus: this.median === null ? null : (this.median - this.wanted()) / MS,
      });
    }
  }

  process(inputs, [output]) {
    const [left, right] = output;
    this.followClock();
    for (let i = 0; i < left.length; i++) {
      this.sample();
      left[i] = this.outLeft;
      right[i] = this.outRight;
    }
    if (this.playing) {
      this.played += left.length;
      this.control(left.length);
    }
    this.report(left.length);
    return true;
  }
}

// Pieces of 20 ms, as the server takes them.
const PIECE = 20 * MS;

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.count = 0;
    this.port.onmessage = event => {
      this.worker = event.data.port;
    };
  }

  process([input]) {
    if (!this.worker || input.length === 0) {
      return true;
    }
    for (const sample of input[0]) {
      this.piece[this.count++] = Math.round(Math.min(Math.max(sample, -1), 1) * 32767);
      if (this.count === PIECE) {
        this.worker.postMessage(this.piece, [this.piece.buffer]);
        this.piece = new Int16Array(PIECE);
        this.count = 0;
      }
    }
    return true;
  }
}

registerProcessor('player', Player);
registerProcessor('recorder', Recorder);

// SPDX-License-Identifier: MIT
// QR codes (ISO/IEC 18004) of texts as long as links: bytes, error correction level M, versions 1 to 10.

// By version: error correction bytes of each block, then [blocks, data bytes of each].
const BLOCKS = [
  null, [10, [1, 16]], [16, [1, 28]], [26, [1, 44]], [18, [2, 32]], [24, [2, 43]], [16, [4, 27]], [18, [4, 31]],
  [22, [2, 38], [2, 39]], [22, [3, 36], [2, 37]], [26, [4, 43], [1, 44]],
];
const ALIGNMENT = [
  null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
];
const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  x => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => x * y % 2 + x * y % 3 === 0,
  (x, y) => (x * y % 2 + x * y % 3) % 2 === 0,
  (x, y) => ((x + y) % 2 + x * y % 3) % 2 === 0,
];

// --- bytes -------------------------------------------------------------------------------------------

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, value = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = value;
  LOG[value] = i;
  value = value << 1 ^ (value & 0x80 ? 0x11d : 0);
}

const multiply = (a, b) => (a === 0 || b === 0 ? 0 : EXP[LOG[a] + LOG[b]]);

// Returns the error correction bytes of a block.
function correct(data, count) {
  let generator = [1];
  for (let i = 0; i < count; i++) {
    const next = new Array(generator.length + 1).fill(0);
    generator.forEach((factor, j) => {
      next[j] ^= factor;
      next[j + 1] ^= multiply(factor, EXP[i]);
    });
    generator = next;
  }
  const rest = new Array(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    rest.forEach((_, j) => {
      rest[j] ^= multiply(generator[j + 1], factor);
    });
  }
  return rest;
}

const dataBytes = version => BLOCKS[version].slice(1).reduce((sum, [count, size]) => sum + count * size, 0);

function chooseVersion(size) {
  for (let version = 1; version < BLOCKS.length; version++) {
    if (size + (version < 10 ? 2 : 3) <= dataBytes(version)) {
      return version;
    }
  }
  throw new RangeError('the text is too long for a QR code');
}

// Returns the text's bytes with header and padding.
function pack(text, version) {
  const bits = [];
  const put = (value, count) => {
    for (let i = count - 1; i >= 0; i--) {
      bits.push(value >> i & 1);
    }
  };
  put(4, 4); // bytes
  put(text.length, version < 10 ? 8 : 16);
  text.forEach(byte => put(byte, 8));
  const room = dataBytes(version) * 8;
  put(0, Math.min(4, room - bits.length));
  put(0, -bits.length & 7);
  for (let i = 0; bits.length < room; i++) {
    put(i % 2 === 0 ? 0xec : 0x11, 8);
  }
  return Array.from({length: room / 8}, (_, i) => parseInt(bits.slice(i * 8, i * 8 + 8).join(''), 2));
}

// Splits the data into blocks, and interleaves them with their error correction.
function interleave(data, version) {
  const [count, ...groups] = BLOCKS[version];
  const blocks = [];
  let at = 0;
  for (const [number, size] of groups) {
    for (let i = 0; i < number; i++, at += size) {
      blocks.push(data.slice(at, at + size));
    }
  }
  const corrections = blocks.map(block => correct(block, count));
  const longest = Math.max(...blocks.map(block => block.length));
  const column = (lists, i) => lists.filter(list => i < list.length).map(list => list[i]);
  return [...Array.from({length: longest}, (_, i) => column(blocks, i)).flat(),
          ...Array.from({length: count}, (_, i) => column(corrections, i)).flat()];
}

// --- modules -----------------------------------------------------------------------------------------

class Matrix {
  constructor(version) {
    this.side = version * 4 + 17;
    this.dark = Array.from({length: this.side}, () => new Array(this.side).fill(false));
    this.fixed = Array.from({length: this.side}, () => new Array(this.side).fill(false));
    this.drawPatterns(version);
  }

  set(x, y, dark) {
    if (x >= 0 && y >= 0 && x < this.side && y < this.side) {
      this.dark[y][x] = Boolean(dark);
      this.fixed[y][x] = true;
    }
  }

  // Rings around a centre; `light`: the distances that are light.
  ring(x, y, reach, light) {
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        this.set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  }

  drawPatterns(version) {
    const last = this.side - 1;
    for (let i = 0; i < this.side; i++) {
      this.set(6, i, i % 2 === 0);
      this.set(i, 6, i % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [last - 3, 3], [3, last - 3]]) {
      this.ring(x, y, 4, [2, 4]);
    }
    const centres = ALIGNMENT[version];
    const corners = [`6,6`, `6,${last - 6}`, `${last - 6},6`];
    for (const y of centres) {
      for (const x of centres) {
        if (!corners.includes(`${x},${y}`)) {
          this.ring(x, y, 2, [1]);
        }
      }
    }
    this.drawFormat(0); // takes its place
    this.drawVersion(version);
  }

  drawFormat(mask) {
    const last = this.side - 1;
    const data = mask; // level M is 0
    let rest = data;
    for (let i = 0; i < 10; i++) {
      rest = rest << 1 ^ (rest >> 9) * 0x537;
    }
    const bits = (data << 10 | rest) ^ 0x5412;
    const bit = i => bits >> i & 1;
    for (let i = 0; i < 6; i++) {
      this.set(8, i, bit(i));
      this.set(5 - i, 8, bit(9 + i));
    }
    this.set(8, 7, bit(6));
    this.set(8, 8, bit(7));
    this.set(7, 8, bit(8));
    for (let i = 0; i < 8; i++) {
      this.set(last - i, 8, bit(i));
    }
    for (let i = 8; i < 15; i++) {
      this.set(8, last - 14 + i, bit(i));
    }
    this.set(8, last - 7, true);
  }

  drawVersion(version) {
    if (version < 7) {
      return;
    }
    let rest = version;
    for (let i = 0; i < 12; i++) {
      rest = rest << 1 ^ (rest >> 11) * 0x1f25;
    }
    const bits = version << 12 | rest;
    for (let i = 0; i < 18; i++) {
      const near = Math.floor(i / 3);
      const far = this.side - 11 + i % 3;
      this.set(near, far, bits >> i & 1);
      this.set(far, near, bits >> i & 1);
    }
  }

  // Upwards and downwards in columns of two, from the right.
  drawData(bytes) {
    let at = 0;
    let up = true;
    for (let right = this.side - 1; right > 0; right -= 2) {
      right -= right === 6 ? 1 : 0;
      for (let i = 0; i < this.side; i++) {
        const y = up ? this.side - 1 - i : i;
        for (const x of [right, right - 1]) {
          if (!this.fixed[y][x]) {
            this.dark[y][x] = at < bytes.length * 8 && (bytes[at >> 3] >> (7 - at % 8) & 1) === 1;
            at++;
          }
        }
      }
      up = !up;
    }
  }

  applyMask(mask) {
    this.dark.forEach((row, y) => row.forEach((_, x) => {
      row[x] = row[x] !== (!this.fixed[y][x] && MASKS[mask](x, y));
    }));
  }

  // How hard it is to read: 7.8.3.
  penalty() {
    const lines = [...this.dark, ...this.dark.map((_, x) => this.dark.map(row => row[x]))];
    let sum = 0;
    for (const line of lines) {
      const text = line.map(dark => (dark ? '1' : '0')).join('');
      for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) {
        sum += run.length - 2;
      }
      for (const pattern of [/(?=10111010000)/g, /(?=00001011101)/g]) {
        sum += 40 * [...text.matchAll(pattern)].length;
      }
    }
    for (let y = 1; y < this.side; y++) {
      for (let x = 1; x < this.side; x++) {
        const here = this.dark[y][x];
        sum += here === this.dark[y - 1][x] && here === this.dark[y][x - 1] && here === this.dark[y - 1][x - 1] ? 3 : 0;
      }
    }
    const share = this.dark.flat().filter(Boolean).length / this.side ** 2;
    return sum + 10 * Math.floor(Math.abs(share * 100 - 50) / 5);
  }
}

// Returns rows of modules, true for dark ones, without the quiet zone. Throws a RangeError for texts of more than 213
// bytes.
export function encode(text) {
  const bytes = [...new TextEncoder().encode(text)];
  const version = chooseVersion(bytes.length);
  const matrix = new Matrix(version);
  matrix.drawData(interleave(pack(bytes, version), version));
  const penalties = MASKS.map((_, mask) => {
    matrix.applyMask(mask);
    matrix.drawFormat(mask);
    const penalty = matrix.penalty();
    matrix.applyMask(mask); // undoes it
    return penalty;
  });
  const best = penalties.indexOf(Math.min(...penalties));
  matrix.applyMask(best);
  matrix.drawFormat(best);
  return matrix.dark;
}

// Draws it with its quiet zone of four modules, each `scale` pixels wide.
export function draw(canvas, text, scale) {
  const rows = encode(text);
  const context = canvas.getContext('2d');
  canvas.width = canvas.height = (rows.length + 8) * scale;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#000';
  rows.forEach((row, y) => row.forEach((dark, x) => {
    if (dark) {
      context.fillRect((x + 4) * scale, (y + 4) * scale, scale, scale);
    }
  }));
}

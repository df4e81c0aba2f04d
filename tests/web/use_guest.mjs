// SPDX-License-Identifier: MIT
// A person who watches the sample guest's cube, types and clicks.
//
//   use_guest.mjs LINK FOLDER    a picture of the page goes to the folder

import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {launch} from './front.mjs';
import {LIMIT_MS, handled} from './wait.mjs';

const [link, folder] = process.argv.slice(2);
const WATCH_MS = 6000;
// A slow machine is watched for longer.
const FRAMES = 12;

// The squares that guest/counter.c draws, at every picture of the page for some time: the numbers whose
// checksum is right, and how many were not.
function readCube(page) {
  return page.evaluate(([wanted, frames, limitMs]) => new Promise(resolve => {
    const COLUMNS = 8;
    const BITS = 40;
    const source = document.getElementById('canvas');
    const unit = Math.max(4, Math.floor(Math.min(source.width, source.height) / 100));
    const side = (COLUMNS + 2) * unit;
    const canvas = new OffscreenCanvas(side, side);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const checksum = number => {
      let crc = 0x5a;
      for (let shift = 24; shift >= 0; shift -= 8) {
        crc ^= number >>> shift & 0xff;
        for (let bit = 0; bit < 8; bit++) {
          crc = (crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1) & 0xff;
        }
      }
      return crc;
    };
    const read = () => {
      context.drawImage(source, 0, 0);
      const {data} = context.getImageData(0, 0, side, side);
      const bits = Array.from({length: BITS}, (_, i) => {
        const x = (1 + i % COLUMNS) * unit + (unit >> 1);
        const y = (1 + Math.floor(i / COLUMNS)) * unit + (unit >> 1);
        return data[(y * side + x) * 4 + 1] > 127 ? 1 : 0;
      });
      const value = list => list.reduce((sum, bit) => sum * 2 + bit, 0);
      const number = value(bits.slice(0, 32));
      return checksum(number) === value(bits.slice(32)) ? number : -1;
    };
    const seen = [];
    let wrong = 0;
    const begin = performance.now();
    const goesOn = ms => ms < limitMs && (new Set(seen).size < frames || ms < wanted);
    const look = now => {
      const number = read();
      if (number < 0) {
        wrong++;
      } else {
        seen.push(number);
      }
      if (goesOn(now - begin)) {
        requestAnimationFrame(look);
      } else {
        resolve({seen, wrong});
      }
    };
    requestAnimationFrame(look);
  }), [WATCH_MS, FRAMES, LIMIT_MS]);
}

mkdirSync(folder, {recursive: true});
const browser = await launch();
try {
  const page = await browser.newPage({viewport: {width: 1400, height: 900}});
  await page.goto(link);
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached', timeout: LIMIT_MS});
  await page.click('#stats');
  const begin = performance.now();
  const {seen, wrong} = await readCube(page);
  const distinct = new Set(seen).size;
  const figure = name => page.locator(`#figures dd[data-figure="${name}"]`).textContent();
  console.log(`${distinct} frames of the cube in ${((performance.now() - begin) / 1000).toFixed(1)} s, ${wrong} pictures without a number; capture to decoded ` +
              `${await figure('capture to decoded')}, 99th percentile ${await figure('… 99th percentile')}`);
  await page.screenshot({path: `${folder}/cube.png`});
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'never an older frame');
  assert.ok(distinct >= FRAMES, `only ${distinct} frames`);
  assert.ok(wrong <= seen.length / 10, `${wrong} of ${seen.length + wrong} pictures are spoiled`);
  const box = await page.locator('#canvas').boundingBox();
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.up();
  await page.mouse.wheel(0, -100);
  await page.keyboard.type('hi');
  await page.keyboard.press('F12');
  await handled(page); // with what was typed before
} finally {
  await browser.close();
}

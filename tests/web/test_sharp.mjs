// SPDX-License-Identifier: MIT
// Text that stays still gets sharp: lossless patches over the video.
//
//   test_sharp.mjs VITRINE SCREEN_FRONT FOLDER          pictures of the page go to the folder
//   test_sharp.mjs VITRINE SCREEN_FRONT FOLDER NAME     only the tests with NAME in their names

import assert from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {begin, browser, close, folder, frames, front, openShown, PHONE, run, sleep, test, until} from './runner.mjs';

const WIDTH = 1280;
const HEIGHT = 800;
const RED = [255, 0, 0];
const BLUE = [0, 0, 255];
// Neighbours that differ by more are at the edge of a letter.
const EDGE = 24;

await begin();

async function show(order, width = WIDTH, height = HEIGHT) {
  await front.say(`scanout 0 2 ${width} ${height} ${width * 4} window`);
  await front.say(order);
}

// In the pages: reads R, G, B, A of a part of the canvas that people see.
const READ = `window.readCanvas = (x, y, width, height) => {
  const context = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
  context.drawImage(document.getElementById('canvas'), x, y, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}`;

function openSharp(link, options) {
  return openShown(link, {script: READ, ...options});
}

function readPixel(page, x, y) {
  return page.evaluate(([x, y]) => [...window.readCanvas(x, y, 1, 1)].slice(0, 3), [x, y]);
}

// Whether all of a part consists of exact stripes.
function hasStripes(page, x, y, width, height) {
  return page.evaluate(([x, y, width, height, colours]) => {
    const data = window.readCanvas(x, y, width, height);
    return data.every((value, i) => value === [...colours[(x + (i >> 2) % width) % 2], 255][i % 4]);
  }, [x, y, width, height, [RED, BLUE]]);
}

// All of it, as a buffer: text is the fastest way from a page to here.
async function readAll(page) {
  return Buffer.from(await page.evaluate(async ([width, height]) => {
    const blob = new Blob([window.readCanvas(0, 0, width, height)]);
    return new Promise(resolve => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(',')[1]);
      reader.readAsDataURL(blob);
    });
  }, [WIDTH, HEIGHT]), 'base64');
}

const isClose = (a, b, most) => a.every((value, i) => Math.abs(value - b[i]) <= most);

async function metric(name) {
  const answer = await fetch(`${front.url.origin}/metrics`, {headers: {authorization: `Bearer ${front.url.hash.split('=')[1]}`}});
  const line = (await answer.text()).split('\n').find(line => line.startsWith(name));
  return line ? Number(line.split(' ').pop()) : 0;
}

test('stripes of one pixel get exact', async () => {
  await show('stripes 0');
  const page = await openSharp(front.control);
  const before = await readPixel(page, 100, 100);
  if (await metric('vitrine_viewer_patches_total') === 0) { // on a slow machine they may have come already
    assert.ok(!isClose(before, RED, 16), `the video itself cannot show a column of red: ${before}`);
  }
  await until(() => hasStripes(page, 0, 0, WIDTH, HEIGHT), 'exact stripes');
  await page.screenshot({path: `${folder}/sharp.png`});
  await close(page);
});

test('what changes shows at once, and the rest stays exact', async () => {
  await show('stripes 0');
  const page = await openSharp(front.control);
  await until(() => hasStripes(page, 0, 0, WIDTH, HEIGHT), 'exact stripes');
  await page.evaluate(() => {
    // What the page shows from now on, at one pixel inside of the change and one outside.
    window.seen = [];
    const look = () => {
      window.seen.push([...window.readCanvas(660, 420, 1, 1), ...window.readCanvas(101, 100, 1, 1)]);
      requestAnimationFrame(look);
    };
    look();
  });
  await front.say('spot 0 640 400 64 64 ffffff');
  await until(async () => isClose(await readPixel(page, 660, 420), [255, 255, 255], 8), 'white');
  await until(() => hasStripes(page, 600, 390, 40, 80), 'exact stripes beside it');
  await sleep(1500); // a late patch would come now
  const seen = await page.evaluate(() => window.seen);
  const first = seen.findIndex(data => isClose(data.slice(0, 3), [255, 255, 255], 8));
  assert.ok(seen.slice(first).every(data => isClose(data.slice(0, 3), [255, 255, 255], 8)), 'never the old pixel again');
  assert.ok(seen.every(data => isClose(data.slice(4, 7), BLUE, 0)), 'outside of the change it stays exact');
  await close(page);
});

test('a blinking cursor costs nothing and leaves the rest sharp', async () => {
  await show('stripes 0');
  const page = await openSharp(front.control);
  await until(() => hasStripes(page, 0, 0, WIDTH, HEIGHT), 'exact stripes');
  const [made, bytes] = [await metric('vitrine_video_patches_total'), await metric('vitrine_video_patch_bytes_total')];
  for (let i = 0; i < 12; i++) {
    await front.say(`${i < 6 ? 'spot' : 'redraw'} 0 320 160 8 16 ${i % 2 ? 'ffffff' : '000000'}`);
    await sleep(400);
    assert.ok(await hasStripes(page, 0, 0, 320, 64), 'exact while it blinks');
  }
  // On a slow machine, blinks may be further apart than a second.
  const more = await metric('vitrine_video_patch_bytes_total') - bytes;
  console.log(`12 blinks: ${await metric('vitrine_video_patches_total') - made} patches, ${more} bytes`);
  assert.ok(more < 12 * 1024, `${more} bytes`);
  await close(page);
});

test('another viewer, another size, the same viewer again', async () => {
  await show('stripes 0', 641, 399);
  const page = await openSharp(front.control);
  // The last block has one column, without neighbours.
  await until(() => hasStripes(page, 0, 0, 640, 399), 'exact stripes with odd sides');
  assert.ok(isClose(await readPixel(page, 640, 200), RED, 16));
  const second = await openSharp(front.view);
  await until(() => hasStripes(second, 0, 0, 640, 399), 'exact stripes for the second, who may only watch');
  await close(second);
  await show('stripes 0', 800, 608);
  await until(() => hasStripes(page, 0, 0, 800, 608), 'exact stripes in the next size');
  // As when its tab is hidden and shown again.
  await page.evaluate(() => {
    for (const hidden of [true, false]) {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }
  });
  await until(() => hasStripes(page, 0, 0, 800, 608), 'exact stripes after it was hidden');
  await close(page);
});

// --- text --------------------------------------------------------------------------------------------

const TEXT = `<!doctype html><meta charset="utf-8"><style>
body {margin: 0; min-height: 100vh; background: linear-gradient(135deg, #2b5876, #4e4376); font: 13px "DejaVu Sans", sans-serif}
pre, div {position: absolute; margin: 0; padding: 8px; overflow: hidden; font: 13px/16px "DejaVu Sans Mono", monospace}
#code {left: 20px; top: 20px; width: 700px; height: 560px; background: #282c34; color: #abb2bf}
#red {left: 740px; top: 40px; width: 500px; height: 330px; background: #0000aa; color: #ff4040}
#notes {left: 640px; top: 400px; width: 600px; height: 360px; background: #fff}
</style><body><pre id="code"></pre><pre id="red"></pre><div id="notes"></div><script>
const colours = ['#c678dd', '#98c379', '#61afef', '#d19a66', '#7f848e', '#e06c75', '#abb2bf'];
const words = 'static enum struct take(stream) return "a string" 0x1000 /* comment */ != counters[i] += kept;'.split(' ');
const line = i => words.map((word, j) => '<span style="color:' + colours[(i + j) % 7] + '">' + word + '</span>').join(' ');
code.innerHTML = Array.from({length: 34}, (_, i) => '\\t'.repeat(i % 3) + line(i)).join('\\n');
red.textContent = Array.from({length: 20}, (_, i) => 'drwxr-xr-x user group 4096 file-' + i + '.txt red on blue').join('\\n');
notes.innerHTML = Array.from({length: 21}, (_, i) => '<span style="color:' + ['#c00', '#00c', '#080', '#a0a', '#000'][i % 5] +
  '">The quick brown fox jumps over the lazy dog, in colours</span><br>').join('');
</script>`;

// A desktop with coloured text, in fonts as people have them. Returns R, G, B, A.
async function drawText() {
  const page = await browser.newPage({viewport: {width: WIDTH, height: HEIGHT}});
  await page.setContent(TEXT);
  const png = (await page.screenshot()).toString('base64');
  await page.evaluate(async png => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    document.body.replaceChildren(Object.assign(document.createElement('canvas'), {id: 'canvas', width: bitmap.width, height: bitmap.height}));
    document.getElementById('canvas').getContext('2d').drawImage(bitmap, 0, 0);
  }, png);
  await page.evaluate(READ);
  const rgba = await readAll(page);
  await page.context().close();
  return rgba;
}

function findText(rgba) {
  const found = [];
  for (let i = 0; i + WIDTH * 4 < rgba.length; i += 4) {
    const differs = j => [0, 1, 2].some(c => Math.abs(rgba[i + c] - rgba[j + c]) > EDGE);
    if (differs(i + 4) || differs(i + WIDTH * 4)) {
      found.push(i);
    }
  }
  return found;
}

// What is lost of the pixels at these places.
function measure(wanted, found, places) {
  const most = [0, 0, 0];
  let sum = 0;
  for (const i of places) {
    for (let c = 0; c < 3; c++) {
      const off = Math.abs(wanted[i + c] - found[i + c]);
      sum += off * off;
      most[c] = Math.max(most[c], off);
    }
  }
  return {psnr: sum === 0 ? Infinity : 10 * Math.log10(255 * 255 * 3 * places.length / sum), most};
}

test('coloured text', async () => {
  const wanted = await drawText();
  const memory = Buffer.from(wanted);
  for (let i = 0; i < memory.length; i += 4) {
    [memory[i], memory[i + 2]] = [memory[i + 2], memory[i]];
  }
  writeFileSync(`${folder}/text.bgrx`, memory);
  const text = findText(wanted);
  await show('solid 0 1');
  const page = await openSharp(front.control);
  const names = ['refined_total', 'patches_total', 'patch_bytes_total', 'patch_seconds_total', 'bytes_total'];
  const counters = () => Promise.all(names.map(name => metric(`vitrine_video_${name}`)));
  const before = await counters();
  const begin = performance.now();
  await show(`load 0 ${folder}/text.bgrx`);
  await until(async () => await metric('vitrine_video_refined_total') > before[0], 'the refinement');
  await frames(page); // until the page shows it, before the patches come
  const soft = measure(wanted, await readAll(page), text);
  const inTime = await metric('vitrine_video_patches_total') === before[1];
  let sharp;
  let took;
  await until(async () => {
    took = performance.now() - begin;
    sharp = measure(wanted, await readAll(page), text);
    return sharp.most.every(value => value <= EDGE);
  }, 'sharp text');
  const [, count, bytes, seconds, videoBytes] = (await counters()).map((value, i) => value - before[i]);
  console.log(`${text.length} pixels of text: ${inTime ? 'refined video' : 'too late to see the video alone,'} ${soft.psnr.toFixed(1)} dB, at most ${soft.most} off; ` +
              `then ${sharp.psnr.toFixed(1)} dB, at most ${sharp.most} off, ${(took / 1000).toFixed(2)} s after the damage`);
  console.log(`${count} patches, ${bytes} bytes, ${(seconds * 1000).toFixed(1)} ms; the video's pictures: ${videoBytes} bytes`);
  await page.screenshot({path: `${folder}/text-sharp.png`});
  assert.ok(!inTime || Math.max(...soft.most) > 60, 'the video alone is soft');
  const phone = await openSharp(front.view, PHONE);
  await until(async () => measure(wanted, await readAll(phone), text).most.every(value => value <= EDGE), 'the phone');
  await phone.screenshot({path: `${folder}/text-phone.png`});
  await close(phone);
  await close(page);
});

await run();

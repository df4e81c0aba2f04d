// SPDX-License-Identifier: MIT
// The bar of tools, and what several people have on the same machine.

import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {DESK, PHONE, TELEPHONE, begin, checkAccess, close, folder, frames, front, handled, inputSoFar, openShown, run, showBars, shown, test, useTool, watch} from './runner.mjs';

await begin();

// --- the bar -----------------------------------------------------------------------------------------

function addTools(page, count) {
  return page.evaluate(count => {
    for (let i = 0; i < count; i++) {
      const tool = document.createElement('button');
      tool.id = `extra-${i}`;
      tool.type = 'button';
      tool.innerHTML = `<svg><use href="#i-fit"/></svg><span>Extra tool ${i}</span>`;
      tool.addEventListener('click', () => {
        tool.dataset.clicks = Number(tool.dataset.clicks || 0) + 1;
      });
      document.getElementById('full').before(tool);
    }
  }, count);
}

const idsIn = (page, where) => page.$$eval(`${where} > *`, tools => tools.filter(tool => !tool.hidden).map(tool => tool.id));

// What sticks out of the bar.
const outside = (page, width) => page.$$eval('#tools > *', (tools, width) => tools.flatMap(tool => {
  const box = tool.getBoundingClientRect();
  return box.left >= 0 && box.right <= width + 0.5 ? [] : [`${tool.id} ${box.left} to ${box.right}`];
}), width);

for (const [name, options, count] of [['desk', DESK, 9], ['telephone', TELEPHONE, 9]]) {
  test(`tools that do not fit are in a menu: ${name}`, async () => {
    await showBars();
    const page = await openShown(undefined, options);
    await addTools(page, count);
    await page.waitForFunction(() => document.getElementById('tools').classList.contains('compact'));
    await page.waitForFunction(phone => !phone || document.getElementById('extra-8').parentElement.id === 'menu', name === 'telephone');
    assert.deepEqual(await outside(page, options.viewport.width), []);
    const [bar, menu] = [await idsIn(page, '#tools'), await idsIn(page, '#menu')];
    assert.ok(bar.includes('full') && bar.includes('fit'), bar.join());
    if (name === 'telephone') {
      assert.ok(menu.includes('rate') && menu.includes('extra-8') && bar.at(-1) === 'more', menu.join());
      await page.click('#more');
      await page.waitForSelector('#menu');
      await page.screenshot({path: `${folder}/menu-${name}.png`});
      const box = await page.locator('#menu').boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 780, JSON.stringify(box));
      await page.click('#extra-8');
      assert.equal(await page.getAttribute('#extra-8', 'data-clicks'), '1');
      assert.ok(await page.isHidden('#menu'));
      // Wide enough for all of them: nothing is left in the menu.
      await page.setViewportSize({width: 2600, height: 780});
      await page.waitForSelector('#more', {state: 'hidden'});
      assert.deepEqual(await idsIn(page, '#menu'), []);
      assert.ok((await page.locator('#extra-8 span').boundingBox()).width > 40);
    } else {
      assert.deepEqual(menu, []);
      await page.screenshot({path: `${folder}/bar-${name}.png`});
    }
    await close(page);
  });
}

test('the menu works with keys', async () => {
  await showBars();
  const page = await openShown(undefined, TELEPHONE);
  await addTools(page, 9);
  await page.waitForSelector('#menu > #extra-8', {state: 'attached'});
  const focused = () => page.evaluate(() => document.activeElement.id);
  const entries = (await page.$$eval('#menu > *', tools => tools.filter(tool => !tool.disabled).map(tool => tool.id)));
  await page.focus('#more');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.getAttribute('#more', 'aria-expanded'), 'true');
  assert.equal(await focused(), entries[0]);
  await page.keyboard.press('End');
  assert.equal(await focused(), entries.at(-1));
  await page.keyboard.press('Escape');
  assert.equal(await focused(), 'more');
  assert.equal(await page.getAttribute('#more', 'aria-expanded'), 'false');
  await page.keyboard.press('Enter');
  await page.focus('#extra-8');
  await page.keyboard.press('Enter');
  assert.equal(await page.getAttribute('#extra-8', 'data-clicks'), '1');
  assert.equal(await focused(), 'more');
  assert.ok(await page.isHidden('#menu'));
  // A tool that moves keeps the focus, or the menu's button has it.
  await page.setViewportSize({width: 2600, height: 780});
  await page.waitForSelector('#tools > #extra-8');
  await page.focus('#extra-8');
  await page.setViewportSize(TELEPHONE.viewport);
  await page.waitForSelector('#menu > #extra-8', {state: 'attached'});
  assert.equal(await focused(), 'more');
  await close(page);
});

// --- people ------------------------------------------------------------------------------------------

async function join(name, link = front.control, options = {}) {
  const page = await openShown(link, options);
  await useTool(page, 'people');
  await page.fill('#people-name', name);
  await page.press('#people-name', 'Enter');
  await page.waitForFunction(name => [...document.querySelectorAll('#people-list .name')].some(one => one.textContent === name), name);
  return page;
}

const rows = page => page.$$eval('#people-list li', items => items.map(item => [...item.children].slice(1, 3).map(part => part.textContent)));
const sees = (page, text) => page.waitForFunction(text => document.getElementById('people-panel').textContent.includes(text), text);

test('they see each other, and one takes the control', async () => {
  await showBars();
  const ann = await join('Ann <b>');
  const bob = await join('Bob', front.control, TELEPHONE);
  const eve = await join('Eve', front.view);
  await sees(ann, 'Eve');
  await sees(ann, 'Bob');
  assert.deepEqual((await rows(ann)).sort(), [['Ann <b>', 'you · owner'], ['Bob', 'owner'], ['Eve', 'watches']]);
  assert.equal(await ann.textContent('#people-count'), '3');
  assert.ok(await eve.isHidden('#people-take'));
  await bob.click('#people-take');
  await sees(ann, 'Only Bob controls the machine.');
  assert.match(await ann.textContent('#toast'), /^Bob controls the machine/);
  assert.match(await ann.textContent('#state'), /Bob controls$/);
  await ann.screenshot({path: `${folder}/people-desk.png`});
  await bob.screenshot({path: `${folder}/people-telephone.png`});
  await checkAccess(ann);
  await checkAccess(bob);
  // Only Bob's keys reach the machine.
  front.take('INPUT');
  await ann.click('#canvas', {position: {x: 100, y: 300}, force: true});
  await ann.keyboard.press('KeyA');
  await handled(ann);
  await bob.click('#people-panel .close');
  await bob.focus('#stage');
  await bob.keyboard.press('KeyB');
  await front.wait('INPUT key 0 48 0');
  assert.deepEqual(front.take('INPUT key').filter(line => !/ 48 /.test(line)), []);
  // Ann takes it back, gives it to Bob, and Bob leaves: everybody has it.
  await ann.click('#people-take');
  await sees(ann, 'Only you control');
  await ann.click('[aria-label="Give control to Bob"]');
  await sees(ann, 'Only Bob controls');
  await close(bob);
  await sees(ann, 'All who may control the machine do.');
  await ann.focus('#stage');
  await ann.keyboard.press('KeyC');
  await front.wait('INPUT key 0 46 0');
  await close(eve);
  await close(ann);
});

test('a text that is being typed ends with the control', async () => {
  await showBars();
  const ann = await join('Ann');
  const bob = await join('Bob', front.control, PHONE);
  await bob.tap('#people-panel .close');
  await useTool(bob, 'keyboard');
  await bob.waitForFunction(() => document.activeElement.id === 'field');
  await bob.keyboard.insertText('long '.repeat(400));
  await front.wait('INPUT key 0 38 1');
  await ann.click('#people-take');
  await sees(ann, 'Only you control');
  await sees(bob, 'Only Ann controls');
  await ann.click('#people-share');
  await sees(bob, 'All who may control the machine do.');
  await inputSoFar(bob);
  await frames(bob, 30); // the rest of the text would be sent meanwhile: at worst it comes later, and is missed here
  assert.deepEqual(await inputSoFar(bob), []);
  await close(bob);
  await close(ann);
});

test('the pointers of others', async () => {
  await showBars();
  const ann = await join('Ann');
  const eve = await join('Eve', front.view);
  await eve.click('#people-panel .close');
  await sees(ann, 'Eve');
  await ann.click('#people-panel .close');
  await inputSoFar(eve);
  const box = await eve.locator('#canvas').boundingBox();
  await eve.mouse.move(box.x + 5, box.y + 5);
  await eve.mouse.move(box.x + box.width / 4, box.y + box.height / 2, {steps: 4});
  await ann.waitForFunction(() => {
    const pointer = document.querySelector('.other-pointer:not([hidden])');
    return pointer && Math.abs(parseFloat(pointer.style.left) - 25) < 0.1 && Math.abs(parseFloat(pointer.style.top) - 50) < 0.2;
  });
  assert.equal(await ann.textContent('.other-pointer'), 'Eve');
  await ann.screenshot({path: `${folder}/pointers.png`});
  assert.deepEqual(await inputSoFar(eve), []);
  await eve.mouse.move(box.x + 5, 10);
  await ann.waitForSelector('.other-pointer', {state: 'hidden'});
  await eve.mouse.move(box.x + 50, box.y + 50);
  await ann.waitForSelector('.other-pointer');
  await useTool(ann, 'people');
  await ann.uncheck('#people-show');
  assert.ok(await ann.isHidden('.other-pointer'));
  await close(eve);
  await ann.waitForSelector('.other-pointer', {state: 'detached'});
  await close(ann);
});

test('a name stays in this browser, and the panel works with keys', async () => {
  await showBars();
  const page = await openShown();
  await page.focus('#people');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'people-name');
  await page.keyboard.type('語'.repeat(20));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#people-list .name').textContent === '語'.repeat(16));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  assert.ok(await page.isHidden('#people-panel'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'people');
  await page.reload();
  await page.waitForFunction(() => document.querySelector('#people-list .name')?.textContent === '語'.repeat(16));
  await close(page);
});

// --- links -------------------------------------------------------------------------------------------

const readCode = createRequire(import.meta.url)('jsqr');

// What a telephone's camera would read.
async function scan(page) {
  const png = await page.locator('#share-qr').screenshot();
  const {width, height, data} = await page.evaluate(async base64 => {
    const blob = new Blob([Uint8Array.from(atob(base64), byte => byte.charCodeAt(0))]);
    const image = await createImageBitmap(blob);
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, image.width, image.height);
    return {width: image.width, height: image.height, data: [...pixels.data]};
  }, png.toString('base64'));
  return readCode(Uint8ClampedArray.from(data), width, height)?.data;
}

test('a link is made, shown as a code, used and ended', async () => {
  await showBars();
  const ann = await openShown(front.control, {permissions: ['clipboard-read', 'clipboard-write']});
  await useTool(ann, 'link');
  await ann.selectOption('#share-kind', '2');
  await ann.selectOption('#share-time', '86400');
  await ann.click('#share-make');
  await ann.waitForSelector('#share-code');
  const link = await ann.textContent('#share-url');
  assert.match(link, /^http:.*\/#token=[0-9a-f]{32}$/);
  assert.ok(![front.control, front.view].includes(link));
  assert.equal(await scan(ann), link);
  await ann.click('#share-list li:last-child >> text=Copy');
  await ann.waitForSelector('#toast');
  assert.equal(await ann.evaluate(() => navigator.clipboard.readText()), link);
  assert.match(await ann.textContent('#share-list li:last-child small'), /^1 day left · 0 here$/);
  await checkAccess(ann);
  const guest = await openShown(link, TELEPHONE);
  await ann.waitForFunction(() => document.querySelector('#share-list li:last-child small').textContent.endsWith('1 here'));
  await ann.screenshot({path: `${folder}/share-desk.png`});
  assert.ok(!await guest.locator('#link').isVisible());
  await useTool(guest, 'people');
  assert.deepEqual((await rows(guest)).map(([, role]) => role), ['owner', 'you · guest']);
  await guest.click('#people-panel .close');
  await guest.focus('#stage');
  await guest.keyboard.press('KeyD');
  await front.wait('INPUT key 0 32 0');
  await ann.click('#share-list li:last-child >> text=End');
  await guest.waitForSelector('#ask');
  assert.match(await guest.textContent('#ask-wrong'), /not valid, or no longer valid/);
  await ann.waitForSelector('#share-code', {state: 'hidden'});
  assert.equal(await ann.locator('#share-list li').count(), 1);
  await close(guest);
  await close(ann);
});

test('the share panel on a telephone', async () => {
  await showBars();
  const page = await openShown(front.control, TELEPHONE);
  await useTool(page, 'link');
  await page.click('#share-make');
  await page.waitForSelector('#share-code');
  await page.screenshot({path: `${folder}/share-telephone.png`});
  await checkAccess(page);
  const box = await page.locator('#share-panel').boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y >= 0 && box.y + box.height <= 780, JSON.stringify(box));
  await page.locator('#share-qr').scrollIntoViewIfNeeded();
  assert.equal(await scan(page), await page.textContent('#share-url'));
  await page.click('#share-list li:last-child >> text=End');
  await page.waitForSelector('#share-code', {state: 'hidden'});
  await close(page);
});

test('codes of all lengths can be read', async () => {
  const page = await openShown(front.view);
  const codes = await page.evaluate(async () => {
    const {encode} = await import('/qr.js');
    return Array.from({length: 36}, (_, i) => {
      const text = Array.from({length: i * 6 + 3}, (_, j) => 'https://vm.example:8443/#token=0123456789abcdef'[(j * 7 + i) % 46]).join('');
      return {text, rows: encode(text)};
    });
  });
  for (const {text, rows} of codes) {
    const [scale, side] = [4, (rows.length + 8) * 4];
    const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
    for (let y = 0; y < rows.length * scale; y++) {
      for (let x = 0; x < rows.length * scale; x++) {
        if (rows[Math.floor(y / scale)][Math.floor(x / scale)]) {
          pixels.fill(0, ((y + 4 * scale) * side + x + 4 * scale) * 4, ((y + 4 * scale) * side + x + 4 * scale) * 4 + 3);
        }
      }
    }
    assert.equal(readCode(pixels, side, side)?.data, text);
  }
  assert.deepEqual([...new Set(codes.map(({rows}) => (rows.length - 17) / 4))], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await close(page);
});

// --- windows -----------------------------------------------------------------------------------------

test('a display in a window of its own has the token, and hides it', async () => {
  await showBars();
  await front.say('mode 1 1 640 480');
  await front.say('scanout 1 2 640 480 2560 window');
  await front.say('bars 1');
  const page = await openShown();
  await page.waitForSelector('#displays .apart');
  const [other] = await Promise.all([page.waitForEvent('popup'), page.click('[title="Open display 1 in a window of its own"]')]);
  watch(other);
  await shown(other);
  await other.waitForFunction(() => document.getElementById('canvas').width === 640);
  assert.match(other.url(), /#display=1$/);
  for (const one of [page, other]) {
    assert.ok(!await one.evaluate(() => JSON.stringify([location.href, history.state, document.referrer, window.name]).match(/[0-9a-f]{32}/)));
  }
  assert.equal(await page.evaluate(() => document.getElementById('canvas').width), 1280, 'the first window keeps its display');
  await other.focus('#stage');
  await other.keyboard.press('KeyE');
  await front.wait('INPUT key 1 18 0');
  await page.screenshot({path: `${folder}/displays-desk.png`});
  await checkAccess(page);
  await page.setViewportSize(TELEPHONE.viewport);
  await page.screenshot({path: `${folder}/displays-telephone.png`});
  assert.deepEqual(other.errors, []);
  await front.say('dark 1');
  await front.say('mode 1 0 640 480');
  await close(page);
});

test('the small window goes on while the page is hidden', async () => {
  await showBars();
  const page = await openShown();
  await page.evaluate(() => {
    const request = HTMLVideoElement.prototype.requestPictureInPicture;
    HTMLVideoElement.prototype.requestPictureInPicture = function () {
      window.floatingVideo = this;
      return request.call(this);
    };
  });
  await useTool(page, 'float');
  await page.waitForFunction(() => window.floatingVideo?.videoWidth === 1280 && document.pictureInPictureElement);
  assert.equal(await page.getAttribute('#float', 'aria-pressed'), 'true');
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await front.say('code 0 50000 100000');
  const frames = () => page.evaluate(() => window.floatingVideo.getVideoPlaybackQuality().totalVideoFrames);
  const before = await frames();
  await page.waitForFunction(before => window.floatingVideo.getVideoPlaybackQuality().totalVideoFrames > before + 10, before);
  await page.evaluate(() => document.exitPictureInPicture());
  await page.waitForFunction(() => document.getElementById('float').ariaPressed === 'false');
  await close(page);
});

test('nothing keeps people from using the page', async () => {
  await showBars();
  for (const options of [DESK, TELEPHONE]) {
    const page = await openShown(front.control, options);
    await checkAccess(page);
    await addTools(page, 9);
    await page.waitForFunction(() => document.getElementById('tools').classList.contains('compact'));
    if (options === TELEPHONE) {
      await page.click('#more');
    }
    await checkAccess(page);
    await close(page);
  }
});

await run();

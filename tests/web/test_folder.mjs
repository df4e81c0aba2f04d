// SPDX-License-Identifier: MIT
// The folder that the page shares with the machine, in Chromium, with a guest that the test plays.
//
//   test_folder.mjs VITRINE SCREEN_FRONT FOLDER          pictures of the page go to the folder
//   test_folder.mjs VITRINE SCREEN_FRONT FOLDER NAME     only the tests with NAME in their names

import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {PHONE, begin, checkAccess, close, folder, front, only, openShown, run, test, useTool} from './runner.mjs';
import {LIMIT_MS} from './wait.mjs';
import {Guest} from './webdav.mjs';

const MIB = 1024 * 1024;
// A file of 200 MB if its test alone is asked for, as by the suite `long`.
const LARGE = 'a large file goes in and out with equal hashes';
const LARGE_SIZE = only === LARGE ? 200_000_000 : 40_000_000;
const PART_SIZE = 10_000_000;

const scratch = mkdtempSync(`${tmpdir()}/vitrine-page-`);
const port = `${scratch}/port`;
await begin(`webdav=${port}`);
await front.say('scanout 0 2 1280 800 5120 window');
await front.say('bars 0');

async function openPanel(options = {}) {
  const page = await openShown(front.control, options);
  page.context().setDefaultTimeout(60000);
  await page.waitForSelector('#folder-used:not(:empty)', {state: 'attached'});
  await useTool(page, 'exchange');
  await page.waitForSelector('#folder-used');
  return page;
}

const state = (page, text) =>
  page.waitForFunction(text => document.getElementById('folder-state').textContent.includes(text), text);

// The guest that the page sees, and an empty folder.
const guests = [];

async function connect(page) {
  await state(page, 'not connected');
  const guest = new Guest(port);
  guests.push(guest);
  await state(page, 'No program');
  const list = (await guest.request('PROPFIND', '/', undefined, {Depth: '1'})).body.toString();
  for (const [, path] of list.matchAll(/<D:href>\/([^<]+)/g)) {
    await guest.request('DELETE', `/${decodeURIComponent(path)}`);
  }
  return guest;
}

async function disconnect(page, guest) {
  guest.close();
  await state(page, 'not connected');
}

const shows = (page, wanted) => page.waitForFunction(wanted =>
  [...document.querySelectorAll('#folder-list .name')].map(name => name.title).join('|') === wanted, wanted.join('|'));
const row = (page, name) => page.locator('#folder-list li', {has: page.locator(`[title="${name}"]`)});
const ended = (page, kind, text, options = {}) =>
  page.locator(`#folder-transfers li.${kind}`, {hasText: text}).first().waitFor(options);

test('the list follows what the machine does', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  await page.waitForSelector('#folder-empty');
  await guest.request('MKCOL', '/Z folder');
  await guest.request('PUT', '/b.txt', Buffer.alloc(1234));
  await guest.request('PUT', '/a <b>&"ü".txt', Buffer.alloc(0));
  await shows(page, ['Z folder', 'a <b>&"ü".txt', 'b.txt']);
  await state(page, 'uses the folder');
  assert.match(await row(page, 'b.txt').textContent(), /1\.2 KB/);
  await guest.request('MOVE', '/b.txt', undefined, {Destination: '/c.txt'});
  await shows(page, ['Z folder', 'a <b>&"ü".txt', 'c.txt']);
  assert.match(await page.textContent('#folder-used'), /1\.2 KB of 268 MB/);
  // The focus stays where it is while the list changes.
  await row(page, 'c.txt').getByText('Download').focus();
  await guest.request('PUT', '/b2.txt', Buffer.alloc(1));
  await shows(page, ['Z folder', 'a <b>&"ü".txt', 'b2.txt', 'c.txt']);
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'download c.txt');
  await disconnect(page, guest);
  await close(page);
});

test('a machine that changes the folder all the time leaves the page its time', async () => {
  const page = await openShown(front.control, {script: () => {
    const post = Worker.prototype.postMessage;
    window.lists = 0;
    Worker.prototype.postMessage = function (message, ...rest) {
      window.lists += message.order === 'list';
      return post.call(this, message, ...rest);
    };
  }});
  const guest = await connect(page);
  const change = async seconds => {
    const before = await page.evaluate(() => window.lists);
    for (let i = 0, end = performance.now() + seconds * 1000; performance.now() < end; i++) {
      await guest.request('PUT', `/${i % 10}`, Buffer.alloc(1));
    }
    return await page.evaluate(() => window.lists) - before;
  };
  assert.equal(await change(1), 0); // the panel is closed
  await useTool(page, 'exchange');
  await shows(page, [...'0123456789']);
  const lists = await change(4);
  assert.ok(lists > 0 && lists <= 15, `${lists} lists`);
  await guest.request('DELETE', '/5');
  await shows(page, [...'012346789']);
  await disconnect(page, guest);
  await close(page);
});

test('folders are browsed', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  await guest.request('MKCOL', '/one');
  await guest.request('MKCOL', '/one/two');
  await guest.request('PUT', '/one/two/deep.bin', Buffer.from('deep'));
  await row(page, 'one').locator('button.name').click();
  await row(page, 'two').locator('button.name').click();
  await shows(page, ['deep.bin']);
  assert.deepEqual(await page.$$eval('#folder-path button', all => all.map(button => button.textContent)), ['Folder', 'one', 'two']);
  await page.setInputFiles('#folder-pick', {name: 'here.txt', mimeType: 'text/plain', buffer: Buffer.from('from the page')});
  await shows(page, ['deep.bin', 'here.txt']);
  assert.equal((await guest.request('GET', '/one/two/here.txt')).body.toString(), 'from the page');
  await page.click('#folder-path button:nth-child(2)');
  await shows(page, ['two']);
  // Removed by the machine while it is shown.
  await guest.request('DELETE', '/one');
  await shows(page, []);
  assert.ok(await page.isHidden('#folder-path'));
  await disconnect(page, guest);
  await close(page);
});

async function hashOf(stream) {
  const hash = createHash('sha256');
  for await (const part of stream) {
    hash.update(part);
  }
  return hash.digest('hex');
}

test('files are downloaded', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  const data = randomBytes(20 * MIB + 3);
  await guest.request('PUT', '/from the machine ü.bin', data);
  await guest.request('PUT', '/empty.txt', Buffer.alloc(0));
  await shows(page, ['empty.txt', 'from the machine ü.bin']);
  const downloads = [];
  page.on('download', download => downloads.push(download));
  await row(page, 'from the machine ü.bin').getByText('Download').click();
  await ended(page, 'good', 'from the machine ü.bin');
  await row(page, 'empty.txt').getByText('Download').click();
  await ended(page, 'good', 'empty.txt');
  await guest.until(() => downloads.length === 2);
  assert.deepEqual(downloads.map(download => download.suggestedFilename()), ['from the machine ü.bin', 'empty.txt']);
  assert.ok(readFileSync(await downloads[0].path()).equals(data));
  assert.equal(readFileSync(await downloads[1].path()).length, 0);
  await disconnect(page, guest);
  await close(page);
});

test(LARGE, async () => {
  const page = await openPanel();
  const guest = await connect(page);
  const path = `${scratch}/large.bin`;
  const file = openSync(path, 'w');
  for (let size = 0; size < LARGE_SIZE; size += PART_SIZE) {
    writeSync(file, randomBytes(PART_SIZE));
  }
  closeSync(file);
  const before = await hashOf(createReadStream(path));
  const timeout = 5 * LIMIT_MS;
  await page.setInputFiles('#folder-pick', path);
  await ended(page, 'good', 'large.bin', {timeout});
  const download = page.waitForEvent('download', {timeout});
  await row(page, 'large.bin').getByText('Download').click();
  assert.equal(await hashOf(createReadStream(await (await download).path())), before);
  await disconnect(page, guest);
  await close(page);
});

test('what is cancelled leaves nothing', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  writeFileSync(`${scratch}/cancelled.bin`, Buffer.alloc(200_000_000));
  await page.setInputFiles('#folder-pick', `${scratch}/cancelled.bin`);
  // In the page, so that the transfer cannot end before.
  await page.waitForFunction(() => {
    const begun = document.querySelector('#folder-transfers progress')?.value > 0;
    if (begun) {
      document.querySelector('#folder-transfers button').click();
    }
    return begun;
  });
  await ended(page, 'bad', 'cancelled');
  await guest.request('PUT', '/after', Buffer.alloc(10));
  await shows(page, ['after']);
  await page.waitForFunction(() => document.getElementById('folder-used').textContent.startsWith('10 B'));
  await guest.request('PUT', '/long', Buffer.alloc(50_000_000));
  await shows(page, ['after', 'long']);
  let downloads = 0;
  page.on('download', () => downloads++);
  await row(page, 'long').getByText('Download').evaluate(button => {
    button.click();
    document.querySelector('#folder-transfers button').click();
  });
  await ended(page, 'bad', 'long');
  await row(page, 'after').getByText('Download').click();
  await ended(page, 'good', 'after');
  await guest.until(() => downloads === 1);
  await disconnect(page, guest);
  await close(page);
});

test('refusals say why', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  await guest.request('PUT', '/taken', Buffer.alloc(1));
  await shows(page, ['taken']);
  await page.setInputFiles('#folder-pick', {name: 'taken', mimeType: '', buffer: Buffer.from('x')});
  await ended(page, 'bad', 'already a file or folder of this name');
  writeFileSync(`${scratch}/too-large.bin`, Buffer.alloc(270 * MIB));
  await page.setInputFiles('#folder-pick', `${scratch}/too-large.bin`);
  await ended(page, 'bad', 'no space left in the folder: 268 MB are free');
  await disconnect(page, guest);
  await close(page);
});

test('deleting takes two clicks', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  await guest.request('PUT', '/gone.txt', Buffer.alloc(1));
  const button = row(page, 'gone.txt').locator('button', {hasText: /elete/});
  await button.click();
  assert.equal(await button.textContent(), 'Really delete?');
  assert.equal((await guest.request('GET', '/gone.txt')).status, 200);
  await button.click();
  await shows(page, []);
  assert.equal((await guest.request('GET', '/gone.txt')).status, 404);
  await disconnect(page, guest);
  await close(page);
});

test('files that are dropped go into the folder if there is no agent', async () => {
  const page = await openPanel();
  const guest = await connect(page);
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped'], 'dropped.txt'));
    document.getElementById('stage').dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
  });
  await shows(page, ['dropped.txt']);
  assert.equal((await guest.request('GET', '/dropped.txt')).body.toString(), 'dropped');
  await disconnect(page, guest);
  await close(page);
});

test('a view-only link has no folder', async () => {
  const page = await openShown(front.view);
  assert.ok(await page.isHidden('#exchange'));
  assert.ok(await page.isHidden('#folder'));
  await close(page);
});

for (const [name, options] of [['desk', {}], ['telephone', PHONE]]) {
  test(`pictures: ${name}`, async () => {
    const page = await openPanel(options);
    const guest = await connect(page);
    await guest.request('MKCOL', '/pictures');
    await guest.request('PUT', '/report.pdf', Buffer.alloc(2_345_678));
    await guest.request('PUT', `/a ${'very '.repeat(20)}long name.tar.gz`, Buffer.alloc(12));
    await guest.request('PUT', '/مستند.txt', Buffer.alloc(34567));
    await page.setInputFiles('#folder-pick', {name: 'from the page.txt', mimeType: '', buffer: Buffer.from('x')});
    await ended(page, 'good', 'from the page');
    await page.setInputFiles('#folder-pick', {name: 'report.pdf', mimeType: '', buffer: Buffer.from('x')});
    await ended(page, 'bad', 'report.pdf');
    await page.waitForSelector('#toast', {state: 'hidden'});
    const box = await page.locator('#exchange-panel').boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= page.viewportSize().width && box.y >= 0, JSON.stringify(box));
    assert.ok(await page.$eval('#exchange-panel', panel => panel.scrollWidth <= panel.clientWidth));
    await page.screenshot({path: `${folder}/folder-${name}.png`});
    await checkAccess(page);
    await row(page, 'pictures').locator('button.name').click();
    await page.waitForSelector('#folder-empty');
    await page.locator('#folder-used').scrollIntoViewIfNeeded();
    await page.screenshot({path: `${folder}/folder-${name}-inside.png`});
    await page.click('#folder-path button:first-child');
    await shows(page, ['pictures', `a ${'very '.repeat(20)}long name.tar.gz`, 'from the page.txt', 'report.pdf', 'مستند.txt']);
    await disconnect(page, guest);
    await close(page);
  });
}

await run({
  afterEach: () => guests.splice(0).forEach(guest => guest.close()),
  atEnd: () => rmSync(scratch, {recursive: true}),
});

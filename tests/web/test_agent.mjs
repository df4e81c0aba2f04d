// SPDX-License-Identifier: MIT
// The clipboard and files of the page in Chromium, with an agent that the test plays.
//
//   test_agent.mjs VITRINE SCREEN_FRONT FOLDER          pictures of the page go to the folder
//   test_agent.mjs VITRINE SCREEN_FRONT FOLDER NAME     only the tests with NAME in their names

import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {deflateSync} from 'node:zlib';
import {Agent, PNG, TEXT} from './agent.mjs';
import {
  PHONE, begin, checkAccess, close, fieldFocused, folder, front, openKeyboard, openShown, run, test, until, useTool,
} from './runner.mjs';

const KEY_CTRL = 29;
const KEY_V = 47;
const MIB = 1024 * 1024;

const scratch = mkdtempSync(`${tmpdir()}/vitrine-page-`);
const port = `${scratch}/agent`;
await begin(`agent=${port}`);
await front.say('scanout 0 2 1280 800 5120 window');
await front.say('bars 0');

const BOTH = ['clipboard-read', 'clipboard-write'];

function open({permissions = BOTH, link = front.control, ...options} = {}) {
  return openShown(link, {permissions, ...options});
}

function state(page, text) {
  return page.waitForFunction(text => document.getElementById('agent-state').textContent.includes(text), text);
}

// The agent that the page sees; the one before it has gone.
const agents = [];

async function connect(page, ...args) {
  await state(page, 'not connected');
  const agent = new Agent(port, ...args);
  agents.push(agent);
  await state(page, args.length > 0 && args[0] === 0 ? 'No agent' : 'ready');
  return agent;
}

async function hold(page, text) {
  // waitForFunction() does not wait for promises.
  await until(() => page.evaluate(async text => await navigator.clipboard.readText() === text, text),
              `the browser has ${text.slice(0, 40)}`);
}

async function setClipboard(page, text) {
  await page.evaluate(text => navigator.clipboard.writeText(text), text);
}

async function keys(count) {
  const found = [];
  while (found.length < count) {
    const [, kind, , code, down] = (await front.wait('INPUT')).split(' ');
    if (kind === 'key' || kind === '0') {
      found.push(`${code} ${down}`);
    }
  }
  return found;
}

// An agent that connects is offered first what the one before it was given.
async function grab(agent, wanted) {
  for (;;) {
    const found = await agent.wait('grab');
    if (Object.entries(wanted).every(([name, value]) => found[name] === value)) {
      return;
    }
  }
}

// Until the machine has this text. An agent that connects is offered first what the one before it was given.
async function given(agent, wanted, selection = 0) {
  await until(async () => String(await agent.paste(TEXT, selection)) === wanted,
              `the machine has ${wanted.slice(0, 40)}`);
}

async function pressPaste(page) {
  await page.focus('#stage');
  await page.keyboard.press('Control+v');
}

// As in PNG. Node's own is newer than the Node of Debian 12.
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

// A picture that browsers accept.
function png(width, height, fill) {
  const chunk = (name, body) => {
    const data = Buffer.concat([Buffer.from(name), body]);
    const bytes = Buffer.alloc(data.length + 8);
    bytes.writeUInt32BE(body.length, 0);
    data.copy(bytes, 4);
    bytes.writeUInt32BE(crc32(data), data.length + 4);
    return bytes;
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const row = Buffer.alloc(1 + 3 * width, fill);
  row[0] = 0;
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk('IHDR', head),
                        chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(row)))), chunk('IEND', Buffer.alloc(0))]);
}

// --- the clipboard -----------------------------------------------------------------------------------

test('what is copied in the machine is in the browser', async () => {
  const page = await open();
  const agent = await connect(page);
  await page.bringToFront();
  agent.copy(TEXT, 'from the machine: äöü 文字 🎉');
  await hold(page, 'from the machine: äöü 文字 🎉');
  const text = 'every script ßжあ👍 '.repeat(40000);
  agent.copy(TEXT, text);
  await hold(page, text);
  const picture = png(200, 100, 77);
  agent.copy(PNG, picture);
  const size = await until(() => page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    if (!item.types.includes('image/png')) {
      return null;
    }
    const {width, height} = await createImageBitmap(await item.getType('image/png'));
    return [width, height];
  }), 'the browser has the picture');
  assert.deepEqual(size, [200, 100]);
  agent.close();
  await close(page);
});

test('what is pasted is in the machine before the keys are', async () => {
  const page = await open();
  const agent = await connect(page);
  for (const text of ['first', 'Größe 文字 🎉', 'x'.repeat(500000)]) {
    await setClipboard(page, text);
    front.lines.length = 0;
    await pressPaste(page);
    await agent.wait('grab');
    assert.deepEqual(await keys(4), [`${KEY_CTRL} 1`, `${KEY_V} 1`, `${KEY_V} 0`, `${KEY_CTRL} 0`]);
    assert.equal((await agent.paste(TEXT)).toString(), text);
  }
  // The same once more needs no message.
  front.lines.length = 0;
  await pressPaste(page);
  await keys(4);
  assert.equal(agent.done.filter(({name}) => name === 'grab').length, 0);
  agent.close();
  await close(page);
});

// All by which a user comes to the page and works with it, without a paste.
async function comeBack(page) {
  await page.bringToFront();
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await page.focus('#stage');
  await page.keyboard.press('a');
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  // The page asked for it before, so it has an answer now.
  await page.evaluate(() => navigator.clipboard.readText());
}

// Returns what the machine has when its person has come back, and how often it was offered something until it has `last`.
async function whatComes(page, agent, last) {
  agent.done = [];
  await comeBack(page);
  const first = (await agent.paste(TEXT)).toString();
  await page.evaluate(text => {
    document.getElementById('text').value = text;
    document.getElementById('give').click();
  }, last);
  await given(agent, last);
  return {first, grabs: agent.done.filter(({name}) => name === 'grab').length};
}

test('the guest gets nothing that was not pasted, unless its person wants it', async () => {
  const page = await open();
  const other = await open();
  const agent = await connect(page);
  await page.bringToFront();
  await setClipboard(page, 'a password');
  let found = await whatComes(page, agent, 'given 1');
  assert.notEqual(found.first, 'a password');
  assert.equal(found.grabs, 1);
  await useTool(page, 'exchange');
  assert.equal(await page.isChecked('#offer'), false);
  await page.check('#offer');
  await given(agent, 'a password');
  await setClipboard(page, 'copied elsewhere');
  await comeBack(page);
  await given(agent, 'copied elsewhere');
  // Another person has not switched it on.
  await setClipboard(page, 'a second password');
  await other.bringToFront();
  assert.equal(await other.isChecked('#offer'), false);
  found = await whatComes(other, agent, 'given 2');
  assert.notEqual(found.first, 'a second password');
  // Nor is it on at the next visit.
  await page.reload();
  await state(page, 'ready');
  assert.equal(await page.isChecked('#offer'), false);
  agent.close();
  await close(page);
  await close(other);
});

test('a browser that refuses switches it off again', async () => {
  const page = await open({permissions: []});
  const agent = await connect(page);
  await page.evaluate(() => {
    navigator.clipboard.readText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await useTool(page, 'exchange');
  await page.click('#offer');
  await page.waitForFunction(() => document.getElementById('toast').textContent.includes('does not let the page read'));
  assert.equal(await page.isChecked('#offer'), false);
  agent.close();
  await close(page);
});

test('a picture is pasted', async () => {
  const page = await open();
  const agent = await connect(page);
  await page.evaluate(async base64 => {
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({'image/png': new Blob([bytes], {type: 'image/png'})})]);
  }, png(64, 48, 200).toString('base64'));
  front.lines.length = 0;
  await pressPaste(page);
  await grab(agent, {format: PNG});
  await keys(4);
  const bytes = await agent.paste(PNG);
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [64, 48]);
  agent.close();
  await close(page);
});

test('without any permission, the paste event is enough', async () => {
  const page = await open({permissions: []});
  const agent = await connect(page);
  await useTool(page, 'exchange');
  await page.fill('#text', 'typed here');
  await page.focus('#text');
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+c');
  await pressPaste(page);
  await given(agent, 'typed here');
  agent.close();
  await close(page);
});

test('a large paste is confirmed', async () => {
  const page = await open();
  const agent = await connect(page);
  const text = 'large '.repeat(300000);
  await setClipboard(page, text);
  for (const button of ['#large-no', '#large-yes']) {
    front.lines.length = 0;
    await pressPaste(page);
    await page.waitForSelector('#large:not([hidden])');
    assert.match(await page.textContent('#large-text'), /Send 1\.7 MiB/);
    if (button === '#large-no') {
      await page.screenshot({path: `${folder}/large-paste.png`});
    }
    await page.click(button);
    await page.waitForSelector('#large', {state: 'hidden'});
    if (button === '#large-no') {
      assert.notEqual((await agent.paste(TEXT)).toString(), text);
    }
  }
  await agent.wait('grab');
  await given(agent, text);
  assert.ok(!front.lines.some(line => line.includes(` ${KEY_V} `)), front.lines.join());
  agent.close();
  await close(page);
});

test('more than 32 MiB is refused', async () => {
  const page = await open();
  const agent = await connect(page);
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'x'.repeat(33 * 1024 * 1024));
    document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, cancelable: true}));
  });
  await page.click('#large-yes');
  await page.waitForFunction(() => document.getElementById('toast').textContent.includes('at most 32 MiB'));
  agent.close();
  await close(page);
});

test('the page has a field and buttons for what browsers do not do', async () => {
  const page = await open();
  const agent = await connect(page);
  await useTool(page, 'exchange');
  await page.fill('#text', 'for the clipboard');
  await page.click('#give');
  await page.waitForFunction(() => /Sent to/.test(document.getElementById('toast').textContent));
  await grab(agent, {selection: 0});
  await given(agent, 'for the clipboard');
  await page.fill('#text', 'for the middle button');
  await page.click('#give-selection');
  await grab(agent, {selection: 1});
  assert.equal((await agent.paste(TEXT, 1)).toString(), 'for the middle button');
  agent.copy(TEXT, 'selected', 1);
  await page.waitForFunction(() => document.getElementById('has-selection').textContent === 'text');
  await page.click('#copy-selection');
  await hold(page, 'selected');
  agent.close();
  await close(page);
});

test('where no page may copy, the text is selected', async () => {
  const page = await open({permissions: []});
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed'));
  });
  const agent = await connect(page);
  agent.copy(TEXT, 'by hand');
  await useTool(page, 'exchange');
  await page.waitForFunction(() => !document.getElementById('copy').disabled);
  await page.click('#copy');
  await page.waitForFunction(() => document.getElementById('text').value === 'by hand');
  assert.equal(await page.evaluate(() => {
    const field = document.getElementById('text');
    return field.value.slice(field.selectionStart, field.selectionEnd);
  }), 'by hand');
  agent.close();
  await close(page);
});

// --- files -------------------------------------------------------------------------------------------

function content(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i += 97) {
    bytes[i] = i % 251;
  }
  return bytes;
}

test('picked files arrive', async () => {
  const page = await open();
  const agent = await connect(page);
  const files = [['empty.txt', 0], ['one.txt', 1], ['größe.bin', 5 * MIB + 3], ['a', 100], ['b', 100], ['c', 100]];
  await useTool(page, 'exchange');
  await page.setInputFiles('#pick', files.map(([name, size]) => ({name, mimeType: 'application/octet-stream', buffer: content(size)})));
  for (let i = 0; i < files.length; i++) {
    const {name, bytes} = await agent.wait('file');
    const size = files.find(([wanted]) => wanted === name)[1];
    assert.ok(bytes.equals(content(size)), name);
  }
  await page.waitForFunction(() => document.querySelectorAll('#files .good').length === 6);
  await page.screenshot({path: `${folder}/files.png`});
  agent.close();
  await close(page);
});

test('dropped files arrive', async () => {
  const page = await open();
  const agent = await connect(page);
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['dropped'], 'dropped.txt'));
    return data;
  });
  await page.dispatchEvent('#stage', 'dragenter', {dataTransfer: transfer});
  await page.waitForSelector('body.dropping');
  await page.screenshot({path: `${folder}/drop.png`});
  await page.dispatchEvent('#stage', 'drop', {dataTransfer: transfer});
  const {name, bytes} = await agent.wait('file');
  assert.deepEqual([name, bytes.toString()], ['dropped.txt', 'dropped']);
  await page.waitForSelector('#files .good');
  assert.equal(await page.evaluate(() => document.body.classList.contains('dropping')), false);
  agent.close();
  await close(page);
});

test('a file is cancelled', async () => {
  const page = await open();
  const agent = await connect(page);
  agent.pausesAt = MIB;
  const path = `${scratch}/large`;
  writeFileSync(path, content(60 * MIB));
  await useTool(page, 'exchange');
  await page.setInputFiles('#pick', path);
  await agent.wait('paused');
  await page.waitForFunction(() => /^[1-9]\d? %/.test(document.querySelector('#files .progress-text').textContent));
  await page.screenshot({path: `${folder}/progress.png`});
  await page.click('#files button');
  assert.match(await page.textContent('#files .bad .progress-text'), /^cancelled$/);
  agent.pausesAt = 0;
  agent.socket.resume();
  await agent.wait('cancelled');
  agent.close();
  await close(page);
});

test('refusals are explained', async () => {
  const page = await open();
  const agent = await connect(page);
  await useTool(page, 'exchange');
  const rows = [[4, [1000000, 0], /1\.0 MB are free/], [4, [], /no space/], [5, [], /locked/], [6, [], /no user is logged in/],
                [7, [], /takes no files/], [2, [], /failed/], [1, [], /cancelled in the machine/]];
  for (const [result, more, wanted] of rows) {
    const bytes = Buffer.alloc(4 * more.length);
    more.forEach((value, i) => bytes.writeUInt32LE(value, 4 * i));
    agent.refuses = {result, more: bytes};
    const before = await page.locator('#files .bad').count();
    await page.setInputFiles('#pick', {name: 'refused', mimeType: 'text/plain', buffer: Buffer.from('x')});
    await page.waitForFunction(count => document.querySelectorAll('#files .bad').length > count, before);
    assert.match(await page.textContent('#files li:first-child .progress-text'), wanted);
  }
  agent.close();
  await close(page);
});

test('an agent that ends interrupts files', async () => {
  const page = await open();
  const agent = await connect(page);
  agent.pausesAt = MIB;
  await useTool(page, 'exchange');
  await page.setInputFiles('#pick', `${scratch}/large`);
  await agent.wait('paused');
  agent.close();
  await page.waitForFunction(() => /interrupted/.test(document.querySelector('#files .bad .progress-text')?.textContent));
  await state(page, 'not connected');
  assert.ok(await page.isDisabled('#pick'));
  await close(page);
});

// --- states ------------------------------------------------------------------------------------------

test('a guest without an agent loses nothing else', async () => {
  const page = await open();
  const agent = await connect(page, 0);
  assert.ok(await page.isVisible('#exchange'));
  await useTool(page, 'exchange');
  assert.ok(await page.isDisabled('#give'));
  front.lines.length = 0;
  await pressPaste(page);
  assert.deepEqual(await keys(4), [`${KEY_CTRL} 1`, `${KEY_V} 1`, `${KEY_V} 0`, `${KEY_CTRL} 0`]);
  agent.close();
  await close(page);
});

test('an agent that does not answer shows as stuck, and keys go on', async () => {
  const page = await open();
  const agent = await connect(page);
  agent.onMessage = () => {};
  await setClipboard(page, 'into the void');
  front.lines.length = 0;
  await pressPaste(page);
  await keys(4);
  await state(page, 'does not answer');
  await useTool(page, 'exchange');
  await page.screenshot({path: `${folder}/stuck.png`});
  agent.close();
  await close(page);
});

test('who only watches sees none of it', async () => {
  const page = await open();
  const watching = await open({link: front.view});
  const agent = await connect(page);
  assert.ok(!await watching.isVisible('#exchange'));
  assert.ok(!await watching.isVisible('#exchange-panel'));
  agent.close();
  await close(watching);
  await close(page);
});

test('text that the layout lacks is pasted', async () => {
  const page = await open(PHONE);
  const agent = await connect(page);
  await openKeyboard(page);
  front.lines = [];
  await page.keyboard.insertText('日本🙂é');
  await given(agent, '日本🙂é', 1);
  await given(agent, '日本🙂é', 0);
  for (const wanted of [[42, 1], [110, 1], [110, 0], [42, 0]]) {
    assert.deepEqual((await front.wait('INPUT key')).split(' ').slice(3, 5).map(Number), wanted);
  }
  // What is pasted into the telephone's field itself is typed.
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'q');
    document.getElementById('field').dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
    document.execCommand('insertText', false, 'q');
  });
  assert.deepEqual((await front.wait('INPUT key')).split(' ').slice(3, 5).map(Number), [16, 1]);
  agent.close();
  await close(page);
});

test('keys that paste work while text is typed through the layout', async () => {
  const page = await open();
  const agent = await connect(page);
  await page.click('#keyboard');
  await page.click('#type');
  await fieldFocused(page);
  await page.evaluate(() => navigator.clipboard.writeText('from the browser'));
  front.lines = [];
  await page.keyboard.press('Control+v');
  await given(agent, 'from the browser');
  for (const wanted of [[29, 1], [47, 1], [47, 0], [29, 0]]) {
    assert.deepEqual((await front.wait('INPUT key')).split(' ').slice(3, 5).map(Number), wanted);
  }
  agent.close();
  await close(page);
});

test('it fits at 1280 and 390 pixels', async () => {
  for (const [name, width, height] of [['wide', 1280, 800], ['telephone', 390, 780]]) {
    const page = await open({viewport: {width, height}});
    const agent = await connect(page);
    agent.copy(TEXT, 'something');
    await useTool(page, 'exchange');
    await page.setInputFiles('#pick', {name: 'a file with a name that is much longer than the panel is wide.txt', mimeType: 'text/plain',
                                       buffer: Buffer.from('x')});
    await page.waitForSelector('#files .good');
    await page.screenshot({path: `${folder}/exchange-${name}.png`});
    await checkAccess(page);
    const sizes = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
    assert.deepEqual(sizes, [width, height]);
    for (const part of await page.locator('#tools button:visible, #exchange-panel, #exchange-panel button:visible').all()) {
      const box = await part.boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= width, JSON.stringify(box));
    }
    agent.close();
    await close(page);
  }
});

await run({
  afterEach: () => agents.splice(0).forEach(agent => agent.close()),
  atEnd: () => rmSync(scratch, {recursive: true}),
});

// SPDX-License-Identifier: MIT
// Keys for those who have none: on-screen keyboards, input methods, the bar. Chromium plays a telephone.
//
//   test_keyboard.mjs VITRINE SCREEN_FRONT FOLDER [NAME]      pictures of the page go to the folder

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {
  PHONE, begin, checkAccess, close, folder, front, inputSoFar, openKeyboard, openShown, run, showBars, test,
  typeThroughLayout, until, useTool,
} from './runner.mjs';

const decoder = fileURLToPath(new URL('decode_keys.py', import.meta.url));
const [CTRL, ALT, SHIFT, SUPER, ALTGR] = [29, 56, 42, 125, 100];

await begin();
await showBars();

// The keys that reach the front until a last one, as [code, down].
async function keysUntil(code, down) {
  const keys = [];
  do {
    const [, , , got, is] = (await front.wait('INPUT key')).split(' ').map(Number);
    keys.push([got, is]);
  } while (keys.at(-1)[0] !== code || keys.at(-1)[1] !== down);
  return keys;
}

async function expectKeys(...wanted) {
  assert.deepEqual(await keysUntil(...wanted.at(-1)), wanted);
}

// What a guest with this layout has typed until F10, which no test types otherwise.
async function textUntilF10(page, layout) {
  await page.keyboard.press('F10');
  const keys = (await keysUntil(68, 0)).filter(([code]) => code !== 68);
  return execFileSync('python3', [decoder, layout], {input: keys.map(key => `${key.join(' ')}\n`).join('')}).toString();
}

async function openPhone(layout = 'us') {
  const page = await openShown(front.control, PHONE);
  await typeThroughLayout(page, layout);
  front.lines = [];
  return page;
}

async function toast(page, wanted) {
  await page.waitForFunction(text => document.getElementById('toast').textContent.includes(text), wanted);
}

// --- text --------------------------------------------------------------------------------------------

const TEXTS = {
  us: 'ls -l ~/*.c | grep "x" > \'y\' && echo $((1 << 2)) #done\n',
  de: 'Zwölf Boxkämpfer jagen Viktor quer über den Deich: {[\\|@€~]} é à Ê <ß>\n',
  fr: 'Voix ambiguë d\'un héros qui préfère les jattes de kiwis : {[|`\\^@]} 12€ Éà ù ñ\n',
};

for (const [layout, text] of Object.entries(TEXTS)) {
  test(`text of a telephone with the layout ${layout}`, async () => {
    const page = await openPhone(layout);
    const [sent] = [text.replace('ñ', '')];
    for (const word of sent.split(/(?<= )/)) {
      await page.keyboard.insertText(word); // without keys
    }
    assert.equal(await textUntilF10(page, layout), sent);
    await close(page);
  });
}

test('words that a telephone composes appear letter by letter', async () => {
  const page = await openPhone('de');
  const session = await page.context().newCDPSession(page);
  for (const part of ['h', 'hä', 'häl', 'hällo']) {
    await session.send('Input.imeSetComposition', {text: part, selectionStart: part.length, selectionEnd: part.length});
  }
  await expectKeys([35, 1], [35, 0], [40, 1], [40, 0], [38, 1], [38, 0], [38, 1], [38, 0], [24, 1], [24, 0]);
  // The telephone corrects the word, then its user deletes two letters.
  await page.keyboard.insertText('hallo');
  for (let i = 0; i < 2; i++) {
    await page.evaluate(() => document.execCommand('delete'));
  }
  const keys = await (async () => {
    await page.keyboard.press('F10');
    return (await keysUntil(68, 0)).filter(([code, down]) => down === 1 && code !== 68).map(([code]) => code);
  })();
  assert.deepEqual(keys, [14, 14, 14, 14, 30, 38, 38, 24, 14, 14]);
  await close(page);
});

test('Backspace is never lost, however often', async () => {
  const page = await openPhone();
  for (let i = 0; i < 30; i++) {
    await page.evaluate(() => document.execCommand('delete'));
  }
  await page.keyboard.press('F10');
  const keys = await keysUntil(68, 0);
  assert.equal(keys.filter(([code, down]) => code === 14 && down === 1).length, 30);
  await close(page);
});

test('what the layout lacks is said', async () => {
  const page = await openPhone();
  await page.keyboard.insertText('a日本b語');
  await toast(page, 'The layout English (US) has no key for 日 本 語');
  assert.equal(await textUntilF10(page, 'us'), 'ab');
  await close(page);
});

test('an input method of a desktop is waited for', async () => {
  const page = await openShown();
  await page.click('#keyboard');
  await page.click('#type');
  const session = await page.context().newCDPSession(page);
  front.lines = [];
  await session.send('Input.dispatchKeyEvent', {type: 'rawKeyDown', windowsVirtualKeyCode: 229, code: 'KeyK', key: 'Process'});
  for (const part of ['k', 'か', 'かn', '漢']) {
    await session.send('Input.imeSetComposition', {text: part, selectionStart: part.length, selectionEnd: part.length});
  }
  await page.keyboard.insertText('漢');
  await toast(page, 'no key for 漢');
  assert.equal(await textUntilF10(page, 'us'), '');
  await close(page);
});

test('keys of hardware in the field are characters and shortcuts of the guest\'s layout', async () => {
  const page = await openShown();
  await page.click('#keyboard');
  await page.selectOption('#layout', 'fr');
  await page.click('#type');
  front.lines = [];
  await page.keyboard.press('KeyA'); // which a French keyboard has elsewhere
  await expectKeys([16, 1], [16, 0]);
  await page.keyboard.press('Control+a');
  await expectKeys([CTRL, 1], [16, 1], [16, 0], [CTRL, 0]);
  await page.keyboard.press('Shift+ArrowLeft');
  await expectKeys([SHIFT, 1], [105, 1], [105, 0], [SHIFT, 0]);
  await page.keyboard.press('Control+Alt+Shift');
  await page.waitForFunction(() => document.activeElement.id === 'fit');
  await close(page);
});

test('the layout is remembered, and a long text is not lost', async () => {
  const page = await openPhone('fr');
  await page.reload();
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
  assert.equal(await page.inputValue('#layout'), 'fr');
  await openKeyboard(page);
  front.lines = [];
  const long = 'Portez ce vieux whisky au juge blond qui fume. '.repeat(12);
  await page.keyboard.insertText(long);
  assert.equal(await textUntilF10(page, 'fr'), long);
  await close(page);
});

test('Caps Lock of the guest does not change the text', async () => {
  const page = await openPhone('de');
  await front.say('lights 2');
  await page.waitForFunction(() => document.querySelectorAll('#lights span.on').length === 1);
  await page.keyboard.insertText('aÄ1');
  await expectKeys([SHIFT, 1], [30, 1], [30, 0], [SHIFT, 0], [40, 1], [40, 0], [2, 1], [2, 0]);
  await front.say('lights 0');
  await close(page);
});

// --- the bar -----------------------------------------------------------------------------------------

test('the bar on a telephone', async () => {
  const page = await openPhone();
  await page.tap('#keys >> text="Ctrl"');
  assert.equal(await page.getAttribute('#keys >> text="Ctrl"', 'aria-pressed'), 'true');
  await page.keyboard.insertText('c');
  await expectKeys([CTRL, 1], [46, 1], [46, 0], [CTRL, 0]);
  assert.equal(await page.getAttribute('#keys >> text="Ctrl"', 'aria-pressed'), 'false');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'field', 'the on-screen keyboard stays');
  await page.tap('#cad');
  await expectKeys([CTRL, 1], [ALT, 1], [111, 1], [111, 0], [ALT, 0], [CTRL, 0]);
  await page.tap('#more-keys');
  await page.tap('#keys >> text="F12"');
  await expectKeys([88, 1], [88, 0]);
  await page.screenshot({path: `${folder}/keyboard-telephone.png`});
  for (const button of await page.locator('#keys button:visible, #keys select').all()) {
    const box = await button.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height >= 38 && box.width >= 36, JSON.stringify(box));
  }
  assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]), [390, 780]);
  await close(page);
});

test('a modifier that was tapped twice stays', async () => {
  const page = await openPhone();
  const alt = page.locator('#keys >> text="Alt"');
  await alt.evaluate(button => {
    button.click();
    button.click();
  });
  await expectKeys([ALT, 1]);
  for (let i = 0; i < 2; i++) {
    await page.tap('#keys >> text="Tab"');
    await expectKeys([15, 1], [15, 0]);
  }
  assert.match(await alt.getAttribute('title'), /stays down/);
  await alt.evaluate(button => button.click());
  await expectKeys([ALT, 0]);
  await close(page);
});

test('the bar without a mouse, and every key of it', async () => {
  const page = await openShown();
  await page.focus('#keyboard');
  await page.keyboard.press('Enter');
  await page.focus('#more-keys');
  await page.keyboard.press('Enter');
  front.lines = [];
  await page.focus('#keys >> text="Super"');
  await page.keyboard.press('Space');
  await expectKeys([SUPER, 1]);
  await page.focus('#keys >> text="Esc"');
  await page.keyboard.press('Enter');
  await expectKeys([1, 1], [1, 0], [SUPER, 0]);
  const codes = [1, 15, 105, 103, 108, 106, 102, 107, 104, 109, 111, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88];
  const buttons = page.locator('#keys [data-key]:not([data-key=""])');
  assert.equal(await buttons.count(), codes.length);
  for (const [i, code] of codes.entries()) {
    await buttons.nth(i).press('Enter');
    await expectKeys([code, 1], [code, 0]);
  }
  await page.screenshot({path: `${folder}/keyboard.png`});
  await close(page);
});

test('a key of the bar stays down as long as the finger, and no longer than the page is there', async () => {
  const page = await openShown();
  await page.click('#keyboard');
  front.lines = [];
  await page.hover('#keys >> text="PgDn"');
  await page.mouse.down();
  await expectKeys([109, 1]);
  await page.mouse.move(10, 10);
  await expectKeys([109, 0]);
  await page.mouse.up();
  await page.click('#keys >> text="Ctrl"');
  await expectKeys([CTRL, 1]);
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await expectKeys([CTRL, 0]);
  assert.equal(await page.getAttribute('#keys >> text="Ctrl"', 'aria-pressed'), 'false');
  await page.click('#keys >> text="Shift"');
  await expectKeys([SHIFT, 1]);
  await close(page);
  await expectKeys([SHIFT, 0]);
});

test('who only watches has no keys', async () => {
  const page = await openShown(front.view, PHONE);
  assert.ok(!await page.isVisible('#keyboard'));
  assert.ok(!await page.isVisible('#keys'));
  await page.evaluate(() => document.getElementById('field').focus());
  front.lines = [];
  await page.keyboard.insertText('secret');
  assert.deepEqual(await inputSoFar(page), []);
  assert.equal(await page.getAttribute('#light', 'class'), 'live', 'and is not thrown out');
  await close(page);
});

// --- hardware that differs ---------------------------------------------------------------------------

const WINDOWS = () => Object.defineProperty(Navigator.prototype, 'platform', {get: () => 'Win32'});

// All of them at the same time, however busy the machine is.
function keyEvents(page, ...events) {
  return page.evaluate(events => {
    const stage = document.getElementById('stage');
    const timeStamp = performance.now();
    stage.focus();
    for (const [type, code, key, more] of events) {
      const event = new KeyboardEvent(type, {code, key, bubbles: true, cancelable: true, ...more});
      Object.defineProperty(event, 'timeStamp', {value: timeStamp});
      stage.dispatchEvent(event);
    }
  }, events);
}

test('AltGr of Windows is not Ctrl and Alt', async () => {
  const page = await openShown(front.control, {script: WINDOWS});
  front.lines = [];
  await keyEvents(page, ['keydown', 'ControlLeft', 'Control'], ['keydown', 'AltRight', 'AltGraph'], ['keydown', 'KeyQ', '@'],
                  ['keyup', 'KeyQ', '@'], ['keyup', 'ControlLeft', 'Control'], ['keyup', 'AltRight', 'AltGraph']);
  await expectKeys([ALTGR, 1], [16, 1], [16, 0], [ALTGR, 0]);
  await keyEvents(page, ['keydown', 'ControlLeft', 'Control'], ['keydown', 'KeyC', 'c'], ['keyup', 'KeyC', 'c'],
                  ['keyup', 'ControlLeft', 'Control']);
  await expectKeys([CTRL, 1], [46, 1], [46, 0], [CTRL, 0]);
  await keyEvents(page, ['keydown', 'ControlLeft', 'Control']);
  await expectKeys([CTRL, 1]);
  await keyEvents(page, ['keyup', 'ControlLeft', 'Control']);
  await expectKeys([CTRL, 0]);
  await keyEvents(page, ['keydown', 'ControlLeft', 'Control'], ['keyup', 'ControlLeft', 'Control']);
  await expectKeys([CTRL, 1], [CTRL, 0]);
  await close(page);
});

test('Caps Lock that was changed elsewhere', async () => {
  const page = await openShown();
  const locked = {modifierCapsLock: true};
  front.lines = [];
  await keyEvents(page, ['keydown', 'KeyA', 'A', locked], ['keyup', 'KeyA', 'A', locked], ['keydown', 'KeyB', 'B', locked],
                  ['keyup', 'KeyB', 'B', locked]);
  await expectKeys([58, 1], [58, 0], [30, 1], [30, 0], [48, 1], [48, 0]);
  await front.say('lights 2');
  await page.waitForFunction(() => document.querySelectorAll('#lights span.on').length === 1);
  await keyEvents(page, ['keydown', 'KeyA', 'A', locked], ['keyup', 'KeyA', 'A', locked]);
  await expectKeys([30, 1], [30, 0]);
  await keyEvents(page, ['keydown', 'KeyA', 'a'], ['keyup', 'KeyA', 'a']);
  await expectKeys([58, 1], [58, 0], [30, 1], [30, 0]);
  await front.say('lights 0');
  await close(page);
});

// --- everyone ----------------------------------------------------------------------------------------

test('axe-core finds nothing', async () => {
  for (const options of [{}, PHONE]) {
    const page = await openShown(front.control, options);
    await useTool(page, 'keyboard');
    await page.click('#more-keys');
    await until(() => page.isVisible('#functions'), 'the function keys');
    await checkAccess(page);
    await close(page);
  }
});

await run();

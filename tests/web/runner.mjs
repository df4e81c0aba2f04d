// SPDX-License-Identifier: MIT
// What test programs of the page share: pages in Chromium on a front without a guest, and the list of tests.
//
//   PROGRAM VITRINE SCREEN_FRONT FOLDER          pictures of the page go to the folder
//   PROGRAM VITRINE SCREEN_FRONT FOLDER NAME     only the tests with NAME in their names

import assert from 'node:assert/strict';
import {mkdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {Front, launch} from './front.mjs';
import * as wait from './wait.mjs';

export {PHONE, TELEPHONE, fieldFocused, openKeyboard, typeThroughLayout} from './front.mjs';
export {frames, handled, sleep, until} from './wait.mjs';

export const [vitrine, program, folder, only] = process.argv.slice(2);
export const DESK = {viewport: {width: 1280, height: 800}};

mkdirSync(folder, {recursive: true});
export const browser = await launch();
export let front = null;

const tests = [];

// Starts the front, with these arguments more.
export async function begin(...args) {
  front = await Front.start(vitrine, program, '127.0.0.1:0', ...args);
  await front.say('mode 0 1 1280 800');
}

export function test(name, run) {
  tests.push({name, run});
}

// A context has its own session and clipboard. `script` runs in the page before the page's own.
export async function open(link, {context = null, script = null, ...options} = {}) {
  const page = await (context || await browser.newContext({...DESK, ...options})).newPage();
  page.context().setDefaultTimeout(wait.LIMIT_MS);
  watch(page);
  if (script) {
    await page.addInitScript(script);
  }
  await page.goto(link);
  return page;
}

// Collects the page's errors.
export function watch(page) {
  page.errors = [];
  page.on('pageerror', error => page.errors.push(String(error)));
  page.on('console', message => {
    // A refused connection is what some tests are about.
    if (message.type() === 'error' && !/WebSocket|Failed to load resource/.test(message.text())) {
      page.errors.push(message.text());
    }
  });
}

export function shown(page) {
  return page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
}

export async function openShown(link = front.control, options = {}) {
  const page = await open(link, options);
  await shown(page);
  return page;
}

// All input that has come, with what the page has sent so far.
export function inputSoFar(page, from = front) {
  return wait.inputSoFar(page, from, openShown);
}

export async function close(page) {
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

export async function showBars(on = front) {
  await on.say('mode 0 1 1280 800');
  await on.say('play 0 0 0');
  await on.say('scanout 0 2 1280 800 5120 window');
  await on.say('bars 0');
}

// Clicks a tool, which may be in the menu.
export async function useTool(page, id) {
  if (await page.locator(`#menu #${id}`).count() > 0 && await page.isHidden('#menu')) {
    await page.click('#more');
  }
  await page.click(`#${id}`);
}

// Fails if axe-core finds something that keeps people from using the page as it is now.
export async function checkAccess(page) {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source); // not a script element, which the page's policy refuses
  const found = await page.evaluate(async () => (await window.axe.run()).violations.map(violation =>
    `${violation.id}: ${violation.nodes.map(node => node.html).join(' | ')}`));
  assert.deepEqual(found, []);
}

// Runs the tests and ends the process. `afterEach` is called after each test, `atEnd` after the front has ended.
export async function run({afterEach = () => {}, atEnd = () => {}} = {}) {
  let failed = 0;
  let passed = 0;
  for (const {name, run: body} of tests.filter(entry => !only || entry.name.includes(only))) {
    const begin = performance.now();
    try {
      await body();
      passed++;
      console.log(`ok: ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAILED: ${name}\n${error.stack}`);
      for (const page of browser.contexts().flatMap(context => context.pages())) {
        console.log(`  the page said: ${JSON.stringify(page.errors)}`);
        await page.screenshot({path: `${folder}/failed.png`}).catch(() => {});
      }
      await Promise.all(browser.contexts().map(context => context.close()));
    }
    afterEach();
  }
  await browser.close();
  const status = await front.stop();
  atEnd();
  if (status !== 0 || /Sanitizer|runtime error|assertion/.test(front.log)) {
    console.log(`the front ended with ${status}\n${front.log}`);
    failed++;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

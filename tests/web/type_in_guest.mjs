// SPDX-License-Identifier: MIT
// Types into a guest as a telephone does, whose keyboard has no key codes: the texts of its standard input, a line of JSON
// each, after which it prints "typed".
//
//   type_in_guest.mjs LINK LAYOUT

import {createInterface} from 'node:readline';
import {launch} from './front.mjs';

const [link, layout] = process.argv.slice(2);
const PHONE = {viewport: {width: 390, height: 780}, deviceScaleFactor: 2, hasTouch: true, isMobile: true};

const browser = await launch();
try {
  const page = await (await browser.newContext(PHONE)).newPage();
  page.setDefaultTimeout(60000);
  await page.goto(link);
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
  await page.tap('#keyboard');
  await page.waitForFunction(() => document.activeElement.id === 'field');
  await page.selectOption('#layout', layout);
  await page.tap('#type');
  await page.tap('#type');
  await page.waitForFunction(() => document.activeElement.id === 'field');
  for await (const line of createInterface({input: process.stdin})) {
    await page.keyboard.insertText(JSON.parse(line));
    console.log('typed');
  }
} finally {
  await browser.close();
}

// SPDX-License-Identifier: MIT
// Types into a guest as a telephone does, whose keyboard has no key codes: the texts of its standard input, a line of JSON
// each, after which it prints "typed".
//
//   type_in_guest.mjs LINK LAYOUT

import {createInterface} from 'node:readline';
import {PHONE, launch, typeThroughLayout} from './front.mjs';

const [link, layout] = process.argv.slice(2);

const browser = await launch();
try {
  const page = await (await browser.newContext(PHONE)).newPage();
  page.setDefaultTimeout(60000);
  await page.goto(link);
  await page.waitForSelector('#picture:not(.dark)', {state: 'attached'});
  await typeThroughLayout(page, layout);
  for await (const line of createInterface({input: process.stdin})) {
    await page.keyboard.insertText(JSON.parse(line));
    console.log('typed');
  }
} finally {
  await browser.close();
}

// SPDX-License-Identifier: MIT
// Prints as JSON, for each layout of the page: its characters, and the strokes that type them, without and with Caps Lock.
//
//   strokes.mjs FOLDER      the page's modules, beside a package.json that says so

import {pathToFileURL} from 'node:url';

const {Layout, layoutNames} = await import(`${pathToFileURL(process.argv[2])}/typing.js`);
const found = {};
for (const [id] of layoutNames()) {
  const layout = new Layout(id);
  found[id] = {};
  for (const char of [...layout.keys.keys(), ...layout.dead.keys()]) {
    const strokes = [false, true].map(capsLock => layout.strokes(char, capsLock));
    if (strokes[0]) {
      found[id][char] = strokes;
    }
  }
}
console.log(JSON.stringify(found));

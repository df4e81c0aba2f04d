// SPDX-License-Identifier: MIT
// Runs tests/proto/screen_front.c, a front without a guest, and Debian's Chromium, also as a telephone.

import {spawn, spawnSync} from 'node:child_process';
import {createInterface} from 'node:readline';
import {existsSync, readFileSync} from 'node:fs';
import {LIMIT_MS} from './wait.mjs';

// Chromium without its user interface comes first: it opens a page in a third of the time.
const CHROMIUM = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'].map(name => `/usr/bin/${name}`);

// What newContext() of Chromium takes.
export const TELEPHONE = {viewport: {width: 390, height: 780}, deviceScaleFactor: 2};
// With fingers, as the browsers of telephones have them.
export const PHONE = {...TELEPHONE, hasTouch: true, isMobile: true};

// Ends the program: something that tools/setup installs is not there.
function fail(missing) {
  console.error(`the tests of the page need ${missing}: run tools/setup test`);
  process.exit(1);
}

// Chromium's sandbox takes the namespaces of an ordinary user. Root has none: Chromium refuses to be sandboxed as root.
function sandboxed() {
  if (process.getuid() === 0) {
    return false;
  }
  if (spawnSync('unshare', ['--user', '--map-root-user', '--pid', '--fork', 'true']).status !== 0) {
    console.log('skipped: a user may not make namespaces here, so Chromium would run without its sandbox');
    process.exit(77);
  }
  return true;
}

export async function launch(...args) {
  const executablePath = CHROMIUM.find(existsSync);
  if (!executablePath) {
    fail('Chromium');
  }
  const {chromium} = await import('playwright-core').catch(() => fail('playwright-core'));
  // Without a locale, Chromium names a file 'download' if it has other letters than those of ASCII.
  const env = {...process.env, LC_ALL: 'C.UTF-8'};
  // Chromium draws in software here, so it needs no separate GPU process.
  const flags = ['--disable-gpu', '--in-process-gpu'];
  return chromium.launch({executablePath, env, chromiumSandbox: sandboxed(), args: [...flags, ...args]});
}

// Waits until the field that takes a telephone's text has the focus.
export function fieldFocused(page) {
  return page.waitForFunction(() => document.activeElement.id === 'field');
}

// Opens the on-screen keyboard of a telephone.
export async function openKeyboard(page) {
  await page.tap('#keyboard');
  await fieldFocused(page);
}

// What is typed from now on is typed through this layout of the guest.
export async function typeThroughLayout(page, layout) {
  await openKeyboard(page);
  await page.selectOption('#layout', layout);
  await page.tap('#type');
  await page.tap('#type');
  await fieldFocused(page);
}

export class Front {
  static async start(vitrine, program, address, ...options) {
    const front = new this();
    front.process = spawn(program, [vitrine, address, ...options], {stdio: ['pipe', 'pipe', 'pipe']});
    front.log = '';
    front.process.stderr.on('data', data => {
      front.log += data;
    });
    front.lines = [];
    front.waiting = [];
    createInterface({input: front.process.stdout}).on('line', line => front.onLine(line));
    const ready = (await front.wait('READY')).split(' ');
    [front.control, front.view] = ready.slice(1);
    front.url = new URL(front.control);
    return front;
  }

  onLine(line) {
    const at = this.waiting.findIndex(waiter => line.startsWith(waiter.start));
    if (at >= 0) {
      this.waiting.splice(at, 1)[0].resolve(line);
    } else {
      this.lines.push(line);
    }
  }

  // The next line that begins so.
  wait(start, ms = LIMIT_MS) {
    const at = this.lines.findIndex(line => line.startsWith(start));
    if (at >= 0) {
      return Promise.resolve(this.lines.splice(at, 1)[0]);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line ${start} from the front\n${this.log}`)), ms);
      this.waiting.push({start, resolve: line => {
        clearTimeout(timer);
        resolve(line);
      }});
    });
  }

  async say(line) {
    this.process.stdin.write(`${line}\n`);
    const answer = await this.wait(line === 'cost' ? 'cost' : ['OK ', 'WRONG '].map(word => `${word}${line}`)[0]);
    return answer;
  }

  // How many frames were played.
  async played() {
    return Number((await this.say('cost')).split(' ')[1]);
  }

  // The lines that begin so and have come already.
  take(start) {
    const found = this.lines.filter(line => line.startsWith(start));
    this.lines = this.lines.filter(line => !line.startsWith(start));
    return found;
  }

  screenPid() {
    const text = readFileSync(`/proc/${this.process.pid}/task/${this.process.pid}/children`, 'utf8');
    return Number(text.trim().split(' ')[0]);
  }

  stop() {
    this.process.stdin.end();
    return new Promise(resolve => this.process.once('exit', resolve));
  }
}

// SPDX-License-Identifier: MIT
// How tests wait: for what happens, not for a time. The limits only end tests that hang, so they are generous.

export const LIMIT_MS = 60000;

// For a rhythm that a test plays, and for what must not happen. What waits for something uses until().
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// Waits until an answer satisfies, and returns it.
export async function until(ask, what, ms = LIMIT_MS) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    if (performance.now() > end) {
      throw new Error(`it did not come to this: ${what}`);
    }
    await sleep(20);
  }
}

// Until the page has drawn some frames, with all that it puts off until the next one.
export function frames(page, count = 10) {
  return page.evaluate(async count => {
    for (let i = 0; i < count; i++) {
      await new Promise(requestAnimationFrame);
    }
  }, count);
}

let names = 0;

// Gives the person in the page a name, and returns the one before.
function rename(page, name) {
  return page.evaluate(name => {
    const field = document.getElementById('people-name');
    const before = field.value;
    field.value = name;
    field.dispatchEvent(new Event('change'));
    return before;
  }, name);
}

// Until the server has handled what the page has sent: it answers a new name with a new list of people.
export async function handled(page) {
  const name = `name ${++names}`;
  const isListed = listed => page.waitForFunction(([name, listed]) =>
    [...document.querySelectorAll('#people-list .name')].some(one => one.textContent === name) === listed, [name, listed]);
  const before = await rename(page, name);
  await isListed(true);
  await rename(page, before);
  await isListed(false);
}

// All input that has come to a front, with what the page has sent so far. `open` opens the page of somebody else, whose
// key comes last.
export async function inputSoFar(page, front, open) {
  await frames(page, 2);
  await handled(page);
  const last = await open(front.control);
  await last.focus('#stage');
  await last.keyboard.press('F9');
  await front.wait('INPUT key 0 67 0');
  await last.context().close();
  return front.take('INPUT').filter(line => !line.startsWith('INPUT key 0 67 '));
}

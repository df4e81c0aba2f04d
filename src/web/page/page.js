// SPDX-License-Identifier: MIT
'use strict';

// Asks for the list of displays, then for a picture of each that shows something new; the next round
// starts when all have come, and not before the pause is over.
const PAUSE_MS = 250;
const LOST_PAUSE_MS = 1000;

const figures = new Map();
const state = document.getElementById('state');

function say(text, lost) {
  state.textContent = text;
  state.classList.toggle('lost', lost);
}

function makeFigure(number) {
  const figure = document.getElementById('display').content.firstElementChild.cloneNode(true);
  figure.querySelector('strong').textContent = `display ${number}`;
  figure.querySelector('a').href = `api/displays/${number}/frame.png?cursor=1`;
  const image = figure.querySelector('img');
  image.alt = `what display ${number} shows`;
  const entry = {figure, image, frame: -1, url: null};
  figures.set(number, entry);
  const after = [...figures.keys()].filter(other => other > number).sort((a, b) => a - b)[0];
  document.getElementById('displays').insertBefore(figure, after === undefined ? null : figures.get(after).figure);
  return entry;
}

function describe(entry, display) {
  const shown = display.lit ? display : display.mode;
  entry.figure.classList.toggle('dark', !display.lit);
  entry.figure.querySelector('.dark').textContent = display.connected ? 'shows nothing' : 'not connected';
  entry.figure.querySelector('.size').textContent = `${shown.width} × ${shown.height}`;
  entry.figure.querySelector('.rate').textContent =
    `${display.frames_per_second.toFixed(0)} frames/s, frame ${display.frame}`;
}

async function refresh(entry, display) {
  const answer = await fetch(`api/displays/${display.number}/frame.png?cursor=1`);
  if (answer.status === 404) {
    return; // went dark in the meantime
  }
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  const url = URL.createObjectURL(await answer.blob());
  entry.image.src = url;
  await entry.image.decode();
  if (entry.url) {
    URL.revokeObjectURL(entry.url);
  }
  entry.url = url;
  entry.frame = Number(answer.headers.get('x-vitrine-frame'));
}

async function round() {
  const answer = await fetch('api/displays');
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  const {displays} = await answer.json();
  document.getElementById('empty').hidden = displays.length > 0;
  const loads = [];
  for (const display of displays) {
    const entry = figures.get(display.number) || makeFigure(display.number);
    describe(entry, display);
    if (display.lit) {
      loads.push(refresh(entry, display));
    }
  }
  await Promise.all(loads);
}

async function run() {
  for (;;) {
    let pause = PAUSE_MS;
    if (document.visibilityState === 'visible') {
      try {
        await round();
        say('live', false);
      } catch (error) {
        say('no connection, trying again', true);
        pause = LOST_PAUSE_MS;
      }
    }
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

run();

// Whether the application around the sandbox finds each platform healthy, and why not.

import {el} from './dom.js';

const EVERY = 2000; // milliseconds
const MARKS = {healthy: '\u2713', unhealthy: '\u2717', unknown: '?', off: '\u2013'};

export function wireHealth() {
  if (!('health' in document.body.dataset)) return;
  look();
  setInterval(() => document.hidden || look(), EVERY);
}

async function look() {
  try {
    draw((await (await fetch('api/health')).json()).platforms);
  } catch (error) {
    return; // the application restarts; the next look tells
  }
}

function draw(platforms) {
  for (const tile of document.querySelectorAll('[data-platform]')) {
    const mine = platforms.filter((one) => one.destination.split(':')[0] === tile.dataset.platform);
    const line = tile.querySelector('.health');
    line.hidden = mine.length === 0;
    const said = mine.map((one) => [one.status, [one.why, one.do].filter(Boolean).join(' '), blocked(one.pixels)]);
    if (line.dataset.said === JSON.stringify(said)) continue; // a reader of screens is not told the same again
    line.dataset.said = JSON.stringify(said);
    line.replaceChildren(...said.flatMap(lines));
  }
}

function lines([status, words, share]) {
  const well = status === 'healthy';
  const found = [el('span', {'data-health': status}, MARKS[status] + ' ' + status, well ? null : el('small', {}, ' ' + words))];
  return share ? [...found, el('small', {'data-blocked': ''}, share)] : found;
}

// What ad blockers take, as the pages themselves report it.
function blocked({fired, blocked}) {
  const heard = fired + blocked;
  return heard ? `${blocked} of ${heard} pixel${heard > 1 ? 's' : ''} blocked (${Math.round((100 * blocked) / heard)} %)` : '';
}

// The page: a stream of changes in, cards out.

import {Card} from './card.js';
import {drawChips, drawClock, drawEvents, drawFaults, post, wireClock, wireFaults, wireFilter} from './controls.js';
import {el, mark, time} from './dom.js';
import {wireHealth} from './health.js';
import {wireKeys} from './keys.js';
import {refreshQuality, wireQuality} from './quality.js';
import {nameOf, Store} from './store.js';

const PAGE = 60; // conversions shown at first, and more of them with each click
const VERDICTS = ['merged', 'counted twice', 'browser only', 'server only', 'rejected'];

const platforms = JSON.parse(document.body.dataset.platforms);
const titles = Object.fromEntries(Object.entries(platforms).map(([kind, {title}]) => [kind, title]));
const store = new Store(titles);
const cards = new Map(); // group → Card
const list = document.getElementById('conversions');
let last = ''; // the id of the stream's last message
let length = PAGE;

// --- drawing --------------------------------------------------------------------------------------------------------

function draw(fresh = new Set()) {
  drawEvents(store);
  const wanted = store.wanted();
  const shown = wanted.slice(0, length);
  const run = last.split('-')[0];
  const present = store.platforms;
  for (const group of [...cards.keys()]) if (!store.groups.has(group)) cards.delete(group);
  const elements = shown.map(([group, records]) => {
    if (!cards.has(group)) cards.set(group, new Card(titles));
    const card = cards.get(group);
    card.show(records, present, run, fresh);
    return card.element;
  });
  place(elements);
  document.getElementById('older').hidden = wanted.length <= length;
  document.getElementById('empty').hidden = store.records.size > 0;
  document.getElementById('nothing').hidden = wanted.length > 0 || store.records.size === 0;
  drawChips(store);
  drawTiles();
  drawNotices();
}

// Moves only what has to move, so that a focus inside stays.
function place(elements) {
  const wanted = new Set(elements);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] || null);
  });
}

function drawTiles() {
  for (const tile of document.querySelectorAll('[data-platform]')) {
    const {platform} = tile.dataset;
    const records = store.count('', platform);
    tile.querySelector('.sum strong').textContent = store.counted(platform);
    tile.querySelector('.sum span').textContent = 'counted of ' + records;
    const tally = VERDICTS.map((verdict) => [verdict, store.count(verdict, platform)]).filter(([, count]) => count);
    tile.querySelector('.tally').replaceChildren(
      ...tally.map(([verdict, count]) => el('span', {'data-verdict': verdict, title: count + ' ' + verdict}, mark(verdict), count, el('span', {class: 'hidden'}, ' ' + verdict))),
    );
  }
}

function drawNotices() {
  const box = document.getElementById('notices');
  box.hidden = store.notices.length === 0;
  box.querySelector('b').textContent = store.notices.length;
  box.querySelector('ol').replaceChildren(
    ...[...store.notices].reverse().map((notice) => el('li', {}, time(notice.seen_at), ' ', el('code', {}, notice.request), el('span', {}, notice.said))),
  );
}

// --- news for those who listen ---------------------------------------------------------------------------------------

let unsaid = [];
let timer = null;

function announce(records) {
  unsaid.push(...records);
  timer ??= setTimeout(() => {
    const said = unsaid.slice(-3).map((record) => nameOf([record]) + ', ' + titles[record.platform] + ': ' + record.verdict);
    const more = unsaid.length > 3 ? unsaid.length + ' changes, the last ones: ' : '';
    document.getElementById('news').textContent = more + said.join('; ');
    unsaid = [];
    timer = null;
  }, 1000);
}

// --- the stream -----------------------------------------------------------------------------------------------------

let stream = null;

function state(name, words) {
  const line = document.getElementById('line');
  line.dataset.state = name;
  line.lastElementChild.textContent = words;
}

function listen() {
  stream = new EventSource('api/stream?last=' + encodeURIComponent(last));
  stream.onopen = () => state('live', 'Live');
  stream.onerror = () => {
    state('lost', 'Not connected, trying again');
    if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, 2000); // an error page; else the browser tries again itself
  };
  stream.addEventListener('changes', (event) => {
    const first = last === '';
    last = event.lastEventId;
    const changes = JSON.parse(event.data);
    const changed = store.take(changes);
    drawClock(changes.clock);
    drawFaults(changes.faults);
    draw(first ? new Set() : new Set(changed.map((record) => record.key)));
    refreshQuality();
    if (!first && changed.length) announce(changed);
  });
}

// A browser opens six connections to one host at most: a page that nobody looks at gives its own back.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    listen();
  }
});

for (const element of document.querySelectorAll('[data-url]')) element.textContent = new URL(element.dataset.url, document.baseURI).href.replace(/\/$/, '');
document.getElementById('reset').addEventListener('click', () => post('api/reset'));
document.querySelector('#older button').addEventListener('click', () => { length += PAGE; draw(); });
wireFilter(store, draw);
// From a lone half to the one that may be its twin, on whatever card it is.
list.addEventListener('click', (event) => {
  const twin = event.target.closest('[data-twin]');
  const panel = twin && document.getElementById('record-' + twin.dataset.twin);
  if (!panel) return;
  panel.scrollIntoView({block: 'center'});
  panel.closest('.card').focus({preventScroll: true});
  panel.classList.remove('pointed');
  requestAnimationFrame(() => panel.classList.add('pointed'));
});
wireClock();
wireFaults();
wireHealth();
wireKeys();
wireQuality(store);
listen();

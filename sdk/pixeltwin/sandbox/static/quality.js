// Match quality: how much of what arrived carries what each vendor matches by. It is asked for again when something
// arrives, as long as it is looked at.

import {el} from './dom.js';

const HASH = '#quality';
const SIDES = [['server', 'Server'], ['browser', 'Browser']];
const list = document.getElementById('quality');
const cards = new Map(); // platform and event → {said, element}
let rows = null; // the newest answer
let asking = false;
let again = false;
let store = null; // which says what platform alone is shown

export const isShown = () => location.hash === HASH;

export function wireQuality(ledger) {
  store = ledger;
  document.getElementById('of-platform').addEventListener('change', draw);
  window.addEventListener('hashchange', turn);
  turn();
}

export function toggleQuality() {
  location.hash = isShown() ? '#ledger' : HASH;
}

// Something arrived, or was forgotten.
export async function refreshQuality() {
  if (!isShown()) return;
  again = asking;
  if (asking) return;
  asking = true;
  try {
    rows = (await (await fetch('api/quality')).json()).quality;
    draw();
  } catch (error) {
    again = false; // not connected: the page says so, and the stream brings news when it is back
  }
  asking = false;
  if (again) refreshQuality();
}

function turn() {
  const shown = isShown();
  document.body.dataset.view = shown ? 'quality' : 'ledger';
  document.getElementById('ledger-view').hidden = shown;
  document.getElementById('quality-view').hidden = !shown;
  for (const link of document.querySelectorAll('.views a')) {
    if (link.hash === (shown ? HASH : '#ledger')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  refreshQuality();
}

function draw() {
  if (!rows) return;
  const mine = rows.filter((row) => !store.platform || row.platform === store.platform);
  document.getElementById('unmatched').hidden = mine.length > 0 || !document.getElementById('empty').hidden;
  const platforms = new Set(mine.map((row) => row.platform));
  const focused = document.activeElement;
  list.replaceChildren(...[...platforms].map((platform) => section(mine.filter((row) => row.platform === platform))));
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({preventScroll: true});
}

function section(own) {
  const [{platform, title}] = own;
  return el('section', {'data-of': platform, 'aria-label': title}, el('h3', {}, title), ...own.map(card), advice(own));
}

// What would help, once for all events that it would help.
function advice(own) {
  const events = new Map(); // sentence → names
  for (const row of own) for (const said of row.advice) events.set(said, [...(events.get(said) || []), row.event]);
  if (!events.size) return null;
  return el('ul', {class: 'advice', 'aria-label': 'What would help'}, [...events].map(([said, names]) => el('li', {}, el('b', {}, names.join(', ') + ':'), ' ' + said)));
}

// A card that has nothing new to say stays as it is.
function card(row) {
  const key = row.platform + ' ' + row.event;
  const said = JSON.stringify(row);
  const known = cards.get(key) || {element: el('article', {class: 'card match', tabindex: '-1'})};
  if (known.said !== said) fill(known.element, row);
  cards.set(key, {said, element: known.element});
  return known.element;
}

function fill(element, row) {
  element.setAttribute('aria-label', row.title + ' ' + row.event + (row.score === null ? '' : ': ' + row.score + ' percent, ' + row.rating));
  const also = Object.entries(row.shares).filter(([name]) => !row.recommended.includes(name));
  element.replaceChildren(...[
    el('header', {}, el('h4', {}, row.event), el('span', {class: 'seen'}, counted(row.conversions)), score(row)),
    table(row),
    also.length ? el('p', {class: 'also'}, 'Also carried: ', also.map(([name, share]) => word(name) + ' ' + percent(share)).join(', ')) : null,
  ].filter(Boolean));
}

function score(row) {
  if (row.score === null) return null;
  return el('p', {class: 'score', 'data-rating': row.rating, title: 'The mean of the ' + row.judged + ' halves'}, el('strong', {}, row.score + ' %'), ' ' + row.rating);
}

function table(row) {
  const head = SIDES.map(([side, label]) => el('th', {scope: 'col'}, label, el('small', {}, row[side] ? ' ' + row[side].conversions : ' none')));
  const lines = row.recommended.map((name) =>
    el(
      'tr',
      {},
      el('th', {scope: 'row'}, word(name)),
      ...SIDES.map(([side, label]) => cell(label, row[side], name)),
    ),
  );
  return el(
    'table',
    {class: 'carried'},
    el('caption', {class: 'hidden'}, 'How many halves carry what ' + row.title + ' recommends'),
    el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, el('span', {class: 'hidden'}, 'Signal')), ...head)),
    el('tbody', {}, lines),
  );
}

function cell(label, half, name) {
  if (!half) return el('td', {class: 'none'}, '–');
  if (!(name in half.shares)) return el('td', {class: 'none', title: 'The ' + label.toLowerCase() + ' half has no field for it'}, 'no field');
  const share = half.shares[name];
  const bar = el('span', {class: 'gauge', 'aria-hidden': 'true'});
  bar.style.setProperty('--share', share);
  return el('td', {class: half.lacking.includes(name) ? 'lacking' : null}, bar, percent(share));
}

// Never 0 % of what there is, nor 100 % of what is not complete.
function percent(share) {
  const rounded = Math.round(100 * share);
  return (share > 0 && rounded === 0 ? '< 1' : share < 1 && rounded === 100 ? '> 99' : rounded) + ' %';
}

function word(name) {
  return name.replace(/_ids$/, ' id').replaceAll('_', ' ');
}

function counted(number) {
  return number === 1 ? '1 conversion' : number + ' conversions';
}

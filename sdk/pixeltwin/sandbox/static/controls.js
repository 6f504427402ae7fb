// What a person can do here: filter, turn the clock, switch faults on, reset.

import {clockTime, duration} from './dom.js';

export async function post(path, body) {
  const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body || {})});
  if (!answer.ok) throw new Error((await answer.json()).error);
}

export function wireFilter(store, redraw) {
  const input = document.getElementById('filter');
  const chips = [...document.querySelectorAll('[data-verdict][aria-pressed]')];
  const [platform, event] = [document.getElementById('of-platform'), document.getElementById('of-event')];
  const choose = (verdict) => {
    store.verdict = verdict;
    for (const chip of chips) chip.setAttribute('aria-pressed', String(chip.dataset.verdict === verdict));
  };
  input.addEventListener('input', () => { store.text = input.value; redraw(); });
  for (const chip of chips) chip.addEventListener('click', () => { choose(chip.dataset.verdict); redraw(); });
  platform.addEventListener('change', () => { store.platform = platform.value; redraw(); });
  event.addEventListener('change', () => { store.event = event.value; redraw(); });
  document.getElementById('sieve').addEventListener('submit', (submitted) => submitted.preventDefault());
  document.getElementById('unfilter').addEventListener('click', () => {
    choose('');
    store.text = input.value = '';
    store.platform = platform.value = '';
    store.event = event.value = '';
    redraw();
  });
}

// The events there are, to choose from; the chosen one stays.
export function drawEvents(store) {
  const select = document.getElementById('of-event');
  const known = store.events;
  if (known.join() === [...select.options].slice(1).map((option) => option.value).join()) return;
  select.replaceChildren(select.options[0], ...known.map((name) => new Option(name, name)));
  select.value = known.includes(store.event) ? store.event : '';
  store.event = select.value;
}

export function drawChips(store) {
  for (const chip of document.querySelectorAll('[data-verdict][aria-pressed]')) {
    const count = store.count(chip.dataset.verdict);
    chip.querySelector('b').textContent = count;
    chip.classList.toggle('zero', count === 0 && chip.dataset.verdict !== '');
  }
}

// --- clock ----------------------------------------------------------------------------------------------------------

let ahead = 0; // milliseconds between the sandbox's clock and this machine's

export function wireClock() {
  for (const button of document.querySelectorAll('[data-advance]')) {
    button.addEventListener('click', () => post('api/clock', {advance_seconds: Number(button.dataset.advance)}));
  }
  setInterval(tick, 1000);
}

export function drawClock(clock) {
  ahead = new Date(clock.now) - Date.now();
  const jumped = clock.offset_seconds > 0;
  document.querySelector('.clock').classList.toggle('jumped', jumped);
  document.getElementById('offset').textContent = jumped
    ? duration(clock.offset_seconds) + ' ahead: new events look that old. Reset sets it back.'
    : 'Real time. Jump across a dedup window:';
  tick();
}

function tick() {
  const now = new Date(Date.now() + ahead).toISOString();
  const element = document.getElementById('now');
  element.textContent = clockTime(now);
  element.setAttribute('datetime', now);
}

// --- faults ---------------------------------------------------------------------------------------------------------

export function wireFaults() {
  for (const tile of document.querySelectorAll('[data-platform]')) {
    const {platform} = tile.dataset;
    const [fault, half] = [tile.querySelector('[name=fault]'), tile.querySelector('[name=half]')];
    const wish = async () => {
      const wanted = {platform, fault: fault.value, half: half.value}; // the answer to the first request redraws both
      await post('api/faults', {platform, fault: null});
      if (wanted.fault) await post('api/faults', wanted);
    };
    fault.addEventListener('change', wish);
    half.addEventListener('change', wish);
  }
}

export function drawFaults(faults) {
  for (const tile of document.querySelectorAll('[data-platform]')) {
    const mine = faults.filter((fault) => fault.platform === tile.dataset.platform);
    const [fault, half] = [tile.querySelector('[name=fault]'), tile.querySelector('[name=half]')];
    tile.classList.toggle('faulty', mine.length > 0);
    if (mine.length) {
      const kind = mine[mine.length - 1].fault;
      if (![...fault.options].some((option) => option.value === kind)) fault.add(new Option(kind, kind));
      fault.value = kind;
      half.value = mine.length > 1 ? 'both' : mine[0].half;
    } else if (document.activeElement !== fault) {
      fault.value = '';
    }
  }
}

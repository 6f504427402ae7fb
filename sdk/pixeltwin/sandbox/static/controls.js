// What a person can do here: filter, turn the clock, switch faults on, reset.

import {clockTime, duration} from './dom.js';

export async function post(path, body) {
  const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body || {})});
  if (!answer.ok) throw new Error((await answer.json()).error);
}

export function wireFilter(store, redraw) {
  const input = document.getElementById('filter');
  const chips = [...document.querySelectorAll('[data-verdict][aria-pressed]')];
  const choose = (verdict) => {
    store.verdict = verdict;
    for (const chip of chips) chip.setAttribute('aria-pressed', String(chip.dataset.verdict === verdict));
  };
  input.addEventListener('input', () => { store.text = input.value; redraw(); });
  for (const chip of chips) chip.addEventListener('click', () => { choose(chip.dataset.verdict); redraw(); });
  document.getElementById('sieve').addEventListener('submit', (event) => event.preventDefault());
  document.getElementById('unfilter').addEventListener('click', () => { choose(''); store.text = input.value = ''; redraw(); });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.target.closest('input, select, textarea')) {
      event.preventDefault();
      input.focus();
    }
  });
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

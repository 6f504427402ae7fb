// Elements from values. Text only ever becomes a text node: what arrives here was written by strangers.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === 'on') for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function mark(verdict) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'mark');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', '#mark-' + verdict.replace(' ', '-'));
  svg.append(use);
  return svg;
}

const TIME = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const DAY = new Intl.DateTimeFormat(undefined, {day: 'numeric', month: 'short'});

// The local time of day; with its date where that is not today's.
export function clockTime(iso) {
  const moment = new Date(iso);
  const time = TIME.format(moment);
  return moment.toDateString() === new Date().toDateString() ? time : DAY.format(moment) + ' ' + time;
}

export function time(iso) {
  return el('time', {datetime: iso, title: iso}, clockTime(iso));
}

// "25 h", "8 days 1 h"
export function duration(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.round((seconds % 3600) / 60);
  if (hours >= 72) return Math.floor(hours / 24) + ' days' + (hours % 24 ? ' ' + (hours % 24) + ' h' : '');
  return [hours && hours + ' h', minutes && minutes + ' min'].filter(Boolean).join(' ') || seconds + ' s';
}

export function copier(text, label) {
  const button = el('button', {type: 'button', class: 'copier', 'aria-label': label, title: label}, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch (error) {
      button.textContent = 'Not allowed';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return button;
}

// One conversion: its platforms side by side, each with its browser half, the verdict and its server half.

import {copier, el, mark, time} from './dom.js';
import {nameOf} from './store.js';

const FIELDS = [
  ['id', 'ID'], ['event', 'Event'], ['order_id', 'Order'], ['value', 'Value'], ['account', 'Account'],
  ['action_source', 'Source'], ['occurred_at', 'Happened'], ['received_at', 'Arrived'],
];
const COMPARED = ['id', 'event', 'order_id', 'value', 'account', 'action_source'];

export class Card {
  constructor(titles) {
    this.titles = titles;
    this.cells = new Map(); // platform → its cell
    this.panels = new Map(); // record key → {version, element}
    this.drawers = new Map(); // record key → the opened drawer below its cell
    this.head = el('header');
    this.body = el('div', {class: 'cells'});
    this.element = el('article', {class: 'card'}, this.head, this.body);
  }

  // `fresh` are the keys of records that have just changed, to be lit up for a moment.
  show(records, platforms, run, fresh) {
    this.head.replaceChildren(...heading(records));
    this.body.style.setProperty('--columns', Math.min(platforms.length, 4));
    const rows = platforms.flatMap((platform) => {
      const mine = records.filter((record) => record.platform === platform);
      const panels = mine.map((record) => this.panel(record, run, fresh.has(record.key)));
      const cell = this.cell(platform);
      fill(cell, panels.length ? panels : [el('p', {class: 'none'}, 'Nothing from ' + this.titles[platform])]);
      return [cell, ...mine.map((record) => this.drawers.get(record.key)).filter(Boolean)];
    });
    fill(this.body, rows);
  }

  cell(platform) {
    if (!this.cells.has(platform)) this.cells.set(platform, el('div', {class: 'cell'}));
    return this.cells.get(platform);
  }

  panel(record, run, fresh) {
    const version = run + '-' + record.version;
    const known = this.panels.get(record.key);
    if (known && known.version === version) return known.element;
    const title = this.titles[record.platform];
    const opened = this.drawers.has(record.key);
    const opener = el('button', {type: 'button', class: 'opener', 'aria-expanded': String(opened)}, 'Fields and payloads');
    opener.addEventListener('click', () => this.toggle(record, opener));
    const element = panel(record, title, opener);
    if (fresh) element.classList.add('fresh');
    if (opened) this.drawers.set(record.key, drawer(record, title));
    if (known?.element.contains(document.activeElement)) requestAnimationFrame(() => opener.focus());
    this.panels.set(record.key, {version, element});
    return element;
  }

  toggle(record, opener) {
    const open = this.drawers.get(record.key);
    if (open) {
      open.remove();
      this.drawers.delete(record.key);
    } else {
      const made = drawer(record, this.titles[record.platform]);
      this.drawers.set(record.key, made);
      this.cell(record.platform).after(made);
      made.scrollIntoView({block: 'nearest'});
    }
    opener.setAttribute('aria-expanded', String(!open));
  }
}

function fill(parent, elements) {
  const same = parent.children.length === elements.length && elements.every((element, index) => parent.children[index] === element);
  if (!same) parent.replaceChildren(...elements);
}

function heading(records) {
  const halves = records.flatMap((record) => [record.browser, record.server]).filter(Boolean);
  const orders = halves.map((half) => half.order_id).filter(Boolean);
  const order = orders.sort((one, other) => one.length - other.length)[0]; // a pixel may have hashed its own
  const value = halves.find((half) => half.value !== null)?.value;
  const id = records[0].id;
  return [
    el('h3', {}, nameOf(records)),
    value === undefined ? null : el('span', {class: 'value'}, money(value)),
    order ? el('span', {class: 'order'}, 'order ' + order) : null,
    id === null
      ? el('span', {class: 'id missing'}, 'without an ID')
      : el('span', {class: 'id'}, el('code', {title: id}, shortened(id)), copier(id, 'Copy the ID')),
    el('span', {class: 'seen'}, time(records[0].seen_at)),
  ].filter(Boolean);
}

function money(value) {
  return typeof value === 'number' ? value.toLocaleString(undefined, {minimumFractionDigits: 2, maximumFractionDigits: 6}) : String(value);
}

function shortened(id) {
  return id.length > 20 ? id.slice(0, 8) + '…' + id.slice(-6) : id;
}

function panel(record, title, opener) {
  return el(
    'section',
    {class: 'panel', 'data-verdict': record.verdict, 'data-certain': String(record.certain), 'aria-label': title + ': ' + record.verdict},
    el('p', {class: 'platform'}, el('strong', {}, title), ' ', el('code', {}, record.custom_name ? record.event + ' · ' + record.custom_name : record.event)),
    el('div', {class: 'twins'}, half('Browser', record.browser), verdict(record), half('Server', record.server)),
    el('p', {class: 'reason'}, record.reason),
    record.repeats ? el('p', {class: 'repeats'}, record.repeats === 1 ? '1 repeated call, not counted again.' : record.repeats + ' repeated calls, not counted again.') : null,
    record.warnings.length ? el('ul', {class: 'warnings'}, record.warnings.map((warning) => el('li', {}, warning))) : null,
    opener,
  );
}

function half(label, found) {
  const state = found ? (found.refused ? 'refused' : 'here') : 'missing';
  return el(
    'div',
    {class: 'half', 'data-state': state},
    el('span', {class: 'side'}, label),
    found ? time(found.received_at) : el('span', {class: 'absent'}, 'missing'),
    state === 'refused' ? el('span', {class: 'absent'}, 'refused') : null,
  );
}

function verdict(record) {
  return el(
    'div',
    {class: 'verdict'},
    mark(record.verdict),
    el('strong', {}, record.verdict === 'counted twice' && record.counted > 2 ? 'counted ' + record.counted + ' times' : record.verdict),
    record.certain ? null : el('em', {}, 'uncertain'),
  );
}

// --- one click away -------------------------------------------------------------------------------------------------

function drawer(record, title) {
  const label = title + ', ' + record.event + ': fields and payloads';
  return el(
    'section',
    {class: 'drawer', role: 'region', 'aria-label': label},
    el('h4', {}, title, ' ', el('code', {}, record.event)),
    table(record),
    payloads(record),
    arrivals(record),
  );
}

function table(record) {
  const {browser, server} = record;
  const rows = FIELDS.filter(([key]) => filled(browser?.[key]) || filled(server?.[key])).map(([key, label]) => {
    const compared = browser && server && COMPARED.includes(key);
    const same = compared && browser[key] === server[key];
    const sign = compared ? (same ? '=' : '≠') : '';
    const words = compared ? (same ? 'equal' : 'different') : '';
    return el(
      'tr',
      {'data-compared': words || null},
      el('th', {scope: 'row'}, label),
      el('td', {}, shown(browser, key)),
      el('td', {class: 'sign'}, el('span', {'aria-hidden': 'true'}, sign), el('span', {class: 'hidden'}, words)),
      el('td', {}, shown(server, key)),
    );
  });
  return el(
    'div',
    {class: 'wide'},
    el(
      'table',
      {class: 'fields'},
      el('thead', {}, el('tr', {}, el('td'), el('th', {scope: 'col'}, 'Browser'), el('td'), el('th', {scope: 'col'}, 'Server'))),
      el('tbody', {}, rows),
    ),
  );
}

function filled(value) {
  return value !== null && value !== undefined && value !== '';
}

function shown(one, key) {
  if (!filled(one?.[key])) return '–';
  return key === 'value' ? money(one.value) : String(one[key]);
}

function payloads(record) {
  const found = [['Browser', record.browser], ['Server', record.server], ...record.again.map((one) => ['Counted again: ' + one.side, one])];
  return el(
    'div',
    {class: 'payloads'},
    found.filter(([, one]) => one).map(([label, one]) => {
      const text = JSON.stringify(one.payload, null, 2);
      return el(
        'figure',
        {},
        el('figcaption', {}, label, ' ', copier(text, 'Copy the payload')),
        el('pre', {tabindex: '0'}, text),
      );
    }),
  );
}

function arrivals(record) {
  const steps = record.arrivals.map((one) => el('li', {}, time(one.received_at), ' ', one.side, ' half ', el('em', {}, one.outcome)));
  return el('ol', {class: 'arrivals', 'aria-label': 'In order of arrival'}, steps);
}

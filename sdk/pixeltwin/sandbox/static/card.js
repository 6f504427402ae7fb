// One conversion: its platforms side by side, each with its browser half, the verdict and its server half.

import {copier, el, mark, time} from './dom.js';
import {Drawer} from './drawer.js';
import {nameOf} from './store.js';

export class Card {
  constructor(titles) {
    this.titles = titles;
    this.cells = new Map(); // platform → its cell
    this.panels = new Map(); // record key → {version, element}
    this.drawers = new Map(); // record key → the opened drawer below its cell
    this.head = el('header');
    this.body = el('div', {class: 'cells'});
    this.element = el('article', {class: 'card', tabindex: '-1'}, this.head, this.body);
  }

  // `fresh` are the keys of records that have just changed, to be lit up for a moment.
  show(records, platforms, run, fresh) {
    const present = platforms.filter((platform) => records.some((record) => record.platform === platform));
    const absent = platforms.filter((platform) => !present.includes(platform)).map((platform) => this.titles[platform]);
    this.head.replaceChildren(...heading(records, absent));
    this.element.setAttribute('aria-label', nameOf(records));
    this.body.style.setProperty('--columns', Math.min(present.length, 4));
    this.body.classList.toggle('alone', present.length === 1);
    const rows = present.flatMap((platform) => {
      const mine = records.filter((record) => record.platform === platform);
      const cell = this.cell(platform);
      fill(cell, mine.map((record) => this.panel(record, run, fresh.has(record.key))));
      return [cell, ...mine.map((record) => this.drawers.get(record.key)?.element).filter(Boolean)];
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
    if (opened) this.drawers.get(record.key).show(record);
    if (known?.element.contains(document.activeElement)) requestAnimationFrame(() => opener.focus());
    this.panels.set(record.key, {version, element});
    return element;
  }

  toggle(record, opener) {
    const open = this.drawers.get(record.key);
    if (open) {
      open.element.remove();
      this.drawers.delete(record.key);
    } else {
      const made = new Drawer(record, this.titles[record.platform]);
      this.drawers.set(record.key, made);
      this.cell(record.platform).after(made.element);
      made.element.scrollIntoView({block: 'nearest'});
    }
    opener.setAttribute('aria-expanded', String(!open));
  }
}

function fill(parent, elements) {
  const same = parent.children.length === elements.length && elements.every((element, index) => parent.children[index] === element);
  if (!same) parent.replaceChildren(...elements);
}

function heading(records, absent) {
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
    absent.length ? el('span', {class: 'none'}, 'nothing from ' + absent.join(', ')) : null,
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
    {class: 'panel', id: 'record-' + record.key, 'data-verdict': record.verdict, 'data-certain': String(record.certain), 'aria-label': title + ': ' + record.verdict},
    el('p', {class: 'platform'}, el('strong', {}, title), ' ', el('code', {}, record.custom_name ? record.event + ' · ' + record.custom_name : record.event)),
    el('div', {class: 'twins'}, half('Browser', record.browser), verdict(record), half('Server', record.server)),
    el('p', {class: 'reason'}, record.reason),
    decided(record),
    record.repeats ? el('p', {class: 'repeats'}, record.repeats === 1 ? '1 repeated call, not counted again.' : record.repeats + ' repeated calls, not counted again.') : null,
    record.warnings.length ? el('ul', {class: 'warnings'}, record.warnings.map((warning) => el('li', {}, warning))) : null,
    el('p', {class: 'more'}, opener, record.twin ? el('button', {type: 'button', class: 'twin', 'data-twin': String(record.twin)}, 'The other half') : null),
  );
}

function decided(record) {
  if (!record.decided_by.length) return null;
  const names = [...new Set(record.decided_by)].flatMap((name) => [' ', el('code', {}, name)]);
  return el('p', {class: 'decided'}, 'Decided by', ...names);
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

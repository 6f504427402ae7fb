// What is one click away: the life of a conversion, its fields side by side, and both payloads.

import {copier, el, time} from './dom.js';
import {lines, marksOf} from './payload.js';

const WORDS = {
  'equal': ['=', 'equal'],
  'different': ['≠', 'different'],
  'missing in browser': ['→', 'missing in the browser half'],
  'missing in server': ['←', 'missing in the server half'],
  "browser's own": ['·', 'the browser half alone has it'],
  "server's own": ['·', 'the server half alone has it'],
};

// The drawer shows at once what is known, and completes itself when the sandbox has compared the payloads.
export class Drawer {
  constructor(record, title) {
    this.title = title;
    this.element = el('section', {class: 'drawer', role: 'region', 'aria-label': title + ', ' + record.event + ': fields and payloads'});
    this.show(record);
  }

  show(record) {
    this.record = record;
    this.draw(this.compared || {fields: [], timeline: [], beside: null});
    fetch('api/conversions/' + record.key)
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((compared) => {
        if (!compared || compared.version < this.record.version) return;
        this.compared = compared;
        this.draw(compared);
      })
      .catch(() => {}); // not connected: the page says so already
  }

  draw({fields, timeline, beside}) {
    const {record} = this;
    const parts = [
      el('h4', {}, this.title, ' ', el('code', {}, record.event)),
      steps(timeline),
      table(fields, record, beside),
      payloads(record, fields, beside),
      el('p', {class: 'times'}, ...times('Browser', record.browser), ...times('Server', record.server)),
    ];
    this.element.replaceChildren(...parts.filter(Boolean));
  }
}

function times(label, half) {
  if (!half) return [];
  return [el('span', {}, label + ' half: happened ', time(half.occurred_at), ', arrived ', time(half.received_at), half.account ? ', for ' + half.account : '')];
}

function steps(timeline) {
  if (!timeline.length) return null;
  return el(
    'ol',
    {class: 'timeline', 'aria-label': 'Its life, in order'},
    timeline.map((step) =>
      el(
        'li',
        {'data-what': step.what},
        el('strong', {}, step.what),
        step.side ? el('span', {}, step.side + ' half') : null,
        step.at ? time(step.at) : null,
        step.said ? el('em', {}, step.said) : null,
      ),
    ),
  );
}

function table(fields, record, beside) {
  if (!fields.length) return null;
  const came = {browser: record.browser || beside?.side === 'browser', server: record.server || beside?.side === 'server'};
  const decides = new Set(record.decided_by);
  const rows = fields.map((field) => {
    const [sign, words] = WORDS[field.state] || ['', ''];
    const decided = decides.has(field.browser_name) || decides.has(field.server_name);
    return el(
      'tr',
      {'data-compared': field.state, class: decided ? 'decides' : null},
      el('th', {scope: 'row'}, field.name, decided ? [' ', el('b', {}, 'decides')] : null),
      cell('Browser', field.browser_name, field.browser, came.browser),
      el('td', {class: 'sign', title: words}, el('span', {'aria-hidden': 'true'}, sign), el('span', {class: 'hidden'}, words)),
      cell('Server', field.server_name, field.server, came.server),
    );
  });
  return el(
    'table',
    {class: 'fields'},
    el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'Field'), el('th', {scope: 'col'}, 'Browser'), el('td'), el('th', {scope: 'col'}, 'Server'))),
    el('tbody', {}, rows),
  );
}

// `came`: whether there is a half of this side at all.
function cell(side, name, value, came) {
  const said = value === null || value === undefined ? null : el('span', {class: 'value'}, typeof value === 'string' ? value : JSON.stringify(value));
  const absent = name && came ? el('span', {class: 'absent'}, 'not said') : null;
  return el('td', {'data-side': side}, el('code', {}, name || 'no field'), said || absent);
}

function payloads(record, fields, beside) {
  const marks = marksOf(fields);
  const perhaps = beside ? [['Perhaps its twin: ' + beside.side, beside]] : [];
  const found = [['Browser', record.browser], ['Server', record.server], ...perhaps, ...record.again.map((one) => ['Counted again: ' + one.side, one])];
  return el(
    'div',
    {class: 'payloads'},
    found.filter(([, one]) => one).map(([label, one]) =>
      el(
        'figure',
        {},
        el('figcaption', {}, label, ' ', copier(JSON.stringify(one.payload, null, 2), 'Copy the payload')),
        el('pre', {tabindex: '0'}, lines(one.payload, marks[one.side])),
      ),
    ),
  );
}

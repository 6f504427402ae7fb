// A payload as JSON text, every compared field marked by what the comparison found.

import {el} from './dom.js';

const DROPPED = 'dropped by the pixel';
const JOINT = '\u0000'; // between the keys of a path: no key has it

// The state of each compared place, by side and path.
export function marksOf(fields) {
  const marks = {browser: new Map(), server: new Map()};
  for (const field of fields) {
    for (const side of ['browser', 'server']) {
      const path = field[side + '_path'];
      if (path.length && field.state) marks[side].set(path.join(JOINT), field.state);
    }
  }
  return marks;
}

// The same text as JSON.stringify(value, null, 2), in spans where there is something to mark.
export function lines(value, marks, path = [], indent = '') {
  if (value === null || typeof value !== 'object') return [JSON.stringify(value) ?? 'null'];
  const list = Array.isArray(value);
  const entries = list ? value.map((one) => [null, one]) : Object.entries(value);
  if (!entries.length) return [list ? '[]' : '{}'];
  const inner = indent + '  ';
  const parts = [list ? '[' : '{'];
  entries.forEach(([key, one], index) => {
    const here = list ? path : [...path, key];
    const text = [list ? '' : JSON.stringify(key) + ': ', ...lines(one, marks, here, inner)];
    const state = list ? null : stateOf(here, marks);
    parts.push('\n' + inner, ...(state ? [el('span', {class: 'mark-' + state}, text)] : text), index < entries.length - 1 ? ',' : '');
  });
  parts.push('\n' + indent + (list ? ']' : '}'));
  return parts;
}

function stateOf(path, marks) {
  if (path[0] === DROPPED) return path.length === 1 ? 'dropped' : null;
  const state = marks.get(path.join(JOINT));
  if (!state) return null;
  if (state.startsWith('missing')) return 'missing';
  return state === 'equal' || state === 'different' ? state : 'own';
}

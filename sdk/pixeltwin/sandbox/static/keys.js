// The keyboard: j and k go from card to card, Enter opens one, q turns to match quality, / searches, ? tells all this.

import {isShown, toggleQuality} from './quality.js';

const TYPING = 'input, select, textarea';

export function wireKeys() {
  const help = document.getElementById('help');
  const search = document.getElementById('filter');
  document.getElementById('ask').addEventListener('click', () => help.showModal());
  help.querySelector('button').addEventListener('click', () => help.close());
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === 'Escape' && event.target === search) return search.blur();
    if (event.target.closest(TYPING)) return undefined;
    const act = {
      '/': () => (isShown() ? false : search.focus()),
      '?': () => help.showModal(),
      q: toggleQuality,
      j: () => go(1),
      k: () => go(-1),
      Enter: () => open(event.target),
    }[event.key];
    if (act && act() !== false) event.preventDefault();
    return undefined;
  });
}

// To the next or the last card of the view that is shown.
function go(step) {
  const cards = [...document.querySelectorAll(isShown() ? '#quality .card' : '#conversions .card')];
  const at = cards.indexOf(document.activeElement?.closest('.card'));
  const next = cards[at < 0 ? 0 : Math.min(Math.max(at + step, 0), cards.length - 1)];
  next?.focus();
  next?.scrollIntoView({block: 'nearest'});
}

// Opens or closes what the focused card shows; anything inside of it has an Enter of its own.
function open(target) {
  if (!target.matches('.card')) return false;
  const openers = [...target.querySelectorAll('.opener')];
  const closed = openers.filter((opener) => opener.getAttribute('aria-expanded') === 'false');
  for (const opener of closed.length ? closed : openers) opener.click();
  return true;
}

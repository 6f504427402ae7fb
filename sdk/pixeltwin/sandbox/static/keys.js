// The keyboard: j and k go from conversion to conversion, Enter opens one, / searches, ? tells all this.

const TYPING = 'input, select, textarea';

export function wireKeys(list) {
  const help = document.getElementById('help');
  const search = document.getElementById('filter');
  document.getElementById('ask').addEventListener('click', () => help.showModal());
  help.querySelector('button').addEventListener('click', () => help.close());
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === 'Escape' && event.target === search) return search.blur();
    if (event.target.closest(TYPING)) return undefined;
    const act = {
      '/': () => search.focus(),
      '?': () => help.showModal(),
      j: () => go(list, 1),
      k: () => go(list, -1),
      Enter: () => open(event.target),
    }[event.key];
    if (act && act() !== false) event.preventDefault();
    return undefined;
  });
}

function go(list, step) {
  const cards = [...list.children];
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

/* pixeltwin tells the server which pixels took their calls (`pixeltwin.told`), and which were blocked: in one go, when all
   is known, after five seconds, or when the page goes. A script that comes later still is told of when the page goes.
   What the page itself reported it says once more: a busy server may hear this before it heard of the conversion.
   Whether a pixel's script has taken the calls, its own loader says. */
(function (w, d) {
  'use strict';
  const twin = w.pixeltwin, url = new URL('fired', d.currentScript.src).href, pause = 250, looks = 20, again = 3000;
  let left = 0;

  const took = how => { try { return how[2](w); } catch (e) {} };

  /* 1: it fired, 0: it did not, -1: not known yet; `last`: it will not be waited for. */
  const state = (how, last) => took(how) ? 1 : how.lost || last ? 0 : -1;

  /* Whether all was known and told. What is once said to have fired stays so. */
  function acknowledge(last) {
    const about = twin.told.filter(([, name]) => twin.loaders[name][2]), said = {}, repeated = {};
    const found = about.map(([, name]) => state(twin.loaders[name], last));
    if (found.includes(-1)) return false;
    about.forEach((one, at) => {
      const [{id, ack, url: own}, name, before] = one, now = found[at];
      if (before || before === now) return;
      one[2] = now;
      (said[id] = said[id] || [ack, id, [], []])[now ? 2 : 3].push(name);
      if (own) repeated[id] = said[id];
    });
    tell(said);
    if (Object.keys(repeated).length) setTimeout(tell, again, repeated);
    return true;
  }

  function tell(said) {
    const all = Object.values(said);
    while (all.length) twin.tell(url, {url: w.location.href, said: all.splice(0, 5)});
  }

  function look() {
    left -= 1;
    if (acknowledge(!left)) left = 0;
    else setTimeout(look, pause);
  }

  twin.heed = () => {
    if (!left) setTimeout(look, pause);
    left = looks;
  };
  twin.heed();
  w.addEventListener('pagehide', () => acknowledge(true));
})(window, document);

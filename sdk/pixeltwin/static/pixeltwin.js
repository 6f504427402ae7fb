/* pixeltwin, the first-party script. It comes behind the loaders of the site's pixels (`pixeltwin.run`), reads what a page
   says of its pixels, and mints the id of what happens in the browser: the pixels and the server get the same one.
   Nothing in it is tied to one visitor, so that it may be cached, and so may the page.

   pixeltwin.track(descriptor)   tell of something, with a descriptor that the server signed
   pixeltwin.view()              tell of a page view, where a router changes pages without loading one
   pixeltwin.claim()             ask the server what this visitor's page shows, as after a decision about consent; its view
                                 is told if it was not before
   window.pixeltwinAnswered      set by a banner: he has answered, if this script comes later than that it has to ask */
(d => {
  const twin = pixeltwin, {pathname, search} = new URL(d.currentScript.src);
  if (twin.view) return;

  const here = name => twin.ours(pathname.replace('pixeltwin.js', name)), parts = {},
    more = name => { parts[name] ??= twin.add(here(name) + search) ?? 1; },
    on = (names, act) => names.forEach(name => d.addEventListener(name, act, true)),
    mint = () => crypto.getRandomValues(new Uint8Array(32)).reduce((id, n) => id + n.toString(16).padStart(2, 0), ''),
    json = said => ({
      method: 'POST',
      body: new Blob([JSON.stringify(said)], {type: 'application/json'}),
      keepalive: 1
    }),

    /* A beacon outlives the page; where there is none, or no room for it, a request that is kept alive. */
    tell = twin.tell = (url, said) => {
      const how = json(said);
      if (!navigator.sendBeacon?.(url, how.body)) fetch(url, how).catch(() => {});
    },

    /* One id for all. Where the server knows it already (`fixed`: it has a natural key) that one, else a new one, which
       takes the place of `what.id` wherever it stands. */
    happened = (what, url) => {
      const {token} = what, id = what.fixed ? what.id : mint(),
        told = JSON.parse(
          JSON.stringify({...what, url, token: 0, ack: what.ack && (token || 1)}).replaceAll(what.id, id)
        );
      twin.fire(told, !what.fixed);
      if (url) tell(twin.ours(url), {id, token, url: location.href, screen: [screen.width, screen.height]});
      if (told.on) d.dispatchEvent(new CustomEvent('pixeltwin:conversion', {detail: told}));
    };

  /* The server wants to hear what became of a call: the code for that comes when it is first needed. */
  twin.heed = () => more('acknowledge.js');
  if (twin.told[0]) twin.heed();

  /* So does the code for the forms of a page whose address was cleaned. */
  twin.cleaned = () => more('forms.js');
  if (twin.was) twin.cleaned();

  twin.track = what => { if (what) happened(what, here('event')); };
  twin.view = () => twin.seen(() => {
    if (!twin.here) return;
    twin.viewed = 1;
    happened(twin.here, twin.here.beacon);
  });

  /* What a page or an answer says of its pixels. While the server is asked, its newest answer alone starts and stops
     them. A conversion is handed out once: what others bring waits for that answer, and is told to whom it has started. */
  let awaited = window.pixeltwinAnswered, last, sent;
  const waiting = [];
  twin.take = (page, newest = !awaited) => {
    waiting.push(...page.fires || []);
    twin.run({
      ...newest ? page : {view: twin.here, drop: page.drop},
      fires: awaited ? [] : waiting.splice(0)
    });
  };

  twin.claim = () => {
    const mine = awaited = {};
    return fetch(here('visit'), json({url: location.href})).then(answer => answer.json()).catch(() => '').then(page => {
      const newest = mine == awaited;
      if (newest) awaited = 0;
      twin.take(page, newest && page);
      if (newest && page) twin.seen(() => { if (!twin.viewed) twin.view(); });
    });
  };

  /* What a page says stands in data blocks, which may come later: by htmx, by Turbo, by a page that is still loading and
     has only half of one. Each is read once, also where a library keeps a copy of it. */
  const read = twin.read = () => d.querySelectorAll('script[data-pixeltwin=""]').forEach(one => {
    try {
      const page = JSON.parse(one.textContent);
      one.dataset.pixeltwin = 'read';
      twin.take(page);
    } catch {}
  });

  /* `{{ pixeltwin.on("click", …) }}`: heard before the page's own handlers, which may navigate away. After a click on a
     label the browser clicks what it labels, at once: that is the same click. A form that is sent twice within a second,
     by a double click, the browser posts once; one that a script sends itself is sent as often as it says. */
  on(['click', 'submit', 'change'], event => {
    const {type, target} = event, name = 'data-pixeltwin-' + type,
      said = target.closest?.(`[${name}]`)?.getAttribute(name);
    if (!said || said == last && target.labels?.length) return;
    last = said;
    setTimeout(() => { last = 0; });
    if (type == 'submit') {
      if (sent?.target == target && !sent.defaultPrevented && event.timeStamp - sent.timeStamp < 1000) return;
      sent = event;
    }
    twin.track(JSON.parse(said));
  });

  /* Turbo and htmx change pages without loading one: what to do then comes with the first that they say. */
  twin.swaps = [];
  on([
    'turbo:visit', 'turbo:load', 'turbo:frame-render', 'turbo:before-stream-render',
    'htmx:pushedIntoHistory', 'htmx:afterRequest'
  ], event => {
    twin.swaps.push(event, twin.here);
    more('swaps.js');
  });

  read();
  new MutationObserver(read).observe(d, {childList: 1, subtree: 1});
  on(['DOMContentLoaded'], read);

  /* A page that is the same for everybody says nothing of this visitor: the server is asked. So it is where he answered
     his banner before this script came, and by a page that comes back as it was: he may have answered on another. */
  twin.seen(awaited || d.querySelector('script[data-claim]') ? twin.claim : twin.view);
  addEventListener('pageshow', ({persisted}) => { if (persisted) twin.claim(); });
})(document);

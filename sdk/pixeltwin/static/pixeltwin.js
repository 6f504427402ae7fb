/* pixeltwin, the first-party script. It comes behind the loaders of the site's pixels (`pixeltwin.run`), reads what a page
   says of its pixels, and mints the id of what happens in the browser: the pixels and the server get the same one.
   Nothing in it is tied to one visitor, so that it may be cached, and so may the page.

   pixeltwin.track(descriptor)   tell of something, with a descriptor that the server signed
   pixeltwin.view()              tell of a page view, where a router changes pages without loading one
   pixeltwin.claim()             ask the server what this visitor's page shows, as after a decision about consent; its view
                                 is told if it was not before */
(d => {
  const twin = pixeltwin, source = d.currentScript.src;
  if (twin.view) return;

  const here = name => new URL(name, source), more = name => twin.add(source.replace('pixeltwin.js', name)),
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
      if (url) tell(url, {id, token, url: location.href, screen: [screen.width, screen.height]});
      if (told.on) d.dispatchEvent(new CustomEvent('pixeltwin:conversion', {detail: told}));
    };

  /* The server wants to hear what became of a call: the code for that comes when it is first needed. */
  twin.heed = () => {
    twin.heed = null;
    more('acknowledge.js');
  };
  if (twin.told[0]) twin.heed();

  twin.track = what => { if (what) happened(what, here('event')); };
  twin.view = () => twin.seen(() => {
    if (!twin.here) return;
    twin.viewed = 1;
    happened(twin.here, twin.here.beacon);
  });

  twin.claim = () => fetch(here('visit'), json({url: location.href})).then(answer => answer.json()).then(page => {
    twin.run(page);
    twin.seen(() => { if (!twin.viewed) twin.view(); });
  }).catch(() => {});

  /* What a page says stands in data blocks, which may come later: by htmx, by Turbo, by a page that is still loading and
     has only half of one. Each is read once, also where a library keeps a copy of it. */
  const read = twin.read = () => d.querySelectorAll('script[data-pixeltwin=""]').forEach(one => {
    try {
      const page = JSON.parse(one.textContent);
      one.dataset.pixeltwin = 'read';
      twin.run(page);
    } catch {}
  });

  /* `{{ pixeltwin.on("click", …) }}`: heard before the page's own handlers, which may navigate away. After a click on a
     label the browser clicks what it labels, at once: that is the same click. */
  let last;
  on(['click', 'submit', 'change'], ({type, target}) => {
    const name = 'data-pixeltwin-' + type, said = target.closest?.(`[${name}]`)?.getAttribute(name);
    if (!said || said == last && target.labels?.length) return;
    last = said;
    setTimeout(() => { last = 0; });
    twin.track(JSON.parse(said));
  });

  /* Turbo and htmx change pages without loading one: what to do then comes with the first that they say. */
  twin.swaps = [];
  on([
    'turbo:visit', 'turbo:load', 'turbo:frame-render', 'turbo:before-stream-render',
    'htmx:pushedIntoHistory', 'htmx:afterRequest'
  ], event => { if (twin.swaps.push(event) == 1) more('swaps.js'); });

  read();
  new MutationObserver(read).observe(d, {childList: 1, subtree: 1});
  on(['DOMContentLoaded'], read);

  /* A page that is the same for everybody says nothing of this visitor: the server is asked. */
  twin.seen(d.querySelector('script[data-claim]') ? twin.claim : twin.view);
})(document);

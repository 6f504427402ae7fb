/* pixeltwin, the first-party script. It comes behind the loaders of the site's pixels (`pixeltwin.run`), reads what a page
   says of its pixels, and mints the id of what happens in the browser: the pixels and the server get the same one.
   Nothing in it is tied to one visitor, so that it may be cached, and so may the page.

   pixeltwin.track(descriptor)   tell of something, with a descriptor that the server signed
   pixeltwin.view()              tell of a page view, where a router changes pages without loading one
   pixeltwin.claim()             ask the server what this visitor's page shows, as after a decision about consent */
(d => {
  const twin = window.pixeltwin, source = d.currentScript.src;
  if (twin.view) return;

  const here = path => new URL(path, source).href;
  const mint = () => [...crypto.getRandomValues(new Uint8Array(32))].map(n => n.toString(16).padStart(2, 0)).join('');
  const json = said => ({
    method: 'POST',
    body: new Blob([JSON.stringify(said)], {type: 'application/json'}),
    keepalive: true
  });

  /* A beacon outlives the page; where there is none, or no room for it, a request that is kept alive. */
  const tell = twin.tell = (url, said) => {
    const how = json(said);
    if (navigator.sendBeacon && navigator.sendBeacon(url, how.body)) return;
    fetch(url, how).catch(() => {});
  };

  /* One id for all. Where the server knows it already (`fixed`: it has a natural key) that one, else a new one, which
     takes the place of `what.id` wherever it stands. */
  function happened(what, url) {
    const id = what.fixed ? what.id : mint(), token = what.token;
    const told = JSON.parse(JSON.stringify({...what, url, token: 0}).split(what.id).join(id));
    if (told.ack && token) told.ack = token;
    twin.fire(told, !what.fixed);
    if (url) tell(url, {id, token, url: location.href, screen: [screen.width, screen.height]});
    d.dispatchEvent(new CustomEvent('pixeltwin:conversion', {detail: told}));
  }

  /* The server wants to hear what became of a call: the code for that comes when it is first needed. */
  twin.heed = () => {
    twin.heed = 0;
    twin.add(source.replace('pixeltwin.js', 'acknowledge.js'));
  };
  if (twin.told.length) twin.heed();

  twin.track = what => happened(typeof what == 'string' ? JSON.parse(what) : what, here('event'));
  twin.view = () => twin.seen(() => { if (twin.here) happened(twin.here, twin.here.beacon); });

  twin.claim = () => fetch(here('visit'), json({url: location.href}))
    .then(answer => answer.json())
    .then(page => {
      twin.run(page);
      if (page.view) twin.view();
    })
    .catch(() => {});

  /* What a page says stands in data blocks, which may come later: by htmx, by Turbo, by a page that is still loading and
     has only half of one. Each is read once, also where a library keeps a copy of it. The images of <noscript>, which
     such a library brings to life, are for browsers without this script. */
  function read() {
    d.querySelectorAll('img[data-pixeltwin]').forEach(image => image.remove());
    d.querySelectorAll('script[data-pixeltwin]:not([data-done])').forEach(block => {
      try {
        const page = JSON.parse(block.textContent);
        block.dataset.done = '';
        twin.run(page);
      } catch (e) {}
    });
  }

  /* `{{ pixeltwin.on("click", …) }}`: heard before the page's own handlers, which may navigate away. */
  ['click', 'submit', 'change'].forEach(kind => d.addEventListener(kind, event => {
    const at = event.target.closest && event.target.closest(`[data-pixeltwin-${kind}]`);
    if (at) twin.track(at.getAttribute(`data-pixeltwin-${kind}`));
  }, true));

  /* A page that is the same for everybody says nothing of this visitor: the server is asked. */
  const arrive = () => d.querySelector('script[data-claim]') ? twin.seen(twin.claim) : twin.view();

  /* Turbo: a visit that leads on is a page view; a restoration is none, and a preview ends in no load. */
  let leads;
  d.addEventListener('turbo:visit', event => { leads = event.detail.action != 'restore'; });
  d.addEventListener('turbo:load', () => {
    if (leads) arrive();
    leads = 0;
  });

  /* htmx: what it drops with the head of a page is asked for. */
  d.addEventListener('htmx:pushedIntoHistory', twin.claim);

  read();
  new MutationObserver(read).observe(d, {childList: true, subtree: true});
  d.addEventListener('DOMContentLoaded', read);
  arrive();
})(document);

/* pixeltwin, the first-party script. It comes behind the loaders of the site's pixels (`pixeltwin.run`), reads what the
   page says of itself, and mints the id of what happens in the browser: the pixels and the server get the same one.
   Nothing in it is tied to one visitor, so that it is cached, and so may be the page. */
(function (w, d) {
  'use strict';
  const twin = w.pixeltwin;
  if (twin.view) return;

  const mint = () => [...w.crypto.getRandomValues(new Uint8Array(32))].map(n => ('0' + n.toString(16)).slice(-2)).join('');

  /* A beacon outlives the page; where there is none, a request that is kept alive. */
  function tell(url, said) {
    const body = JSON.stringify(said), type = 'application/json';
    if (w.navigator.sendBeacon && w.navigator.sendBeacon(url, new Blob([body], {type}))) return;
    w.fetch(url, {method: 'POST', body, headers: {'Content-Type': type}, keepalive: true}).catch(() => {});
  }

  /* One id for all: `what.id` stands in it wherever the id belongs. */
  function happened(what, url) {
    const id = mint(), told = JSON.parse(JSON.stringify(what).split(what.id).join(id));
    twin.fire(told);
    if (url) tell(url, {id, url: w.location.href, screen: [w.screen.width, w.screen.height]});
    d.dispatchEvent(new CustomEvent('pixeltwin:conversion', {detail: told}));
  }

  twin.view = () => twin.seen(() => { if (twin.here) happened(twin.here, twin.here.beacon); });

  d.querySelectorAll('script[data-pixeltwin]:not([data-done])').forEach(block => {
    block.dataset.done = '';
    twin.run(JSON.parse(block.textContent));
  });
  twin.view();
})(window, document);

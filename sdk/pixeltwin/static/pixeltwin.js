/* pixeltwin, the first-party script: the page's own view. It mints one id at the moment the page is seen, gives it to
   every pixel on the page and to the server, which builds the other half. Nothing here is tied to one visitor, so the
   page it stands on stays cacheable. */
(function (w, d) {
  'use strict';
  var block = d.getElementById('pixeltwin-page');
  if (!block || block.hasAttribute('data-done')) return;
  block.setAttribute('data-done', '');
  var page = JSON.parse(block.textContent);

  function mint() {
    return Array.from(w.crypto.getRandomValues(new Uint8Array(32)), function (byte) {
      return ('0' + byte.toString(16)).slice(-2);
    }).join('');
  }

  function tell(url, data) {
    var body = JSON.stringify(data);
    if (w.navigator.sendBeacon && w.navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}))) return;
    w.fetch(url, {method: 'POST', body: body, headers: {'Content-Type': 'application/json'}, keepalive: true}).catch(function () {});
  }

  function view() {
    var id = mint();
    var calls = JSON.parse(JSON.stringify(page.calls).split(page.placeholder).join(id));
    calls.forEach(function (call) {
      if (w[call[1]]) w[call[1]].apply(w, call[2]);
    });
    if (page.beacon) tell(page.beacon, {id: id, url: w.location.href, screen: [w.screen.width, w.screen.height]});
    d.dispatchEvent(new CustomEvent('pixeltwin:conversion', {detail: {id: id, event: page.event, calls: calls}}));
  }

  if (d.prerendering) d.addEventListener('prerenderingchange', view, {once: true});
  else view();
})(window, document);

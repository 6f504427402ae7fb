/* What htmx leaves to the shop when an answer comes, or does not. */
(function (w, d) {
  'use strict';

  function say(trouble) {
    d.getElementById('trouble').textContent = trouble;
  }

  // Who has answered about cookies in the page: what he did in it may be told now.
  d.addEventListener('shop:answered', function () { if (w.pixeltwin && w.pixeltwin.claim) w.pixeltwin.claim(); });

  // Nothing is sent again by itself: the shop may have heard it, and a thing would be in the cart twice.
  ['htmx:sendError', 'htmx:responseError'].forEach(function (name) {
    d.addEventListener(name, function () { say('That did not work. Please look at your cart and try again.'); });
  });
  d.addEventListener('htmx:beforeRequest', function () { say(''); });
})(window, document);

/* Pieces of a page that change without loading it, a little of what htmx does. A form with `data-swap` is sent by fetch, and
   what comes back takes the places of the elements with the same ids; `data-prepend` keeps what is there below. With
   `data-live` a form is sent when a field of it changes. `data-load` on the body: pieces that a page which is the same for
   everybody asks for. Without this script each form leads to a page. */
(function (w, d) {
  'use strict';

  function put(html) {
    new DOMParser().parseFromString(html, 'text/html').querySelectorAll('body > [id]').forEach(function (piece) {
      var place = d.getElementById(piece.id);
      if (!place) return;
      if ('prepend' in place.dataset) place.prepend.apply(place, Array.from(piece.childNodes));
      else place.replaceWith(piece);
    });
    d.dispatchEvent(new CustomEvent('shop:swapped'));
  }

  function ask(url, body) {
    return w.fetch(url, {method: body ? 'POST' : 'GET', body: body, headers: {'X-Pieces': '1'}}).then(function (answer) {
      if (!answer.ok) throw new Error(answer.status);
      return answer.text();
    }).then(put);
  }

  d.addEventListener('submit', function (event) {
    var form = event.target;
    if (!('swap' in form.dataset)) return;
    event.preventDefault();
    var said = new URLSearchParams(new FormData(form, event.submitter));
    ask(form.action, said).then(function () {
      if ('claimThen' in form.dataset) w.pixeltwin.claim();
    }, function () {
      delete form.dataset.swap;  // the usual way
      form.requestSubmit(event.submitter);
    });
  });

  d.addEventListener('change', function (event) {
    var form = event.target.form;
    if (form && 'live' in form.dataset) form.requestSubmit();
  });

  d.addEventListener('DOMContentLoaded', function () {
    if (d.body.dataset.load) ask(d.body.dataset.load).catch(function () {});
  });
})(window, document);

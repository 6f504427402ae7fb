/* "Keep for a windy day": what this browser keeps. The conversion is pixeltwin's, heard before this. */
(function (d) {
  'use strict';

  function kept() {
    try {
      return JSON.parse(localStorage.shop_wishes || '[]');
    } catch (e) {
      return [];
    }
  }

  function show(button) {
    button.disabled = true;
    button.textContent = 'Kept on this device';
  }

  d.addEventListener('click', function (event) {
    var button = event.target.closest('[data-wish]');
    if (!button) return;
    try {
      localStorage.shop_wishes = JSON.stringify(kept().concat(button.dataset.wish));
    } catch (e) {}
    show(button);
  });

  d.addEventListener('DOMContentLoaded', function () {
    var wishes = kept();
    d.querySelectorAll('[data-wish]').forEach(function (button) {
      if (wishes.includes(button.dataset.wish)) show(button);
    });
  });
})(document);

// The sandbox's own Courier pixel: it takes the queue over and sends every `bring` as an image.
(function (window, document) {
  'use strict';
  var hits = document.currentScript.src.replace(/\/[^/]*$/, '/hit.gif');
  var bag = '';
  var commands = {
    open: function (number) {
      bag = number;
    },
    bring: function (name, said) {
      new Image().src = hits + '?' + new URLSearchParams({ bag: bag, name: name, said: JSON.stringify(said) });
    }
  };
  function run(call) {
    if (commands[call[0]]) commands[call[0]].apply(null, Array.prototype.slice.call(call, 1));
  }
  var queue = (window.courier && window.courier.queue) || [];
  window.courier = function () {
    run(arguments);
  };
  queue.forEach(run);
})(window, document);

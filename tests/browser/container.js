/* A stand-in for a tag manager's container: the pixels' base codes, a data layer that is merged as Google's is (objects and
   arrays into what was there before, at every depth), and one tag on the event `pixeltwin`. Filled in by the test:
   PIXELS (each with its script and its starting calls) and TAG. */
(function (w, d) {
  'use strict';
  const pixels = PIXELS, model = {};
  const queues = {
    rdt: p => { p.callQueue = []; return args => p.sendEvent ? p.sendEvent(...args) : p.callQueue.push(args); },
    snaptr: p => { p.queue = []; return args => p.handleRequest ? p.handleRequest(...args) : p.queue.push(args); },
    pintrk: p => { p.queue = []; p.version = '3.0'; return args => p.queue.push(Array.prototype.slice.call(args)); }
  };
  pixels.forEach(([name, src, calls]) => {
    let take;
    w[name] = function () { take(arguments); };
    take = queues[name](w[name]);
    d.head.appendChild(Object.assign(d.createElement('script'), {src, async: true}));
    calls.forEach(args => w[name](...args));
  });

  const isPlain = value => value !== null && typeof value === 'object';
  const merge = (from, into) => Object.keys(from).forEach(key => {
    if (!isPlain(from[key])) into[key] = from[key];
    else {
      if (!isPlain(into[key]) || Array.isArray(from[key]) !== Array.isArray(into[key])) {
        into[key] = Array.isArray(from[key]) ? [] : {};
      }
      merge(from[key], into[key]);
    }
  });
  const variable = name => name.split('.').reduce((value, part) => value[part], model);
  const take = pushed => {
    merge(pushed, model);
    if (pushed.event === 'pixeltwin') {
      TAG
    }
  };
  const layer = w.dataLayer = w.dataLayer || [], push = layer.push;
  layer.push = function () {
    push.apply(layer, arguments);
    Array.prototype.forEach.call(arguments, take);
  };
  layer.slice().forEach(take);
})(window, document);

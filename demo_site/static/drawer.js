/* The drawer at the foot of a page: adds the conversions that are made in the browser. The shop works without it. */
(function (d) {
  'use strict';

  function element(name, text, title) {
    var made = d.createElement(name);
    made.textContent = text || '';
    if (title) made.title = title;
    return made;
  }

  function entry(conversion, names) {
    var item = element('li');
    var list = element('dl');
    item.append(element('b', conversion.event), ' ');
    item.append(element('code', conversion.id.slice(0, 8) + '…' + conversion.id.slice(-4), conversion.id), list);
    conversion.calls.forEach(function (call) {
      var line = element('div');
      var said = element('dd');
      var name = call[0];
      said.append(element('code', call[1] + '(' + JSON.stringify(call[2]).slice(1, -1) + ')'));
      line.append(element('dt', names[name] || name), said);
      list.append(line);
    });
    return item;
  }

  function count() {
    var drawer = d.getElementById('conversions');
    drawer.querySelector('.drawer-count').textContent = drawer.querySelector('.drawer-list').children.length;
  }

  function add(conversion) {
    var drawer = d.getElementById('conversions');
    drawer.querySelector('.drawer-list').prepend(entry(conversion, JSON.parse(drawer.dataset.platforms)));
    count();
  }

  d.addEventListener('htmx:afterSwap', count);

  d.addEventListener('pixeltwin:conversion', function (event) {
    if (d.readyState !== 'loading') add(event.detail);
    else d.addEventListener('DOMContentLoaded', function () { add(event.detail); });
  });
})(document);

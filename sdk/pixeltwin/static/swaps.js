/* pixeltwin where Turbo and htmx change pages without loading one. `pixeltwin.swaps` are their events, each with what the
   page said then; those that came before this script wait there. */
((twin, d) => {
  let leads, here, pushed;

  /* What lies in a head that is dropped is asked for where an answer says so. */
  const claimed = html => { if (/<script[^>]* data-claim/.test(html)) twin.claim(); };

  const heard = {
    /* Turbo: a visit that leads on is a page view; a restoration is none, and a preview ends in no load. Who has refused
       meanwhile gets a page that says nothing: then the server is asked. */
    'turbo:visit': ({detail}, said) => {
      leads = detail.action != 'restore';
      here = said;
    },
    'turbo:load': () => {
      if (!leads) return;
      leads = 0;
      twin.read();
      twin.viewed = 0;
      if (here && here == twin.here || d.querySelector('script[data-claim]')) twin.claim();
      else twin.view();
    },
    'turbo:frame-render': ({detail}) => detail.fetchResponse.responseText.then(claimed),
    'turbo:before-stream-render': ({target}) => claimed(target.innerHTML),

    /* htmx: an address of its own makes a page view. Of an answer that it takes a part of, the rest is read here. */
    'htmx:pushedIntoHistory': () => {
      twin.viewed = 0;
      pushed = 1;
      twin.claim();
    },
    'htmx:afterRequest': ({detail: {xhr}}) => {
      const asked = pushed;
      pushed = 0;
      if (xhr.status >= 500 || !/html/.test(xhr.getResponseHeader('Content-Type'))) return;
      const html = xhr.responseText, page = new DOMParser().parseFromString(html, 'text/html');
      page.querySelectorAll('script[data-pixeltwin]').forEach(block => twin.take(JSON.parse(block.textContent)));
      if (!asked) claimed(html);
    }
  };

  /* The images of <noscript>, which such a library brings to life, are for browsers without scripts. */
  const hear = (event, said) => {
    d.querySelectorAll('img[data-pixeltwin]').forEach(image => image.remove());
    heard[event.type](event, said);
  };
  const waiting = twin.swaps;
  twin.swaps = {push: hear};
  while (waiting[0]) hear(...waiting.splice(0, 2));
})(pixeltwin, document);

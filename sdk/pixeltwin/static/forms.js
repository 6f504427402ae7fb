/* pixeltwin on a page whose address was cleaned. A form without an action of its own posts to the page's address; it posts
   to the one from before (`pixeltwin.was`), be it sent by the visitor, by a script (`submit()` makes no event) or by htmx. */
(w => {
  const forms = HTMLFormElement.prototype, {submit} = forms, before = () => pixeltwin.was[location.href.split('#')[0]],
    lead = (form, button) => {
      const [one, name] = button?.hasAttribute('formaction') ? [button, 'formaction'] : [form, 'action'];
      if (before() && !one.getAttribute(name)) one.setAttribute(name, before());
    };

  w.addEventListener('submit', ({target, submitter}) => lead(target, submitter), true);
  forms.submit = function () {
    lead(this);
    submit.call(this);
  };
  w.addEventListener('htmx:configRequest', ({detail}) => {
    const {verb, path} = detail;
    if (verb != 'get' && (!path || path == location.href)) detail.path = before() || path;
  }, true);
})(window);

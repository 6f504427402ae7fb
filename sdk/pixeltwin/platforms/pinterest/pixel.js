/* The sandbox's own Pinterest tag: on the wire it behaves as Pinterest's core.js was observed to (2025-04).
   It knows one tag a page, hashes e-mail addresses, and sends a repeated call again. */
(function (window, document) {
  'use strict';
  const pintrk = window.pintrk;
  if (!pintrk || !pintrk.queue || pintrk.queue.push !== Array.prototype.push) return;

  const COLLECT = new URL('../v3/', document.currentScript.src).href;
  const LONGEST_URL = 2000; // characters; longer hits go by POST
  const YEAR = 365 * 24 * 3600; // seconds
  const DIGEST = /^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/; // MD5, SHA-1, SHA-256: taken as they are
  const COOKIES = ['_epik', '_derived_epik', '_pin_unauth'];

  let tag = null;
  let allowed = true;
  let cookies = true;
  let partner = {};
  let sending = Promise.resolve(); // hits leave in the order of the calls

  function complain(message) {
    console.error('[Pinterest tag] ' + message);
    return message;
  }

  // --- first-party cookies ---

  function readCookie(name) {
    const found = document.cookie.split('; ').find((one) => one.startsWith(name + '='));
    return found && decodeURIComponent(found.slice(name.length + 1));
  }

  function writeCookie(name, value, seconds) {
    const secure = window.location.protocol === 'https:' ? '; secure' : '';
    document.cookie = name + '=' + encodeURIComponent(value) + '; path=/; max-age=' + seconds + '; samesite=lax' + secure;
  }

  function keepCookies() {
    if (!cookies || !allowed) return;
    const epik = new URLSearchParams(window.location.search).get('epik');
    if (epik) writeCookie('_epik', epik, YEAR);
    if (!readCookie('_pin_unauth')) writeCookie('_pin_unauth', btoa('uid=' + crypto.getRandomValues(new Uint32Array(4)).join('')), YEAR);
  }

  // --- hits ---

  async function hashed(email) {
    const normal = String(email).replace(/\s/g, '').toLowerCase();
    if (!normal || DIGEST.test(normal)) return normal;
    if (!crypto.subtle) return undefined; // a page without https
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(normal));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  function filled(object) {
    return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null && value !== ''));
  }

  function page() {
    return {
      loc: window.location.href,
      ref: document.referrer,
      if: window !== window.top,
      sh: window.screen.height,
      sw: window.screen.width,
    };
  }

  async function deliver(hit) {
    const form = new URLSearchParams();
    for (const [key, value] of Object.entries(hit)) form.set(key, typeof value === 'object' ? JSON.stringify(value) : value);
    const url = COLLECT + '?' + form;
    const post = {method: 'POST', credentials: 'include'};
    const attempts = [
      [COLLECT, {...post, body: form}],
      [COLLECT, {...post, body: JSON.stringify(hit), headers: {'Content-Type': 'application/json'}}],
    ];
    if (url.length < LONGEST_URL) attempts.unshift([url, {method: 'GET', credentials: 'include'}]);
    for (const [to, options] of attempts) {
      try {
        if ((await fetch(to, options)).ok) return;
      } catch (error) {
        // the next form of the request is tried
      }
    }
    complain('the hit could not be sent');
  }

  function send(event, data) {
    keepCookies();
    const known = {...partner, epik: readCookie('_epik'), pin_unauth: readCookie('_pin_unauth')};
    const hit = {event, ed: data, tid: tag, pd: known, ad: page(), cb: Date.now()};
    sending = sending.then(async () => {
      if (known.em) known.em = await hashed(known.em);
      hit.pd = filled(known);
      await deliver(filled(hit));
    });
  }

  // --- commands ---

  const commands = {
    load(id, options) {
      if (tag) complain("'load' was called again: before for tag " + tag + ', now for tag ' + id);
      tag = String(id);
      if (options && options.fp_cookie === false) cookies = false;
      commands.set(options);
      keepCookies();
    },
    set(options) {
      partner = {...partner, ...options};
      delete partner.fp_cookie;
    },
    setconsent(given) {
      allowed = given !== false;
      if (!allowed) COOKIES.forEach((name) => writeCookie(name, '', 0));
    },
    page(data) {
      if (tag && allowed) send('init', data);
    },
    track(name, data, callback) {
      let error;
      if (!tag) error = complain("'load' must come before 'track'");
      else if (!allowed) error = 'no consent';
      else send(String(name).replace(/ /g, ''), data);
      if (typeof callback === 'function') callback(!error, error);
    },
  };

  function run(call) {
    const [command, ...args] = Array.from(call);
    const known = commands[String(command).trim().toLowerCase()];
    if (known) known(...args);
    else complain("'" + command + "' is no command");
  }

  const waiting = pintrk.queue.splice(0);
  pintrk.queue.push = (...calls) => calls.forEach(run);
  waiting.forEach(run);
})(window, document);

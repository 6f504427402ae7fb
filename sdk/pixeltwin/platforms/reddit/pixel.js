/* The sandbox's Reddit pixel. On the wire it does what Reddit's own script was observed to do (2024-10 and 2026-07):
   it replays the queue, hashes identity and conversion IDs in the browser, drops IDs that are no strings, and sends
   every track call, repeated or not, as one image request. Hits go to where this script came from. What a call said in
   vain is added to its hit as `dropped`, for the developer's eyes only. */
(function (window, document) {
  'use strict';

  var rdt = window.rdt;
  if (!rdt || rdt.sendEvent) return;
  var hitUrl = new URL('../rp.gif', document.currentScript.src).href;

  var COOKIE_DAYS = 90;
  var VERSION = 'rdt_5a4d0b0c';
  var pixelId = '';
  var options = {};
  var cookiesOn = true;

  // --- hashing -------------------------------------------------------------------------------------------------------

  function sha256(text) {
    if (!(window.crypto && window.crypto.subtle)) return Promise.resolve('');
    return window.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)).then(function (digest) {
      return Array.from(new Uint8Array(digest), function (byte) {
        return byte.toString(16).padStart(2, '0');
      }).join('');
    });
  }

  // A digest is passed through in lower case; anything but a string is dropped.
  function hashed(value, normalise) {
    if (typeof value !== 'string' || !value) return Promise.resolve('');
    if (/^[0-9a-f]{64}$/i.test(value)) return Promise.resolve(value.toLowerCase());
    var normal = normalise ? normalise(value) : value;
    return normal ? sha256(normal) : Promise.resolve('');
  }

  function email(value) {
    var parts = value.trim().toLowerCase().split('@');
    if (parts.length !== 2 || /[\s<>]/.test(value.trim())) return '';
    var local = parts[0].split('+')[0].replace(/\./g, '');
    return local && parts[1] ? local + '@' + parts[1] : '';
  }

  function phone(value) {
    return '+' + value.replace(/\D/g, '');
  }

  function upper(value) {
    return value.trim().toUpperCase();
  }

  function lower(value) {
    return value.trim().toLowerCase();
  }

  function trimmed(value) {
    return value.trim();
  }

  // --- cookies -------------------------------------------------------------------------------------------------------

  function readCookie(name) {
    var found = document.cookie.split('; ').filter(function (pair) {
      return pair.indexOf(name + '=') === 0;
    })[0];
    return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
  }

  // On the widest domain that the browser accepts, for that is the registrable one.
  function writeCookie(name, value) {
    var rest = '; Path=/; Max-Age=' + COOKIE_DAYS * 86400 + '; SameSite=Strict';
    if (window.location.protocol === 'https:') rest += '; Secure';
    var labels = window.location.hostname.split('.');
    for (var from = labels.length - 1; from >= 0; from -= 1) {
      document.cookie = name + '=' + encodeURIComponent(value) + '; Domain=' + labels.slice(from).join('.') + rest;
      if (readCookie(name) === value) return;
    }
    document.cookie = name + '=' + encodeURIComponent(value) + rest;
  }

  function browserId() {
    if (!cookiesOn) return '';
    var id = readCookie('_rdt_uuid');
    if (!id) {
      id = Date.now() + '.' + uuid4();
      writeCookie('_rdt_uuid', id);
    }
    return id;
  }

  function uuid4() {
    var bytes = window.crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    var hex = Array.from(bytes, function (byte) {
      return byte.toString(16).padStart(2, '0');
    }).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  function clickId() {
    var onUrl = new URLSearchParams(window.location.search).get('rdt_cid');
    if (onUrl && cookiesOn) writeCookie('_rdt_cid', onUrl);
    return onUrl || (cookiesOn ? readCookie('_rdt_cid') : '');
  }

  // --- commands ------------------------------------------------------------------------------------------------------

  function text(value) {
    return value === undefined || value === null ? '' : String(value);
  }

  function products(value) {
    if (!value) return '';
    return typeof value === 'string' ? value : JSON.stringify(Array.isArray(value) ? value : [value]);
  }

  function metadata(said) {
    var decimal = options.useDecimalCurrencyValues !== false;
    var hasValue = said.value !== undefined && said.value !== null;
    return {
      'm.itemCount': text(said.itemCount),
      'm.value': decimal ? '' : text(said.value),
      'm.valueDecimal': decimal ? text(said.value) : '',
      'm.currency': text(said.currency) || (hasValue ? 'USD' : ''),
      'm.customEventName': text(said.customEventName),
      'm.products': products(said.products)
    };
  }

  var KNOWN = [
    'conversionId', 'transactionId', 'email', 'phoneNumber', 'externalId', 'aaid', 'idfa',
    'itemCount', 'value', 'currency', 'customEventName', 'products'
  ];

  // The arguments of a call that have no place on the wire; an ID that is no string is dropped too.
  function dropped(said) {
    var lost = {};
    Object.keys(said).forEach(function (key) {
      var isId = key === 'conversionId' || key === 'transactionId';
      if (KNOWN.indexOf(key) < 0 || (isId && typeof said[key] !== 'string')) lost[key] = said[key];
    });
    return Object.keys(lost).length ? JSON.stringify(lost) : '';
  }

  function track(name, given) {
    var said = Object.assign({}, given);
    var happened = Date.now();
    var who = Object.assign({}, options);
    var pixel = pixelId;
    var click = clickId();
    var uuid = browserId();
    ['email', 'phoneNumber', 'externalId', 'aaid', 'idfa'].forEach(function (key) {
      if (said[key]) who[key] = said[key];
    });
    Promise.all([
      hashed(said.conversionId),
      hashed(said.transactionId),
      hashed(who.email, email),
      hashed(who.phoneNumber, phone),
      hashed(who.externalId, trimmed),
      hashed(who.aaid, lower),
      hashed(who.idfa, upper)
    ]).then(function (digests) {
      var fields = Object.assign({ ts: happened, id: pixel, event: name }, metadata(said), {
        'm.transactionId': digests[1],
        'm.conversionId': digests[0],
        click_id: click,
        uuid: uuid,
        aaid: digests[5],
        em: digests[2],
        pn: digests[3],
        external_id: digests[4],
        idfa: digests[6],
        integration: text(who.integration) || 'reddit',
        partner: text(who.partner),
        partner_version: text(who.partner_version),
        opt_out: who.optOut ? 1 : 0,
        sh: window.screen.height,
        sw: window.screen.width,
        v: VERSION,
        dpm: text(who.dpm),
        dpcc: text(who.dpcc),
        dprc: text(who.dprc),
        esurl: window.location.origin + window.location.pathname
      });
      var lost = dropped(said);
      if (lost) fields.dropped = lost;
      new Image().src = hitUrl + '?' + new URLSearchParams(fields);
    });
  }

  function init(id, given) {
    pixelId = rdt.pixelId = text(id);
    options = Object.assign({}, options, given);
    if (options.disableFirstPartyCookies) cookiesOn = false;
  }

  var commands = {
    init: init,
    track: track,
    disableFirstPartyCookies: function () {
      cookiesOn = false;
    },
    enableFirstPartyCookies: function () {
      cookiesOn = true;
    }
  };

  window.redditNormalizeEmail = email;

  rdt.sendEvent = function (command) {
    if (commands[command]) commands[command].apply(null, Array.prototype.slice.call(arguments, 1));
  };
  (rdt.callQueue || []).splice(0).forEach(function (call) {
    rdt.sendEvent.apply(null, call);
  });
})(window, document);

/* The sandbox's Snap pixel. On the wire it does what Snap's own script was observed to do (3.54.7, 2026-04; field names
   from 3.1.4, 2023-08): it replays the queue, ignores a pixel id that is no UUID, drops keys it does not know, makes up
   a dedup id where the call brings none, and sends every track call, repeated or not, in batches as beacons. They go to
   where this script came from. What a call said in vain travels beside the event, for the developer's eyes only. */
(function (window, document) {
  'use strict';

  var snaptr = window.snaptr;
  if (!snaptr || snaptr.handleRequest || !Array.isArray(snaptr.queue)) return;
  var collector = new URL('p', document.currentScript.src).href;

  var VERSION = '3.54.7-sandbox';
  var COOKIE_LIFE = 34186698000; // ms, 13 months
  var BATCH_TIME = 100; // ms that events wait for company
  var UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  var DIGEST = /^[0-9a-f]{64}$/i;

  // What a call may say, and what it is called on the wire. Keys match whatever their case, `_` and `-`.
  var FIELDS = {
    clientdedupid: 'cdid', clientdeduplicationid: 'cdid',
    transactionid: 'e_tid', price: 'e_pr', currency: 'e_cur', itemids: 'e_iids', itemcategory: 'e_ic',
    numberitems: 'e_ni', description: 'e_desc', searchstring: 'e_ss', signupmethod: 'e_sm', level: 'e_lv',
    paymentinfoavailable: 'e_pia', success: 'e_su', eventtag: 'et', brands: 'e_bds', brandid: 'br_id',
    customerstatus: 'e_cs', deliverymethod: 'e_dm', datause: 'du', integration: 'intg', ipaddress: 'c_ip',
    firstname: 'u_fn', lastname: 'u_ln', age: 'u_age', gender: 'u_gd',
    geocity: 'l_city', georegion: 'l_gr', geocountry: 'l_gc', geopostalcode: 'l_gpc'
  };
  var HASHED = {
    useremail: ['u_hem', email], userhashedemail: ['u_hem', email],
    userphonenumber: ['u_hpn', phone], userhashedphonenumber: ['u_hpn', phone],
    usermobileadid: ['u_hmai', lower], userhashedmobileadid: ['u_hmai', lower]
  };

  var pixels = {}; // by id: what init said, which goes with every event
  var batch = [];
  var timer = 0;

  // --- values --------------------------------------------------------------------------------------------------------

  function lower(text) {
    return sha256(text.trim().toLowerCase());
  }

  // A digest that begins with FFF is marked as one of no e-mail address.
  function email(text) {
    var address = text.trim().toLowerCase();
    return sha256(address).then(function (digest) {
      return /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(address) ? digest : 'FFF' + digest;
    });
  }

  function phone(text) {
    return sha256(text.trim().toUpperCase().replace(/[^\w]/g, ''));
  }

  function sha256(text) {
    return window.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)).then(function (digest) {
      return Array.from(new Uint8Array(digest), function (byte) {
        return byte.toString(16).padStart(2, '0');
      }).join('');
    });
  }

  function plain(value) {
    if (Array.isArray(value)) return value.join(',');
    return typeof value === 'object' ? JSON.stringify(value) : value;
  }

  // The fields of a call under names that no longer differ in spelling; null, undefined and functions are nothing.
  function read(given) {
    var said = {};
    Object.keys(given || {}).forEach(function (key) {
      var value = given[key];
      if (value === null || value === undefined || typeof value === 'function') return;
      said[key.toLowerCase().replace(/[_-]/g, '')] = value;
    });
    return said;
  }

  // The arguments of a call that have no place on the wire, by the names they were given.
  function dropped(given) {
    var lost = {};
    Object.keys(given || {}).forEach(function (key) {
      var known = key.toLowerCase().replace(/[_-]/g, '');
      if (!FIELDS[known] && !HASHED[known] && given[key] !== undefined) lost[key] = given[key];
    });
    return lost;
  }

  // Writes the fields to `event`; the promise is of the digests that had to be made first.
  function write(event, said) {
    return Promise.all(Object.keys(said).map(function (key) {
      if (FIELDS[key]) event[FIELDS[key]] = plain(said[key]);
      if (!HASHED[key]) return undefined;
      var text = String(said[key]), wire = HASHED[key][0];
      if (DIGEST.test(text)) {
        event[wire] = text;
        return undefined;
      }
      return window.crypto.subtle && HASHED[key][1](text).then(function (digest) {
        event[wire] = digest;
      });
    }));
  }

  // --- what the browser is known by ----------------------------------------------------------------------------------

  function uuid4() {
    var bytes = random(16);
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    var hex = Array.from(bytes, function (byte) {
      return byte.toString(16).padStart(2, '0');
    }).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  function random(count) {
    return window.crypto.getRandomValues(new Uint8Array(count));
  }

  function readCookie(name) {
    var found = document.cookie.split('; ').filter(function (pair) {
      return pair.indexOf(name + '=') === 0;
    })[0];
    return found ? found.slice(name.length + 1) : '';
  }

  // On the widest domain that the browser accepts.
  function writeCookie(name, value) {
    var rest = '; Path=/; SameSite=Lax; Expires=' + new Date(Date.now() + COOKIE_LIFE).toUTCString();
    if (window.location.protocol === 'https:') rest += '; Secure';
    var labels = window.location.hostname.split('.');
    for (var from = labels.length - 1; from >= 0; from -= 1) {
      document.cookie = name + '=' + value + '; Domain=' + labels.slice(from).join('.') + rest;
      if (readCookie(name) === value) return;
    }
    document.cookie = name + '=' + value + rest;
  }

  function browserId() {
    var id = readCookie('_scid') || readCookie('_scid_r') || base64url(random(18));
    writeCookie('_scid', id);
    writeCookie('_scid_r', id);
    return id;
  }

  function base64url(bytes) {
    return window.btoa(String.fromCharCode.apply(null, bytes)).replace(/\+/g, '-').replace(/\//g, '_');
  }

  function clickId() {
    var landed = new URLSearchParams(window.location.search).get('ScCid');
    if (landed) writeCookie('_scsrid', '2|' + landed);
    return landed || readCookie('_scsrid').replace(/^[12]\|/, '');
  }

  function kept(storage, name) {
    try {
      var store = window[storage];
      if (!store.getItem(name)) store.setItem(name, uuid4());
      return store.getItem(name);
    } catch (blocked) {
      return '';
    }
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  function context() {
    return {
      url: window.location.href, // with its query, as Snap's own script sends it
      rf: document.referrer,
      ua: window.navigator.userAgent,
      c1: browserId(),
      ls: kept('localStorage', 'u_sclid'),
      ss: kept('sessionStorage', 'u_scsid'),
      sr: clickId(),
      v: VERSION
    };
  }

  function flush() {
    window.clearTimeout(timer);
    timer = 0;
    var events = batch.splice(0);
    if (!events.length) return;
    var body = JSON.stringify({ ctx: context(), req: events });
    if (window.navigator.sendBeacon && window.navigator.sendBeacon(collector, body)) return;
    var request = new XMLHttpRequest();
    request.open('POST', collector, true);
    request.withCredentials = true;
    request.send(body);
  }

  function send(pixel, name, given) {
    var said = read(given), lost = dropped(given);
    var event = { pid: pixel, ev: String(name).trim().toUpperCase(), ts: Date.now(), trackId: uuid4() };
    var all = Object.assign({}, pixels[pixel], said);
    write(event, all).then(function () {
      if (event.cdid === undefined || event.cdid === '') event.cdid = '@-' + uuid4();
      batch.push(Object.keys(lost).length ? { t: event, dropped: lost } : { t: event });
      timer = timer || window.setTimeout(flush, BATCH_TIME);
      if (document.visibilityState === 'hidden') flush();
    });
  }

  // --- commands ------------------------------------------------------------------------------------------------------

  function init(id, given) {
    var pixel = String(id).trim().toLowerCase();
    if (UUID.test(pixel)) pixels[pixel] = Object.assign({}, pixels[pixel], read(given));
  }

  // track(name, fields) tells every pixel of the page, track(pixel, name, fields) that one.
  function track(first, second, third) {
    if (typeof second !== 'string') {
      Object.keys(pixels).forEach(function (pixel) {
        send(pixel, first, second);
      });
      return;
    }
    var pixel = String(first).trim().toLowerCase();
    if (pixels[pixel]) send(pixel, second, third);
  }

  var commands = { init: init, track: track };

  snaptr.handleRequest = function (command) {
    var run = commands[String(command).toLowerCase()];
    if (run) run.apply(null, Array.prototype.slice.call(arguments, 1, 4));
  };

  window.addEventListener('pagehide', flush);
  document.addEventListener('visibilitychange', function () {
    if (document.visibilityState === 'hidden') flush();
  });

  browserId();
  clickId();
  writeCookie('_sctr', '1|' + new Date().setHours(0, 0, 0, 0));
  snaptr.queue.splice(0).forEach(function (call) {
    snaptr.handleRequest.apply(snaptr, call);
  });
})(window, document);

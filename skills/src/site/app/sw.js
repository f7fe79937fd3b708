// The worker that keeps the newest issues for reading offline. KEPT, the line above, names what, by its content.
//
// Must stay true: nothing is kept but what KEPT names; no POST, no other host, no address of the forms is touched; with a network the
// reader sees what the network says; ECMAScript 2017 at most, for phones of 2018.
"use strict";

const SCOPE = self.registration.scope;
const FAMILY = "reveille:" + new URL(SCOPE).pathname + ":";
const CACHE = FAMILY + KEPT.release;
const DIGESTS = new Map(KEPT.shell.concat(KEPT.issues));
const FORMS = /^(c|confirm|leave|preferences|subscribe|survey|unsubscribe)(\/|$)/;
const OFFLINE = "offline.html";
// A network that says nothing for so long (milliseconds) is as good as none, where there is a copy.
const PATIENCE = 8000;
const KEPT_AT = "x-kept-at";
const ALL = { ignoreVary: true };

let complete = false;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET" || !request.url.startsWith(SCOPE)) return;
  const path = pathOf(request.url);
  if (FORMS.test(path)) return;
  if (DIGESTS.has(path)) event.respondWith(answer(event, path));
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => copyOf(OFFLINE)));
});

function pathOf(url) {
  return url.slice(SCOPE.length).replace(/[?#].*$/, "").replace(/(^|\/)index\.html$/, "$1");
}

// The address that a copy is fetched from and kept under: no cache on the way has another content under it, and who counts visits
// sees by "kept" that nobody reads.
const keyOf = (path) => SCOPE + path + "?kept=" + DIGESTS.get(path);

// --- keeping ---

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(KEPT.shell.map((entry) => keep(cache, entry[0])));
  await keepIssues(cache);
  await self.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(FAMILY) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

// One after the other, the newest first; what can't be had now is tried again when the worker next sees a network.
async function keepIssues(cache) {
  let all = true;
  for (const entry of KEPT.issues) {
    try {
      await keep(cache, entry[0]);
    } catch (error) {
      all = false;
    }
  }
  complete = all;
}

// Copies of an older release with the same content are taken over: they cost the phone nothing.
async function keep(cache, path) {
  const key = keyOf(path);
  if (await cache.match(key, ALL)) return;
  const known = await caches.match(key, ALL);
  const response = known || (await fetch(key, { credentials: "same-origin" }));
  if (!response.ok) throw new Error(path + ": " + response.status);
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  headers.set(KEPT_AT, new Date().toISOString());
  await cache.put(key, new Response(await response.blob(), { headers }));
}

async function copyOf(path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(keyOf(path), ALL)) || Response.error();
}

// --- answering ---

async function answer(event, path) {
  const page = event.request.mode === "navigate";
  const fresh = fetch(event.request);
  const response = await Promise.race([fresh.catch(() => null), later()]);
  if (response && response.status < 500) {
    if (page && !complete) event.waitUntil(caches.open(CACHE).then(keepIssues));
    return response;
  }
  const copy = await copyOf(path);
  if (copy.type !== "error") return page ? dated(copy) : copy;
  return page ? fresh.catch(() => copyOf(OFFLINE)) : fresh;
}

const later = () => new Promise((done) => setTimeout(done, PATIENCE, null));

// A copy says that it is one, and of when.
async function dated(copy) {
  const at = new Date(copy.headers.get(KEPT_AT));
  const day = KEPT.days ? at.toLocaleDateString(KEPT.days, { day: "numeric", month: "long", year: "numeric" }) : at.toISOString().slice(0, 10);
  const note =
    '<p class="as-of" role="status">A copy as of <time datetime="' + at.toISOString() + '">' + day + "</time>: the site can’t be reached now.</p>";
  const html = await copy.text();
  return new Response(html.replace(/<body[^>]*>/i, (body) => body + "\n" + note), { headers: copy.headers });
}

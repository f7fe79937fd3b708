// Lets the browser keep the newest issues for reading offline. A browser that can't is no worse off.
"use strict";

(function () {
  if (!("serviceWorker" in navigator)) return;
  const worker = new URL("sw.js", document.currentScript.src).href;
  // After the page: what the worker fetches waits for what the reader wants to see.
  window.addEventListener("load", function () {
    navigator.serviceWorker.register(worker).catch(function () {});
  });
})();

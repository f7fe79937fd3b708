// Runs one command and prints what it saw as JSON.
//
// Must stay true: a page's fault stands in the output, a fault of the check ends it with 1; no browser outlives it.

import { pages } from "./pages.mjs";
import { install } from "./install.mjs";
import { offline } from "./offline.mjs";
import { release } from "./release.mjs";
import { keyboard } from "./keyboard.mjs";
import { press, subscribe } from "./stranger.mjs";
import { attack } from "./attack.mjs";
import { syntax } from "./syntax.mjs";
import { withBrowser } from "./chromium.mjs";

const COMMANDS = {
  // page URL...: at phone and desktop size, in light and dark: console, failed requests, axe, overflow, a few numbers
  page: (browser, urls) => pages(browser, urls),
  // install URL: what keeps Chromium from installing it
  install: (browser, [url]) => install(browser, url),
  // offline URL ISSUE-URL UNKNOWN-URL: what is there without a network
  offline: (browser, [url, issue, unknown]) => offline(browser, url, issue, unknown),
  // release URL PROGRAM ARGUMENT...: what is kept before and after the program has changed the site
  release: (browser, [url, ...program]) => release(browser, url, program),
  // keyboard URL: Tab from the top to the end, then the form by keys only
  keyboard: (browser, [url]) => keyboard(browser, url),
  // subscribe URL ADDRESS: the form of a page, at phone size, as a person sends it
  subscribe: (browser, [url, address]) => subscribe(browser, url, address),
  // press URL: the button of a page
  press: (browser, [url]) => press(browser, url),
  // xss FILE: a JSON file {urls: [...], forms: [{url, fields: {NAME: TEXT}}]}; counts what was executed
  xss: (browser, [file]) => attack(browser, file),
  // syntax YEAR FILE...: parses scripts as ECMAScript of that year; needs no browser
  syntax: null,
};

const [folder, name, ...rest] = process.argv.slice(2);
if (!(name in COMMANDS)) {
  console.error(`browser: no command ${name}; there are ${Object.keys(COMMANDS).join(", ")}`);
  process.exit(2);
}
try {
  const seen = name === "syntax" ? syntax(folder, rest) : await withBrowser(folder, (browser) => COMMANDS[name](browser, rest));
  await new Promise((written) => process.stdout.write(JSON.stringify(seen) + "\n", written));
  process.exit(0);
} catch (error) {
  console.error(`browser: ${name}: ${error.stack ?? error}`);
  process.exit(1);
}

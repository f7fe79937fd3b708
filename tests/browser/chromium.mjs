// Starting Chromium, and listening to what a page complains about.

import { createRequire } from "node:module";
import { join } from "node:path";

// As generous as a machine with two busy cores needs.
const PATIENCE = 180_000;

export const PHONE = { name: "phone", width: 360, height: 640, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const DESKTOP = { name: "desktop", width: 1280, height: 800 };

let packages;

// A package of the folder where they are installed.
export const load = (name) => packages(name);
export const resolve = (name) => packages.resolve(name);
export const from = (folder) => {
  packages = createRequire(join(folder, "package.json"));
};

export async function withBrowser(folder, work) {
  from(folder);
  const puppeteer = load("puppeteer-core");
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE,
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--disable-component-update",
      "--no-proxy-server",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  // Whoever started us has gone: so does the browser.
  process.stdin.on("end", () => browser.close().finally(() => process.exit(1))).resume();
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

// A page in a profile of its own, with a list of all it complains about.
export async function open(browser, view = PHONE) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport(view);
  const heard = { console: [], errors: [], failed: [], requests: 0, bytes: 0 };
  page.on("console", (message) => {
    if (["error", "warn", "assert"].includes(message.type())) heard.console.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => heard.errors.push(String(error)));
  page.on("requestfailed", (request) => heard.failed.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    heard.requests += 1;
    heard.bytes += Number(response.headers()["content-length"] ?? 0);
    if (response.status() >= 400) heard.failed.push(`${response.request().method()} ${response.url()}: ${response.status()}`);
  });
  return { page, heard, close: () => context.close() };
}

// In the profile of the browser itself: workers and installing do not work in a private one.
export async function openLasting(browser, view = PHONE) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport(view);
  return page;
}

// Waits until a worker holds the page: then it has kept what it keeps.
export const controlled = (page) =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
    }
  });

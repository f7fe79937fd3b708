// What a worker keeps when the site changes under it.

import { execFileSync } from "node:child_process";
import { controlled, openLasting } from "./chromium.mjs";
import { keeps } from "./offline.mjs";

export async function release(browser, url, [program, ...rest]) {
  const page = await openLasting(browser);
  await page.goto(url, { waitUntil: "networkidle0" });
  await controlled(page);
  const before = await page.evaluate(keeps);
  execFileSync(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
  await page.evaluate(update);
  return { before, after: await page.evaluate(keeps) };
}

// What follows runs in the page.

// Fetches the worker again and waits until the new one has the page.
async function update() {
  const taken = new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
  const registration = await navigator.serviceWorker.ready;
  await registration.update();
  await taken;
  const { controller } = navigator.serviceWorker;
  while (controller.state !== "activated") await new Promise((done) => controller.addEventListener("statechange", done, { once: true }));
}

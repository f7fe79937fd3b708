// What is there when the network is not.
//
// Must stay true: the network is gone for the page and for its worker, and that was tried before anything is concluded.

import { controlled, openLasting } from "./chromium.mjs";

const conditions = (offline) => ({ offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

export async function offline(browser, url, issue, unknown) {
  const page = await openLasting(browser);
  await page.goto(url, { waitUntil: "networkidle0" });
  await controlled(page);
  await page.goto(issue, { waitUntil: "networkidle0" });
  const online = await page.evaluate(state);
  const kept = await page.evaluate(keeps);

  const worker = await (await browser.waitForTarget((target) => target.type() === "service_worker")).createCDPSession();
  const own = await page.createCDPSession();
  for (const session of [worker, own]) {
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", conditions(true));
  }
  const reached = async (session) => {
    const expression = `fetch(${JSON.stringify(url)} + "?" + Math.random(), { cache: "no-store" }).then(() => true, () => false)`;
    return (await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })).result.value;
  };
  const network = await reached(worker);
  await page.reload({ waitUntil: "load" });
  const reloaded = await page.evaluate(state);
  await page.goto(url, { waitUntil: "load" });
  const home = await page.evaluate(state);
  await page.goto(unknown, { waitUntil: "load" });
  const lost = await page.evaluate(state);

  for (const session of [worker, own]) await session.send("Network.emulateNetworkConditions", conditions(false));
  await page.goto(issue, { waitUntil: "networkidle0" });
  const again = await page.evaluate(state);
  return { network, kept, online, reloaded, home, unknown: lost, again };
}

// What follows runs in the page.

async function state() {
  const pictures = [...document.images];
  for (const picture of pictures) {
    picture.loading = "eager";
    await picture.decode().catch(() => {});
  }
  return {
    address: location.href,
    title: document.title,
    note: document.querySelector(".as-of")?.innerText ?? null,
    text: document.querySelector("main")?.innerText ?? "",
    forms: document.forms.length,
    styled: [...document.styleSheets].some((sheet) => sheet.cssRules.length > 0),
    pictures: pictures.length,
    broken: pictures.filter((picture) => picture.naturalWidth === 0).map((picture) => picture.src),
  };
}

export async function keeps() {
  const all = {};
  for (const name of await caches.keys()) all[name] = (await (await caches.open(name)).keys()).map((request) => request.url);
  return all;
}

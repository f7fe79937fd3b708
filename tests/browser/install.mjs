// Whether Chromium would install the publication.

import { controlled, openLasting } from "./chromium.mjs";

export async function install(browser, url) {
  const page = await openLasting(browser);
  await page.goto(url, { waitUntil: "networkidle0" });
  const app = await page.$("link[rel=manifest]");
  if (app) await controlled(page);
  const session = await page.createCDPSession();
  const { url: address, errors, data, manifest } = await session.send("Page.getAppManifest");
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  const said = JSON.parse(data || "{}");
  const icons = [];
  for (const icon of said.icons ?? []) icons.push({ ...icon, ...(await measure(page, new URL(icon.src, address).href)) });
  const apple = await page.evaluate(() => document.querySelector("link[rel=apple-touch-icon]")?.href ?? null);
  return {
    manifest: address,
    errors,
    installability: installabilityErrors,
    said,
    scope: manifest?.scope ?? null,
    icons,
    apple: apple && (await measure(page, apple)),
    worker: app && (await page.evaluate(async () => (await navigator.serviceWorker.ready).scope)),
  };
}

// The size that the decoded picture really has.
const measure = (page, address) =>
  page.evaluate(async (from) => {
    const picture = new Image();
    picture.src = from;
    await picture.decode();
    return { width: picture.naturalWidth, height: picture.naturalHeight };
  }, address);

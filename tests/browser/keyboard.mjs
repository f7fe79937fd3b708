// Whether keys alone do: Tab reaches every control in its order, each shows that it has the focus, and the form can be sent.

import { PHONE, open } from "./chromium.mjs";

const ADDRESS = "stranger@reader.example";

export async function keyboard(browser, url) {
  const { page, close } = await open(browser, PHONE);
  await page.goto(url, { waitUntil: "networkidle0" });
  const controls = await page.evaluate(reachable);
  const visited = [];
  for (let press = 0; press < controls.length + 5; press += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(focus);
    if (!focused || visited.some((before) => before.index === focused.index)) break;
    visited.push(focused);
  }
  const form = await fill(page, url);
  await close();
  return { controls, visited, form };
}

async function fill(page, url) {
  await page.goto(url, { waitUntil: "networkidle0" });
  const fields = await page.evaluate(() => [...document.querySelectorAll("form input[type=email]")].length);
  if (fields === 0) return null;
  const touched = [];
  for (let press = 0; press < 500; press += 1) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => document.activeElement?.getAttribute("name"));
    if (name) touched.push(name);
    if (name === "email") break;
  }
  await page.keyboard.type(ADDRESS);
  const post = page.waitForRequest((request) => request.method() === "POST");
  await page.keyboard.press("Tab");
  const button = await page.evaluate(() => document.activeElement?.tagName);
  await page.keyboard.press("Enter");
  const request = await post;
  return { touched, button, url: request.url(), body: request.postData() ?? "" };
}

// What follows runs in the page.

function reachable() {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
  const can = (element) => element.tabIndex >= 0 && !element.disabled && element.type !== "hidden" && element.getClientRects().length > 0;
  window.reachable = all.filter(can);
  return window.reachable.map((element) => element.outerHTML.slice(0, 120));
}

function focus() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    index: window.reachable.indexOf(element),
    name: element.getAttribute("name"),
    html: element.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    on_screen: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
  };
}

// How a page is for people: accessible (axe), quiet, inside the screen, at two sizes and in two colour schemes.

import { readFileSync } from "node:fs";
import { DESKTOP, PHONE, open, resolve } from "./chromium.mjs";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function pages(browser, urls) {
  const axe = readFileSync(resolve("axe-core/axe.min.js"), "utf8");
  const seen = [];
  for (const url of urls) seen.push(await one(browser, axe, url));
  return seen;
}

async function one(browser, axe, url) {
  const { page, heard, close } = await open(browser);
  const answer = await page.goto(url, { waitUntil: "networkidle0" });
  // A change of size loads the page again: these numbers are of the first time.
  const said = { ...(await page.evaluate(facts)), requests: heard.requests, bytes: heard.bytes };
  const views = [];
  for (const view of [PHONE, DESKTOP]) {
    for (const scheme of ["light", "dark"]) {
      await page.setViewport(view);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(axe);
      views.push({ view: view.name, scheme, ...(await page.evaluate(judge, RULES)) });
    }
  }
  await close();
  return { url, status: answer?.status(), ...heard, ...said, views };
}

// What follows runs in the page.

function facts() {
  const paints = Object.fromEntries(performance.getEntriesByType("paint").map((paint) => [paint.name, Math.round(paint.startTime)]));
  return {
    title: document.title,
    language: document.documentElement.lang,
    viewport: document.querySelector("meta[name=viewport]")?.content ?? null,
    description: document.querySelector("meta[name=description]")?.content ?? null,
    headings: document.querySelectorAll("h1").length,
    forms: document.forms.length,
    paint_ms: paints["first-contentful-paint"] ?? null,
  };
}

async function judge(rules) {
  const result = await axe.run(document, { runOnly: rules, resultTypes: ["violations", "passes"] });
  const brief = ({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.html}`) });
  return {
    violations: result.violations.map(brief),
    passes: result.passes.map((pass) => pass.id),
    overflow: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    paper: getComputedStyle(document.documentElement).backgroundColor,
  };
}

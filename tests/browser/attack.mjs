// Whether any text of a stranger or an author is executed.
//
// Must stay true: what would have run but for the policy is seen too (`markup`, `blocked`), so that one wall does not hide the other.

import { readFileSync } from "node:fs";
import { PHONE, open } from "./chromium.mjs";

// An error without a page is an answer, too.
const arrived = (navigation) =>
  navigation.catch((error) => {
    if (/ERR_HTTP_RESPONSE_CODE_FAILURE/.test(String(error))) return null;
    throw error;
  });

export async function attack(browser, file) {
  const { urls = [], forms = [] } = JSON.parse(readFileSync(file, "utf8"));
  const { page, close } = await open(browser, PHONE);
  const result = { visited: 0, statuses: {}, dialogs: [], executed: [], markup: [], blocked: [], left: [] };
  page.on("dialog", async (dialog) => {
    result.dialogs.push(`${page.url()}: ${dialog.message()}`);
    await dialog.dismiss();
  });
  await page.evaluateOnNewDocument(listen);
  const look = async (from, go) => {
    const answer = await go();
    result.visited += 1;
    const status = String(answer?.status() ?? "none");
    result.statuses[status] = (result.statuses[status] ?? 0) + 1;
    const seen = await page.evaluate(provoke);
    if (seen.executed) result.executed.push(from);
    result.markup.push(...seen.markup.map((html) => `${from}: ${html}`));
    result.blocked.push(...seen.blocked.map((what) => `${from}: ${what}`));
    const here = page.url();
    if (!here.startsWith("chrome-error:") && new URL(here).origin !== new URL(from).origin) result.left.push(`${from} → ${here}`);
  };
  for (const url of urls) await look(url, () => arrived(page.goto(url, { waitUntil: "load" })));
  for (const { url, fields } of forms) {
    await page.goto(url, { waitUntil: "load" });
    await look(url, async () => {
      const answered = arrived(page.waitForNavigation({ waitUntil: "load" }));
      await page.evaluate(send, fields);
      return answered;
    });
  }
  await close();
  return result;
}

// What follows runs in the page.

function listen() {
  window.__xss = 0;
  window.alert = window.confirm = window.prompt = () => (window.__xss += 1);
  window.__blocked = [];
  const seen = (event) => window.__blocked.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
  document.addEventListener("securitypolicyviolation", seen);
}

// Does what a reader may do: points at everything, focuses it.
async function provoke() {
  // An empty answer of a server: the page is the browser's own.
  if (location.protocol === "chrome-error:") return { executed: false, markup: [], blocked: [] };
  const elements = [...document.querySelectorAll("*")];
  for (const element of elements) {
    for (const kind of ["mouseover", "mouseenter", "pointerover", "focusin", "toggle", "animationstart"]) {
      element.dispatchEvent(new Event(kind, { bubbles: true }));
    }
    if (element.matches("a, button, input, [tabindex], details")) element.focus();
  }
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const acts = (element) => {
    if (element.matches("iframe, frame, object, embed, base, applet, portal, [http-equiv=refresh i]")) return true;
    if (element.matches("script") && !/\/app\.js(\?|$)/.test(element.src)) return true;
    return [...element.attributes].some(({ name, value }) => /^on/i.test(name) || name === "srcdoc" || /^[\s\0-\x20]*(javascript|vbscript|data:text)/i.test(value) && /href|src|action|data|xlink/i.test(name));
  };
  const markup = elements.filter(acts).map((element) => element.outerHTML.slice(0, 200));
  return { executed: window.__xss !== 0, markup, blocked: window.__blocked };
}

// Sends the first form with these fields as they are, past the browser's own checks of them.
function send(fields) {
  const form = document.forms[0];
  form.noValidate = true;
  for (const [name, text] of Object.entries(fields)) {
    const field = form.elements.namedItem(name);
    if (field.type === "email") field.type = "text";
    field.value = text;
  }
  HTMLFormElement.prototype.submit.call(form);
}

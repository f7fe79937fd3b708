// What a stranger with a phone does: fills in a form, presses the button of a page.
//
// Must stay true: it is a person's browser as far as a server can see, for programs are counted apart.

import { PHONE, open } from "./chromium.mjs";

const PERSON =
  "Mozilla/5.0 (Linux; Android 9; Pixel 3) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/74.0.3729.157 Mobile Safari/537.36";

async function visited(browser, url, act) {
  const { page, close } = await open(browser, PHONE);
  await page.setUserAgent(PERSON);
  const first = await page.goto(url, { waitUntil: "networkidle0" });
  const before = await page.evaluate(shown);
  const [answer] = await Promise.all([page.waitForNavigation({ waitUntil: "networkidle0" }), act(page)]);
  const after = await page.evaluate(shown);
  await close();
  return { status: first.status(), before, answered: answer.status(), after };
}

export function subscribe(browser, url, address) {
  return visited(browser, url, async (page) => {
    await page.type("form input[type=email]", address);
    await page.click("form button[type=submit], form button:not([type])");
  });
}

export function press(browser, url) {
  return visited(browser, url, (page) => page.click("main form button"));
}

// What follows runs in the page.

function shown() {
  return { title: document.title, text: document.body.innerText };
}

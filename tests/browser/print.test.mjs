// Reports on paper: whatever is printed fits the sheet, charts and rows are not cut in two, colours are ink on white.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT, foretune } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

/** What A4 leaves between the browser's usual margins, in CSS pixels. */
const SHEET = { width: 718, height: 1047 };

const stage = suite();

/** The page as it is printed, and the count of sheets it takes. */
async function printed(file) {
  const page = await stage.browser.newPage({ viewport: SHEET });
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.goto(pathToFileURL(file).href);
  const pdf = (await page.pdf({ format: "A4" })).toString("latin1");
  const sheets = pdf.match(/\/Type \/Page\b/g)?.length ?? 0;
  const found = await page.evaluate(() => {
    const all = [...document.body.querySelectorAll("*")];
    const words = (element) => `${element.tagName} ${Math.round(element.getBoundingClientRect().right)} ${element.textContent.slice(0, 40)}`;
    const may = (selector) => all.filter((element) => element.matches(selector) && getComputedStyle(element).breakInside !== "avoid").map(words);
    return {
      wide: all.filter((element) => element.getBoundingClientRect().right > innerWidth + 1).map(words),
      cut: may("tbody tr, figure"),
      paper: getComputedStyle(document.body).backgroundColor,
      text: document.body.innerText.length,
    };
  });
  await page.close();
  return { ...found, sheets, asked };
}

function assertFitsPaper({ wide, cut, paper, text, sheets, asked }, fewest) {
  assert.deepEqual(wide, []);
  assert.deepEqual(cut, []);
  assert.equal(paper, "rgb(255, 255, 255)");
  assert.ok(text > 1000 && sheets >= fewest, `${sheets} sheets`);
  assert.equal(asked.length, 1, asked.join(" "));
}

// The other report of the lab is of an earlier fit, and told as that one told it.
test("the report of the shipped predictor fits paper", async () => assertFitsPaper(await printed(join(ROOT, "lab/predictors/tiny-exact-match.html")), 10));

test("a check's report fits paper", async () => {
  const report = join(stage.folder, "check.html");
  foretune(["check", join(ROOT, "web/samples/support-bot.jsonl"), "--report", report]);
  assertFitsPaper(await printed(report), 2);
});

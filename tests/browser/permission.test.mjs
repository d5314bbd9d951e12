// The page from a public address, as Chromium sees it: it may reach the agent on this computer only where the
// person allows it, and says what to do where not.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch } from "./support/chromium.mjs";
import { Daemon } from "./support/daemon.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { syntheticData } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

const PATIENCE = { timeout: 120_000 };
let daemon;
let data;
const stage = suite(async ({ folder, server }) => {
  data = syntheticData(folder);
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  daemon = new Daemon(join(folder, "state"));
  await daemon.start(["--allow-origin", new URL(server.address).origin]);
});
after(() => daemon?.kill());

/** A browser for which the static host is somewhere on the internet; what came of connecting. */
async function connected(permissions, link) {
  const host = new URL(stage.server.address).host;
  const browser = await launch([`--ip-address-space-overrides=${host}=public`, "--enable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"]);
  const context = await browser.newContext({ permissions });
  const page = await context.newPage();
  await page.goto(stage.server.address);
  await page.waitForSelector("#drop-target");
  await page.click("#agent summary");
  await page.fill("#pairing", link);
  await page.click("#connect-agent");
  return { browser, context, page };
}

test("refused: the page says what to allow and where the agent's own page is, and probes by itself", { timeout: 200_000 }, async () => {
  const { browser, page } = await connected([], daemon.link());
  await page.waitForSelector("#agent-help a", PATIENCE);
  assert.match(await page.innerText("#agent-help"), /could not reach an agent.*Allow it in the settings of this site/s);
  assert.equal(await page.getAttribute("#agent-help a", "href"), daemon.link());
  assert.deepEqual(await faultsOfLooks(page, "refused", [360, 1600]), []);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#start-here");
  await browser.close();
});

test("granted: the hosted page pairs with the agent and watches a probe of it", { timeout: 200_000 }, async () => {
  const { browser, page } = await connected(["local-network-access"], daemon.link());
  await page.waitForFunction(() => /connected to/.test(document.querySelector("#agent-status").textContent), null, PATIENCE);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#start-probe");
  for (const [name, value] of Object.entries({ batch_size: "4", rank: "4", sequence_length: "64", steps: "6" })) await page.fill(`#probe-${name}`, value);
  await page.click("#start-probe");
  await page.waitForFunction(() => /Done after 6 steps/.test(document.querySelector("#probe-state")?.textContent ?? ""), null, PATIENCE);
  // The pairing is kept, and taken up without a click, because the browser allows it.
  await page.reload();
  await page.waitForFunction(() => /connected to/.test(document.querySelector("#agent-status").textContent), null, PATIENCE);
  await browser.close();
});

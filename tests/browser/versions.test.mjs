// An agent of an older and of a newer protocol, over a real socket: the page says which side to bring up to date.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WELCOME } from "./support/agent-double.mjs";
import { agentOfVersion } from "./support/agent-of-version.mjs";
import { openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { syntheticData } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let data;
const stage = suite(({ folder }) => {
  data = syntheticData(folder);
});

const greeting = (versions) => (message) => (message.type === "hello" ? [{ re: message.id, ...WELCOME, ...versions }, { type: "jobs", jobs: [], pinned: null, more: false }] : []);
const refusing = (rule, words, fix) => (message) => (message.type === "hello" ? [{ re: message.id, type: "refused", rule, message: words, fix }] : []);

/** What the page says once it has tried to connect. */
async function told(agent, pattern) {
  const { context, page } = await openPage(stage.browser, stage.server.address);
  await page.click("#agent summary");
  await page.fill("#pairing", `${agent.address}/#pair=one-time-code`);
  await page.click("#connect-agent");
  await page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#agent-status")?.textContent ?? ""), pattern.source, { timeout: 60_000 });
  return { context, page, words: await page.innerText("#agent-status") };
}

const CASES = [
  { name: "a newer agent that refuses the page", answer: refusing("client_too_old", "the client speaks protocol 1, this agent only 2 to 3", "reload the page, or update the client"), older: "page" },
  { name: "an older agent that refuses the page", answer: refusing("agent_too_old", "the client asks for protocol 1 or newer, this agent speaks 0 to 0", "update foretune on this computer"), older: "agent" },
  { name: "a newer agent that greets without comparing", answer: greeting({ protocol: 3, min_version: 2, spoken: 3 }), older: "page" },
  { name: "an older agent that greets without comparing", answer: greeting({ protocol: 0, min_version: 0, spoken: 0 }), older: "agent" },
  { name: "an agent from before versions were told", answer: greeting({ protocol: undefined, min_version: undefined, spoken: undefined }), older: "agent" },
];

for (const { name, answer, older } of CASES) {
  test(`${name}: the page says what to update`, { timeout: 120_000 }, async () => {
    const agent = await agentOfVersion(answer);
    try {
      const { context, page, words } = await told(agent, /older than/);
      if (older === "page") assert.match(words, /This page is older than the agent at .* Reload the page to get its newest version, or open the one that the agent carries/);
      else assert.match(words, /The agent at .* is older than this page .* Update foretune on this computer and start foretune serve again/);
      assert.ok(words.includes(agent.address), words);
      const hello = agent.heard.find((message) => message.type === "hello");
      assert.deepEqual([hello.protocol, hello.min_version], [1, 1]);
      // It does not go on trying, and no probe is offered that could not be started.
      assert.equal(agent.heard.length, 1);
      await page.setInputFiles("#file-input", data);
      await page.waitForSelector("#verdict");
      assert.equal(await page.locator("#start-probe").count(), 0);
      assert.deepEqual(await faultsOfLooks(page, `version-${older}`, [360, 1280]), []);
      await context.close();
    } finally {
      await agent.close();
    }
  });
}

test("a newer agent that still speaks the page's version is connected to", { timeout: 60_000 }, async () => {
  const agent = await agentOfVersion(greeting({ protocol: 4, min_version: 1, spoken: 1 }));
  const { context, words } = await told(agent, /connected to/);
  assert.match(words, /a processor of the test/);
  await context.close();
  await agent.close();
});

test("an agent that does not know how to set rows aside is called too old for that, and the pairing stays", { timeout: 120_000 }, async () => {
  const agent = await agentOfVersion((message) => {
    if (message.type === "start") return [{ re: message.id, type: "refused", rule: "malformed", message: "the message \"start\" cannot be read: unknown field `set_aside`", fix: "see docs/protocol.md" }];
    if (message.type === "upload") return [{ re: message.id, type: "uploaded", upload: message.upload, received: message.offset + Buffer.byteLength(message.text), ...(message.last ? { data: "kept" } : {}) }];
    return greeting({})(message);
  });
  const { context, page } = await told(agent, /connected to/);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#start-probe");
  await page.check("#agent-probe-aside");
  await page.click("#start-probe");
  await page.waitForFunction(() => /older than this page: update foretune/.test(document.querySelector("#probe")?.textContent ?? ""));
  assert.equal(agent.heard.find((message) => message.type === "start").job.set_aside.seed, 0);
  await page.reload();
  await page.waitForFunction(() => /connected to/.test(document.querySelector("#agent-status")?.textContent ?? ""));
  await context.close();
  await agent.close();
});

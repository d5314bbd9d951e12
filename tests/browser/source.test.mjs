// The page's source: types hold, charts stay small, nothing writes markup from strings.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DIST, ROOT } from "./support/places.mjs";

const WEB = join(ROOT, "web");

function sources(folder) {
  return readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

test("the types hold", () => {
  execFileSync(process.execPath, [join(WEB, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", WEB], { stdio: "pipe" });
});

// Two kinds took under 300 lines; the forecast and the live probe brought three more.
test("charts are drawn in few lines: each kind under 150, all under 700", () => {
  const lengths = sources(join(WEB, "src/charts")).map((path) => readFileSync(path, "utf8").split("\n").length);
  assert.ok(Math.max(...lengths) < 150, `${Math.max(...lengths)} lines`);
  const all = lengths.reduce((sum, lines) => sum + lines, 0);
  assert.ok(all < 700, `${all} lines`);
});

test("no source makes markup or code from strings", () => {
  for (const path of sources(join(WEB, "src"))) {
    const text = readFileSync(path, "utf8");
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, path);
  }
});

test("the built page has no inline script or style and only relative addresses", () => {
  const html = readFileSync(join(DIST, "index.html"), "utf8");
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*\bsrc=)|\son\w+=|(?:src|href)="(?:\/|https?:)/);
});

test("lock files name no registry", () => {
  for (const path of [join(WEB, "package-lock.json"), join(ROOT, "tests/browser/package-lock.json")]) {
    assert.doesNotMatch(readFileSync(path, "utf8"), /"resolved"/, path);
  }
});

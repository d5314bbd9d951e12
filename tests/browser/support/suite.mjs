// What every browser suite starts and ends with: a browser, a static host of the built page, a folder for files.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { launch } from "./chromium.mjs";
import { DIST } from "./places.mjs";
import { serve } from "./static-server.mjs";

/** `browser`, `server` and `folder` are there once the first test runs, and whatever `prepare` made in them. */
export function suite(prepare = () => undefined) {
  const stage = { browser: null, server: null, folder: null };
  before(async () => {
    stage.browser = await launch();
    stage.server = await serve(DIST);
    stage.folder = mkdtempSync(join(tmpdir(), "foretune-"));
    await prepare(stage);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.server?.close();
    if (stage.folder) rmSync(stage.folder, { recursive: true });
  });
  return stage;
}

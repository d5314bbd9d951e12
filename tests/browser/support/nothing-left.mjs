// What the page may ask for: its own files, and nothing that could carry data away.

import assert from "node:assert/strict";

/** Only GET, only this page's own files, nothing after the path, no body. */
export function assertNothingLeft(requests, address) {
  for (const { method, url, body } of requests) {
    if (url.startsWith("blob:")) continue; // a download, written by the browser itself
    assert.equal(method, "GET", url);
    assert.equal(body, 0, url);
    assert.ok(url.startsWith(address), `${url} is not this page's own`);
    const { search, pathname } = new URL(url);
    assert.ok(search === "" || search === "?workers=3", url);
    assert.match(pathname.slice(new URL(address).pathname.length), /^(|index\.html|service-worker\.js|[\w./-]+-[0-9a-f]{10}\.[a-z]+)$/, url);
  }
}

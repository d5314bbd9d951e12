// The only place that may turn a string into a script address. The policy names every script there is,
// so a string from a file or a link can never become one.

declare const WORKER_SCRIPTS: readonly string[];

interface ScriptPolicy {
  createScriptURL(address: string): unknown;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(address: string): string }): ScriptPolicy;
}

function check(address: string): string {
  const url = new URL(address);
  const base = new URL(".", import.meta.url);
  const name = url.href.slice(base.href.length);
  if (!url.href.startsWith(base.href) || !WORKER_SCRIPTS.includes(name)) {
    throw new TypeError(`${address} is not a script of this page`);
  }
  return url.href;
}

const factory = (globalThis as unknown as { trustedTypes?: PolicyFactory }).trustedTypes;
const policy = factory?.createPolicy("foretune", { createScriptURL: check });

/** Address of one of our own scripts, beside this one. */
export function scriptAddress(name: string): string {
  const address = new URL(name, import.meta.url).href;
  // DOM typings do not know TrustedScriptURL yet; it is accepted wherever the string is.
  return (policy ? policy.createScriptURL(address) : check(address)) as string;
}

// Builds the page in two fresh copies of the checkout, in folders of different names, with nothing taken over from an
// earlier build, and compares every file: the same source gives the same page wherever it is built. With a page that
// is there already, a released site for instance, it builds once and compares with that.
//
//   node web/twice.mjs [--against FOLDER] [arguments of build.mjs, such as --dev --only report]

import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = dirname(fileURLToPath(import.meta.url));
const ROOT = join(WEB, "..");
const PLACES = [join(ROOT, "target/twice/the-other-with-a-longer-name"), join(ROOT, "target/twice/one")];
const asked = process.argv.slice(2);
const against = asked.indexOf("--against");
const there = against < 0 ? undefined : asked.splice(against, 2)[1];

/** Content of every file of a page, by name. */
function digests(folder) {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = all.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [relative(folder, path), createHash("sha256").update(readFileSync(path)).digest("hex")]));
}

function build(place) {
  rmSync(place, { recursive: true, force: true });
  const names = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 }).split("\0").filter(Boolean);
  for (const name of names) {
    if (!existsSync(join(ROOT, name))) continue;
    mkdirSync(dirname(join(place, name)), { recursive: true });
    cpSync(join(ROOT, name), join(place, name));
  }
  // The tools are the same by their lock file.
  symlinkSync(join(WEB, "node_modules"), join(place, "web/node_modules"));
  execFileSync("node", [join(place, "web/build.mjs"), ...asked], { cwd: place, stdio: ["ignore", "ignore", "inherit"] });
  const found = digests(join(place, "web/dist"));
  // Gigabytes of object files.
  rmSync(join(place, "target"), { recursive: true, force: true });
  return found;
}

if (against >= 0 && !existsSync(there ?? "")) {
  console.error(`--against: expected the folder of a built page, found ${there ?? "nothing"}`);
  process.exit(2);
}
const [one, other] = there ? [build(PLACES[0]), digests(there)] : PLACES.map(build);
const names = [...new Set([...one.keys(), ...other.keys()])].sort();
const different = names.filter((name) => one.get(name) !== other.get(name));
for (const name of different) console.log(`different: ${name} ${one.get(name) ?? "missing"} ${other.get(name) ?? "missing"}`);
const whole = createHash("sha256").update(names.map((name) => `${one.get(name)}  ${name}\n`).join("")).digest("hex");
console.log(`${names.length} files, ${different.length} different${different.length ? "" : `; sha256 of the list ${whole}`}`);
process.exit(different.length || names.length < 5 ? 1 : 0);

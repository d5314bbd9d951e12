#!/usr/bin/env python3
"""What the binary and the page are made of, as CycloneDX 1.5 on stdout: the crates that `foretune` and the
WebAssembly packages are built from (not those of builds and tests alone), and the page's packages from its lock file.
Order and content follow from the lock files: no time, no random number."""
import hashlib, json, pathlib, re, subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHIPPED = ("foretune", "foretune-wasm")


def crates():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform"]
    found = {}
    for platform in ("x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"):
        metadata = json.loads(subprocess.run([*command, platform], cwd=ROOT, check=True, capture_output=True).stdout)
        packages = {package["id"]: package for package in metadata["packages"]}
        needs = {node["id"]: [one["pkg"] for one in node["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])] for node in metadata["resolve"]["nodes"]}
        waiting = [package["id"] for package in packages.values() if package["name"] in SHIPPED and package["source"] is None]
        while waiting:
            id = waiting.pop()
            if id not in found:
                found[id] = packages[id]
                waiting += needs[id]
    checksum = {}
    for name, version, value in re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = [^\n]+\nchecksum = "([^"]+)"', (ROOT / "Cargo.lock").read_text()):
        checksum[name, version] = value
    assert checksum, "Cargo.lock cannot be read"
    for package in found.values():
        component = {"type": "library", "name": package["name"], "version": package["version"], "purl": f"pkg:cargo/{package['name']}@{package['version']}"}
        if package["license"]:
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if value := checksum.get((package["name"], package["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": value}]
        yield component


def packages():
    """Of the page: what its builder bundles; tools of the build are not in it."""
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    for path, package in lock["packages"].items():
        if path and not package.get("dev"):
            name = path.removeprefix("node_modules/")
            yield {"type": "library", "name": name, "version": package["version"], "purl": f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"}


def main():
    components = sorted([*crates(), *packages()], key=lambda one: (one["purl"]))
    digest = hashlib.sha256(json.dumps(components).encode()).hexdigest()
    own = next(one for one in components if one["name"] == "foretune")
    serial = f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1, "metadata": {"component": {**own, "type": "application"}}, "components": components}
    print(json.dumps(bom, indent=1))


main()

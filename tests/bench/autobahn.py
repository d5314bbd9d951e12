#!/usr/bin/env python3
"""Autobahn's fuzzing client against the daemon's socket: what it sends as a stranger is never answered as an echo
would, so a case counts as passed where Autobahn says so, or where the daemon ends it by the rule that it must: the
first message has to be `hello` (close code 1008).

    just autobahn WSTEST [--out FILE.json]

WSTEST is the program of `autobahntestsuite` 0.8.2, which needs Python 2.7; the 25.10.1 of PyPI installs on Python 3
and does not start. Sections 9 (megabytes), 12 and 13 (compression, which the daemon does not offer) are left out.
Exit code 1 where a case ended otherwise."""
import argparse, collections, json, pathlib, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECTIONS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
HELLO_FIRST = 1008


def verdict(case):
    if case["behavior"] in ("OK", "NON-STRICT", "INFORMATIONAL"):
        clean = case["behaviorClose"] in ("OK", "INFORMATIONAL")
        return "passed" if clean else "passed, and ended uncleanly"
    return "refused: hello comes first" if case["remoteCloseCode"] == HELLO_FIRST else "otherwise"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wstest")
    parser.add_argument("--binary", default=str(ROOT / "target/debug/foretune"))
    parser.add_argument("--out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        state = place / "state"
        daemon = subprocess.Popen([options.binary, "serve", "--port", "0", "--state", state, "--log", "error"], stderr=subprocess.DEVNULL)
        try:
            while not (state / "daemon.json").exists():
                assert daemon.poll() is None, "the daemon ended"
                time.sleep(0.1)
            port = json.loads((state / "daemon.json").read_text())["port"]
            server = {"agent": "foretune", "url": f"ws://127.0.0.1:{port}/v1/socket"}
            spec = {"servers": [server], "outdir": str(place / "reports"), "cases": SECTIONS, "exclude-cases": [], "exclude-agent-cases": {}}
            (place / "spec.json").write_text(json.dumps(spec))
            subprocess.run([options.wstest, "-m", "fuzzingclient", "-s", place / "spec.json"], check=True, stdout=subprocess.DEVNULL)
            cases = json.loads((place / "reports/index.json").read_text())["foretune"]
        finally:
            daemon.terminate()
            daemon.wait()
    verdicts = {number: verdict(case) for number, case in cases.items()}
    key = lambda number: [int(part) for part in number.split(".")]
    by_verdict = collections.defaultdict(list)
    for number in sorted(verdicts, key=key):
        by_verdict[verdicts[number]].append(number)
    for name, numbers in sorted(by_verdict.items()):
        print(f"{len(numbers):4} {name}" + (f": {' '.join(numbers)}" if name not in ("passed", "refused: hello comes first") else ""))
    if options.out:
        lines = [f" {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in sorted(by_verdict.items())]
        pathlib.Path(options.out).write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.exit(1 if len(verdicts) < 200 or set(by_verdict) - {"passed", "refused: hello comes first"} else 0)


main()

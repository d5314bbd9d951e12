"""Runs every suite (or those named), shows its output, and ends with one line: N passed, N failed.

Each suite is a recipe of the justfile; how its tests are counted stands beside it. A suite that exits
non-zero without a failed test of its own (it did not compile, say) counts as one failure.
"""

import re
import subprocess
import sys
import time


def count_cargo(text):
    found = re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed", text, re.M)
    return sum(int(passed) for passed, _ in found), sum(int(failed) for _, failed in found)


def count_node(text):
    # node's runner prints "# pass 3" (tap) or "ℹ pass 3" (spec)
    def total(word):
        return sum(int(number) for number in re.findall(rf"^(?:#|ℹ) {word} (\d+)$", text, re.M))

    return total("pass"), total("fail") + total("cancelled")


def count_checks(text):
    """Suites that are checks rather than tests print lines `ok NAME` and `FAILED NAME`."""
    return len(re.findall(r"^ok \S", text, re.M)), len(re.findall(r"^FAILED \S", text, re.M))


def count_whole(_text):
    """The suite is one check: its exit code is the answer."""
    return None


SUITES = {
    "format": (["just", "format-check"], count_whole),
    "native": (["just", "test-native"], count_cargo),
    "lint": (["just", "lint"], count_whole),
    "page": (["just", "page"], count_whole),
    "browser": (["just", "test-browser"], count_node),
    "proxy": (["just", "test-proxy"], count_node),
    # The draws are the same every time: what is new in a change shows early.
    "fuzz": (["just", "fuzz", "60"], count_checks),
}


def run(name):
    command, count = SUITES[name]
    print(f"\n=== {name}: {' '.join(command)}", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
    code = process.wait()
    counted = count("".join(lines))
    passed, failed = counted if counted is not None else (int(code == 0), int(code != 0))
    if code != 0 and failed == 0:
        failed = 1
    if code == 0 and passed + failed == 0:
        print(f"=== {name}: no test ran", flush=True)
        failed = 1
    print(f"=== {name}: {passed} passed, {failed} failed in {time.monotonic() - started:.0f} s", flush=True)
    return passed, failed


def main():
    names = sys.argv[1:] or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"no such suite: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    results = [run(name) for name in names]
    passed = sum(result[0] for result in results)
    failed = sum(result[1] for result in results)
    print(f"\n{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()

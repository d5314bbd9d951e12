#!/usr/bin/env python3
"""Gives every fuzz target an hour of processor time, in slices that may be interrupted and gone on with.

`run.sh` bounds by the clock, which on a loaded machine is little work; a release asks for an hour of work each. What was
spent stands in `fuzz/hour.json`, by target: processor seconds, inputs, the commit of the programs, findings. A finding ends
its target's turn and the exit code is 1. Targets that had least come first.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, help="folder of built targets (default: cargo fuzz's, built first)")
    parser.add_argument("--commit", help="of those programs, where it is not HEAD")
    parser.add_argument("--hours", type=float, default=1.0, help="of processor time for each target (default 1)")
    parser.add_argument("--slice", type=int, default=300, dest="slice_seconds", help="seconds of the clock between records (default 300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time (default: processors)")
    parser.add_argument("--minutes", type=float, help="stop after so many minutes of the clock, to go on another time")
    parser.add_argument("--spent", type=Path, default=FOLDER / "hour.json")
    parser.add_argument("targets", nargs="*", help="default: all")
    return parser.parse_args()


def build():
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": os.environ.get("RUSTFLAGS", "") + " -Ccodegen-units=16"}
    subprocess.run(["cargo", "fuzz", "build", "--sanitizer", "none"], cwd=FOLDER, env=environment, check=True)
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.M)[1]
    return FOLDER / "target" / host / "release"


def head():
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=FOLDER, text=True).strip()


class Spent:
    """What each target had, kept on disk after every slice."""

    def __init__(self, path, commit):
        self.path, self.commit = path, commit
        self.by_target = json.loads(path.read_text()) if path.exists() else {}
        self.lock = threading.Lock()

    def cpu_seconds(self, target):
        return self.by_target.get(target, {}).get("cpu_seconds", 0.0)

    def add(self, target, cpu_seconds, inputs, finding):
        with self.lock:
            entry = self.by_target.setdefault(target, {"cpu_seconds": 0.0, "inputs": 0, "commits": [], "findings": []})
            entry["cpu_seconds"] = round(entry["cpu_seconds"] + cpu_seconds, 1)
            entry["inputs"] += inputs
            if self.commit not in entry["commits"]:
                entry["commits"].append(self.commit)
            if finding:
                entry["findings"].append(finding)
            unfinished = self.path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(dict(sorted(self.by_target.items())), indent=1) + "\n")
            unfinished.replace(self.path)


def run_slice(programs, target, seconds):
    """One turn: processor seconds, inputs, and the last lines of the log where the program failed."""
    for kind in ("corpus", "artifacts"):
        (FOLDER / kind / target).mkdir(parents=True, exist_ok=True)
    # The models that the tests read are the ONNX reader's seeds.
    reads_models = target in ("onnx", "second_engine")
    seeds = FOLDER.parent / "tests/onnx/fixtures" if reads_models else FOLDER / "seeds" / target
    command = [programs / target, f"-max_total_time={seconds}", "-seed=0", "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix=artifacts/{target}/", f"corpus/{target}", seeds]
    log_path = FOLDER / f"target-{target}.log"
    with log_path.open("w") as log:
        child = subprocess.Popen(command, cwd=FOLDER, stdout=log, stderr=log, preexec_fn=lambda: os.nice(19))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    text = log_path.read_text(errors="replace")
    done = re.search(r"stat::number_of_executed_units: (\d+)", text)
    failed = None if child.returncode == 0 else "\n".join(text.splitlines()[-30:])
    return usage.ru_utime + usage.ru_stime, int(done[1]) if done else 0, failed


def main():
    options = arguments()
    programs = options.programs.resolve() if options.programs else build()
    spent = Spent(options.spent, options.commit or head())
    targets = options.targets or sorted(path.stem for path in (FOLDER / "fuzz_targets").glob("*.rs"))
    waiting = sorted(targets, key=spent.cpu_seconds)
    taking, stop, failures = threading.Lock(), threading.Event(), []
    if options.minutes:
        timer = threading.Timer(options.minutes * 60, stop.set)
        timer.daemon = True
        timer.start()

    def work():
        while not stop.is_set():
            with taking:
                if not waiting:
                    return
                target = waiting.pop(0)
            while not stop.is_set() and spent.cpu_seconds(target) < options.hours * 3600:
                cpu_seconds, inputs, failed = run_slice(programs, target, options.slice_seconds)
                spent.add(target, cpu_seconds, inputs, failed)
                print(f"{'FAILED' if failed else 'ok'} {target}: {spent.cpu_seconds(target):.0f} s of processor time, {inputs} inputs more", flush=True)
                if failed:
                    failures.append(target)
                    print(failed, flush=True)
                    break

    workers = [threading.Thread(target=work) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    short = [target for target in targets if spent.cpu_seconds(target) < options.hours * 3600]
    print(f"{len(targets) - len(short)} of {len(targets)} targets had {options.hours:g} h; {len(failures)} failed" + (f"; still to go: {', '.join(short)}" if short else ""))
    sys.exit(1 if failures or short else 0)


if __name__ == "__main__":
    main()

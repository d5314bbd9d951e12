#!/usr/bin/env python3
"""Faults that need a machine of one's own: a disk that is really full, a folder that is really read-only, a clock
that jumps back, two daemons on one folder. Prints a line for each; exit code 1 where one is wrong.

    just faults        (Linux, as root: it mounts small file systems in a temporary folder; faketime for the clock)"""
import contextlib, json, os, pathlib, shutil, socket, sqlite3, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FORETUNE_BINARY", str(ROOT / "target/debug/foretune"))
failed = 0


def check(name, holds, told=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'FAILED'} {name}" + ("" if holds else f": {told}"), flush=True)


def run(*words, **more):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=600, **more)


def rows(path, part, count):
    answers = ["red", "blue"]
    row = lambda i: {"instruction": "Name the colours.", "input": f"{answers[i % 2]} thing {i} of the {part} rows " + "word " * (i % 25), "output": answers[i % 2]}
    path.write_text("".join(json.dumps(row(i)) + "\n" for i in range(count)))


class Mounted:
    """A file system of so many bytes, in memory."""

    def __init__(self, place, options):
        self.place = place
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)

    def __enter__(self):
        return self

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.place], check=True)

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.place], check=True)


def state_of_job(state):
    with contextlib.closing(sqlite3.connect(f"file:{state / 'foretune.sqlite3'}?mode=ro", uri=True)) as memory:
        return memory.execute("SELECT state, last_seq FROM jobs").fetchone()


class Daemon:
    def __init__(self, state, *more, env=None):
        self.state = state
        self.log = open(str(state) + ".log", "a+")
        self.process = subprocess.Popen([BINARY, "serve", "--port", "0", "--state", state, *more], stderr=self.log, env=env)
        begun = time.monotonic()
        while time.monotonic() - begun < 60 and self.process.poll() is None:
            try:
                known = json.loads((state / "daemon.json").read_text())
                if known["process"] == self.process.pid:
                    self.port = known["port"]
                    break
            except (OSError, ValueError):
                pass
            time.sleep(0.05)

    def health(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as stream:
            stream.sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n\r\n".encode())
            return b"200 OK" in stream.recv(100)

    def told(self):
        return pathlib.Path(self.log.name).read_text()

    def end(self):
        self.process.kill()
        self.process.wait()


def full_disk(place):
    rows(place / "train.jsonl", "train", 120)
    rows(place / "eval.jsonl", "test", 16)
    probe = ["probe", place / "train.jsonl", "--eval", place / "eval.jsonl", "--model", "tiny", "--device", "cpu", "--stop", "never", "--lr", "0.002", "--epochs", "20", "--batch", "4", "--rank", "2", "--max-tokens", "48", "--steps", "60"]
    whole = place / "whole.jsonl"
    run(*probe, "--out", whole)
    with Mounted(place / "small", "size=40k") as small:
        trace = small.place / "trace.jsonl"
        ended = run(*probe, "--out", trace)
        check("probe on a full disk: exit code 2 and what to do", ended.returncode == 2 and "free some space" in ended.stderr, ended.stderr)
        check("probe on a full disk: nothing half-written", not list(small.place.glob("*.partial")) and not list(small.place.glob(".*.partial")), list(small.place.iterdir()))
        small.remount("size=40m")
        ended = run(*probe, "--out", trace)
        check("the same command with room: the same trace", ended.returncode == 0 and trace.read_text() == whole.read_text(), ended.stderr)
    with Mounted(place / "report", "size=16k") as small:
        ended = run("check", place / "train.jsonl", "--report", small.place / "report.html")
        check("report on a full disk: exit code 2, no half report", ended.returncode == 2 and not list(small.place.iterdir()), (ended.stderr, list(small.place.iterdir())))
    with Mounted(place / "states", "size=400k") as small:
        state = small.place / "state"
        daemon = Daemon(state)
        client = ROOT / "docs/client.py"
        link = run("serve", "--link", "--state", state).stdout.split("\n")[0]
        python = os.environ.get("FORETUNE_PYTHON", sys.executable)
        command = [python, client, link, place / "train.jsonl", place / "eval.jsonl", "400"]
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun = time.monotonic()
        # It waits where its log stands still while it runs, and there is no room for one more checkpoint.
        last, since = 0, time.monotonic()
        while watching.poll() is None and time.monotonic() - since < 8 and time.monotonic() - begun < 300:
            if (told := state_of_job(state)) != last:
                last, since = told, time.monotonic()
            time.sleep(0.2)
        waits = watching.poll() is None and time.monotonic() - since >= 8 and last[0] == "running"
        free = os.statvfs(small.place).f_bavail * os.statvfs(small.place).f_frsize
        check("daemon on a full disk: its job waits", waits and free < 250_000, (last, free, daemon.told()[-800:]))
        check("daemon on a full disk: answers", daemon.health())
        small.remount("size=40m")
        told, wrong = watching.communicate(timeout=600)
        check("daemon with room again: the job goes on to its end", watching.returncode == 0, wrong[-800:] + daemon.told()[-800:])
        daemon.end()


def read_only(place):
    rows(place / "train.jsonl", "train", 120)
    with Mounted(place / "fixed", "size=1m") as fixed:
        (fixed.place / "here").mkdir()
        fixed.remount("ro")
        for name, words in {
            "check --report": ["check", place / "train.jsonl", "--report", fixed.place / "report.html"],
            "check --clean": ["check", place / "train.jsonl", "--clean", fixed.place / "clean.jsonl"],
            "probe --out": ["probe", place / "train.jsonl", "--model", "tiny", "--device", "cpu", "--steps", "5", "--out", fixed.place / "trace.jsonl"],
            "collect": ["collect", ROOT / "lab/sweeps/main.toml", "--runs", fixed.place / "runs"],
            "serve": ["serve", "--port", "0", "--state", fixed.place / "here"],
            "serve, new folder": ["serve", "--port", "0", "--state", fixed.place / "state"],
        }.items():
            ended = run(*words)
            named = str(fixed.place) in ended.stderr
            check(f"read-only folder, {name}: exit code 2, names it", ended.returncode == 2 and named and "panicked" not in ended.stderr, ended.stderr[-500:])


def clock(place):
    library = next((path for path in pathlib.Path("/usr/lib").rglob("libfaketimeMT.so.1")), None)
    if not library:
        print("skipped: the clock; apt-get install faketime")
        return
    now = place / "now"
    now.write_text("+0d\n")
    state = place / "clocked"
    env = {**os.environ, "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(now), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    daemon = Daemon(state, env=env)
    link = run("serve", "--link", "--state", state).stdout.split("\n")[0]
    rows(place / "a.jsonl", "train", 120)
    rows(place / "b.jsonl", "test", 16)
    python = os.environ.get("FORETUNE_PYTHON", sys.executable)
    watching = subprocess.Popen([python, ROOT / "docs/client.py", link, place / "a.jsonl", place / "b.jsonl", "600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    now.write_text("-2d\n")
    told, wrong = watching.communicate(timeout=600)
    check("clock two days back in the middle of a probe: it ends as ever", watching.returncode == 0, wrong[-500:] + daemon.told()[-500:])
    check("clock two days back: the daemon answers", daemon.health())
    days = {line[:10] for line in daemon.told().split("\n") if line.startswith("20")}
    check("the clock did jump", len(days) > 1, days)
    daemon.end()
    now.write_text("-9d\n")
    daemon = Daemon(state, env=env)
    again = subprocess.run([python, ROOT / "docs/client.py", link.replace(link.split(":")[2].split("/")[0], str(daemon.port)), place / "a.jsonl", place / "b.jsonl", "5"], capture_output=True, text=True)
    check("a start nine days before the last: history and new jobs", again.returncode == 0, again.stderr)
    daemon.end()


def two_daemons(place):
    state = place / "shared"
    first = Daemon(state)
    second = run("serve", "--port", "0", "--state", state)
    check("second daemon on one folder: exit code 2, says which", second.returncode == 2 and "another foretune serves from" in second.stderr, second.stderr)
    check("the first goes on", first.health())
    first.end()
    third = Daemon(state)
    check("killed, its folder is free at once", third.health())
    third.end()


def main():
    if os.geteuid() or not shutil.which("mount"):
        sys.exit("faults: needs Linux and root, to mount small file systems")
    for fault in (full_disk, read_only, clock, two_daemons):
        with tempfile.TemporaryDirectory() as place:
            fault(pathlib.Path(place))
    sys.exit(1 if failed else 0)


main()

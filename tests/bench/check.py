"""`just bench-check`: speed and memory of the dataset check beside a Python script that counts the same.

Makes one JSON array of the size asked for by repeating alpaca_10k.json, then runs, in this order and
interleaved over rounds: foretune on one thread, foretune on all cores, the Python peers. Prints medians as
ratios and one table for docs/benchmarks.md. Needs the reference data beside the checkout.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALPACA = ROOT.parent / "shared/data/instruct/alpaca_10k.json"


def build_file(megabytes):
    target = ROOT / f"target/bench/alpaca_{megabytes}mb.json"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        body = ALPACA.read_text(encoding="utf-8").strip()[1:-1].strip("\n")
        copies = max(1, megabytes * 1_000_000 // len(body.encode()))
        with target.open("w", encoding="utf-8") as output:
            output.write("[\n" + body)
            for _ in range(copies - 1):
                output.write(",\n" + body)
            output.write("\n]\n")
    return target


def measure(command):
    """Wall seconds, CPU seconds, peak memory in MB, stdout of one finished command."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))} ended with {code}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, output


def peer_python():
    """A virtual environment of the peer's packages; made once."""
    folder = ROOT / "target/bench/venv"
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "pandas", "scikit-learn"], check=True)
    return python


def data_juicer(data):
    """data-juicer's analyzer on the same rows as JSON Lines of one text each: its own eight statistics, which are
    fewer than the check's. It downloads further packages (torch, ray) the first time, outside the measurement."""
    folder = ROOT / "target/bench/venv-data-juicer"
    if not (folder / "bin/dj-analyze").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", "py-data-juicer", "aiohttp"], check=True)
    rows = data.with_suffix(".texts.jsonl")
    if not rows.exists():
        texts = (f"{row['instruction']}\n{row['input']}\n{row['output']}" for row in json.loads(data.read_text()))
        rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    config = data.with_suffix(".data-juicer.yaml")
    filters = [
        "alphanumeric", "average_line_length", "character_repetition", "maximum_line_length",
        "special_characters", "text_length", "word_repetition", "words_num",
    ]
    config.write_text(
        f"project_name: bench\ndataset_path: {rows}\nexport_path: {data.parent}/data-juicer/result.jsonl\n"
        "np: 1\ntext_keys: [text]\nprocess:\n" + "".join(f"  - {name}_filter:\n" for name in filters)
    )
    command = [folder / "bin/dj-analyze", "--config", config]
    measure(command)
    return command


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--data-juicer", action="store_true", help="measure its analyzer too (slow: small files only)")
    options = parser.parse_args()
    if not ALPACA.exists():
        sys.exit(f"needs {ALPACA.relative_to(ROOT.parent)} beside the checkout")
    data = build_file(options.megabytes)
    size_mb = data.stat().st_size / 1e6
    binary = ROOT / "target/release/foretune"
    cores = os.cpu_count()
    commands = {
        "foretune, 1 thread": [binary, "check", data, "--json", "--threads", "1"],
        f"foretune, {cores} threads": [binary, "check", data, "--json", "--threads", str(cores)],
    }
    if not options.skip_peer:
        commands["python (pandas, scikit-learn)"] = [peer_python(), ROOT / "tests/bench/check_peer.py", data]
    if options.data_juicer:
        commands["python (data-juicer analyzer)"] = data_juicer(data)
    results = {name: [] for name in commands}
    for round_number in range(options.rounds):
        for name, command in commands.items():
            # The peer takes minutes and its time hardly varies: once is enough.
            if "python" in name and round_number:
                continue
            results[name].append(measure(command))
    print(f"\n{size_mb:.0f} MB, {json.loads(results['foretune, 1 thread'][0][3])['rows']} rows, {cores} cores, median of {options.rounds}\n")
    base = statistics.median(run[0] for run in results["foretune, 1 thread"])
    print("| what | MB/s | against 1 thread | CPU s | peak MB |\n|---|---|---|---|---|")
    for name, runs in results.items():
        wall, cpu, memory = (statistics.median(run[index] for run in runs) for index in range(3))
        print(f"| {name} | {size_mb / wall:.1f} | {base / wall:.2f}x | {cpu:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()

"""`just bench-engine`: training speed beside PyTorch with transformers and PEFT in the same run.

For a 1M and a 10M model, LoRA and full training, one thread each: rounds of our program and of the Python
peer take turns on the same core. Prints tokens per second of processor time, their ratio, and peak memory, as
a table for docs/benchmarks.md. `--peer PYTHON` names a Python that has torch, transformers and peft.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = [(size, kind) for size in ("1m", "10m") for kind in ("lora", "full")]
ROWS, LENGTH = 8, 96


def run(command):
    threads = dict(RAYON_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    pinned = ["taskset", "-c", "0"] if pathlib.Path("/usr/bin/taskset").exists() else []
    output = subprocess.run(pinned + [str(word) for word in command], env=dict(os.environ, **threads), check=True, stdout=subprocess.PIPE)
    return json.loads(output.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--release", action="store_true", help="the release build instead of the development one")
    arguments = parser.parse_args()
    ours = ROOT / ("target/release" if arguments.release else "target/debug") / "examples/bench_train"
    print("| model | trained | tokens per CPU second | PyTorch | ratio | peak MB | PyTorch |\n|---|---|---|---|---|---|---|")
    for size, kind in CASES:
        steps = {"1m": 60, "10m": 10}[size]
        results = {"ours": [], "peer": []}
        for _ in range(arguments.rounds):
            results["ours"].append(run([ours, size, kind, ROWS, LENGTH, steps]))
            results["peer"].append(run([arguments.peer, ROOT / "tests/bench/engine_peer.py", size, kind, ROWS, LENGTH, steps]))
        speed = {who: statistics.median(one["tokens_per_cpu_second"] for one in all) for who, all in results.items()}
        peak = {who: max(one["peak_bytes"] for one in all) / 1e6 for who, all in results.items()}
        print(f"| {size} | {kind} | {speed['ours']:,.0f} | {speed['peer']:,.0f} | {speed['ours'] / speed['peer']:.2f} | {peak['ours']:.0f} | {peak['peer']:.0f} |", flush=True)


if __name__ == "__main__":
    main()

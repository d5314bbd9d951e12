#!/usr/bin/env python3
"""`just lab-advice`: what came of the predictor's advice: the bad runs of lab/sweeps/advice.toml with the advised change,
beside the same runs without it (same rows, same seed).

    lab/advice.py lab/advice/promises.csv --before RUNS.jsonl.gz --after RUNS.jsonl.gz
"""

import argparse
import collections
import csv
import pathlib
import statistics

from describe import read


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("promises", type=pathlib.Path)
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--after", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    before = {run["id"]: run for run in read([arguments.before])}
    after = {run["id"].split("-")[1]: run for run in read([arguments.after])}
    groups = collections.defaultdict(list)
    with open(arguments.promises, newline="") as file:
        for promise in csv.DictReader(file):
            old, new = before[promise["run"]], after.get(promise["run"].split("-")[1])
            if new is None:
                continue
            gain = new["score"] - old["score"]
            # Of the test rows alone; seeds add to it.
            error = (old["score_se"] ** 2 + new["score_se"] ** 2) ** 0.5
            entry = (gain, error, float(promise["gain promised"]))
            groups["all"].append(entry)
            groups[promise["change"]].append(entry)
    print("| advice | runs | better | beyond 2 standard errors | worse beyond them | mean gain | median | promised |")
    print("|---|---|---|---|---|---|---|---|")
    for name, entries in groups.items():
        gains = [gain for gain, _, _ in entries]
        better = sum(gain > 0 for gain in gains)
        clearly = sum(gain > 2 * error for gain, error, _ in entries)
        worse = sum(gain < -2 * error for gain, error, _ in entries)
        promised = statistics.mean(promise for _, _, promise in entries)
        print(
            f"| {name} | {len(entries)} | {better} | {clearly} | {worse} | {statistics.mean(gains):+.1f} "
            f"| {statistics.median(gains):+.1f} | {promised:+.1f} |"
        )


if __name__ == "__main__":
    main()

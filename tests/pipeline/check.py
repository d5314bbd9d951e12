"""PIPELINE CHECK, not a result: our fit beside LightGBM with the TuneAhead authors' settings, on their
sample table. That table is label plus noise (see shared/data/README.md), so the numbers say only that the
machinery of fitting works; they say nothing about fine-tuning.

    venv/bin/pip install lightgbm pandas scikit-learn
    cargo build --release -p foretune-tests --example fit_tool
    venv/bin/python tests/pipeline/check.py [--release] [TABLE.csv]

Splits: the authors' (28 % test, seed 36) and 20 random ones of 72/28. Both train on the whole 72 %; ours
chooses its learner by cross-validation inside it. Needed: RMSE at most 0.8 x theirs, on their split and on
the mean of the 20.
"""

import json
import pathlib
import subprocess
import sys

import lightgbm
import numpy as np
import pandas
from sklearn.model_selection import train_test_split

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "target" / ("release" if "--release" in sys.argv else "debug") / "examples/fit_tool"
TABLE = ROOT.parent / "shared/data/meta/metadataset_sample.csv"
NEEDED = 0.8


def theirs(seed):
    return lightgbm.LGBMRegressor(
        learning_rate=0.05, n_estimators=140, num_leaves=4, min_child_samples=20, subsample=0.6,
        colsample_bytree=0.6, random_state=seed, n_jobs=1, verbose=-1,
    )


def rmse(predicted, truth):
    return float(np.sqrt(np.mean((np.asarray(predicted) - truth) ** 2)))


def main():
    paths = [word for word in sys.argv[1:] if not word.startswith("--")]
    path = pathlib.Path(paths[0]) if paths else TABLE
    if not path.exists():
        print(f"skipped: {path} is not here")
        return
    table = pandas.read_csv(path)
    target = table["overall_accuracy"].to_numpy() * 100
    features = table.drop(columns=["dataset_name", "overall_accuracy"])
    rows = features.to_numpy(dtype=float)
    everything = np.arange(len(table))
    splits = [(36, *train_test_split(everything, test_size=0.28, random_state=36))]
    splits += [(seed, *train_test_split(everything, test_size=0.28, random_state=seed)) for seed in range(20)]
    request = {
        "names": list(features.columns),
        "rows": [[None if np.isnan(v) else v for v in row] for row in rows.tolist()],
        "target": target.tolist(),
        "train": [train.tolist() for _, train, _ in splits],
        "test": [test.tolist() for _, _, test in splits],
    }
    told = subprocess.run([TOOL], input=json.dumps(request), capture_output=True, text=True)
    if told.returncode:
        sys.exit(told.stderr)
    ours, peer = [], []
    for (seed, train, test), answer in zip(splits, json.loads(told.stdout)):
        ours.append(rmse(answer["predicted"], target[test]))
        peer.append(rmse(theirs(seed).fit(rows[train], target[train]).predict(rows[test]), target[test]))
        within = np.mean(np.abs(np.array(answer["predicted"]) - target[test]) <= 3) * 100
        if len(ours) == 1:
            for name, error in answer["log"]:
                print(f"     inside their training part: {error:6.3f}  {name}")
        print(f"  seed {seed:3d}: ours {ours[-1]:.3f}  LightGBM {peer[-1]:.3f}  within 3 points {within:.1f} %  {answer['description']}")
    failed = False
    for name, a, b in (("their split", ours[0], peer[0]), ("mean of 20 splits", np.mean(ours[1:]), np.mean(peer[1:]))):
        good = a <= NEEDED * b
        failed |= not good
        print(f"{'ok' if good else 'FAILED'} pipeline check, {name}: ours {a:.3f}, LightGBM {b:.3f} points, ratio {a / b:.3f} (needed {NEEDED})")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

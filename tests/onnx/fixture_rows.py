"""What the scripts beside this one share: drawn rows, our two engines, and the rows that are kept for the Rust tests."""

import json
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
TOOL = ROOT / "target/debug/examples/onnx_tool"
WIDTH = 6
ROWS = 10_000
KEPT_ROWS = 60
failures = []


def draw_rows(rng, count, width, with_missing):
    rows = rng.normal(size=(count, width)) * 1.5
    whole = rng.random(count) < 0.3
    rows[whole] = np.round(rows[whole])
    if with_missing:
        hit = rng.random(count) < 0.2
        mask = (rng.random((count, width)) < 0.3) & hit[:, None]
        rows[mask] = np.nan
    return rows


def scores(engine, path, rows):
    """`engine`: "predict", our exact reader, or "second", tract with our operators."""
    result = subprocess.run([TOOL, engine, path], input=rows.astype("<f8").tobytes(), capture_output=True)
    if result.returncode:
        raise RuntimeError(result.stderr.decode())
    return np.frombuffer(result.stdout, "<f8")


def say(is_good, name, words):
    print(f"{'ok' if is_good else 'FAILED'} {name}: {words}")
    if not is_good:
        failures.append(name)


def report(name, difference, limit):
    say(difference <= limit, name, f"largest difference {difference:.2e}, allowed {limit:.0e}")


def relative(found, expected):
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def keep(name, rows, expected, tolerance, **more):
    as_json = lambda value: None if np.isnan(value) else float(value)
    body = more | {
        "tolerance": tolerance,
        "rows": [[as_json(value) for value in row] for row in rows[:KEPT_ROWS]],
        "expected": [float(value) for value in expected[:KEPT_ROWS]],
    }
    (FIXTURES / f"{name}.json").write_text(json.dumps(body) + "\n")

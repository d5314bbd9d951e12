"""A predictor of ours beside the standard's own checker and onnxruntime, with the models that its card carries:

    cargo build -p foretune-tests --example onnx_tool
    venv/bin/python tests/onnx/check_predictor.py lab/predictors/tiny-exact-match.onnx

On 10,000 rows, drawn evenly from the ranges that the card has seen, with missing values, our exact reader, the second
engine and onnxruntime agree to 1e-9.
"""

import base64
import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from fixture_rows import ROWS, failures, report, scores

INNER = ("foretune_error_model", "foretune_divergence_model")
TOLERANCE = 1e-9


def rows_of(card, width, rng):
    """The error model reads the forecast behind the features: anything between 0 and 100."""
    seen = [(feature["low"], feature["high"]) for feature in card["features"]]
    low, high = np.array((seen + [(0.0, 100.0)])[:width]).T
    rows = low + (high - low) * rng.random((ROWS, width))
    rows[rng.random(rows.shape) < rng.choice([0.0, 0.1, 0.5], size=(ROWS, 1))] = np.nan
    return rows


def check(name, path, card):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [read] = session.get_inputs()
    rows = rows_of(card, read.shape[1], np.random.default_rng(3))
    expected = session.run(None, {read.name: rows})[0].ravel()
    for engine, words in (("predict", "our reader"), ("second", "the second engine")):
        found = scores(engine, path, rows)
        report(f"{name}, {words} beside onnxruntime", float(np.max(np.abs(found - expected))), TOLERANCE)
    return {entry.key: entry.value for entry in model.metadata_props}


def main():
    for path in map(pathlib.Path, sys.argv[1:]):
        card = json.loads({entry.key: entry.value for entry in onnx.load(path).metadata_props}["foretune_card"])
        carried = check(path.name, path, card)
        for key in INNER:
            with tempfile.TemporaryDirectory() as folder:
                inner = pathlib.Path(folder) / "inner.onnx"
                inner.write_bytes(base64.b64decode(carried[key]))
                check(f"{path.name}: {key}", inner, card)
    sys.exit(f"failed: {', '.join(failures)}" if failures else 0)


if __name__ == "__main__":
    main()

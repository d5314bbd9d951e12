"""Networks of scikit-learn, which our exact reader refuses by name and the second engine runs; same environment as
make_fixtures.py, which calls this too:

    cargo build -p foretune-tests --example onnx_tool
    venv/bin/python tests/onnx/make_networks.py

Checked on 10,000 rows: the second engine and onnxruntime agree with scikit-learn's own predict to 1e-5.
"""

import subprocess
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from fixture_rows import FIXTURES, ROWS, TOOL, WIDTH, draw_rows, failures, keep, relative, report, say, scores
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TOLERANCE = 1e-5


def check_network(rng, name, model, kind):
    path = FIXTURES / f"{name}.onnx"
    made = convert_sklearn(model, initial_types=[("x", kind([None, WIDTH]))])
    path.write_bytes(made.SerializeToString())
    onnx.checker.check_model(made, full_check=True)
    result = subprocess.run([TOOL, "predict", path], input=b"", capture_output=True)
    refused = result.returncode == 1 and (b"Operator" in result.stderr or b"Node" in result.stderr)
    say(refused, name, "our exact reader refuses it by name")
    number = np.float32 if kind is FloatTensorType else np.float64
    rows = draw_rows(rng, ROWS, WIDTH, False).astype(number)
    expected = model.predict(rows.astype(np.float64))
    report(f"{name}, second engine beside its maker", relative(scores("second", path, rows), expected), TOLERANCE)
    [answers] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": rows})
    report(f"{name}, onnxruntime beside its maker", relative(answers.ravel(), expected), TOLERANCE)
    keep(name, rows, expected, TOLERANCE, engine="tract")


def make_networks():
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(11)
    rows = draw_rows(rng, 600, WIDTH, False)
    target = 40 + 5 * rows[:, 0] + 8 * np.sin(rows[:, 1]) + rng.normal(size=600)
    small = MLPRegressor(hidden_layer_sizes=(5,), max_iter=300, random_state=1)
    deep = MLPRegressor(hidden_layer_sizes=(12, 6), activation="tanh", max_iter=300, random_state=2)
    for name, model in {"sklearn_mlp": small, "sklearn_scaled_mlp": make_pipeline(StandardScaler(), deep)}.items():
        model.fit(rows, target)
        for suffix, kind in (("", FloatTensorType), ("_double", DoubleTensorType)):
            check_network(rng, name + suffix, model, kind)


if __name__ == "__main__":
    make_networks()
    sys.exit(f"failed: {', '.join(failures)}" if failures else 0)

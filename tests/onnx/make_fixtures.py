"""Makes tests/onnx/fixtures and checks them, in a Python environment of its own:

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime lightgbm xgboost catboost scikit-learn skl2onnx onnxmltools
    cargo build -p foretune-tests --example onnx_tool
    venv/bin/python tests/onnx/make_fixtures.py

Checked here, on 10,000 rows each, a fifth of them with missing values where the maker allows them:
  our exports    pass onnx.checker; onnxruntime and our reader agree to 1e-9
  their exports  our reader agrees with the maker's own predict to 1e-5
  networks       our reader refuses them by name; onnxruntime's answers are kept for the second engine (network_answers.py)
Committed are the small files and 60 rows each, so that the Rust tests repeat this without Python.
"""

import json
import pathlib
import subprocess
import sys
import warnings

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import xgboost
from network_answers import write_answers
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
TOOL = ROOT / "target/debug/examples/onnx_tool"
WIDTH = 6
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


def ours(path, rows):
    result = subprocess.run([TOOL, "predict", path], input=rows.astype("<f8").tobytes(), capture_output=True)
    if result.returncode:
        raise RuntimeError(result.stderr.decode())
    return np.frombuffer(result.stdout, "<f8")


def report(name, difference, limit):
    good = difference <= limit
    print(f"{'ok' if good else 'FAILED'} {name}: largest difference {difference:.2e}, allowed {limit:.0e}")
    if not good:
        failures.append(name)


def keep(name, model_bytes, rows, expected, tolerance):
    (FIXTURES / f"{name}.onnx").write_bytes(model_bytes)
    as_json = lambda value: None if np.isnan(value) else float(value)
    body = {
        "tolerance": tolerance,
        "rows": [[as_json(value) for value in row] for row in rows],
        "expected": [float(value) for value in expected],
    }
    (FIXTURES / f"{name}.json").write_text(json.dumps(body) + "\n")


def relative(found, expected):
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def check_ours(rng, seed):
    name = f"foretune_{seed}"
    path = FIXTURES / f"{name}.onnx"
    path.write_bytes(subprocess.run([TOOL, "sample", str(seed)], capture_output=True, check=True).stdout)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = draw_rows(rng, 10_000, 12, True)
    expected = session.run(None, {"features": rows})[0].ravel()
    report(f"{name} beside onnxruntime", float(np.max(np.abs(ours(path, rows) - expected))), 1e-9)
    keep(name, path.read_bytes(), rows[:60], expected[:60], 1e-9)


def check_maker(rng, name, model_bytes, predict, with_missing, single=True):
    path = FIXTURES / f"{name}.onnx"
    path.write_bytes(model_bytes)
    onnx.checker.check_model(onnx.load(path))
    rows = draw_rows(rng, 10_000, WIDTH, with_missing)
    if single:
        rows = rows.astype(np.float32).astype(np.float64)
    expected = np.asarray(predict(rows), dtype=float).ravel()
    report(f"{name} beside its maker", relative(ours(path, rows), expected), 1e-5)
    keep(name, model_bytes, rows[:60], expected[:60], 1e-5)


def check_refused(name, model_bytes):
    """Not a sum of trees and columns: the small reader must say so and leave it to a full runtime."""
    path = FIXTURES / f"{name}.onnx"
    path.write_bytes(model_bytes)
    result = subprocess.run([TOOL, "predict", path], input=b"", capture_output=True)
    refused = result.returncode == 1 and (b"Operator" in result.stderr or b"Node" in result.stderr)
    print(f"{'ok' if refused else 'FAILED'} {name} is refused by name")
    if not refused:
        failures.append(name)
        print(result.stderr.decode())


def main():
    FIXTURES.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    for seed in (1, 2, 3):
        check_ours(rng, seed)

    rows = draw_rows(rng, 600, WIDTH, True)
    whole = np.nan_to_num(rows)
    target = 40 + 5 * whole[:, 0] + 8 * np.sin(whole[:, 1]) - 4 * np.isnan(rows[:, 2]) + rng.normal(size=600)
    initial = [("x", MlFloat([None, WIDTH]))]

    model = lightgbm.LGBMRegressor(n_estimators=25, num_leaves=7, verbose=-1).fit(rows, target)
    made = onnxmltools.convert_lightgbm(model, initial_types=initial, zipmap=False)
    check_maker(rng, "lightgbm", made.SerializeToString(), model.predict, True)

    model = xgboost.XGBRegressor(n_estimators=25, max_depth=3).fit(rows, target)
    made = onnxmltools.convert_xgboost(model, initial_types=initial)
    check_maker(rng, "xgboost", made.SerializeToString(), model.predict, True)

    try:
        import catboost
    except ImportError:
        print("skipped catboost: it is not installed")
    else:
        model = catboost.CatBoostRegressor(iterations=25, depth=3, verbose=False, allow_writing_files=False)
        model.fit(whole, target)
        path = FIXTURES / "catboost.onnx"
        model.save_model(str(path), format="onnx")
        check_maker(rng, "catboost", path.read_bytes(), model.predict, False)

    makers = {
        "sklearn_random_forest": RandomForestRegressor(10, max_depth=4, random_state=1),
        "sklearn_extra_trees": ExtraTreesRegressor(10, max_depth=4, random_state=1),
        "sklearn_boosting": GradientBoostingRegressor(n_estimators=20, random_state=1),
        "sklearn_linear": LinearRegression(),
        "sklearn_scaled_ridge": make_pipeline(StandardScaler(), Ridge()),
    }
    for name, model in makers.items():
        model.fit(whole, target)
        for suffix, kind in (("", FloatTensorType), ("_double", DoubleTensorType)):
            made = convert_sklearn(model, initial_types=[("x", kind([None, WIDTH]))])
            check_maker(rng, name + suffix, made.SerializeToString(), model.predict, False, single=not suffix or "linear" not in name)

    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=300, random_state=1).fit(whole, target)
    made = convert_sklearn(model, initial_types=[("x", FloatTensorType([None, WIDTH]))])
    check_refused("sklearn_mlp", made.SerializeToString())
    write_answers("sklearn_mlp")

    sys.exit(f"failed: {', '.join(failures)}" if failures else 0)


if __name__ == "__main__":
    main()

"""Makes tests/onnx/fixtures and checks them, in a Python environment of its own:

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime lightgbm xgboost catboost scikit-learn skl2onnx onnxmltools
    cargo build -p foretune-tests --example onnx_tool
    venv/bin/python tests/onnx/make_fixtures.py

Checked here, on 10,000 rows each, a fifth of them with missing values where the maker allows them:
  our exports    pass onnx.checker; onnxruntime and our reader agree to 1e-9
  their exports  our reader agrees with the maker's own predict to 1e-5
  networks       make_networks.py: the second engine agrees with the maker's own predict to 1e-5
Committed are the small files and 60 rows each, so that the Rust tests repeat this without Python.
"""

import subprocess
import sys
import warnings

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import xgboost
from fixture_rows import FIXTURES, ROWS, TOOL, WIDTH, draw_rows, failures, keep, relative, report, scores
from make_networks import make_networks
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")


def check_ours(rng, seed):
    name = f"foretune_{seed}"
    path = FIXTURES / f"{name}.onnx"
    path.write_bytes(subprocess.run([TOOL, "sample", str(seed)], capture_output=True, check=True).stdout)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = draw_rows(rng, ROWS, 12, True)
    expected = session.run(None, {"features": rows})[0].ravel()
    report(f"{name} beside onnxruntime", float(np.max(np.abs(scores("predict", path, rows) - expected))), 1e-9)
    keep(name, rows, expected, 1e-9)


def check_maker(rng, name, model_bytes, predict, with_missing, single=True):
    path = FIXTURES / f"{name}.onnx"
    path.write_bytes(model_bytes)
    onnx.checker.check_model(onnx.load(path))
    rows = draw_rows(rng, ROWS, WIDTH, with_missing)
    if single:
        rows = rows.astype(np.float32).astype(np.float64)
    expected = np.asarray(predict(rows), dtype=float).ravel()
    report(f"{name} beside its maker", relative(scores("predict", path, rows), expected), 1e-5)
    keep(name, rows, expected, 1e-5)


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

    make_networks()
    sys.exit(f"failed: {', '.join(failures)}" if failures else 0)


if __name__ == "__main__":
    main()

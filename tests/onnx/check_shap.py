"""Our TreeSHAP beside the `shap` package's C code, on the same trees and rows, some with missing values:

    venv/bin/pip install shap onnx          # beside what make_fixtures.py needs
    cargo build --release -p foretune-tests --example onnx_tool
    venv/bin/python tests/onnx/check_shap.py --release [--keep]

Prints the largest difference (allowed: 1e-6) and microseconds a row of both and, with --release, of ours as
WebAssembly in Chromium, best of five. --keep writes the small fixture that the Rust tests read.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import shap

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
RELEASE = "--release" in sys.argv
TOOL = ROOT / "target" / ("release" if RELEASE else "debug") / "examples/onnx_tool"
WIDTH = 30


def tool(*words, rows=None):
    data = b"" if rows is None else rows.astype("<f8").tobytes()
    return subprocess.run([TOOL, *map(str, words)], input=data, capture_output=True, check=True).stdout


def in_chromium(path, rows):
    """Seconds for all rows, and what it answers."""
    with tempfile.TemporaryDirectory() as folder:
        given, answers = pathlib.Path(folder, "rows"), pathlib.Path(folder, "answers")
        given.write_bytes(rows.astype("<f8").tobytes())
        told = subprocess.run(["node", ROOT / "tests/bench/shap.mjs", path, given, answers], capture_output=True, check=True, text=True).stdout
        return json.loads(told)["seconds"], np.frombuffer(answers.read_bytes(), "<f8").reshape(len(rows), WIDTH + 1)


def as_shap_trees(path):
    """The ONNX file's lists as the dictionaries that shap.TreeExplainer takes."""
    model = onnx.load(path)
    covers = json.loads(next(p.value for p in model.metadata_props if p.key == "foretune_covers"))
    node = next(n for n in model.graph.node if n.op_type == "TreeEnsemble")
    get = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    get = {name: onnx.numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v for name, v in get.items()}
    constant = next(onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.name.startswith("constant"))
    trees = []
    for root in get["tree_roots"]:
        tree = {key: [] for key in ("children_left", "children_right", "children_default", "features", "thresholds", "values", "node_sample_weight")}

        def visit(is_leaf, index):
            here = len(tree["features"])
            for column in tree.values():
                column.append(-1)
            if is_leaf:
                tree["values"][here] = [get["leaf_weights"][index]]
                tree["node_sample_weight"][here] = covers["leaves"][0][index]
                return here
            tree["features"][here] = get["nodes_featureids"][index]
            tree["thresholds"][here] = get["nodes_splits"][index]
            tree["values"][here] = [0.0]
            tree["node_sample_weight"][here] = covers["splits"][0][index]
            left = visit(get["nodes_trueleafs"][index], get["nodes_truenodeids"][index])
            right = visit(get["nodes_falseleafs"][index], get["nodes_falsenodeids"][index])
            tree["children_left"][here], tree["children_right"][here] = left, right
            tree["children_default"][here] = left if get["nodes_missing_value_tracks_true"][index] else right
            return here

        visit(False, root)
        trees.append({key: np.array(column, dtype=float if key in ("thresholds", "values", "node_sample_weight") else int) for key, column in tree.items()})
    return trees, float(constant.ravel()[0])


def explainer_of(trees, constant):
    explainer = shap.TreeExplainer({"trees": trees}, feature_perturbation="tree_path_dependent")
    return explainer, constant


def main():
    rng = np.random.default_rng(3)
    failed = False
    for name, trees, depth in (("shap_small", 140, 2), ("shap_middle", 100, 4), ("shap_deep", 60, 7)):
        is_kept = "--keep" in sys.argv and name == "shap_small"
        path = (FIXTURES if is_kept else pathlib.Path(tempfile.gettempdir())) / f"{name}.onnx"
        path.write_bytes(tool("forest", trees, depth))
        rows = rng.normal(size=(10_000 if RELEASE else 1_000, WIDTH)) * 1.5
        rows[rng.random(rows.shape) < 0.1] = np.nan
        explainer, constant = explainer_of(*as_shap_trees(path))
        theirs = explainer.shap_values(rows, check_additivity=False)
        base = float(np.ravel(explainer.expected_value)[0]) + constant
        found = np.frombuffer(tool("explain", path, rows=rows), "<f8").reshape(len(rows), WIDTH + 1)
        difference = max(float(np.abs(found[:, 1:] - theirs).max()), float(np.abs(found[:, 0] - base).max()))
        predicted = np.frombuffer(tool("predict", path, rows=rows), "<f8")
        additivity = float(np.abs(found.sum(axis=1) - predicted).max())
        good = difference <= 1e-6 and additivity <= 1e-9
        failed |= not good
        print(f"{'ok' if good else 'FAILED'} {name}: from shap {difference:.1e} (1e-6), additivity {additivity:.1e} (1e-9)")

        def best(run):
            times = []
            for _ in range(5):
                started = time.perf_counter()
                told = run()
                times.append(told if told is not None else time.perf_counter() - started)
            return min(times) / len(rows) * 1e6

        own = best(lambda: float(np.frombuffer(tool("time", path, rows=rows), "<f8")[0]))
        peer = best(lambda: explainer.shap_values(rows, check_additivity=False) is None or None)
        print(f"   {own:.2f} us a row, shap {peer:.2f}: {peer / own:.1f} times as fast, {len(rows)} rows, {trees} trees of depth {depth}, {'release' if RELEASE else 'dev'} build")
        if RELEASE:
            seconds, answered = in_chromium(path, rows)
            same = float(np.abs(answered - found).max())
            failed |= same > 1e-9
            page = seconds / len(rows) * 1e6
            print(f"   {page:.2f} us in Chromium: {peer / page:.1f} times as fast as shap; {'ok' if same <= 1e-9 else 'FAILED'}, from native {same:.1e}")
        if is_kept:
            as_json = [[None if np.isnan(v) else float(v) for v in row] for row in rows[:20]]
            body = {"rows": as_json, "base": base, "contributions": theirs[:20].tolist()}
            (FIXTURES / f"{name}.json").write_text(json.dumps(body) + "\n")
        else:
            path.unlink()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""What onnxruntime answers for the committed network, which our exact reader refuses and the second engine runs:

    venv/bin/pip install onnxruntime && venv/bin/python tests/onnx/network_answers.py
"""

import json
import pathlib

import numpy as np
import onnxruntime

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


def write_answers(name):
    session = onnxruntime.InferenceSession(FIXTURES / f"{name}.onnx", providers=["CPUExecutionProvider"])
    [read] = session.get_inputs()
    rng = np.random.default_rng(11)
    rows = (rng.normal(size=(60, read.shape[1])) * 1.5).astype(np.float32)
    [answers] = session.run(None, {read.name: rows})
    body = {
        "engine": "tract",
        "tolerance": 1e-5,
        "rows": [[float(value) for value in row] for row in rows],
        "expected": [float(value) for value in answers.ravel()],
    }
    (FIXTURES / f"{name}.json").write_text(json.dumps(body) + "\n")
    print(f"{name}: {len(rows)} rows, answers {answers.min():.2f} to {answers.max():.2f}")


if __name__ == "__main__":
    write_answers("sklearn_mlp")

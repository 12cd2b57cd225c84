"""What the suite needs to know of a model that was exported: one request, and the right answer."""

import json
import pathlib

import numpy as np

DATATYPES = {"float32": "FP32", "int64": "INT64", "uint8": "UINT8"}


def write_reference(folder, name, inputs, outputs):
    """Keeps NAME.json beside NAME.onnx: a request of the inference protocol, and its outputs.

    inputs, outputs: arrays by name, with one row in front.
    """

    def tensor(key, array):
        array = np.asarray(array)
        return {
            "name": key,
            "shape": list(array.shape),
            "datatype": DATATYPES[str(array.dtype)],
            "data": array.flatten().tolist(),
        }

    reference = {
        "inputs": [tensor(key, array) for key, array in inputs.items()],
        "outputs": [tensor(key, array) for key, array in outputs.items()],
    }
    path = pathlib.Path(folder) / f"{name}.json"
    path.write_text(json.dumps(reference))

"""Writes the weights of one of our ONNX files with other people's writers.

write_weights.py MODEL.onnx SHAPES.json OUT: OUT.safetensors as float32, OUT.npz deflated and with some
arrays in Fortran order. SHAPES.json is what `dnnscaler zoo weights --json` prints.
"""

import json
import sys

import numpy as np
import onnx
from safetensors.numpy import save_file
from weights import Weights

model, shapes, out = sys.argv[1:]
weights = Weights(onnx.load(model))
with open(shapes, encoding="utf-8") as file:
    tensors = {
        one["name"]: np.ascontiguousarray(weights.take(one["name"], one["dims"]))
        for one in json.load(file)
    }
if weights.left_over():
    raise SystemExit(f"not listed: {weights.left_over()}")
save_file(tensors, f"{out}.safetensors")
arrays = {
    f"{name}:0": np.asfortranarray(array) if number % 2 else array
    for number, (name, array) in enumerate(tensors.items())
}
np.savez_compressed(f"{out}.npz", **arrays)

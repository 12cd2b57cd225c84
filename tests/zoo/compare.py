"""Compares our ONNX files with the same networks of others, on one set of weights and images.

compare.py FOLDER PHOTO..., with names of networks on standard input, one a line.

FOLDER/NAME.onnx is the file that is checked, FOLDER/NAME.comparable.onnx the one that is compared. For
each name one line of JSON: what it was compared with and the relative errors, or what went wrong. An
error is the largest difference relative to the largest value.
"""

import json
import os
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras_networks
import numpy as np
import onnx
import onnxruntime
import slim_networks
import tensorflow as tf
from weights import Weights


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def images_of(photos, px: int) -> np.ndarray:
    """Photographs and, as the last, noise: [N, px, px, 3] of bytes."""
    images = []
    for photo in photos:
        pixels = tf.io.decode_jpeg(tf.io.read_file(photo), channels=3)
        resized = tf.image.resize(pixels, (px, px), antialias=True)
        images.append(tf.cast(tf.round(resized), tf.uint8).numpy())
    noise = np.random.default_rng(7).integers(0, 256, (px, px, 3), dtype=np.uint8)
    return np.stack([*images, noise])


def px_of(model: onnx.ModelProto) -> int:
    return model.graph.input[0].type.tensor_type.shape.dim[1].dim_value


def check_file(path: str, photos) -> float:
    """Lets ONNX's checker and ONNX Runtime have the file; how far rows of a batch differ from alone."""
    onnx.checker.check_model(path, full_check=True)
    images = images_of(photos, px_of(onnx.load(path)))
    session = onnxruntime.InferenceSession(path)
    (batch,) = session.run(["probabilities"], {"input": images})
    alone = [session.run(["probabilities"], {"input": one[None]})[0][0] for one in images]
    return max(relative_error(row, single) for row, single in zip(batch, alone))


def compare(path: str, name: str, photos) -> dict:
    model = onnx.load(path)
    images = images_of(photos, px_of(model))
    # The scores before the softmax are compared, too: it makes small what is small already.
    scores = next(one for one in model.graph.value_info if one.name == "logits")
    model.graph.output.append(scores)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logits, probabilities = session.run(["logits", "probabilities"], {"input": images})
    del session

    weights = Weights(model)
    module = slim_networks if name in slim_networks.NETWORKS else keras_networks
    against, build = module.NETWORKS[name]
    scaled = (images / 127.5 - 1).astype(np.float32)
    expected = module.run(build, weights, scaled)
    if weights.left_over():
        raise ValueError(f"weights of ours that they have no place for: {weights.left_over()}")
    powers = np.exp(expected - expected.max(axis=1, keepdims=True))
    return {
        "against": against,
        "logits": relative_error(logits, expected),
        "probabilities": relative_error(probabilities, powers / powers.sum(axis=1, keepdims=True)),
        # Without this, networks that ignore their input would agree as well.
        "spread": relative_error(logits[0], logits[-1]),
    }


def main():
    folder, *photos = sys.argv[1:]
    for line in sys.stdin:
        name = line.strip()
        path = os.path.join(folder, name)
        try:
            found = {"rows": check_file(f"{path}.onnx", photos)}
            found.update(compare(f"{path}.comparable.onnx", name, photos))
        except Exception:
            found = {"error": traceback.format_exc()}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

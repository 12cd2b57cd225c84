"""Exports small models from TensorFlow and Keras, with the answers these give to one input.

Usage: python tensorflow_models.py FOLDER
"""

import os
import pathlib
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from reference import write_reference

PX = 64
CLASSES = 11


def convnet(image, rows):
    """A classifier as TF-Slim builds them: NHWC, relu6, a depthwise layer, a squeeze of 1 x 1.

    rows: the batch in the last reshape; -1 where it is open.
    """
    v1 = tf.compat.v1
    random = np.random.default_rng(7)

    def weights(name, *shape):
        fan_in = int(np.prod(shape[:-1]))
        values = random.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        return v1.get_variable(name, initializer=values)

    def normalised(x, name, channels):
        ones = np.ones(channels, np.float32)
        scale = v1.get_variable(f"{name}/gamma", initializer=ones * 1.1)
        shift = v1.get_variable(f"{name}/beta", initializer=ones * 0.1)
        y, _, _ = v1.nn.fused_batch_norm(
            x, scale, shift, mean=ones * 0.05, variance=ones * 0.9, is_training=False
        )
        return tf.nn.relu6(y)

    x = v1.nn.conv2d(image, weights("conv0", 3, 3, 3, 8), strides=2, padding="SAME")
    x = normalised(x, "bn0", 8)
    x = v1.nn.depthwise_conv2d(x, weights("dw", 3, 3, 8, 1), [1, 1, 1, 1], "SAME")
    x = v1.nn.conv2d(normalised(x, "bn1", 8), weights("pw", 1, 1, 8, 16), strides=1, padding="VALID")
    x = v1.nn.max_pool2d(normalised(x, "bn2", 16), 3, 2, "SAME")
    x = v1.nn.avg_pool2d(x, x.shape[1], 1, "VALID")
    logits = v1.nn.conv2d(x, weights("logits", 1, 1, 16, CLASSES), strides=1, padding="SAME")
    logits = tf.reshape(logits, [rows, CLASSES])
    return tf.nn.softmax(logits, name="output")


def frozen_graph(folder, name, batch):
    """A TF1 frozen graph NAME.pb, converted on the command line as the page says."""
    v1 = tf.compat.v1
    image = np.random.default_rng(1).normal(size=[1, PX, PX, 3]).astype(np.float32)
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, [batch, PX, PX, 3], name="input")
        y = convnet(x, -1 if batch is None else batch)
        session.run(v1.global_variables_initializer())
        rows = image if batch is None else np.repeat(image, batch, axis=0)
        expected = session.run(y, {x: rows})[:1]
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["output"]
        )
    graph_file = pathlib.Path(folder) / f"{name}.pb"
    graph_file.write_bytes(frozen.SerializeToString())
    subprocess.run(
        [
            *[sys.executable, "-m", "tf2onnx.convert", "--opset", "17"],
            *["--graphdef", str(graph_file), "--inputs", "input:0", "--outputs", "output:0"],
            *["--output", str(graph_file.with_suffix(".onnx"))],
        ],
        check=True,
    )
    write_reference(folder, name, {"input:0": image}, {"output:0": expected})


def keras_model(folder):
    """A small image classifier, by Keras's own export."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input([32, 32, 3], name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(16, 3, padding="same", activation="swish"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    x = np.random.default_rng(2).normal(size=[1, 32, 32, 3]).astype(np.float32)
    # The export wants a model that has been called.
    expected = model.predict(x, verbose=0)
    path = pathlib.Path(folder) / "keras_image.onnx"
    model.export(path, format="onnx", verbose=False, opset_version=17)
    write_reference(folder, "keras_image", {"image": x}, {"": expected})


def main(folder):
    frozen_graph(folder, "tf_frozen", None)
    frozen_graph(folder, "tf_frozen_batch4", 4)
    keras_model(folder)


if __name__ == "__main__":
    main(sys.argv[1])

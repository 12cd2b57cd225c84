"""TF-Slim's own networks, and those that its package lacks, written with its layers.

Each takes a batch of images, [N, px, px, 3] in [-1, 1], and returns the logits. Variables have the
names of TF-Slim's checkpoints.
"""

import contextlib

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

# TF-Slim, last released in 2020, looks for the class where TensorFlow had it then.
if not hasattr(ops, "Tensor"):
    ops.Tensor = tf.Tensor

import tf_slim as slim
from tf_slim.nets import inception_v1, inception_v2, inception_v3, resnet_v2

v1 = tf.compat.v1
CLASSES = 1001


def run(build, weights, images: np.ndarray) -> np.ndarray:
    """The logits for these images, with every variable taken from the weights."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, [None, *images.shape[1:]])
        logits = tf.reshape(build(inputs), [-1, CLASSES])
        variables = v1.global_variables()
        values = {
            variable.initializer.inputs[1]: weights.take(variable.op.name, variable.shape)
            for variable in variables
        }
        session.run([variable.initializer for variable in variables], values)
        return session.run(logits, {inputs: images})


@contextlib.contextmanager
def _batch_norm(epsilon: float, scale: bool):
    """Batch normalisation as at inference."""
    # Without a collection for updates, TF-Slim takes TensorFlow's own operator; with one it wants
    # layers that newer versions of TensorFlow no longer have.
    options = {"epsilon": epsilon, "scale": scale, "is_training": False, "updates_collections": None}
    with slim.arg_scope([slim.batch_norm], **options):
        yield


def _inception(network, **options):
    def build(images):
        # TF-Slim's own scope for them leaves separable convolutions without normalisation, too.
        with _batch_norm(0.001, scale=False), slim.arg_scope(
            [slim.conv2d], normalizer_fn=slim.batch_norm
        ):
            return network(images, CLASSES, is_training=False, **options)[0]

    return build


def _resnet(network):
    def build(images):
        with _batch_norm(1e-5, scale=True), slim.arg_scope(
            [slim.conv2d], normalizer_fn=slim.batch_norm
        ), slim.arg_scope([slim.max_pool2d], padding="SAME"):
            return network(images, CLASSES, is_training=False)[0]

    return build


# Inception V4, from figures 3 to 9 of Szegedy et al. 2016 (arXiv 1602.07261).

_STEM = [
    {"scope": "Conv2d_1a_3x3", "filters": 32, "kernel": 3, "stride": 2, "padding": "VALID"},
    {"scope": "Conv2d_2a_3x3", "filters": 32, "kernel": 3, "padding": "VALID"},
    {"scope": "Conv2d_2b_3x3", "filters": 64, "kernel": 3},
]


def _conv(net, tag, filters, height, width=None, **options):
    width = height if width is None else width
    return slim.conv2d(net, filters, [height, width], scope=f"Conv2d_{tag}_{height}x{width}", **options)


def _mixed(name, net, *branches):
    """Branches side by side; each maps the input to its result."""
    results = []
    with v1.variable_scope(name):
        for number, branch in enumerate(branches):
            with v1.variable_scope(f"Branch_{number}"):
                results.append(branch(net))
    return tf.concat(results, 3)


def _path(*steps):
    """A branch of convolutions (tag, filters, height, width) one after the other."""

    def branch(net):
        for tag, filters, height, width, *halving in steps:
            options = {"stride": halving[0], "padding": "VALID"} if halving else {}
            net = _conv(net, tag, filters, height, width, **options)
        return net

    return branch


def _pooled(filters):
    return lambda net: _conv(slim.avg_pool2d(net, 3, stride=1, padding="SAME"), "0b", filters, 1)


def _halved(net):
    return slim.max_pool2d(net, 3, stride=2, padding="VALID")


def _split(first, second):
    """Two convolutions over the same input, side by side."""
    return lambda net: tf.concat([_conv(net, *first), _conv(net, *second)], 3)


def _after(path, ending):
    return lambda net: ending(path(net))


def _inception_v4(images):
    with v1.variable_scope("InceptionV4"), _batch_norm(0.001, scale=False), slim.arg_scope(
        [slim.conv2d], normalizer_fn=slim.batch_norm, padding="SAME"
    ):
        net = images
        for step in _STEM:
            options = {key: step[key] for key in ("stride", "padding") if key in step}
            net = slim.conv2d(net, step["filters"], step["kernel"], scope=step["scope"], **options)
        net = _mixed("Mixed_3a", net, _halved, _path(("0a", 96, 3, 3, 2)))
        net = _mixed(
            "Mixed_4a",
            net,
            _path(("0a", 64, 1, 1), ("1a", 96, 3, 3, 1)),
            _path(("0a", 64, 1, 1), ("0b", 64, 1, 7), ("0c", 64, 7, 1), ("1a", 96, 3, 3, 1)),
        )
        net = _mixed("Mixed_5a", net, _path(("1a", 192, 3, 3, 2)), _halved)
        for letter in "bcde":
            net = _mixed(
                f"Mixed_5{letter}",
                net,
                _path(("0a", 96, 1, 1)),
                _path(("0a", 64, 1, 1), ("0b", 96, 3, 3)),
                _path(("0a", 64, 1, 1), ("0b", 96, 3, 3), ("0c", 96, 3, 3)),
                _pooled(96),
            )
        net = _mixed(
            "Mixed_6a",
            net,
            _path(("1a", 384, 3, 3, 2)),
            _path(("0a", 192, 1, 1), ("0b", 224, 3, 3), ("1a", 256, 3, 3, 2)),
            _halved,
        )
        for letter in "bcdefgh":
            net = _mixed(
                f"Mixed_6{letter}",
                net,
                _path(("0a", 384, 1, 1)),
                _path(("0a", 192, 1, 1), ("0b", 224, 1, 7), ("0c", 256, 7, 1)),
                _path(
                    ("0a", 192, 1, 1),
                    ("0b", 192, 7, 1),
                    ("0c", 224, 1, 7),
                    ("0d", 224, 7, 1),
                    ("0e", 256, 1, 7),
                ),
                _pooled(128),
            )
        net = _mixed(
            "Mixed_7a",
            net,
            _path(("0a", 192, 1, 1), ("1a", 192, 3, 3, 2)),
            _path(("0a", 256, 1, 1), ("0b", 256, 1, 7), ("0c", 320, 7, 1), ("1a", 320, 3, 3, 2)),
            _halved,
        )
        for letter in "bcd":
            net = _mixed(
                f"Mixed_7{letter}",
                net,
                _path(("0a", 256, 1, 1)),
                _after(
                    _path(("0a", 384, 1, 1)), _split(("0b", 256, 1, 3), ("0c", 256, 3, 1))
                ),
                _after(
                    _path(("0a", 384, 1, 1), ("0b", 448, 3, 1), ("0c", 512, 1, 3)),
                    _split(("0d", 256, 1, 3), ("0e", 256, 3, 1)),
                ),
                _pooled(256),
            )
        net = tf.reduce_mean(net, [1, 2])
        return slim.fully_connected(net, CLASSES, activation_fn=None, scope="Logits/Logits")


# PNASNet-5, from figure 1 and table 5 of Liu et al. 2018 (arXiv 1712.00559), with the stem and the
# handling of sizes that it shares with NASNet (Zoph et al. 2018, arXiv 1707.07012).


def _norm(net, scope):
    return slim.batch_norm(net, scope=scope)


def _point(net, filters, scope, stride=1):
    return slim.conv2d(net, filters, 1, stride=stride, scope=scope)


def _separable(kernel):
    """Twice ReLU, a separable convolution and normalisation; the first one takes the stride."""

    def operation(net, filters, stride):
        for number in (1, 2):
            tag = f"{kernel}x{kernel}_{number}"
            net = slim.separable_conv2d(
                tf.nn.relu(net), filters, kernel, 1, stride=stride, scope=f"separable_{tag}"
            )
            net = _norm(net, f"bn_sep_{tag}")
            stride = 1
        return net

    return operation


def _max_pool(net, filters, stride):
    channels = net.shape[3]
    net = slim.max_pool2d(net, 3, stride=stride, padding="SAME")
    return net if channels == filters else _norm(_point(net, filters, "1x1"), "bn_1")


def _identity(net, filters, stride):
    if stride == 1 and net.shape[3] == filters:
        return net
    return _norm(_point(tf.nn.relu(net), filters, "1x1", stride), "bn_1")


def _fit_previous(previous, net, filters):
    """The result before the last one, brought to the size of the last and to these filters."""
    if previous is None:
        return net
    if previous.shape[2] != net.shape[2]:
        previous = tf.nn.relu(previous)
        shifted = tf.pad(previous, [[0, 0], [0, 1], [0, 1], [0, 0]])[:, 1:, 1:, :]
        # Of an odd number, the second half is the larger.
        halves = [
            _point(one[:, ::2, ::2, :], width, f"path{number}_conv")
            for number, one, width in (
                (1, previous, filters // 2),
                (2, shifted, filters - filters // 2),
            )
        ]
        return _norm(tf.concat(halves, 3), "final_path_bn")
    if previous.shape[3] != filters:
        return _norm(_point(tf.nn.relu(previous), filters, "prev_1x1"), "prev_bn")
    return previous


# Each block adds two operations on earlier states: 0 is the last cell, 1 the one before, 2 and up the
# blocks of this cell.
_BLOCKS = [
    ((_separable(5), 1), (_max_pool, 1)),
    ((_separable(7), 0), (_max_pool, 0)),
    ((_separable(5), 0), (_separable(3), 0)),
    ((_separable(3), 4), (_max_pool, 0)),
    ((_separable(3), 1), (_identity, 0)),
]


def _pnasnet_cell(net, previous, filters, stride, scope):
    with v1.variable_scope(scope):
        previous = _fit_previous(previous, net, filters)
        states = [_norm(_point(tf.nn.relu(net), filters, "1x1"), "beginning_bn"), previous]
        for number, block in enumerate(_BLOCKS):
            sides = []
            for side, (operation, state) in zip(("left", "right"), block):
                with v1.variable_scope(f"comb_iter_{number}/{side}"):
                    own_stride = stride if state < 2 else 1
                    sides.append(operation(states[state], filters, own_stride))
            states.append(sides[0] + sides[1])
        return tf.concat(states[2:], 3)


def _pnasnet(cells, filters, stem_filters):
    def build(images):
        with _batch_norm(0.001, scale=True), slim.arg_scope(
            [slim.conv2d, slim.separable_conv2d], activation_fn=None, biases_initializer=None
        ):
            first = slim.conv2d(images, stem_filters, 3, stride=2, padding="VALID", scope="conv0")
            outputs = [None, _norm(first, "conv0_bn")]
            for number, width in ((0, filters // 4), (1, filters // 2)):
                scope = f"cell_stem_{number}"
                outputs.append(_pnasnet_cell(outputs[-1], outputs[-2], width, 2, scope))
            width = filters
            for number in range(cells):
                stride = 2 if number in (cells // 3, 2 * cells // 3) else 1
                width *= stride
                scope = f"cell_{number}"
                outputs.append(_pnasnet_cell(outputs[-1], outputs[-2], width, stride, scope))
            net = tf.reduce_mean(tf.nn.relu(outputs[-1]), [1, 2])
            return slim.fully_connected(net, CLASSES, activation_fn=None, scope="final_layer/FC")

    return build


TF_SLIM = "tf_slim.nets"
TF_SLIM_LAYERS = "TF-Slim's layers"

NETWORKS = {
    "inception_v1": (TF_SLIM, _inception(inception_v1.inception_v1)),
    "inception_v2": (TF_SLIM, _inception(inception_v2.inception_v2)),
    "inception_v3": (
        TF_SLIM,
        _inception(inception_v3.inception_v3, create_aux_logits=False),
    ),
    "inception_v4": (TF_SLIM_LAYERS, _inception_v4),
    "resnet_v2_50": (TF_SLIM, _resnet(resnet_v2.resnet_v2_50)),
    "resnet_v2_101": (TF_SLIM, _resnet(resnet_v2.resnet_v2_101)),
    "resnet_v2_152": (TF_SLIM, _resnet(resnet_v2.resnet_v2_152)),
    "pnasnet_mobile": (TF_SLIM_LAYERS, _pnasnet(cells=9, filters=54, stem_filters=32)),
    "pnasnet_large": (TF_SLIM_LAYERS, _pnasnet(cells=12, filters=216, stem_filters=96)),
}

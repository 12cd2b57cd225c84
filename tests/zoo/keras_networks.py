"""Networks of Keras Applications, which know nothing of TF-Slim, with TF-Slim's weights put in.

Where Keras pads in a way of its own that changes results, it is set to TF-Slim's way here.
"""

import importlib
from unittest import mock

import keras
import numpy as np

CLASSES = 1001


class _Layers:
    """The layers of a Keras model by name, filled from weights by TF-Slim's names."""

    def __init__(self, model, weights):
        self._model = model
        self._weights = weights
        self._filled = set()

    def fill(self, layer: str, *names: str):
        found = self._model.get_layer(layer)
        shapes = [variable.shape for variable in found.weights]
        if len(shapes) != len(names):
            raise ValueError(f"{layer} of Keras has {len(shapes)} weights, not {len(names)}")
        found.set_weights(
            [self._weights.take(name, shape) for name, shape in zip(names, shapes)]
        )
        self._filled.add(layer)

    def norm(self, layer: str, scope: str):
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        self.fill(layer, *(f"{scope}/{name}" for name in names))

    def conv(self, layer: str, scope: str, norm: str, kind: str = "weights"):
        """A convolution with the normalisation that follows it."""
        self.fill(layer, f"{scope}/{kind}")
        self.norm(norm, f"{scope}/BatchNorm")

    def dense(self, layer: str, scope: str):
        self.fill(layer, f"{scope}/weights", f"{scope}/biases")

    def left_over(self):
        """Layers of Keras with weights that nothing was put into."""
        return [
            layer.name
            for layer in self._model.layers
            if layer.weights and layer.name not in self._filled
        ]


def _mobilenet_v1(alpha, px):
    model = keras.applications.MobileNet(
        (px, px, 3), alpha, weights=None, classes=CLASSES, classifier_activation=None
    )

    def fill(layers):
        layers.conv("conv1", "MobilenetV1/Conv2d_0", "conv1_bn")
        for block in range(1, 14):
            scope = f"MobilenetV1/Conv2d_{block}"
            depthwise = (f"conv_dw_{block}", f"{scope}_depthwise", f"conv_dw_{block}_bn")
            layers.conv(*depthwise, kind="depthwise_weights")
            layers.conv(f"conv_pw_{block}", f"{scope}_pointwise", f"conv_pw_{block}_bn")
        layers.dense("conv_preds", "MobilenetV1/Logits/Conv2d_1c_1x1")

    return model, fill


def _mobilenet_v2(alpha):
    model = keras.applications.MobileNetV2(
        (224, 224, 3), alpha, weights=None, classes=CLASSES, classifier_activation=None
    )

    def fill(layers):
        layers.conv("Conv1", "MobilenetV2/Conv", "bn_Conv1")
        for block in range(17):
            ours = "MobilenetV2/expanded_conv" + (f"_{block}" if block else "")
            theirs = f"block_{block}" if block else "expanded_conv"
            for part in ("expand", "depthwise", "project"):
                if block == 0 and part == "expand":
                    continue
                kind = "depthwise_weights" if part == "depthwise" else "weights"
                layers.conv(f"{theirs}_{part}", f"{ours}/{part}", f"{theirs}_{part}_BN", kind=kind)
        layers.conv("Conv_1", "MobilenetV2/Conv_1", "Conv_1_bn")
        layers.dense("predictions", "MobilenetV2/Logits/Conv2d_1c_1x1")

    return model, fill


class _SamePooling:
    """Keras's layers, but that the pooling of NASNet's reduction cells pads as TensorFlow's SAME.

    Keras pads with zeros before it pools. They take part in the mean there, and in the maximum win
    over negative numbers.
    """

    def __getattr__(self, name):
        return getattr(keras.layers, name)

    def ZeroPadding2D(self, *args, **options):
        if options.get("name", "").startswith("reduction_pad"):
            return keras.layers.Identity(name=options["name"])
        return keras.layers.ZeroPadding2D(*args, **options)

    def MaxPooling2D(self, size, **options):
        return keras.layers.MaxPooling2D(size, **{**options, "padding": "same"})

    def AveragePooling2D(self, size, **options):
        padding = "same" if size == (3, 3) else options["padding"]
        return keras.layers.AveragePooling2D(size, **{**options, "padding": padding})


# The convolutions of a cell: the name of Keras, the place in TF-Slim, the kernel.
_NORMAL = (
    ("left1", "comb_iter_0/left", 5),
    ("right1", "comb_iter_0/right", 3),
    ("left2", "comb_iter_1/left", 5),
    ("right2", "comb_iter_1/right", 3),
    ("left5", "comb_iter_4/left", 3),
)
_REDUCTION = (
    ("left1", "comb_iter_0/left", 5),
    ("right1", "comb_iter_0/right", 7),
    ("right2", "comb_iter_1/right", 7),
    ("right3", "comb_iter_2/right", 5),
    ("left4", "comb_iter_4/left", 3),
)


def _nasnet(network, px, blocks):
    module = importlib.import_module("keras.src.applications.nasnet")
    with mock.patch.object(module, "layers", _SamePooling()):
        model = network((px, px, 3), weights=None, classes=CLASSES, classifier_activation=None)
    names = {layer.name for layer in model.layers}

    def cell(layers, kind, theirs, ours):
        if f"adjust_conv_1_{theirs}" in names:
            layers.fill(f"adjust_conv_1_{theirs}", f"{ours}/path1_conv/weights")
            layers.fill(f"adjust_conv_2_{theirs}", f"{ours}/path2_conv/weights")
            layers.norm(f"adjust_bn_{theirs}", f"{ours}/final_path_bn")
        elif f"adjust_conv_projection_{theirs}" in names:
            layers.fill(f"adjust_conv_projection_{theirs}", f"{ours}/prev_1x1/weights")
            layers.norm(f"adjust_bn_{theirs}", f"{ours}/prev_bn")
        layers.fill(f"{kind}_conv_1_{theirs}", f"{ours}/1x1/weights")
        layers.norm(f"{kind}_bn_1_{theirs}", f"{ours}/beginning_bn")
        for side, place, kernel in _NORMAL if kind == "normal" else _REDUCTION:
            block = f"{kind}_{side}_{theirs}"
            for number in (1, 2):
                scope = f"{ours}/{place}/separable_{kernel}x{kernel}_{number}"
                layers.fill(
                    f"separable_conv_{number}_{block}",
                    f"{scope}/depthwise_weights",
                    f"{scope}/pointwise_weights",
                )
                norm = f"{ours}/{place}/bn_sep_{kernel}x{kernel}_{number}"
                layers.norm(f"separable_conv_{number}_bn_{block}", norm)

    def fill(layers):
        layers.fill("stem_conv1", "conv0/weights")
        layers.norm("stem_bn1", "conv0_bn")
        cell(layers, "reduction", "stem_1", "cell_stem_0")
        cell(layers, "reduction", "stem_2", "cell_stem_1")
        # After the first reduction, Keras's numbers are one ahead.
        for number in range(3 * blocks):
            theirs = number if number < blocks else number + 1
            cell(layers, "normal", str(theirs), f"cell_{number}")
        for number in (1, 2):
            theirs = f"reduce_{number * blocks}"
            cell(layers, "reduction", theirs, f"reduction_cell_{number - 1}")
        layers.dense("predictions", "final_layer/FC")

    return model, fill


def run(build, weights, images: np.ndarray) -> np.ndarray:
    """The logits for these images, [N, px, px, 3] in [-1, 1], with the weights put in."""
    keras.backend.clear_session()
    model, fill = build()
    layers = _Layers(model, weights)
    fill(layers)
    if layers.left_over():
        raise ValueError(f"layers of Keras that we have no weights for: {layers.left_over()}")
    return model.predict_on_batch(images)


KERAS = "Keras Applications"

NETWORKS = {
    "mobilenet_v1_100": (KERAS, lambda: _mobilenet_v1(1.0, 224)),
    "mobilenet_v1_050": (KERAS, lambda: _mobilenet_v1(0.5, 160)),
    "mobilenet_v1_025": (KERAS, lambda: _mobilenet_v1(0.25, 128)),
    "mobilenet_v2_100": (KERAS, lambda: _mobilenet_v2(1.0)),
    "mobilenet_v2_140": (KERAS, lambda: _mobilenet_v2(1.4)),
    "nasnet_mobile": (KERAS, lambda: _nasnet(keras.applications.NASNetMobile, 224, 4)),
    "nasnet_large": (KERAS, lambda: _nasnet(keras.applications.NASNetLarge, 331, 6)),
}

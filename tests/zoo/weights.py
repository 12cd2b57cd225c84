"""The weights of one of our ONNX files, for a network that somebody else wrote."""

import numpy as np
import onnx
from onnx import numpy_helper


class Weights:
    """Tensors by TF-Slim's names, in TensorFlow's order of axes; knows which were taken."""

    def __init__(self, model: onnx.ModelProto):
        # Scalars are constants of the computation, and so are the ones that stand for the scale of a
        # normalisation without scale.
        self._tensors = {
            one.name: one
            for one in model.graph.initializer
            if one.data_type == onnx.TensorProto.FLOAT
            and one.dims
            and not one.name.startswith("ones/")
        }
        self._taken = set()

    def take(self, name: str, shape) -> np.ndarray:
        """The tensor as a variable of that shape keeps it."""
        if name not in self._tensors:
            raise ValueError(f"our file has no {name}")
        self._taken.add(name)
        array = numpy_helper.to_array(self._tensors[name])
        shape = tuple(shape)
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
            # [h, w, 1, channels * multiplier] is [h, w, channels, multiplier] for a depthwise filter,
            # and a 1 x 1 convolution is a matrix.
            if array.shape[2] == 1 or array.shape[:2] == (1, 1):
                array = array.reshape(shape)
        if array.shape != shape:
            raise ValueError(f"{name} is {array.shape} with us, {shape} there")
        return array

    def left_over(self) -> list[str]:
        return sorted(self._tensors.keys() - self._taken)

"""TF-Slim's evaluation preprocessing by TensorFlow's own operations.

The steps are those of tensorflow/models, research/slim/preprocessing (inception_preprocessing.py and
vgg_preprocessing.py), without their last one, so that values stay on the scale of 0 to 255.

  slim_reference.py expected                  prints the values that src/datasets/slim-expected.json holds
  slim_reference.py images RULE SIZE DCT FILES
                                              writes FILE.RULE.SIZE.f32 for each file; DCT is how JPEG
                                              files are decoded: INTEGER_FAST, which is TensorFlow's
                                              default, or INTEGER_ACCURATE
"""

import json
import sys

import numpy as np
import tensorflow as tf

resize_bilinear = tf.compat.v1.image.resize_bilinear


def inception(image, size):
    image = tf.image.central_crop(image, central_fraction=0.875)
    image = resize_bilinear(tf.expand_dims(image, 0), [size, size], align_corners=False)
    return image[0]


def vgg(image, size):
    height = tf.cast(tf.shape(image)[0], tf.float32)
    width = tf.cast(tf.shape(image)[1], tf.float32)
    side = tf.constant(256, tf.float32)
    scale = side / width if height > width else side / height
    resized = [tf.cast(tf.math.rint(length * scale), tf.int32) for length in (height, width)]
    image = resize_bilinear(tf.expand_dims(image, 0), resized, align_corners=False)[0]
    top = (resized[0] - size) // 2
    left = (resized[1] - size) // 2
    return tf.slice(image, [top, left, 0], [size, size, 3])


RULES = {"slim-inception": inception, "slim-vgg": vgg}


def pattern(width, height):
    """The picture of the expected values: every pixel differs from its neighbours."""
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * 7 + y * 13 + x * y + channel * 29) % 256).astype(np.float32)


def expected():
    cases = []
    for rule, width, height, size in [
        ("slim-inception", 500, 375, 224),
        ("slim-inception", 101, 77, 128),
        ("slim-inception", 640, 480, 299),
        ("slim-vgg", 500, 375, 224),
        ("slim-vgg", 333, 500, 224),
        ("slim-vgg", 120, 121, 224),
    ]:
        image = RULES[rule](tf.constant(pattern(width, height)), size).numpy()
        places = [(0, 0), (1, 2), (size // 2, size // 3), (size - 2, 5), (size - 1, size - 1)]
        cases.append(
            {
                "rule": rule,
                "width": width,
                "height": height,
                "size": size,
                "mean": round(float(image.mean(dtype=np.float64)), 4),
                "pixels": [
                    {"y": y, "x": x, "rgb": [round(float(v), 4) for v in image[y, x]]}
                    for y, x in places
                ],
            }
        )
    print(json.dumps({"cases": cases}, indent=2))


def decode(file, dct):
    data = tf.io.read_file(file)
    if file.endswith(".jpg"):
        return tf.io.decode_jpeg(data, channels=3, dct_method=dct)
    return tf.io.decode_png(data, channels=3)


def images(rule, size, dct, files):
    for file in files:
        image = tf.cast(decode(file, dct), tf.float32)
        RULES[rule](image, size).numpy().astype("<f4").tofile(f"{file}.{rule}.{size}.f32")


if sys.argv[1] == "expected":
    expected()
else:
    images(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5:])

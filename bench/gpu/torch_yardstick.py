"""The benchmark's networks in PyTorch, batch by batch: a yardstick from another runtime.

Usage: torch_yardstick.py NETWORK BATCH,BATCH,... cuda|cpu LIMIT_S POINT_S

Prints JSON, an object a line: {"runtime": ...} or {"skipped": ...}, then
{"batchSize", "throughputPerS", "p95Ms"} for each batch size that there was time for. Inputs come from
the host and outputs go back to it in every call, as they do on the other side of the comparison.
Weights are random; that changes nothing about the time.
"""

import json
import sys
import time

STARTED = time.monotonic()  # loading PyTorch is part of the time that there is


def say(**fields):
    print(json.dumps(fields), flush=True)


try:
    import torch
    from torch import nn
    from torch.nn import functional
except Exception as error:  # whatever keeps PyTorch from loading
    say(skipped=f"PyTorch is not here ({type(error).__name__}: {error})")
    sys.exit(0)


def same_padding(size, kernel, stride):
    """Padding of a convolution as TensorFlow has it: more at the bottom and on the right."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, relu=nn.ReLU6):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=0.001)
        self.relu = relu()

    def forward(self, x):
        before, after = same_padding(x.shape[-1], self.kernel, self.stride)
        if after > 0:
            x = functional.pad(x, (before, after, before, after))
        return self.relu(self.norm(self.conv(x)))


def mobilenet_v1(width):
    def channels(count):
        return max(int(count * width), 8)

    layers, inputs = [SameConv(3, channels(32), 3, 2)], channels(32)
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    blocks += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for count, stride in blocks:
        layers += [SameConv(inputs, inputs, 3, stride, groups=inputs)]
        layers += [SameConv(inputs, channels(count), 1)]
        inputs = channels(count)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1001), nn.Softmax(1)]
    return nn.Sequential(*layers, *head)


class Bottleneck(nn.Module):
    """A unit of ResNet V2: normalisation and ReLU before each convolution (arXiv 1603.05027)."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.preact = nn.Sequential(nn.BatchNorm2d(inputs, eps=1e-5), nn.ReLU())
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else None
        self.stride = stride
        self.body = nn.Sequential(
            nn.Conv2d(inputs, width, 1, bias=False),
            nn.BatchNorm2d(width, eps=1e-5),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width, eps=1e-5),
            nn.ReLU(),
            nn.Conv2d(width, outputs, 1),
        )

    def forward(self, x):
        y = self.preact(x)
        if self.shortcut is not None:
            x = self.shortcut(y)
        elif self.stride > 1:
            x = functional.max_pool2d(x, 1, self.stride)
        return x + self.body(y)


def resnet_v2_50():
    layers = [nn.Conv2d(3, 64, 7, 2, padding=3), nn.MaxPool2d(3, 2, padding=1)]
    inputs = 64
    for block, units in enumerate([3, 4, 6, 3]):
        for unit in range(units):
            stride = 2 if unit == units - 1 and block < 3 else 1
            layers.append(Bottleneck(inputs, 64 * 2**block, stride))
            inputs = 256 * 2**block
    head = [nn.BatchNorm2d(inputs, eps=1e-5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *head, nn.Linear(inputs, 1001), nn.Softmax(1))


class DeepAveraging(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(17837, 300)
        hidden = [layer for _ in range(3) for layer in (nn.Linear(300, 300), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(300, 5), nn.Softmax(1))

    def forward(self, tokens):
        mask = (tokens > 0).float().unsqueeze(1)
        total = torch.bmm(mask, self.words(tokens)).squeeze(1)
        return self.layers(total / mask.sum(2).clamp(min=1))


def inception_v3():
    from torchvision import models

    return models.inception_v3(weights=None, aux_logits=False, init_weights=False, num_classes=1001)


class Scaled(nn.Module):
    """Bytes in, as the other side has them: [N, H, W, 3] to [-1, 1] and channels first."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.permute(0, 3, 1, 2).float() / 127.5 - 1)


def image_rows(px):
    return lambda batch: torch.randint(0, 256, (batch, px, px, 3), dtype=torch.uint8)


def text_rows(batch):
    tokens = torch.randint(1, 17837, (batch, 53))
    tokens[:, 18:] = 0
    return tokens


NETWORKS = {
    "mobilenet_v1_025": ("own module", lambda: Scaled(mobilenet_v1(0.25)), image_rows(128)),
    "mobilenet_v1_100": ("own module", lambda: Scaled(mobilenet_v1(1.0)), image_rows(224)),
    "resnet_v2_50": ("own module", lambda: Scaled(resnet_v2_50()), image_rows(224)),
    "inception_v3": ("torchvision", lambda: Scaled(inception_v3()), image_rows(299)),
    "dan_sst": ("own module", DeepAveraging, text_rows),
}


def main(name, batches, device, limit_s, point_s):
    until = STARTED + limit_s
    if name not in NETWORKS:
        return say(skipped=f"it has no {name}")
    if device == "cuda" and not torch.cuda.is_available():
        return say(skipped="this PyTorch sees no CUDA device")
    origin, build, rows = NETWORKS[name]
    try:
        network = build().eval().to(device)
    except ImportError as error:
        return say(skipped=f"{name} needs torchvision ({error})")
    say(runtime=f"PyTorch {torch.__version__} on {device} ({origin}), eager, FP32, TF32 where the device has it")
    if time.monotonic() > until:
        return say(skipped=f"loading PyTorch took {time.monotonic() - STARTED:.0f} s, and no time was left")
    known_s = 0.0  # the largest time a row has taken
    for batch in batches:
        if time.monotonic() + 4 * known_s * batch > until:
            continue
        inputs = rows(batch)
        times = []
        with torch.inference_mode():
            network(inputs.to(device)).cpu()
            started = time.monotonic()
            while len(times) < 3 or time.monotonic() < min(started + point_s, until):
                begun = time.perf_counter()
                network(inputs.to(device)).cpu()  # copying back waits for the device
                times.append(time.perf_counter() - begun)
        times.sort()
        known_s = max(known_s, times[len(times) // 2] / batch)
        p95 = times[min(len(times) - 1, -(-95 * len(times) // 100) - 1)]
        say(batchSize=batch, throughputPerS=batch * len(times) / sum(times), p95Ms=1000 * p95)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) != 5:
        sys.exit(__doc__)
    main(
        arguments[0],
        [int(batch) for batch in arguments[1].split(",")],
        arguments[2],
        float(arguments[3]),
        float(arguments[4]),
    )

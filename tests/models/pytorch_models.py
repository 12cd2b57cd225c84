"""Exports small models from PyTorch and Hugging Face transformers, with their answers to one input.

Usage: python pytorch_models.py FOLDER
"""

import pathlib
import sys

import numpy as np
import torch
from torch import nn

from reference import write_reference


class Pictures(nn.Module):
    """A classifier with a grouped convolution and a view of its own making."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, groups=4, padding=1),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(4),
        )
        self.head = nn.Linear(16 * 16, 10)

    def forward(self, image):
        x = self.features(image)
        return self.head(x.view(x.shape[0], -1))


class Patches(nn.Module):
    """Attention over patches with a class token, traced with a batch of one."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.position = nn.Parameter(torch.randn(1, 17, 16) * 0.1)
        self.norm = nn.LayerNorm(16)
        self.qkv = nn.Linear(16, 48)
        self.head = nn.Linear(16, 7)

    def forward(self, image):
        rows = image.shape[0]
        x = self.embed(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(rows, -1, -1), x], dim=1) + self.position
        q, k, v = self.qkv(self.norm(x)).view(rows, 17, 3, 2, 8).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + mixed.transpose(1, 2).reshape(rows, 17, 16)
        return self.head(x[:, 0])


def export(folder, name, model, inputs, outputs, **options):
    """NAME.onnx with the model's answers beside it. inputs: tensors by name, with one row."""
    model.eval()
    path = pathlib.Path(folder) / f"{name}.onnx"
    with torch.no_grad():
        expected = model(*inputs.values())
        torch.onnx.export(
            model,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=outputs,
            external_data=False,
            verbose=False,
            **options,
        )
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    write_reference(
        folder,
        name,
        {key: value.numpy() for key, value in inputs.items()},
        {key: value.numpy() for key, value in zip(outputs, expected)},
    )


class Logits(nn.Module):
    """A Hugging Face model whose only answer is its logits."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        answer = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        )
        return answer.logits


def bert():
    """A BERT classifier with weights of chance: nothing is fetched from a hub."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=3,
        attn_implementation="eager",
    )
    return Logits(BertForSequenceClassification(config))


def main(folder):
    torch.manual_seed(5)
    batch = torch.export.Dim("batch")
    image = torch.randn(1, 3, 32, 32)
    export(
        *[folder, "torch_image", Pictures(), {"image": image}, ["logits"]],
        dynamic_shapes={"image": {0: batch}},
    )
    export(folder, "torch_fixed", Patches(), {"image": image}, ["logits"])
    ids = torch.from_numpy(np.random.default_rng(4).integers(0, 2, [1, 16]))
    mask = torch.ones(1, 16, dtype=torch.int64)
    both = {0: batch, 1: torch.export.Dim("sequence", min=2, max=64)}
    tokens = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(mask)}
    export(
        *[folder, "hf_bert", bert(), tokens, ["logits"]],
        dynamic_shapes={name: both for name in tokens},
    )


if __name__ == "__main__":
    main(sys.argv[1])

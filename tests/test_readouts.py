"""Readouts on representations whose answer is known, and the changes themselves."""
import pytest
import torch
from torch import nn

from intriguing_lib.images import digits
from intriguing_lib.readouts import CHANGES, dimmed, moved, readouts, turned


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_changes_do_what_they_say():
    images = digits("train").batch(slice(0, 50))
    steps_images, steps = moved(images, generator())
    for image, changed, step in zip(images, steps_images, steps.int().tolist(), strict=True):
        assert torch.equal(changed, image.roll(step, -1))
    assert steps.min() == -4 and steps.max() == 4
    dim, factors = dimmed(images, generator())
    assert torch.allclose(dim.flatten(1).sum(1) / images.flatten(1).sum(1), factors)
    assert factors.min() >= 0.4 and factors.max() <= 1
    rotated, angles = turned(images, generator())
    assert angles.abs().max() <= 30 and rotated.shape == images.shape
    assert torch.equal(turned(images, generator())[0], rotated)  # the same chance, the same images


def test_what_is_there_is_read_and_what_is_not_there_is_not():
    """Mean brightness of the whole image tells dimming in part and turning hardly; the whole image tells more of each; of a
    constant nothing can be read."""
    class Mean(nn.Module):
        def forward(self, images):
            return images.flatten(1).mean(1, keepdim=True)

    class Nothing(nn.Module):
        def forward(self, images):
            return torch.ones(len(images), 2)

    train, test = digits("train")[:600], digits("test")[:300]
    table = readouts({"mean": Mean(), "pixels": nn.Flatten(), "nothing": Nothing()}, train, test)
    assert list(table.index) == list(CHANGES)
    assert table.loc["brightness", "mean"] > 0.2 and table.loc["angle", "mean"] < 0.05
    assert table.loc["sideways position", "pixels"] > 0.5 > table.loc["sideways position", "mean"]
    assert table["nothing"].tolist() == pytest.approx([0, 0, 0], abs=0.03)

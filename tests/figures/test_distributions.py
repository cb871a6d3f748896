"""A prior has one colour in every figure of it."""
import pytest
import torch

from intriguing_lib.figures import clouds, densities
from intriguing_lib.figures.distributions import PRIORS


def test_a_prior_has_one_colour_wherever_it_stands():
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    fig = clouds([{"the start": points, "towards the cube": points, "sphere, d = 2": points}], "t")
    colours = [tuple(ax.collections[0].get_facecolor()[0][:3]) for ax in fig.axes]
    assert colours == [(0.4, 0.4, 0.4), PRIORS["cube"], PRIORS["sphere"]]
    (ax,) = densities({"p": {"h": points[:, 0], "p, normal prior": points[:, 1], "cube": points[:, 1]}}, "t", "x").axes
    assert [line.get_color() for line in ax.lines] == ["0.4", PRIORS["normal"], PRIORS["cube"]]
    assert len(set(PRIORS.values())) == 3


def test_directions_are_drawn_where_they_point():
    (ax,) = clouds([{"h": torch.randn(50, 2)}], "t", [[0.6, 0.8], [-0.8, 0.6]]).axes
    numbers = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    for number, (x, y) in {"1": (0.6, 0.8), "2": (-0.8, 0.6)}.items():
        assert numbers[number][1] / numbers[number][0] == pytest.approx(y / x)
        assert numbers[number][0] * x > 0

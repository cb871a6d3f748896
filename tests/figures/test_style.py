import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from intriguing_lib import figures

IMAGES = torch.rand(6, 1, 28, 28)
CIRCLE = torch.eye(2), torch.eye(2).flip(0)
SPHERE = torch.eye(3), torch.eye(3).flip(0)
ON_A_BOARD = {"plain": ([0.9, 0.8], [0.1, 0.2]), "without": ([0.1, 0.2], [0.9, 0.8]), "oracle: told": ([0.9], [0.9]),
              "a": ([0.5], [0.6])}
DRAWN = {
    "board": lambda: figures.board({"p": ON_A_BOARD, "q": ON_A_BOARD}, "Title", {"q": ([0.4], [0.4])}),
    "pictures": lambda: figures.pictures({"one": IMAGES, "two": IMAGES[:4]}, "Title", "ABCDEF"),
    "label maps": lambda: figures.label_maps({"a": np.random.rand(20, 2)}, np.arange(20) % 10, tuple("0123456789"), "Title"),
    "similarity matrices": lambda: figures.similarity_matrices({"a": torch.eye(8), "b": torch.rand(8, 8)}, 4, "Title"),
    "cumulative shares": lambda: figures.cumulative_shares({"a": torch.rand(6, 8).softmax(1), "b": torch.eye(8)}, "Title"),
    "spectra": lambda: figures.spectra({"a": torch.tensor([4.0, 2, 1])}, "Title"),
    "accuracies": lambda: figures.accuracies({"a": 0.5, "b": None}, "Title", {"b": [0.4, 0.5, 0.6]}, guess={"a": 0.9},
                                             chance=0.1),
    "losses around mean": lambda: figures.losses_around_mean({"p": {"recorded": {"a": [0.8, 0.9], "b": [0.7, 0.8]}}}, "Title"),
    "spread by depth": lambda: figures.spread_by_depth({"p": {"here": {1: (2.0, 1.0, 3.0, 1.5)}}}, "Title", {1: 4.0}),
    "curves": lambda: figures.curves({"p": {"a": {1: [1.0, 2.0], 2: [2.0]}}}, "Title", "x", "y"),
    "heat maps": lambda: figures.heat_maps({"p": pd.DataFrame([[90.0, 91], [92, 93]])}, "Title", "x", "y"),
    "circle": lambda: figures.pairs_on_a_circle({"a": (*CIRCLE, *CIRCLE), "b": CIRCLE}, "Title"),
    "sphere": lambda: figures.pairs_on_a_sphere({"a": SPHERE, "b": SPHERE}, "Title"),
    "clouds": lambda: figures.clouds([{"a": torch.randn(20, 2), "b": torch.randn(20, 2)}, {"c": torch.randn(9, 3)}], "Title"),
    "densities": lambda: figures.densities({"a": {"x": torch.randn(100), "y": torch.randn(100)}, "b": {"x": torch.randn(9)}},
                                           "Title", "x"),
    "pairings": lambda: figures.pairings({"a": (torch.rand(4), torch.rand(4))}, "Title"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_opaque_white_small_and_have_a_title(name):
    fig = DRAWN[name]()
    file = io.BytesIO()
    fig.savefig(file, format="png")
    pixels = np.asarray(Image.open(file).convert("RGBA"))
    assert (pixels[..., 3] == 255).all() and (pixels[0, 0] == 255).all()
    assert len(file.getvalue()) < 150_000
    assert "Title" in (fig.get_suptitle(), *(ax.get_title("left") for ax in fig.axes))


@pytest.mark.parametrize("name", ["board", "circle", "sphere", "clouds", "densities", "pairings"])
def test_every_panel_has_a_title(name):
    assert all(ax.get_title() or ax.get_title("left") for ax in DRAWN[name]().axes)


def test_accuracies_in_words():
    assert figures.spoken({"raw pixels": 0.91, "trained": [0.95, 0.97]}) == "raw pixels 91.0 %, trained 96.0 %"

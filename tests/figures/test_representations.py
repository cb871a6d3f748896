import io
import warnings

import numpy as np
import pytest
import torch

from intriguing_lib.figures import cumulative_shares, label_maps, spectra
from intriguing_lib.figures.representations import INKS
from intriguing_lib.figures.style import luminance


@pytest.mark.parametrize("names", [("_a", "#1", "$x$", '"q"', "\\", "", "{", "%", "&", "^"),
                                   ("猫", "犬", "é", "ß", "naïve", "Ж", "ω", "٣", "½", "🙂")])
def test_any_class_can_be_drawn(names):
    """Without being taken for mathematics, and without a letter that the font lacks."""
    fig = label_maps({"a": np.random.rand(20, 2)}, np.arange(20) % 10, names, "t")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig.savefig(io.BytesIO(), format="png")


def test_every_letter_can_be_read_on_white():
    assert 1.05 / (max(map(luminance, INKS)) + 0.05) >= 4.5  # WCAG's contrast for text


def test_widths_are_divided_by_the_largest():
    fig = spectra({"a": torch.tensor([4.0, 2, 1]), "b": torch.tensor([1.0, 0.1])}, "t")
    assert fig.axes[0].lines[0].get_ydata().tolist() == [1, 0.5, 0.25]


def test_shares_are_added_from_the_largest():
    (line,) = cumulative_shares({"a": torch.tensor([[0.25, 0.75, 0], [0.25, 0.25, 0.5]])}, "t").axes[0].lines
    assert line.get_ydata().tolist() == [62.5, 87.5, 100]

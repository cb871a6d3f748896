import torch

from intriguing_lib.figures import cumulative_shares, spectra


def test_widths_are_divided_by_the_largest():
    fig = spectra({"a": torch.tensor([4.0, 2, 1]), "b": torch.tensor([1.0, 0.1])}, "t")
    assert fig.axes[0].lines[0].get_ydata().tolist() == [1, 0.5, 0.25]


def test_shares_are_added_from_the_largest():
    (line,) = cumulative_shares({"a": torch.tensor([[0.25, 0.75, 0], [0.25, 0.25, 0.5]])}, "t").axes[0].lines
    assert line.get_ydata().tolist() == [62.5, 87.5, 100]

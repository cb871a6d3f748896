import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from intriguing_lib.figures import comparisons, plots

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_members_are_drawn_around_the_mean_of_their_own_kind():
    kinds = {"paper": {"a": 0.80, "b": 0.82}, "here": {"a": [0.95, 0.97], "b": [0.95, 0.97]}}
    (ax,) = comparisons.members({"panel": kinds}, "title").axes
    stars = [line.get_ydata()[0] for line in ax.lines if line.get_label() == plots.MARKERS["paper"]["label"]]
    assert stars == pytest.approx([-1, 1])
    ours = np.concatenate([line.get_ydata() for line in ax.lines if line.get_label() == plots.MARKERS["here"]["label"]])
    assert ours == pytest.approx([-1, 1, -1, 1])


def test_ranges_have_intervals_chance_and_the_guess():
    kinds = {"here": {1: (2.0, 1.0, 3.0, 1.5)}, "paper": {2: (2.6, None, None, None)}}
    fig = comparisons.spreads({"p": kinds}, "t", {1: 4.0, 3: None})
    (ax,) = fig.axes
    assert sum(line.get_label() == plots.MARKERS["guess"]["label"] for line in ax.lines) == 1
    named = [text.get_text() for text in fig.legends[0].get_texts()]
    assert named == [plots.MARKERS[kind]["label"] for kind in ("here", "paper", "guess")]


def test_a_heat_maps_path_goes_through_the_middle_of_its_cells():
    table = pd.DataFrame([[90.0, 91], [92, 93], [94, 95]], index=[0.1, 0.4, 1.6], columns=[0.1, 0.4])
    (ax,) = comparisons.heat_maps({"p": table}, "t", "x", "y", path={0.1: 0.1, 0.4: 0.4}).axes
    (line,) = ax.lines
    assert np.allclose(line.get_xydata(), [[0.5, 2.5], [1.5, 1.5]])  # the smallest weight lies at the bottom


def test_curves_and_spectra_have_a_line_each():
    fig = comparisons.curves({"p": {"a": {1: [1.0, 2.0], 2: [2.0]}, "b": {1: [3.0]}}}, "t", "x", "y")
    assert len(fig.axes[0].containers) == 2
    fig = comparisons.spectra({"a": torch.tensor([4.0, 2, 1]), "b": torch.tensor([1.0, 0.1])}, "t")
    assert fig.axes[0].lines[0].get_ydata().tolist() == [1, 0.5, 0.25]


def test_sliders_redraw_the_same_figure(monkeypatch):
    drawn, shown = [], []
    monkeypatch.setattr(plots, "show", lambda fig, alt, handle=None: shown.append(handle) or "the handle")
    monkeypatch.setattr(plots, "display", lambda box: shown.append(box))
    plots.sliders(lambda **values: drawn.append(values) or (None, "alt"), λ=(0.01, 0.2, 10.0), τ=(0.05, 0.5, 2.0))
    box = shown[1]
    box.children[0].value = 1.0
    assert drawn[0] == {"λ": 0.2, "τ": 0.5} and drawn[1] == {"λ": pytest.approx(1.0), "τ": 0.5} and shown[2] == "the handle"

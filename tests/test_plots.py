import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from intriguing_lib.figures import plots

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def style():
    plots.use_style()
    yield
    plt.close("all")


def png(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png")
    return file


def figures():
    images = torch.rand(6, 1, 28, 28)
    yield plots.pictures({"one": images, "two": images[:4]}, "Title", "ABCDEF")
    yield plots.label_maps({"a": np.random.rand(20, 2)}, np.arange(20) % 10, tuple("0123456789"), "Title")
    yield plots.similarity_matrices({"a": torch.eye(8), "b": torch.rand(8, 8)}, 4, "Title")
    yield plots.cumulative_shares({"a": torch.rand(6, 8).softmax(1), "b": torch.eye(8)}, "Title")
    yield plots.accuracies({"a": 0.5, "b": None}, "Title", {"b": [0.4, 0.5, 0.6]}, guess={"a": 0.9}, chance=0.1)


def test_figures_are_opaque_white_and_small():
    for fig in figures():
        file = png(fig)
        pixels = np.asarray(Image.open(file).convert("RGBA"))
        assert (pixels[..., 3] == 255).all() and (pixels[0, 0] == 255).all()
        assert len(file.getvalue()) < 150_000


def test_accuracies_draw_what_was_measured_recorded_and_guessed():
    fig = plots.accuracies({"a": 0.5, "b": None}, "Title", {"a": [0.52], "b": [0.4, 0.6]}, guess={"a": 0.9})
    drawn = {line.get_label(): line.get_xdata().tolist() for line in fig.axes[0].lines}
    assert drawn[plots.MARKERS["here"]["label"]] == [50] and drawn[plots.MARKERS["guess"]["label"]] == [90]
    assert [text.get_text() for text in fig.axes[0].texts] == ["50.0", "50.0"]  # measured for a, the recorded mean for b
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert sorted(legend) == sorted(plots.MARKERS[kind]["label"] for kind in ("here", "recorded", "guess"))


@pytest.mark.parametrize("guess", [96, "0.9", -0.1], ids=repr)
def test_a_guess_that_is_no_share_is_one_sentence(guess):
    with pytest.raises(ValueError, match="A guess is a number from 0 to 1, such as 0.9, got .*: change my_guess"):
        plots.accuracies({"a": 0.5}, "Title", guess={"a": guess})
    assert not plt.get_fignums()  # no half-drawn figure stays behind


def test_the_margin_covers_the_true_mean_in_95_of_100_samples():
    """2,000 samples of five: a binomial share, 4 standard errors wide. False-alarm rate 6e-5."""
    rng = np.random.default_rng(0)
    covered = [abs(mean - 3) <= margin for mean, margin in (plots.mean_and_margin(rng.normal(3, 2, 5)) for _ in range(2000))]
    assert abs(np.mean(covered) - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5


def test_the_live_curve_is_redrawn_in_place_and_ends_with_every_step(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "show", lambda fig, alt, handle=None: shown.append((fig, alt, handle)) or "handle")
    monkeypatch.setattr(plots, "SECONDS_BETWEEN_REDRAWS", 0)
    live = plots.LiveLoss(30, chance=6.2)
    live(10, 5.0)
    live(20, 4.0)
    live.finish(torch.linspace(6, 3, 30))
    assert [handle for _, _, handle in shown] == [None, "handle", "handle"]
    assert len(shown[-1][0].axes[0].lines[0].get_xdata()) == 30 and "from 6.00 to 3.00" in shown[-1][1]

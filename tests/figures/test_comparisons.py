import matplotlib.pyplot as plt
import numpy as np
import pytest

from intriguing_lib.figures import accuracies, losses_around_mean, spread_by_depth
from intriguing_lib.figures.style import MARKERS


def test_accuracies_draw_what_was_measured_recorded_and_guessed():
    fig = accuracies({"a": 0.5, "b": None}, "Title", {"a": [0.52], "b": [0.4, 0.6]}, guess={"a": 0.9})
    drawn = {line.get_label(): line.get_xdata().tolist() for line in fig.axes[0].lines}
    assert drawn[MARKERS["here"]["label"]] == [50] and drawn[MARKERS["guess"]["label"]] == [90]
    assert [text.get_text() for text in fig.axes[0].texts] == ["50.0", "50.0"]  # measured for a, the recorded mean for b
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert sorted(legend) == sorted(MARKERS[kind]["label"] for kind in ("here", "recorded", "guess"))


@pytest.mark.parametrize("guess, marker, x", [(0.95, "v", 95), (0.2, "<", 79)])
def test_a_guess_outside_of_the_axis_is_an_arrow_at_its_edge_and_rescales_nothing(guess, marker, x):
    plain, with_guess = (accuracies({"a": 0.9}, "Title", guess={"a": g}, lowest=0.8).axes[0] for g in (None, guess))
    assert with_guess.get_xlim() == plain.get_xlim() == (79, 101)
    (drawn,) = [line for line in with_guess.lines if line.get_label() == MARKERS["guess"]["label"]]
    assert drawn.get_marker() == marker and drawn.get_xdata()[0] == pytest.approx(x)
    assert [text.get_text() for text in with_guess.texts] == ["90.0"] + (["20"] if marker == "<" else [])


@pytest.mark.parametrize("guess", [96, "0.9", -0.1], ids=repr)
def test_a_guess_that_is_no_share_is_one_sentence(guess):
    with pytest.raises(ValueError, match="A guess is a number from 0 to 1, such as 0.9, got .*: change my_guess"):
        accuracies({"a": 0.5}, "Title", guess={"a": guess})
    assert not plt.get_fignums()  # no half-drawn figure stays behind


def test_losses_are_drawn_around_the_mean_of_their_own_kind():
    kinds = {"paper": {"a": 0.80, "b": 0.82}, "here": {"a": [0.95, 0.97], "b": [0.95, 0.97]}}
    (ax,) = losses_around_mean({"panel": kinds}, "title").axes
    stars = [line.get_ydata()[0] for line in ax.lines if line.get_label() == MARKERS["paper"]["label"]]
    assert stars == pytest.approx([-1, 1])
    ours = np.concatenate([line.get_ydata() for line in ax.lines if line.get_label() == MARKERS["here"]["label"]])
    assert ours == pytest.approx([-1, 1, -1, 1])


def test_ranges_have_intervals_chance_and_the_guess():
    kinds = {"here": {1: (2.0, 1.0, 3.0, 1.5)}, "paper": {2: (2.6, None, None, None)}}
    fig = spread_by_depth({"p": kinds}, "t", {1: 4.0, 3: None})
    (ax,) = fig.axes
    assert sum(line.get_label() == MARKERS["guess"]["label"] for line in ax.lines) == 1
    named = [text.get_text() for text in fig.legends[0].get_texts()]
    assert named == [MARKERS[kind]["label"] for kind in ("here", "paper", "guess")]


def test_a_guessed_range_far_above_all_is_an_arrow_at_the_top():
    kinds = {"here": {1: (2.0, 1.0, 3.0, 1.5)}}
    plain, with_guess = (spread_by_depth({"p": kinds}, "t", guess).axes[0] for guess in (None, {1: 40.0}))
    assert with_guess.get_ylim() == plain.get_ylim()
    (drawn,) = [line for line in with_guess.lines if line.get_label() == MARKERS["guess"]["label"]]
    assert drawn.get_marker() == "^" and [text.get_text() for text in with_guess.texts] == ["40"]


def test_no_interval_is_cut_off_in_any_panel():
    panels = {"low": {"recorded": {1: (1.0, 0.5, 1.5, 1.0)}}, "high": {"recorded": {1: (4.0, 2.0, 6.0, 1.0)}}}
    fig = spread_by_depth(panels, "Title")
    assert all(ax.get_ylim()[0] == 0 and ax.get_ylim()[1] >= 6 for ax in fig.axes)


def test_an_interval_is_cut_off_nowhere_but_at_all_images():
    (ax,) = accuracies({"a": None}, "Title", {"a": [0.7, 0.8, 0.9]}, lowest=0.8).axes
    ends = np.concatenate([line.get_xdata() for line in ax.lines])
    assert ax.get_xlim()[0] < ends.min() < 70 and ends.max() > 100 and ax.get_xlim()[1] == 101

"""The forest: each effect where it lies, its interval beside it, its verdict as a colour, and what is outside at the edge."""
import numpy as np
import pytest

from intriguing_lib.figures import forest
from intriguing_lib.figures.forest import OF_VERDICT, OTHERS

NAN = float("nan")
GROUPS = {"1. one": {"a": {"recorded": (2, 1, 3, "holds"), "yours": (1.5, NAN, NAN, "one seed"), "nothing": -1},
                     "b": {"recorded": (-2, -9, -1, "does not hold"), "nothing": -1}},
          "2. two": {"c": {"recorded": (11, 10, 12, "not decided at this scale"), "nothing": 1}}}


@pytest.fixture
def ax():
    (ax,) = forest(GROUPS, "Title", "distance", (-5, 7)).axes
    return ax


def lines_at(ax, label):
    (y,) = [tick for tick, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True) if text.get_text() == label]
    return [line for line in ax.lines if abs(np.mean(line.get_ydata()) - y) < 0.35 and len(line.get_ydata()) and
            line.get_linestyle() != "--" and not np.array_equal(line.get_xdata(), [0, 0])]


def test_effects_lie_where_they_are_with_their_intervals(ax):
    marks = {line.get_marker(): line.get_xdata() for line in lines_at(ax, "a")}
    assert marks["D"] == [2] and marks["o"] == [1.5] and marks["|"] == [-1]
    (interval,) = [line for line in lines_at(ax, "a") if len(line.get_xdata()) == 2]
    assert interval.get_xdata().tolist() == [1, 3]


def test_verdicts_are_colours(ax):
    colours = {label: {line.get_color() for line in lines_at(ax, label) if line.get_marker() in ("D", ">")} for label in "abc"}
    assert colours == {"a": {OF_VERDICT["holds"]}, "b": {OF_VERDICT["does not hold"]}, "c": {OTHERS}}


def test_what_is_outside_is_an_arrow_at_the_edge(ax):
    (interval,) = [line for line in lines_at(ax, "b") if len(line.get_xdata()) == 2]
    assert interval.get_xdata().tolist() == [-5, -1]
    (arrow,) = [line for line in lines_at(ax, "c") if line.get_marker() == ">"]
    assert arrow.get_xdata() == [7]


def test_headings_stand_between_their_rows(ax):
    assert [text.get_text() for text in ax.texts] == ["1. one", "2. two"]
    assert [text.get_position()[1] for text in ax.texts] == [0, 3] and list(ax.get_yticks()) == [1, 2, 4]

"""The board: a remedy is a dot with an arrow from plain training and its number, what frames it has a marker."""
import pytest

from intriguing_lib.figures import board
from intriguing_lib.figures.boards import groups_of_neighbours
from intriguing_lib.figures.style import MARKERS

CONDITIONS = {"plain": ([0.9, 0.7], [0.1, 0.3]), "without": ([0.2], [0.9]), "oracle: told": ([0.8], [0.8]),
              "one": ([0.5], [0.6]), "two": ([0.7, 0.9], [0.2, 0.4])}


def test_remedies_are_dots_where_their_means_lie_and_come_from_plain():
    figure = board({"task": CONDITIONS}, "Title")
    (ax,) = figure.axes
    dots = [line.get_xydata().tolist()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == [[50, pytest.approx(60)], [pytest.approx(80), pytest.approx(30)]]
    assert {text.get_text(): text.xy for text in ax.texts if text.get_text()} == {"1": (50, 60), "2": (80, 30)}
    arrows = [text for text in ax.texts if not text.get_text()]
    assert [(arrow.xyann, arrow.xy) for arrow in arrows] == [((80, 20), (50, 60)), ((80, 20), (80, 30))]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain", "without", "oracle: told", "one", "two"]


def test_remedies_that_lie_together_share_a_label():
    middles = {"1": (50, 40), "10": (52, 41), "2": (50, 44), "3": (90, 40)}
    assert groups_of_neighbours(middles, (100, 100)) == [["1", "10"], ["3"], ["2"]]
    assert groups_of_neighbours(middles, (20, 20)) == [["1"], ["3"], ["10"], ["2"]]


def test_nothing_lies_outside_of_a_panel():
    (ax,) = board({"task": CONDITIONS}, "Title", {"task": (0.01, 0.99)}).axes
    for line in ax.lines:
        for (low, high), values in ((ax.get_xlim(), line.get_xdata()), (ax.get_ylim(), line.get_ydata())):
            assert low <= min(values) and max(values) <= high


def test_what_was_entered_has_this_machines_marker_on_its_own_task():
    left, right = board({"a": CONDITIONS, "b": CONDITIONS}, "Title", {"b": (0.4, 0.5)}).axes
    drawn = [[line.get_xydata().tolist() for line in ax.lines if line.get_marker() == MARKERS["here"]["marker"]
              and line.get_label() == "yours"] for ax in (left, right)]
    assert drawn == [[], [[[40, 50]]]]


def test_three_tasks_leave_no_empty_panel():
    assert len(board({task: CONDITIONS for task in "abc"}, "Title").axes) == 3

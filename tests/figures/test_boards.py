"""The board: a remedy is a number with an arrow from plain training, what frames it has a marker, and the legend names all."""
from intriguing_lib.figures import board
from intriguing_lib.figures.style import MARKERS

CONDITIONS = {"plain": ([0.9, 0.7], [0.1, 0.3]), "without": ([0.2], [0.9]), "oracle: told": ([0.8], [0.8]),
              "one": ([0.5], [0.6]), "two": ([0.7, 0.9], [0.2, 0.4])}


def test_remedies_are_numbers_where_their_means_lie_and_come_from_plain():
    (ax,) = board({"task": CONDITIONS}, "Title").axes
    assert {text.get_text(): text.get_position() for text in ax.texts if text.get_text()} == {"1": (50, 60), "2": (80, 30)}
    arrows = [text for text in ax.texts if not text.get_text()]
    assert [(arrow.xyann, arrow.xy) for arrow in arrows] == [((80, 20), (50, 60)), ((80, 20), (80, 30))]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["plain", "without", "oracle: told", "one", "two"]


def test_what_was_entered_has_this_machines_marker_on_its_own_task():
    left, right = board({"a": CONDITIONS, "b": CONDITIONS}, "Title", {"b": (0.4, 0.5)}).axes
    drawn = [[line.get_xydata().tolist() for line in ax.lines if line.get_marker() == MARKERS["here"]["marker"]
              and line.get_label() == "yours"] for ax in (left, right)]
    assert drawn == [[], [[[40, 50]]]]

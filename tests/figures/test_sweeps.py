import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from intriguing_lib.figures import GUESS, curves, heat_maps
from intriguing_lib.figures.style import MARKERS, luminance


def test_a_heat_maps_path_goes_through_the_middle_of_its_cells():
    table = pd.DataFrame([[90.0, 91], [92, 93], [94, 95]], index=[0.1, 0.4, 1.6], columns=[0.1, 0.4])
    (ax,) = heat_maps({"p": table}, "t", "x", "y", path={0.1: 0.1, 0.4: 0.4}).axes
    (line,) = ax.lines
    assert np.allclose(line.get_xydata(), [[0.5, 2.5], [1.5, 1.5]])  # the smallest weight lies at the bottom


def test_numbers_on_a_heat_map_stand_out_from_their_cell():
    table = pd.DataFrame(np.linspace(0, 99, 100).reshape(10, 10)).where(lambda t: t != 50)
    fig = heat_maps({"p": table}, "t", "x", "y")
    fig.canvas.draw()
    (ax,) = fig.axes
    cells = ax.collections[0].get_facecolors().reshape(10, 10, 4)
    assert len(ax.texts) == 99
    for text in ax.texts:
        column, row = (int(place) for place in text.get_position())
        lighter, darker = sorted((luminance(to_rgb(text.get_color())), luminance(cells[row, column])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG's contrast for text


def test_many_panels_stand_in_two_rows():
    fig = curves({str(i): {"a": {1: [1.0]}} for i in range(5)}, "t", "x", "y")
    assert fig.axes[0].get_gridspec().get_geometry() == (2, 3) and [ax.get_visible() for ax in fig.axes] == [True] * 5 + [False]
    assert fig.get_size_inches()[0] < 11.2


def test_curves_have_a_line_each():
    fig = curves({"p": {"a": {1: [1.0, 2.0], 2: [2.0]}, "b": {1: [3.0]}}}, "t", "x", "y")
    assert len(fig.axes[0].containers) == 2


def test_what_this_machine_measured_keeps_its_marker():
    label = MARKERS["here"]["label"]
    (ax, other) = curves({"p": {"recorded": {1: [1.0, 2.0]}, label: {1: [1.5], 4: [2.0]}}, "q": {"recorded": {1: [1.0]}}},
                         "t", "x", "y").axes
    here = ax.containers[1].lines[0]
    assert (here.get_marker(), here.get_linestyle(), here.get_color()) == ("o", "None", MARKERS["here"]["color"])
    assert len(other.containers) == 1


def test_a_guess_among_curves_is_drawn_where_it_lies_or_as_an_arrow_and_rescales_nothing():
    lines = {"a": {1: [50.0], 2: [60.0]}}
    plain = curves({"p": lines, "q": {"b": {1: [90.0]}}}, "t", "x", "y").axes[0]
    for guess, marker, y in ((70.0, "v", 70), (5.0, "v", plain.get_ylim()[0]), (400.0, "^", plain.get_ylim()[1])):
        ax = curves({"p": lines | {GUESS: {2: [guess]}}, "q": {"b": {1: [90.0]}}}, "t", "x", "y").axes[0]
        (drawn,) = [line for line in ax.lines if line.get_label() == GUESS]
        assert ax.get_ylim() == plain.get_ylim() and drawn.get_marker() == marker and drawn.get_ydata()[0] == y
        assert [text.get_text() for text in ax.texts] == ([] if guess == 70 else [f"{guess:g}"])

import numpy as np
import pandas as pd

from intriguing_lib.figures import curves, heat_maps


def test_a_heat_maps_path_goes_through_the_middle_of_its_cells():
    table = pd.DataFrame([[90.0, 91], [92, 93], [94, 95]], index=[0.1, 0.4, 1.6], columns=[0.1, 0.4])
    (ax,) = heat_maps({"p": table}, "t", "x", "y", path={0.1: 0.1, 0.4: 0.4}).axes
    (line,) = ax.lines
    assert np.allclose(line.get_xydata(), [[0.5, 2.5], [1.5, 1.5]])  # the smallest weight lies at the bottom


def test_curves_have_a_line_each():
    fig = curves({"p": {"a": {1: [1.0, 2.0], 2: [2.0]}, "b": {1: [3.0]}}}, "t", "x", "y")
    assert len(fig.axes[0].containers) == 2

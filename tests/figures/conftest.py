"""Figures are drawn in the course's style, without a window, and none stays open."""
import matplotlib
import matplotlib.pyplot as plt
import pytest

from intriguing_lib import figures

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def style():
    figures.use_style()
    yield
    plt.close("all")

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from intriguing_lib.figures import crops_above_curves
from intriguing_lib.figures.scenes import CROPS, SHARED
from intriguing_lib.statistics import mean_and_margin

BOXES = torch.tensor([[2.0, 2, 8, 8], [10, 10, 16, 16], [1, 12, 7, 18]])
CROP_PAIR = torch.tensor([[0.0, 0, 18, 9], [2, 0, 20, 20]])  # the first object lies whole in both


def drawn():
    scene = torch.zeros(20, 20)
    scene[3:6, 3:6] = 1
    return crops_above_curves({"a scene": (scene, BOXES, CROP_PAIR), "another": (scene, BOXES, CROP_PAIR[[1, 1]])},
                               {"small crops": {0.0: [80.0], 0.4: [81.0, 83.0, 82.0]}}, "t", "x", "y")


def rectangles(ax):
    return [(to_rgb(p.get_edgecolor()), (*p.get_xy(), p.get_width(), p.get_height())) for p in ax.patches
            if isinstance(p, Rectangle)]


def test_both_crops_are_drawn_and_what_both_show_whole_is_outlined():
    above, other = (rectangles(ax) for ax in drawn().axes[:2])
    assert above == [(CROPS[0][0], (0, 0, 18, 9)), (CROPS[1][0], (2, 0, 18, 20)), (SHARED, (2, 2, 6, 6))]
    assert [colour for colour, _ in other].count(SHARED) == 2  # of three objects one begins left of both crops


def test_a_scene_is_upright_and_its_pixels_lie_where_its_boxes_do():
    (image,) = drawn().axes[0].images
    assert image.get_extent() == [0, 20, 20, 0] and image.get_array()[4, 4] == 1


def test_points_lie_at_their_chance_with_their_interval():
    (line,) = drawn().axes[2].containers
    middle, half = mean_and_margin([81, 83, 82])
    assert np.allclose(line.lines[0].get_xydata(), [[0, 80], [0.4, middle]])
    assert np.allclose(line.lines[2][0].get_segments()[1][:, 1], [middle - half, middle + half])

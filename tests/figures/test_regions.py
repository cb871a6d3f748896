"""Groups as pictures, and the cells that look alike, where the answer is known."""
import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle

from intriguing_lib.figures import recoloured, similar_cells
from intriguing_lib.figures.regions import most_similar, square_around
from intriguing_lib.figures.style import COLOURS


def test_each_group_has_its_colour_in_all_images_and_what_has_none_is_black():
    groups = torch.tensor([[[0, 1], [9, -1]], [[1, 1], [0, 0]]])
    pictures = recoloured(groups, (4, 6))
    assert pictures.shape == (2, 3, 4, 6)
    for i, (y, x), group in ((0, (0, 0), 0), (0, (1, 5), 1), (0, (3, 2), 9), (1, (0, 0), 1), (1, (2, 5), 0)):
        assert torch.allclose(pictures[i, :, y, x], torch.tensor(COLOURS[group]))
    assert (pictures[0, :, 2:, 3:] == 0).all()


def test_smooth_colours_lie_between_the_cells_own():
    pictures = recoloured(torch.tensor([[[0, 1]]]), (2, 8), smooth=True)[0]
    ends = torch.tensor([COLOURS[0], COLOURS[1]])
    assert torch.allclose(pictures[:, 0, 0], ends[0]) and torch.allclose(pictures[:, 0, -1], ends[1])
    assert torch.allclose((pictures[:, 0, 3] + pictures[:, 0, 4]) / 2, ends.mean(0), atol=1e-6)


def test_the_most_similar_come_from_different_places_the_largest_first():
    similarity = torch.zeros(2, 9, 9)
    similarity[0, 4, 4], similarity[0, 4, 6], similarity[1, 0, 0], similarity[0, 0, 4] = 1.0, 0.9, 0.8, 0.7
    assert most_similar(similarity, 3) == [(0, 4, 4), (1, 0, 0), (0, 0, 4)]


def test_a_square_is_cut_around_its_cell_and_grey_beyond_the_image():
    image = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(square_around(image, 2, 3, 4, cells=3), image[:, 4:16, 8:20])
    corner = square_around(image, 0, 0, 4, cells=3)
    assert (corner[:, :4] == 0.5).all() and torch.equal(corner[:, 4:, 4:], image[:, :8, :8])


def test_the_cell_asked_about_is_outlined_and_found_first():
    generator = torch.Generator().manual_seed(0)
    cells = F.normalize(torch.randn(2, 10, 10, 16, generator=generator), dim=-1)
    fig = similar_cells(torch.rand(2, 3, 40, 40, generator=generator), cells, 1, 6, 2, "a title", best=4)
    outlined = [(ax, p) for ax in fig.axes for p in ax.patches if isinstance(p, Rectangle)]
    assert [p.get_bbox().bounds for _, p in outlined] == [(4, 20, 12, 12)] * 2
    titles = [ax.get_title(loc="center") for ax in fig.axes if ax.get_title(loc="center")]
    assert titles[0] == "1.00" and titles == sorted(titles, reverse=True) and len(titles) == 4

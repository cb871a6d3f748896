import torch

from intriguing_lib.figures import pictures


def test_a_shorter_row_leaves_its_places_empty_and_both_kinds_of_numbers_are_on_one_scale():
    fig = pictures({"floats": torch.full((3, 1, 2, 2), 0.5), "bytes": torch.full((2, 3, 2, 2), 255, dtype=torch.uint8)}, "t")
    assert [ax.get_visible() for ax in fig.axes] == [True, True, True, True, True, False]
    assert [ax.get_images()[0].get_clim() for ax in (fig.axes[0], fig.axes[3])] == [(0, 1), (0, 255)]

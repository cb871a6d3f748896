"""Regions of made-up maps with a known answer, and scores held to countings of pairs and of all matchings."""
from itertools import combinations, permutations

import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score

from intriguing_lib.images import digits
from intriguing_lib.regions import (
    around,
    at_pixels,
    cell_top1,
    cells_of,
    grouped,
    mean_iou,
    most_in_cells,
    rand_index,
    renumbered,
    share_told,
    shared_information,
)
from intriguing_lib.scenes import MultiDigits


@pytest.fixture
def striped(generator):
    """(maps, stripes): three stripes whose cells point in one direction each, with lengths that differ much and some noise."""
    stripes = (torch.arange(12) // 4).expand(5, 12, 12)
    directions = torch.linalg.qr(torch.randn(8, 3, generator=generator)).Q.T
    lengths = 10 ** (2 * torch.rand(5, 12, 12, 1, generator=generator) - 1)
    maps = directions[stripes] * lengths
    return (maps + 0.05 * lengths * torch.randn(maps.shape, generator=generator)).movedim(-1, 1), stripes


def test_cells_are_grouped_by_their_direction_whatever_their_length(striped):
    maps, stripes = striped
    groups = grouped(maps, 3)
    assert groups.dtype == torch.int64 and groups.shape == (5, 12, 12)
    assert rand_index(groups, stripes) == mean_iou(groups, stripes) == 1
    assert torch.allclose(cells_of(maps).norm(dim=1), torch.ones(5 * 144))
    assert torch.equal(groups, grouped(maps * 1000, 3)) and torch.equal(groups, grouped(maps, 3))


def test_cells_that_are_left_out_have_no_group_and_no_say(striped):
    maps, stripes = striped
    spoiled = maps.clone()
    spoiled[:, :, :, 8:] = torch.randn(5, 8, 12, 4, generator=torch.Generator().manual_seed(1))
    groups = grouped(spoiled, 2, where=stripes < 2)
    assert (groups[stripes == 2] == -1).all() and groups[stripes < 2].unique().tolist() == [0, 1]
    assert rand_index(groups, stripes.where(stripes < 2, -1)) == 1


def test_images_are_grouped_together(striped):
    """One image's group 0 is another's: they can be compared by number."""
    groups = grouped(striped[0], 3)
    assert all(torch.equal(groups[0], other) for other in groups)


def test_what_can_not_be_grouped_is_one_sentence(striped):
    with pytest.raises(ValueError, match="144 cells can't be put into 145 groups"):
        grouped(striped[0][:1], 145)
    with pytest.raises(ValueError, match="odd number of cells, so that it has a middle, got 4"):
        around(striped[0], 4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_maps_are_one_group_and_a_warning(value):
    with pytest.warns(UserWarning, match="fall into 1 different groups, not 4, as where all are alike"):
        assert (grouped(torch.full((2, 8, 6, 6), value), 4) == 0).all()


def test_a_window_is_the_mean_and_the_maximum_of_the_cells_around(striped):
    maps = striped[0]
    wide = around(maps, 5)
    for i, j in ((0, 0), (6, 6), (3, 11)):
        cells = maps[:, :, max(0, i - 2):i + 3, max(0, j - 2):j + 3].flatten(2)
        assert torch.allclose(wide[:, :8, i, j], cells.mean(2), atol=1e-6)
        assert torch.equal(wide[:, 8:, i, j], cells.amax(2))
    assert torch.equal(around(maps, 1), torch.cat([maps, maps], 1))


def agreement(groups, classes):
    """The adjusted Rand index by counting pairs: Hubert and Arabie (1985)."""
    pairs = list(combinations(range(len(groups)), 2))
    a, b = ([x[i] == x[j] for i, j in pairs] for x in (groups, classes))
    both, chance = sum(x and y for x, y in zip(a, b, strict=True)), sum(a) * sum(b) / len(pairs)
    return (both - chance) / ((sum(a) + sum(b)) / 2 - chance)


def best_iou(groups, classes):
    """The best mean over all ways of giving each class a group of its own."""
    groups, classes = torch.tensor(groups), torch.tensor(classes)

    def iou(g, c):
        return ((groups == g) & (classes == c)).sum() / ((groups == g) | (classes == c)).sum()

    present = classes.unique().tolist()
    return max(sum(iou(g, c) for g, c in zip(choice, present, strict=True)) / len(present)
               for choice in permutations(range(6), len(present))).item()


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_what_counting_gives(seed):
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(-1, 4, (60,), generator=generator)
    groups = torch.where(torch.rand(60, generator=generator) < 0.6, classes.clamp(min=0),
                         torch.randint(6, (60,), generator=generator))
    there = classes >= 0
    seen = groups[there].tolist(), classes[there].tolist()
    assert rand_index(groups.view(3, 20), classes.view(3, 20)) == pytest.approx(agreement(*seen))
    assert mean_iou(groups.view(3, 20), classes.view(3, 20)) == pytest.approx(best_iou(*seen))


def test_chance_scores_nothing_and_one_group_for_all_neither(generator):
    """2,000 cells, 10 classes: the index's standard deviation under chance is below 1e-3. False-alarm rate below 1e-6."""
    classes, groups = (torch.randint(10, (2000,), generator=generator) for _ in range(2))
    assert abs(rand_index(groups, classes)) < 0.01 and rand_index(torch.zeros(2000).long(), classes) == 0
    assert mean_iou(torch.zeros(2000).long(), classes) == pytest.approx(classes.bincount().max().item() / 2000 / 10)


def test_a_cells_class_is_that_of_most_of_its_pixels_and_pixels_find_their_cell():
    classes = torch.full((1, 4, 6), -1)
    classes[0, 0, :3] = torch.tensor([2, 2, 5])
    classes[0, 1, 0] = 5
    classes[0, 2:, 4:] = 7
    cells = most_in_cells(classes, (2, 3))
    assert cells.tolist() == [[[2, 5, -1], [-1, -1, 7]]]
    assert at_pixels(cells, (4, 6))[0].tolist() == [[2, 2, 5, 5, -1, -1]] * 2 + [[-1, -1, -1, -1, 7, 7]] * 2
    assert at_pixels(cells, (3, 5))[0, :, 0].tolist() == [2, 2, -1]
    assert (most_in_cells(torch.full((1, 4, 6), -1), (2, 3)) == -1).all()
    with pytest.raises(ValueError, match="2×4 cells don't divide 4×6 pixels"):
        most_in_cells(classes, (2, 4))


def test_cells_that_are_wrong_score_less_than_what_their_resolution_allows(generator):
    scenes = MultiDigits(digits("test", "cpu"), 5, scenes=20)
    classes = scenes.classes(slice(None))
    cells = most_in_cells(classes, (16, 16))
    best = rand_index(at_pixels(cells, (64, 64)), classes)
    assert 0.8 < best < 1 and rand_index(at_pixels(most_in_cells(classes, (64, 64)), (64, 64)), classes) == 1
    for share in (0.05, 0.2):
        wrong = torch.where(torch.rand(cells.shape, generator=generator) < share, (cells + 1) % 10, cells)
        assert rand_index(at_pixels(wrong, (64, 64)), classes) < best


def test_a_linear_reader_of_cells(striped):
    """It reads what lies in the cells, and of cells without any relation no more than chance: of some 140 cells a third is
    right, four standard deviations below a half. False-alarm rate 3e-5."""
    maps, stripes = striped
    known = stripes.where(torch.rand(stripes.shape, generator=torch.Generator().manual_seed(0)) < 0.5, -1)
    assert cell_top1(maps[:3], known[:3], maps[3:], known[3:]) > 0.99
    noise = torch.randn(5, 8, 12, 12, generator=torch.Generator().manual_seed(1))
    assert cell_top1(noise[:3], known[:3], noise[3:], known[3:]) < 0.5


def test_renumbered_groups_bear_the_numbers_of_their_classes_and_cut_the_same_way(generator):
    classes = torch.randint(-1, 4, (3, 8, 8), generator=generator) * 2 + 1  # −1, 1, 3, 5, 7
    there = classes >= 0
    groups = torch.where(there, torch.tensor([4, 0, 2, 1])[(classes.clamp(min=1) - 1) // 2], -1)
    assert torch.equal(renumbered(groups, classes), classes.where(there, -1))
    split = torch.where((groups == 2) & (torch.arange(8) < 3), 5, groups)  # a second, smaller group of one class
    found = renumbered(split, classes)
    assert rand_index(found, split) == rand_index(split, found.where(there, -1)) == 1
    assert (found == classes)[there & (split != 5)].all() and (found[split == 5] == 8).all()


def test_fewer_groups_than_classes_keep_those_that_fit_best():
    classes = torch.tensor([[0, 0, 0, 2, 2, -1]])
    assert renumbered(torch.tensor([[1, 1, 1, 1, 1, -1]]), classes).tolist() == [[0, 0, 0, 0, 0, -1]]


def test_information_is_scikit_learns_and_what_is_told_runs_from_0_to_1(generator):
    classes, groups = torch.randint(4, (500,), generator=generator), torch.randint(3, (500,), generator=generator)
    groups[:250] = classes[:250] % 3
    assert shared_information(groups, classes) == pytest.approx(adjusted_mutual_info_score(classes, groups))
    assert shared_information(classes, classes) == pytest.approx(1)
    joint = torch.histogramdd(torch.stack([classes, groups], 1).double(), [4, 3], range=[0, 4.0, 0, 3.0]).hist / 500
    of_class, of_group = joint.sum(1), joint.sum(0)
    mutual = torch.special.entr(of_class).sum() + torch.special.entr(of_group).sum() - torch.special.entr(joint).sum()
    assert share_told(groups, classes) == pytest.approx((mutual / torch.special.entr(of_class).sum()).item())
    assert share_told(classes + 3, classes) == pytest.approx(1) and share_told(classes * 0, classes) == 0
    assert share_told(groups, classes * 0) == 0  # nothing is uncertain, and nothing is told

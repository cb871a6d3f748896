"""The exercise on grouping a map's cells: K-means by direction."""
import torch
import torch.nn.functional as F

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.regions import spherical_kmeans


def channels_last(maps):
    return maps.movedim(1, -1)


def kmeans_with(cells_of=channels_last, unit=lambda cells: F.normalize(cells, dim=-1), near=lambda a, b: a @ b.T,
                moved=lambda sums, counts: F.normalize(sums, dim=1), empty=lambda new, old: old, count=lambda steps: steps,
                last=True):
    """`spherical_kmeans` with one thing changed. near: how near cells are to centres, the larger the nearer. last: whether the
    cells are given to the centres once more in the end."""
    def groups_of(maps, centres, steps):
        cells, groups = unit(cells_of(maps)), None
        for _ in range(count(steps)):
            groups = near(cells, centres).argmax(-1)
            members = F.one_hot(groups, len(centres)).to(cells.dtype).flatten(0, -2)
            new = moved(members.T @ cells.flatten(0, -2), members.sum(0)[:, None])
            centres = torch.where(members.any(0)[:, None], new, empty(new, centres))
        return near(cells, centres).argmax(-1) if last or groups is None else groups
    return groups_of


def each_image_by_itself(maps, centres, steps):
    return torch.cat([spherical_kmeans(image, centres, steps) for image in maps.split(1)])


def with_positions(maps, centres, steps):
    """Row and column, from −1 to 1, are two more channels."""
    n, _, height, width = maps.shape
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    where = torch.stack([rows, columns]).expand(n, -1, -1, -1)
    return spherical_kmeans(torch.cat([F.normalize(maps, dim=1), where], 1), F.pad(centres, (0, 2)), steps)


def distance(a, b):
    return -(a[..., None, :] - b).square().sum(-1)


def mean(sums, counts):
    return sums / counts.clamp(min=1)


MISTAKES = {
    "the cells are not normalised, so long ones pull a centre more than short ones: bring each cell to length 1 first.":
        kmeans_with(unit=lambda cells: cells),
    "the centres are means and no longer of length 1: where cells differ much their mean is short, and such a centre loses "
    "cells to others. Bring each back to length 1.":
        (kmeans_with(moved=mean), kmeans_with(moved=mean, near=distance), kmeans_with(moved=lambda sums, counts: sums)),
    "a centre without cells became NaN, the mean of nothing, and argmax takes NaN for the largest: leave it where it was.":
        kmeans_with(empty=lambda new, old: torch.full_like(old, torch.nan)),
    "a centre without cells became 0, which is nearer to a cell than any that points away from it: leave it where it was.":
        kmeans_with(empty=lambda new, old: torch.zeros_like(old)),
    "positions are among the features, so that groups are places: take the channels alone.": with_positions,
    "each image was grouped by itself, so that one image's group 0 has nothing to do with another's: move the centres by the "
    "cells of all images together.": each_image_by_itself,
    "cells were normalised over the image and not over their channels: F.normalize(..., dim=-1) once channels come last.":
        (kmeans_with(cells_of=lambda maps: channels_last(F.normalize(maps, dim=-1)), unit=lambda cells: cells),
         kmeans_with(cells_of=lambda maps: channels_last(F.normalize(maps.flatten(2), dim=2).view_as(maps)),
                     unit=lambda cells: cells)),
    "reshape cut the maps into pieces that are no cells: move the channels last first, maps.movedim(1, -1).":
        kmeans_with(cells_of=lambda maps: maps.reshape(len(maps), *maps.shape[2:], maps.shape[1])),
    "each cell went to the centre that it is least like: the largest cosine similarity is the nearest.":
        kmeans_with(near=lambda a, b: -a @ b.T),
    "these are the groups before the centres' last move: give the cells to the centres once more at the end.":
        kmeans_with(last=False),
    "the centres never move: turn each to the mean of its cells, steps times.": kmeans_with(count=lambda steps: 0),
    "the centres move once, however many steps are asked for: repeat both halves of a step.":
        kmeans_with(count=lambda steps: 1),
    "this makes one step too many.": kmeans_with(count=lambda steps: steps + 1),
}


def small_maps(n, c, height, width, k, steps, seed):
    """Maps with cells of very different lengths, and centres of which the last two are the same: one begins without cells."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(n, c, height, width, generator=generator) + torch.randn(n, c, 1, 1, generator=generator)
    maps = maps * 10 ** torch.rand(n, 1, height, width, generator=generator)
    centres = F.normalize(torch.randn(k, c, generator=generator), dim=1)
    return maps, centres[[*range(k - 1), k - 2]], steps


EXERCISES = {
    "spherical_kmeans": Exercise(
        spherical_kmeans, minutes=15, level=2, mistakes=MISTAKES, gradient=0, large=small_maps(40, 128, 24, 24, 10, 10, 0),
        inputs=(small_maps(2, 3, 4, 5, 3, 2, 1), small_maps(3, 4, 6, 6, 4, 3, 2), small_maps(2, 8, 5, 5, 5, 2, 3)), hints=(
            "A step has two halves: which centre is each cell nearest to? And where do the cells of each centre point?",
            "cells = F.normalize(maps.movedim(1, -1), dim=-1) has shape (n, height, width, c), and each cell's group is "
            "(cells @ centres.T).argmax(-1). cells[groups == j] are the cells of centre j, over all images.",
            "In each step, groups = (cells @ centres.T).argmax(-1) and centres = torch.stack([F.normalize(cells[groups == "
            "j].sum(0), dim=0) if (groups == j).any() else centres[j] for j in range(len(centres))]). At the end once more the "
            "first.")),
}

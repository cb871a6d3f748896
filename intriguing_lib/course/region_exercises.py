"""The exercise on grouping a map's cells: K-means by direction."""
import torch
import torch.nn.functional as F

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.regions import spherical_kmeans


def channels_last(maps):
    return maps.movedim(1, -1)


def unit_cells(cells):
    return F.normalize(cells, dim=-1)


def unit_means(sums, counts):
    return F.normalize(sums, dim=1)


def kmeans_with(cells_of=channels_last, unit=unit_cells, near=lambda a, b: a @ b.T, moved=unit_means,
                empty=lambda new, old, first: old, few=1, count=lambda steps: steps, last=True, end=lambda centres: centres):
    """`spherical_kmeans` with one thing changed. near: how near cells are to centres, the larger the nearer. empty: where a
    centre with fewer than `few` cells goes. last: whether cells are given to centres once more in the end, and end to which."""
    def groups_of(maps, centres, steps):
        cells, groups, first = unit(cells_of(maps)), None, centres
        for _ in range(count(steps)):
            groups = near(cells, centres).argmax(-1)
            members = F.one_hot(groups, len(centres)).to(cells.dtype).flatten(0, -2)
            counts = members.sum(0)[:, None]
            new = moved(members.T @ cells.flatten(0, -2), counts)
            centres = torch.where(counts >= few, new, empty(new, centres, first))
        return near(cells, end(centres)).argmax(-1) if last or groups is None else groups
    return groups_of


def each_image_by_itself(maps, centres, steps):
    return torch.cat([spherical_kmeans(image, centres, steps) for image in maps.split(1)])


def with_positions(maps, centres, steps):
    """Row and column, from −1 to 1, are two more channels."""
    n, _, height, width = maps.shape
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    where = torch.stack([rows, columns]).expand(n, -1, -1, -1)
    return spherical_kmeans(torch.cat([F.normalize(maps, dim=1), where], 1), F.pad(centres, (0, 2)), steps)


def from_image_to_image(maps, centres, steps):
    """Image after image, each from the centres that the one before has left."""
    groups = []
    for image in maps.split(1):
        groups.append(spherical_kmeans(image, centres, steps))
        cells = unit_cells(channels_last(image))
        for _ in range(steps):
            members = F.one_hot((cells @ centres.T).argmax(-1), len(centres)).float().flatten(0, 2)
            centres = torch.where(members.any(0)[:, None], unit_means(members.T @ cells.flatten(0, 2), None), centres)
    return torch.cat(groups)


def without_empty_centres(maps, centres, steps):
    """Centres without cells are dropped, and the others move up."""
    cells = unit_cells(channels_last(maps))
    for _ in range(steps):
        groups = (cells @ centres.T).argmax(-1)
        centres = torch.stack([F.normalize(cells[groups == j].sum(0), dim=0) for j in groups.unique()])
    return (cells @ centres.T).argmax(-1)


def stopped_by_an_empty_centre(maps, centres, steps):
    """A loop over the centres that ends, by break, at the first that has no cells."""
    cells, centres = unit_cells(channels_last(maps)), centres.clone()
    for _ in range(steps):
        groups = (cells @ centres.T).argmax(-1)
        for j in range(len(centres)):
            if not (groups == j).any():
                break
            centres[j] = F.normalize(cells[groups == j].sum(0), dim=0)
    return (cells @ centres.T).argmax(-1)


def one_centre_a_channel(maps, centres, steps):
    """As many centres move as there are channels, for which centres.shape[1] was taken."""
    cells = unit_cells(channels_last(maps))
    for _ in range(steps):
        groups = (cells @ centres.T).argmax(-1)
        centres = torch.stack([F.normalize(cells[groups == j].sum(0), dim=0) if j < centres.shape[1] and (groups == j).any()
                               else centres[j] for j in range(len(centres))])
    return (cells @ centres.T).argmax(-1)


def distance(a, b):
    return -(a[..., None, :] - b).square().sum(-1)


def mean(sums, counts):
    return sums / counts.clamp(min=1)


def as_they_are(cells):
    return cells


def normalised_over(*axes):
    """Each map divided by its norm over other axes of (n, c, height, width) than the channels'."""
    return lambda maps: channels_last(maps / torch.linalg.vector_norm(maps, dim=axes, keepdim=True))


def reshaped(order, unit_first):
    """Cells that a reshape to (-1, c) makes of the maps, with their axes in this order."""
    def cells_of(maps):
        n, c, height, width = maps.shape
        return (F.normalize(maps, dim=1) if unit_first else maps).permute(order).reshape(n, height, width, c)
    return kmeans_with(cells_of=cells_of, unit=as_they_are if unit_first else unit_cells)


MISTAKES = {
    "the cells are not normalised, so long ones pull a centre more than short ones: bring each cell to length 1 first.":
        kmeans_with(unit=as_they_are),
    "the centres are means and no longer of length 1: where cells differ much their mean is short, and such a centre loses "
    "cells to others. Bring each back to length 1, in every step.":
        (kmeans_with(moved=mean), kmeans_with(moved=lambda sums, counts: sums), kmeans_with(moved=mean, end=unit_cells)),
    "this is ordinary K-means, by distances to plain means: bring each cell to length 1, and each centre, in every step.":
        (kmeans_with(moved=mean, near=distance), kmeans_with(unit=as_they_are, moved=mean, near=distance)),
    "the centres were normalised along the wrong axis: each row is one centre, F.normalize(centres, dim=1).":
        kmeans_with(moved=lambda sums, counts: F.normalize(sums, dim=0)),
    "a centre without cells became NaN, the mean of nothing, and argmax takes NaN for the largest: leave it where it was.":
        kmeans_with(empty=lambda new, old, first: torch.full_like(old, torch.nan)),
    "a centre without cells became 0, which is nearer to a cell than any that points away from it: leave it where it was.":
        kmeans_with(empty=lambda new, old, first: torch.zeros_like(old)),
    "a centre without cells went back to where it began: leave it where it was in the step before.":
        kmeans_with(empty=lambda new, old, first: first),
    "centres without cells were dropped, so that the others' numbers changed: leave such a centre where it was.":
        without_empty_centres,
    "the centres behind one without cells don't move: go on with the next (continue), in place of ending the loop.":
        stopped_by_an_empty_centre,
    "a centre with a single cell doesn't move: one cell is enough.": kmeans_with(few=2),
    "only as many centres move as there are channels: there are len(centres), centres.shape[0].": one_centre_a_channel,
    "positions are among the features, so that groups are places: take the channels alone.": with_positions,
    "each image was grouped by itself, so that one image's group 0 has nothing to do with another's: move the centres by the "
    "cells of all images together.": (each_image_by_itself, from_image_to_image),
    "cells were normalised over the image and not over their channels: F.normalize(..., dim=-1) once channels come last.":
        tuple(kmeans_with(cells_of=normalised_over(*axes), unit=as_they_are) for axes in ((2,), (3,), (2, 3))),
    "reshape cut the maps into pieces that are no cells: move the channels last first, maps.movedim(1, -1).":
        tuple(reshaped(order, first) for order in ((0, 1, 2, 3), (1, 0, 2, 3)) for first in (False, True)),
    "each cell went to the centre that it is least like: the largest cosine similarity is the nearest.":
        kmeans_with(near=lambda a, b: -a @ b.T),
    "these are the groups before the centres' last move, or a step is missing: `steps` times both halves, and once more the "
    "first.": (kmeans_with(last=False), kmeans_with(count=lambda steps: steps - 1)),
    "the centres never move: turn each to the mean of its cells, steps times.": kmeans_with(count=lambda steps: 0),
    "the centres move once, however many steps are asked for: repeat both halves of a step.":
        kmeans_with(count=lambda steps: 1),
    "this makes one step too many.": kmeans_with(count=lambda steps: steps + 1),
    "this goes on until nothing changes, or for a number of steps of its own: take `steps`.":
        tuple(kmeans_with(count=lambda steps, n=n: n) for n in (10, 20, 50, 100)),
}


def small_maps(n, c, height, width, k, steps, seed, away=None):
    """Maps with cells of very different lengths, and centres, of which the one numbered `away` begins without cells."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(n, c, height, width, generator=generator) + torch.randn(n, c, 1, 1, generator=generator)
    maps = maps * 10 ** torch.rand(n, 1, height, width, generator=generator)
    centres = torch.randn(k, c, generator=generator)
    if away is not None:
        centres[away] = -unit_cells(channels_last(maps)).mean((0, 1, 2)) + 0.1 * centres[away]
    return maps, F.normalize(centres, dim=1), steps


EXERCISES = {
    "spherical_kmeans": Exercise(
        spherical_kmeans, minutes=15, level=2, mistakes=MISTAKES, gradient=0, large=small_maps(40, 128, 24, 24, 10, 10, 0),
        # Such that no cell is nearly as near to a second centre, and that in the second a centre loses its cells on the way.
        inputs=(small_maps(2, 3, 4, 5, 4, 2, 43, away=1), small_maps(2, 3, 3, 4, 7, 4, 609), small_maps(2, 8, 5, 5, 5, 3, 3)),
        hints=(
            "A step has two halves: which centre is each cell nearest to? And where do the cells of each centre point?",
            "cells = F.normalize(maps.movedim(1, -1), dim=-1) has shape (n, height, width, c), and each cell's group is "
            "(cells @ centres.T).argmax(-1). cells[groups == j] are the cells of centre j, over all images.",
            "In each step, groups = (cells @ centres.T).argmax(-1) and centres = torch.stack([F.normalize(cells[groups == "
            "j].sum(0), dim=0) if (groups == j).any() else centres[j] for j in range(len(centres))]). At the end once more the "
            "first.")),
}

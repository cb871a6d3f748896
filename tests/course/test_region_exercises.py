"""The exercise on grouping cells, with mistakes and right answers as learners would write them."""
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans

from intriguing_lib.regions import rand_index, spherical_kmeans


def in_loops(maps, centres, steps, unit=True, move=True, empty="stays", last=True, positions=False):
    """A right answer cell by cell, with what is usually forgotten."""
    n, c, height, width = maps.shape
    centres = [centre.clone() for centre in centres]
    groups = torch.zeros(n, height, width, dtype=torch.int64)

    def cell(i, y, x):
        found = maps[i, :, y, x]
        return found / found.norm() if unit else found

    def assign():
        for i in range(n):
            for y in range(height):
                for x in range(width):
                    groups[i, y, x] = torch.stack([cell(i, y, x) @ centre for centre in centres]).argmax()

    for _ in range(steps):
        assign()
        for j in range(len(centres)):
            mine = [cell(i, y, x) for i, y, x in (groups == j).nonzero().tolist()]
            if mine or empty == "nan":
                new = torch.stack(mine).mean(0) if mine else torch.full((c,), torch.nan)
                centres[j] = new / new.norm() if move else new
            elif empty == "zero":
                centres[j] = torch.zeros(c)
    if last:
        assign()
    return groups


def as_a_matrix(maps, centres, steps, in_place=False):
    """Also right: normalised cells as rows of a matrix, one-hot products."""
    n, c, height, width = maps.shape
    rows, centres = F.normalize(maps.permute(0, 2, 3, 1).reshape(-1, c), dim=1), centres if in_place else centres.clone()
    for _ in range(steps):
        groups = (rows @ centres.T).max(1).indices
        for j in groups.unique():
            centres[j] = F.normalize(rows[groups == j].mean(0), dim=0)
    return (rows @ centres.T).max(1).indices.view(n, height, width)


def by_distances(maps, centres, steps):
    x = F.normalize(maps.movedim(1, -1), dim=-1)
    for _ in range(steps):
        groups = ((x[..., None, :] - centres) ** 2).sum(-1).argmin(-1)
        centres = torch.stack([F.normalize(x[groups == j].mean(0), dim=0) if (groups == j).any() else centres[j]
                               for j in range(len(centres))])
    return torch.cdist(x.flatten(0, 2), centres).argmin(-1).view(groups.shape)


def by_products(maps, centres, steps):
    x = F.normalize(maps.movedim(1, -1), dim=-1)
    for step in range(steps + 1):
        groups = (x[..., None, :] * centres).sum(-1).argmax(-1)
        if step < steps:
            sums = torch.zeros_like(centres).index_add(0, groups.flatten(), x.flatten(0, 2))
            centres = torch.where(sums.norm(dim=1, keepdim=True) > 0, F.normalize(sums, dim=1), centres)
    return groups


def ordinary(maps, centres, steps):
    """K-means of the textbook."""
    x = maps.movedim(1, -1).flatten(0, 2)
    for _ in range(steps):
        groups = torch.cdist(x, centres).argmin(1)
        centres = torch.stack([x[groups == j].mean(0) if (groups == j).any() else centres[j] for j in range(len(centres))])
    return torch.cdist(x, centres).argmin(1).view(len(maps), *maps.shape[2:])


def as_rows(maps, centres, steps):
    n, c, height, width = maps.shape
    return spherical_kmeans(maps.reshape(n * height * width, c, 1, 1), centres, steps).view(n, height, width)


@pytest.mark.parametrize("attempt, words", [
    (in_loops, "right"), (as_a_matrix, "right"), (by_distances, "right"), (by_products, "right"),
    (lambda *a: as_a_matrix(*a, in_place=True), "the numbers are right, but your function changes centres"),
    (lambda *a: spherical_kmeans(*a).float(), "should return whole numbers"),
    (ordinary, "this is ordinary K-means"),
    (lambda *a: in_loops(*a, unit=False), "the cells are not normalised"),
    (lambda *a: in_loops(*a, move=False), "Bring each back to length 1"),
    (lambda *a: in_loops(*a, empty="nan"), "a centre without cells became NaN"),
    (lambda *a: in_loops(*a, empty="zero"), "a centre without cells became 0"),
    (lambda *a: in_loops(*a, last=False), "before the centres' last move"),
    (lambda m, c, s: in_loops(m, c, 0), "the centres never move"), (lambda m, c, s: in_loops(m, c, 1), "the centres move once"),
    (as_rows, "reshape cut the maps into pieces"),
    (lambda m, c, s: torch.stack([in_loops(one[None], c, s)[0] for one in m]), "each image was grouped by itself"),
    (lambda m, c, s: spherical_kmeans(m, c, s).flatten(), "returns a tensor of shape (40,), and should return (2, 4, 5)"),
    (lambda m, c, s: F.one_hot(spherical_kmeans(m, c, s)), "and should return (2, 4, 5)"),
], ids=["loops", "rows", "distances", "products", "in place", "floats", "ordinary",
        "not normalised", "not renormalised", "NaN", "zero", "one too few", "never", "once", "reshaped",
        "each image", "flat", "one-hot"])
def test_kmeans_as_learners_would_write_it(attempt, words, said):
    out, used = said("spherical_kmeans", attempt)
    assert words in out and used == (words == "right")


def test_groups_that_lie_apart_are_found_as_scikit_learn_finds_them(generator):
    """From the same centres, where directions lie well apart: Euclid's K-means on unit vectors and ours agree."""
    directions = torch.linalg.qr(torch.randn(8, 4, generator=generator)).Q.T
    truth = torch.randint(4, (3, 6, 6), generator=generator)
    maps = (directions[truth] + 0.1 * torch.randn(3, 6, 6, 8, generator=generator)).movedim(-1, 1) * 5
    start = F.normalize(directions + 0.3 * torch.randn(4, 8, generator=generator), dim=1)
    found = spherical_kmeans(maps, start, 10)
    cells = F.normalize(maps.movedim(1, -1), dim=-1).flatten(0, 2).numpy()
    theirs = KMeans(4, init=start.numpy(), n_init=1).fit_predict(cells)
    assert rand_index(found, truth) == 1 and rand_index(found.flatten(), torch.from_numpy(theirs).long()) == 1

"""Feature maps cut into regions: K-means on their cells as in the paper (section 4), and how well regions fit what is there.

A map's cell (i, j) of height × width stands for the pixels of an equal share of the image: rows from i · H / height on.
"""
import warnings

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from intriguing_lib.evaluate import linear_evaluation

RESTARTS = 10  # of which the grouping with the smallest distances counts


def around(maps, window):
    """Each channel's mean and maximum over the window × window cells around each cell: (n, 2 c, height, width).

    maps: float (n, c, height, width). window: an odd number of cells; beyond the border there is nothing. Raises ValueError
    for an even one.
    """
    check_window(window)
    mean = F.avg_pool2d(maps, window, 1, window // 2, count_include_pad=False)
    return torch.cat([mean, F.max_pool2d(maps, window, 1, window // 2)], 1)


def check_window(window):
    if window < 1 or window % 2 == 0:
        raise ValueError(f"A window is an odd number of cells, so that it has a middle, got {window}.")


def cells_of(maps, where=None):
    """The maps' cells, each divided by its l2 norm: float (cells, c), on the CPU. where: bool (n, height, width), which."""
    cells = F.normalize(maps.movedim(1, -1), dim=-1).cpu()
    return cells.flatten(0, 2) if where is None else cells[where.cpu()]


def grouped(maps, k, where=None, seed=0):
    """K-means on l2-normalised cells, over all images together: int64 (n, height, width), from 0 to k − 1.

    maps: float (n, c, height, width). where: bool (n, height, width), the cells that are grouped; the others get −1. On the
    CPU, with as many threads as scikit-learn is allowed (see `course.setup`). Raises ValueError where there are fewer cells
    than groups; warns where fewer of them differ, and gives fewer groups then.
    """
    where = torch.ones(maps[:, 0].shape, dtype=torch.bool) if where is None else where.cpu()
    cells = cells_of(maps, where).numpy()
    groups = torch.full(where.shape, -1)
    if len(cells) < k:
        raise ValueError(f"grouped: {len(cells)} cells can't be put into {k} groups: take fewer groups or larger maps.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ours, below, says what to do
        groups[where] = torch.from_numpy(KMeans(k, n_init=RESTARTS, random_state=seed).fit_predict(cells)).long()
    if (found := len(groups[where].unique())) < k:
        warnings.warn(f"grouped: the maps' cells fall into {found} different groups, not {k}, as where all are alike: take "
                      "fewer groups, or an encoder that tells parts of the images apart.", stacklevel=2)
    return groups


def spherical_kmeans(maps, centres, steps):
    """K-means by direction: each cell's group, that of the nearest centre after so many steps, int64 (n, height, width).

    maps: float (n, c, height, width), all images together. centres: float (k, c), of length 1, where it begins. A step gives
    each cell to the centre of largest cosine similarity, then turns each centre to the mean of its cells, brought to length 1;
    a centre without cells stays where it is.
    """
    cells = F.normalize(maps.movedim(1, -1), dim=-1)
    for _ in range(steps):
        members = F.one_hot((cells @ centres.T).argmax(-1), len(centres)).to(cells.dtype).flatten(0, 2)
        sums = members.T @ cells.flatten(0, 2)
        centres = torch.where(members.any(0)[:, None], F.normalize(sums, dim=1), centres)
    return (cells @ centres.T).argmax(-1)


def at_pixels(groups, size):
    """Each pixel's group, that of the cell it lies in: (n, *size) of groups (n, height, width)."""
    rows, columns = (torch.arange(pixels, device=groups.device) * cells // pixels
                     for pixels, cells in zip(size, groups.shape[1:], strict=True))
    return groups[:, rows[:, None], columns]


def most_in_cells(classes, cells):
    """The class that most of a cell's pixels show, −1 where none shows any: int64 (n, *cells).

    classes: int64 (n, height, width), −1 where there is nothing, see `MultiDigits.classes`; its sides are multiples of the
    cells'. Put back `at_pixels` and held to `classes`, it shows what is lost to a map's resolution alone. Raises
    ValueError where cells don't divide the pixels.
    """
    n, *size = classes.shape
    if any(pixels % along for pixels, along in zip(size, cells, strict=True)):
        raise ValueError(f"most_in_cells: {cells[0]}×{cells[1]} cells don't divide {size[0]}×{size[1]} pixels.")
    counts = F.one_hot(classes + 1, max(2, int(classes.max()) + 2))[..., 1:].movedim(-1, 1).float()
    share = F.avg_pool2d(counts, (size[0] // cells[0], size[1] // cells[1]))
    most, which = share.max(1)
    return torch.where(most > 0, which, -1)


def rand_index(groups, classes):
    """How well groups agree with classes: the adjusted Rand index, 1 for the same partition, 0 as chance would have it.

    groups, classes: int64 of one shape. What is −1 in `classes` doesn't count.
    """
    there = classes >= 0
    return float(adjusted_rand_score(classes[there].cpu(), groups[there].cpu()))


def shared_information(groups, classes):
    """What groups and classes tell of one another: adjusted mutual information, 1 for the same partition, 0 by chance.

    groups, classes: int64 of one shape. What is −1 in `classes` doesn't count.
    """
    there = classes >= 0
    return float(adjusted_mutual_info_score(classes[there].cpu(), groups[there].cpu()))


def share_told(groups, classes):
    """How much of the uncertainty about the class the group takes away: mutual information over entropy, 0 to 1.

    groups, classes: int64 of one shape. What is −1 in `classes` doesn't count. 0 where there is one class only.
    """
    there = classes >= 0
    classes, groups = classes[there].cpu(), groups[there].cpu()
    return float(mutual_info_score(classes, groups) / max(mutual_info_score(classes, classes), 1e-12))


def mean_iou(groups, classes):
    """Intersection over union, mean over the classes that occur, each matched with a group of its own as well as can be.

    groups, classes: int64 of one shape. What is −1 in `classes` doesn't count. 0 to 1; a class left without a group has 0.
    """
    iou, pairs = matching(groups, classes)
    return float(iou[pairs].sum() / len(iou))


def matching(groups, classes):
    """(Intersection over union of each class with each group, both in order; the pairs of rows and columns with most of it)."""
    there = classes >= 0
    both = contingency_matrix(classes[there].cpu(), groups[there].cpu()).astype(float)
    iou = both / (both.sum(0) + both.sum(1, keepdims=True) - both)
    return iou, linear_sum_assignment(iou, maximize=True)


def renumbered(groups, classes):
    """Groups with the numbers of the classes that they fit best, so that both can be shown in the same colours.

    groups, classes: int64 of one shape. A group without a class of its own takes the next number above them all.
    """
    there = classes >= 0
    known, found = classes[there].unique(), groups[there].unique()
    number = dict(zip(*(ids[torch.from_numpy(chosen)].tolist() for ids, chosen in zip(
        (found, known), matching(groups, classes)[1][::-1], strict=True)), strict=True))
    beyond = int(known.max()) + 1
    new = groups.clone()
    for group in groups[groups >= 0].unique().tolist():
        if group not in number:
            number[group], beyond = beyond, beyond + 1
        new[groups == group] = number[group]
    return new


def cell_top1(maps, classes, test_maps, test_classes):
    """How well a linear reader tells which class a cell shows: top-1 over the test images' cells that show any, 0 to 1.

    maps: float (n, c, height, width). classes: int64 (n, height, width), −1 where there is nothing, see `most_in_cells`.
    """
    (a, of_a), (b, of_b) = ((maps.movedim(1, -1)[classes >= 0], classes[classes >= 0])
                            for maps, classes in ((maps, classes), (test_maps, test_classes)))
    return linear_evaluation(a, of_a, b, of_b).top1

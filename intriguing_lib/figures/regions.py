"""Feature maps as pictures: their cells in the colours of their groups, and where else an image looks like here."""
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from intriguing_lib.figures.scenes import outline
from intriguing_lib.figures.style import COLOURS
from intriguing_lib.regions import at_pixels


def recoloured(groups, size, smooth=False):
    """Groups as pictures, each in a colour of its own, −1 black: float (n, 3, *size).

    groups: int64 (n, height, width), below 10. smooth: whether colours are interpolated between cells, which looks finer than
    the map is, in place of each pixel having its cell's.
    """
    colours = torch.tensor([(0.0, 0.0, 0.0), *COLOURS])
    if not smooth:
        return colours[at_pixels(groups.cpu(), size) + 1].movedim(-1, 1)
    return F.interpolate(colours[groups.cpu() + 1].movedim(-1, 1), size, mode="bilinear")


def similar_cells(images, cells, image, row, column, title, best=6):
    """Where images look like one of their cells: the images, each cell's cosine similarity with that one, the most similar.

    images: float (n, 3, size, size). cells: float (n, height, width, c), of length 1. image, row, column: which cell it is.
    best: so many squares are cut out, from different places: of neighbours only the most similar.
    """
    size, side = images.shape[3], images.shape[3] // cells.shape[2]
    similarity = cells @ cells[image, row, column]
    fig = plt.figure(figsize=(max(len(images), best), 3.4))
    above, below = fig.subfigures(2, 1, height_ratios=(2, 1))
    axes = above.subplots(2, len(images))
    for i, (line, maps) in enumerate(zip(axes.T, similarity, strict=True)):
        line[0].imshow(images[i].movedim(0, -1).numpy())
        line[1].imshow(maps.numpy(), cmap="cividis", vmin=0, vmax=1, interpolation="nearest",
                       extent=(0, size, size, 0))
    for ax in axes[:, image]:
        around_it = [side * edge for edge in (column - 1, row - 1, column + 2, row + 2)]
        outline(ax, around_it, linewidth=2, edgecolor=COLOURS[3])
    for ax, (i, r, c) in zip(below.subplots(1, best), most_similar(similarity, best), strict=True):
        ax.imshow(square_around(images[i], r, c, side).movedim(0, -1).numpy())
        ax.set_title(f"{similarity[i, r, c]:.2f}", fontsize=9, loc="center")
    for ax in fig.axes:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def most_similar(similarity, best, apart=3):
    """(image, row, column) of the largest entries of (n, height, width), none within `apart` cells of a larger one."""
    left, found = similarity.clone(), []
    for _ in range(best):
        i, r, c = (int(x) for x in torch.unravel_index(left.argmax(), left.shape))
        found.append((i, r, c))
        left[i, max(0, r - apart):r + apart + 1, max(0, c - apart):c + apart + 1] = -1
    return found


def square_around(image, row, column, side, cells=7):
    """The square of `cells` × `cells` cells around one of them, grey beyond the image: (3, cells · side, cells · side)."""
    margin = cells // 2 * side
    wide = F.pad(image, [margin] * 4, value=0.5)
    return wide[:, row * side:row * side + cells * side, column * side:column * side + cells * side]

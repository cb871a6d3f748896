"""The exercise on digits laid over images: nine copies of one digit, the brighter pixel counts."""
import torch
from torchvision.transforms.v2.functional import resize

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.overlays import nine_times, starts


def laid(overlay=torch.maximum, places=starts, of_cell=lambda digits, cell: digits):
    """`nine_times` with one thing changed. places(side, size): along one side. of_cell: what lies in one of the nine cells."""
    def lay(images, digits):
        images, size, cell = images.clone(), digits.shape[-1], 0
        for top in places(images.shape[2], size):
            for left in places(images.shape[3], size):
                under = images[:, :, top:top + size, left:left + size]
                under.copy_(overlay(under, of_cell(digits, cell)))
                cell += 1
        return images
    return lay


def at_the_corners(side, size):
    """A grid without margins, from the first pixel to the last."""
    return [(side - size) * cell // 2 for cell in range(3)]


def from_cell_to_cell(side, size):
    """Each at its cell's left and upper edge."""
    return [side * cell // 3 for cell in range(3)]


def side_by_side(side, size):
    return [size * cell for cell in range(3)]


def one_large(images, digits):
    """A single digit, as large as the image."""
    return torch.maximum(images, resize(digits, list(images.shape[2:]), antialias=True))


def pictures(n, channels, height, width, size, seed):
    """Images of 0.2 to 0.8 and digits that are black for the most part, as they are."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.2 + 0.6 * torch.rand(n, channels, height, width, generator=generator)
    digits = (2 * torch.rand(n, 1, size, size, generator=generator) - 1).clamp(min=0)
    return images, digits


OVERLAY_MISTAKES = {
    "this adds: where both are bright the sum passes 1. Take the larger of the two numbers, pixel by pixel.":
        laid(torch.add),
    "this adds and cuts off at 1, which is the way of the authors' web page: here the brighter pixel counts, as in their code.":
        laid(lambda under, digits: (under + digits).clamp(max=1)),
    "this blends the two, half and half: take the larger of the two numbers, pixel by pixel.":
        laid(lambda under, digits: (under + digits) / 2),
    "this puts the digit's square in place of what was there, its black as well: the image has to show through.":
        laid(lambda under, digits: digits.expand_as(under)),
    "this writes only where the digit isn't black, and there whatever it has: a dim stroke may not darken a bright image.":
        laid(lambda under, digits: torch.where(digits > 0, digits, under)),
    "this takes the darker pixel: it is the brighter one that counts.": laid(torch.minimum),
    "all images carry the first image's digit: row i of `digits` belongs to image i.":
        laid(of_cell=lambda digits, cell: digits[:1]),
    "the nine copies differ: an image carries nine of its own digit, so each cell shows the same.":
        laid(of_cell=lambda digits, cell: digits.roll(cell, 0)),
    "there is one copy, in the middle: lay it over all nine cells.": laid(places=lambda side, size: starts(side, size)[1:2]),
    "there are three copies, along the diagonal: each of three tops goes with each of three lefts.":
        lambda images, digits: diagonal(images, digits),
    "the copies reach from edge to edge: each lies in the middle of its cell, see starts(side, size).":
        laid(places=at_the_corners),
    "each copy lies at its cell's upper left corner: it belongs in the middle, see starts(side, size).":
        laid(places=from_cell_to_cell),
    "the copies lie side by side, from the corner on: each has a cell of its own, see starts(side, size).":
        laid(places=side_by_side),
    "this is one digit as large as the image: nine copies, at the size they have.": one_large,
    "the digits lie on black: start from the images.":
        lambda images, digits: nine_times(torch.zeros_like(images), digits),
    "height and width are mixed up: tops come from the image's height, images.shape[2], lefts from its width.":
        lambda images, digits: transposed(images, digits),
    "the digits are turned on their side: the copies are as they come, rows stay rows.":
        laid(of_cell=lambda digits, cell: digits.transpose(2, 3)),
}


def diagonal(images, digits):
    images, size = images.clone(), digits.shape[-1]
    for top, left in zip(*(starts(side, size) for side in images.shape[2:]), strict=True):
        under = images[:, :, top:top + size, left:left + size]
        under.copy_(torch.maximum(under, digits))
    return images


def transposed(images, digits):
    """Tops by the width and lefts by the height, as far as these places lie within the image."""
    images, size = images.clone(), digits.shape[-1]
    for top in starts(images.shape[3], size):
        for left in starts(images.shape[2], size):
            under = images[:, :, top:top + size, left:left + size]
            under.copy_(torch.maximum(under, digits[:, :, :under.shape[2], :under.shape[3]]))
    return images


EXERCISES = {
    "nine_times": Exercise(
        nine_times, minutes=10, level=1, mistakes=OVERLAY_MISTAKES, gradient=0, large=pictures(1000, 1, 32, 32, 10, 0),
        inputs=(pictures(5, 1, 32, 32, 9, 1), pictures(4, 3, 40, 31, 8, 2), pictures(3, 1, 24, 36, 8, 3)), hints=(
            "Nine copies are two loops of three: for each of the tops, for each of the lefts, one square of the image changes.",
            "images[:, :, top:top + size, left:left + size] is that square of all images at once; torch.maximum takes two "
            "tensors, and a digit of one channel meets all channels of an image.",
            "out = images.clone(); for top in starts(images.shape[2], size): for left in starts(images.shape[3], size): "
            "square = out[:, :, top:top + size, left:left + size]; square.copy_(torch.maximum(square, digits)); return out")),
}

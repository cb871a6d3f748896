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


def only_on_ink(images, digits):
    """Nothing is drawn where the image is black."""
    return torch.where(images > 0, nine_times(images, digits), images)


def diagonal(images, digits):
    images, size = images.clone(), digits.shape[-1]
    for top, left in zip(*(starts(side, size) for side in images.shape[2:]), strict=True):
        under = images[:, :, top:top + size, left:left + size]
        under.copy_(torch.maximum(under, digits))
    return images


def with_sides(height, width):
    """Tops and lefts by other sides than the image's height and width, which are 2 and 3 of its shape."""
    def lay(images, digits):
        images, size = images.clone(), digits.shape[-1]
        for top in starts(images.shape[height], size):
            for left in starts(images.shape[width], size):
                under = images[:, :, top:top + size, left:left + size]
                under.copy_(torch.maximum(under, digits))
        return images
    return lay


def pictures(n, channels, height, width, size, seed):
    """Images of which three tenths are black, and digits that are black for the most part, as they are."""
    generator = torch.Generator().manual_seed(seed)
    images, ink, digits = (torch.rand(n, c, *sides, generator=generator) for c, sides in (
        (channels, (height, width)), (channels, (height, width)), (1, (size, size))))
    return (0.2 + 0.6 * images) * (ink > 0.3), (2 * digits - 1).clamp(min=0)


def shown(function, images, digits):
    """Which pixels white digits change on dim images: (by the function, as it should be)."""
    dim, white = torch.full_like(images, 0.25), torch.ones_like(digits)
    return (function(dim.clone(), white) - dim).abs() > 1e-3, nine_times(dim, white) > 0.5


def unchanged(function, images, digits):
    return torch.equal(function(images.clone(), digits), images)


def black_changes(function, images, digits):
    return not torch.allclose(function(images.clone(), torch.zeros_like(digits)).float(), images, atol=1e-5)


def some_channels(function, images, digits):
    there, _ = shown(function, images, digits)
    return not torch.equal(there.any(1), there.all(1))


def too_few(function, images, digits):
    there, right = shown(function, images, digits)
    return bool((right & ~there).any()) and not (there & ~right).any()


def elsewhere(function, images, digits):
    return not torch.equal(*shown(function, images, digits))


def anothers(function, images, digits):
    """Whether another digit for the last image changes any other image."""
    others = torch.cat([digits[:-1], 1 - digits[-1:]])
    first, second = (function(images.clone(), given) for given in (digits.clone(), others))
    return not torch.equal(first[:-1], second[:-1])


TRIALS = {
    "the images come back as they were: is what torch.maximum gives written back, square.copy_(...) or out[...] = ...?":
        unchanged,
    "black digits change the images: where no digit lies, and where it is black, an image stays as it is, neither dimmed nor "
    "scaled.": black_changes,
    "some channels are left without digits: a digit of one channel is laid over all channels of its image.": some_channels,
    "a part of the nine copies is missing: does `return`, or the clone(), stand inside a loop?": too_few,
    "the copies cover other pixels: each begins at a row of starts(h, s) and a column of starts(w, s), and is s pixels wide "
    "and high.": elsewhere,
    "an image's digits depend on another image's: row i of `digits` belongs to image i.": anothers,
}
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
    "nothing is drawn where the image is black: the larger of the two numbers counts at every pixel, whichever is the digit's.":
        only_on_ink,
    "this is alpha blending, the digit as its own mask: take the larger of the two numbers, pixel by pixel.":
        laid(lambda under, digits: under * (1 - digits) + digits),
    "there is no threshold: take the larger of the two numbers, pixel by pixel.":
        (laid(lambda under, digits: torch.where(digits > 0.5, digits, under)),
         laid(lambda under, digits: torch.maximum(under, (digits > 0.5).float()))),
    "the copies lie one pixel off: the first row is the one that starts(h, s) says, and the last is s - 1 further.":
        laid(places=lambda side, size: [place + 1 for place in starts(side, size)]),
    "all images carry the first image's digit: row i of `digits` belongs to image i.":
        laid(of_cell=lambda digits, cell: digits[:1]),
    "the nine copies differ: an image carries nine of its own digit, so each cell shows the same.":
        laid(of_cell=lambda digits, cell: digits.roll(cell, 0)),
    "there is one copy, in the middle: lay it over all nine cells.": laid(places=lambda side, size: starts(side, size)[1:2]),
    "there are three copies, along the diagonal: each of three tops goes with each of three lefts.":
        diagonal,
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
        tuple(with_sides(*sides) for sides in ((3, 2), (2, 2), (3, 3))),
    "the digits are turned on their side: the copies are as they come, rows stay rows.":
        laid(of_cell=lambda digits, cell: digits.transpose(2, 3)),
}


EXERCISES = {
    "nine_times": Exercise(
        nine_times, minutes=10, level=1, mistakes=OVERLAY_MISTAKES, gradient=0, large=pictures(1000, 1, 32, 32, 10, 0),
        inputs=(pictures(5, 1, 32, 32, 9, 1), pictures(4, 3, 39, 36, 7, 2), pictures(3, 1, 36, 39, 7, 3)), trials=TRIALS,
        hints=(
            "Nine copies are two loops of three: for each of the tops, for each of the lefts, one square of the image changes.",
            "images[:, :, top:top + size, left:left + size] is that square of all images at once; torch.maximum takes two "
            "tensors, and a digit of one channel meets all channels of an image.",
            "out = images.clone(); for top in starts(images.shape[2], size): for left in starts(images.shape[3], size): "
            "square = out[:, :, top:top + size, left:left + size]; square.copy_(torch.maximum(square, digits)); return out")),
}

"""Where a crop, a mirror and a rotation take pixels and boxes: the plain functions behind `views`.

Images and masks are (n, m, height, width). Boxes are float, (n, m, 4): left, top, right and bottom edge in pixels, of which
pixel i reaches from i to i + 1.
"""
import torch
import torch.nn.functional as F


def interpolation(start, length, size):
    """(n, size, size) matrices that resize the stretch [start, start + length) of an axis to `size` points, bilinearly.

    Output point o samples the stretch at (o + 1/2) · length / size − 1/2, held to its ends. A box never exceeds the
    image, so this always enlarges, and antialiasing, which acts on reductions alone, has nothing to do.
    """
    points = torch.arange(size, device=start.device)
    at = ((points + 0.5) * (length / size)[:, None] - 0.5).clamp(min=0)
    at = torch.minimum(at, (length - 1)[:, None].float()) + start[:, None]
    return (1 - (at[:, :, None] - points).abs()).clamp(min=0)


def nearest(start, length, size):
    """int64 (n, size): the pixel in which each of `interpolation`'s points lies, in whole numbers, which no device rounds."""
    points = torch.arange(size, device=start.device)
    return start[:, None] + (2 * points + 1) * length[:, None] // (2 * size)


def picked(masks, rows, columns):
    """The masks' pixels at each image's own rows (n, r) and columns (n, c): (n, m, r, c)."""
    n, m = (torch.arange(side, device=masks.device) for side in masks.shape[:2])
    return masks[n[:, None, None, None], m[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def turned(images, angle, mode):
    """Each float image turned by its angle (n,) in degrees about the centre, 0 outside. mode: "bilinear" or "nearest"."""
    height, width = images.shape[-2:]
    cos, sin = torch.cos(angle.deg2rad()), torch.sin(angle.deg2rad())
    zero = torch.zeros_like(cos)
    # In affine_grid's coordinates, which run from −1 to 1 along each side: hence height/width off the diagonal.
    theta = torch.stack([cos, -sin * height / width, zero, sin * width / height, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    return F.grid_sample(images, grid, mode, padding_mode="zeros", align_corners=False)


def cropped_boxes(boxes, size, top, left, height, width):
    """Where boxes of images of `size`, (height, width), come to lie when a crop is enlarged to that size, clipped to it."""
    whole = boxes.new_tensor([size[1], size[0]] * 2)
    corner, crop = torch.stack([left, top] * 2, 1)[:, None], torch.stack([width, height] * 2, 1)[:, None]
    return ((boxes - corner) * whole / crop).clamp(min=0).minimum(whole)


def mirrored_boxes(boxes, width):
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], -1)

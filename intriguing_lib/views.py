"""Random views of a batch of images, on the device the images live on.

Every transform is a frozen dataclass with two methods. `draw(images, generator)` draws one set of parameters for each
image; `apply(images, *parameters)` is deterministic. Calling the transform does both. The split is what lets the tests
hold `apply` to torchvision's functional transforms, image by image, on the same parameters. Images are float32 in
[0, 1], (n, channels, height, width); so is what comes back. `Chain` puts transforms in a row.

With the same parameters masks and boxes follow the images. `apply_to_masks(masks, *parameters)` takes masks of any dtype,
(n, m, height, width), by the nearest pixel, so that labels stay labels. `apply_to_boxes(boxes, size, *parameters)` takes float
boxes (n, m, 4), the left, top, right and bottom edge in pixels of images of `size`, (height, width), and clips them.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from intriguing_lib.descriptions import Description
from intriguing_lib.geometry import cropped_boxes, interpolation, mirrored_boxes, nearest, picked, turned

GRAY = (0.2989, 0.587, 0.114)  # ITU-R 601 luma, as torchvision rounds it


def uniform(images, low, high, generator, columns=()):
    """Uniform draws in [low, high): one for each image, or (n, *columns) of them."""
    shape = (len(images), *columns)
    return torch.rand(shape, generator=generator, device=images.device) * (high - low) + low


def per_image(values):
    """(n,) values with the trailing axes that multiply them into a batch of images."""
    return values.view(-1, 1, 1, 1)


def require_images(user, images):
    if not (images.is_floating_point() and images.ndim == 4):
        raise TypeError(f"{user} needs float images of shape (n, channels, height, width) in [0, 1], got "
                        f"{images.dtype} of shape {tuple(images.shape)}: ImageSet.batch(rows) gives them.")


class Transform(Description):
    """What all transforms share: calling one draws its parameters and applies them.

    They keep the images' shape, and `draw` looks at nothing but shape and device: so a chain can draw everything first.
    """

    def __call__(self, images, generator):
        require_images(type(self).__name__, images)
        return self.apply(images, *self.draw(images, generator))


class Recolouring(Transform):
    """A transform that moves nothing: masks and boxes stay as they are."""

    def apply_to_masks(self, masks, *parameters):
        return masks

    def apply_to_boxes(self, boxes, size, *parameters):
        return boxes


@dataclass(frozen=True)
class Chain(Transform):
    """Transforms one after the other, chains among them: `Chain((Crop(), Flip()))(images, generator)`."""
    transforms: tuple

    def draw(self, images, generator):
        """For each transform, its parameters."""
        return tuple(transform.draw(images, generator) for transform in self.transforms)

    def apply(self, images, *parameters):
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            images = transform.apply(images, *drawn)
        return images

    def apply_to_masks(self, masks, *parameters):
        if masks.ndim != 4:
            raise ValueError(f"masks need shape (n, m, height, width), got {tuple(masks.shape)}: masks[:, None] adds the m.")
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            masks = transform.apply_to_masks(masks, *drawn)
        return masks

    def apply_to_boxes(self, boxes, size, *parameters):
        for transform, drawn in zip(self.transforms, parameters, strict=True):
            boxes = transform.apply_to_boxes(boxes, size, *drawn)
        return boxes


@dataclass(frozen=True)
class Crop(Transform):
    """A random box of each image, resized to the image's size: torchvision's RandomResizedCrop, bilinear.

    area: range of the box's share of the image; ratio: range of width / height, drawn uniformly in its logarithm.
    """
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def draw(self, images, generator):
        """Boxes as int64 (top, left, height, width), each (n,): the first of ten tries that fits, else a central box."""
        height, width = images.shape[-2:]
        area = uniform(images, *self.area, generator, (10,)) * height * width
        ratio = uniform(images, math.log(self.ratio[0]), math.log(self.ratio[1]), generator, (10,)).exp()
        w, h = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
        first = fits.byte().argmax(1, keepdim=True)
        central_h, central_w = self._central(height, width)
        any_fits = fits.any(1)
        h = torch.where(any_fits, h.gather(1, first).squeeze(1), central_h)
        w = torch.where(any_fits, w.gather(1, first).squeeze(1), central_w)
        place = uniform(images, 0, 1, generator, (2,))
        top = torch.where(any_fits, place[:, 0] * (height - h + 1), (height - h) / 2).floor()
        left = torch.where(any_fits, place[:, 1] * (width - w + 1), (width - w) / 2).floor()
        return tuple(side.long() for side in (top, left, h, w))

    def _central(self, height, width):
        """The largest central box whose ratio is allowed: what torchvision falls back on."""
        if width / height < self.ratio[0]:
            return round(width / self.ratio[0]), width
        if width / height > self.ratio[1]:
            return height, round(height * self.ratio[1])
        return height, width

    def apply(self, images, top, left, h, w):
        height, width = images.shape[-2:]
        rows = interpolation(top, h, height)[:, None]
        columns = interpolation(left, w, width)[:, None]
        return rows @ images @ columns.transpose(-1, -2)

    def apply_to_masks(self, masks, top, left, h, w):
        height, width = masks.shape[-2:]
        return picked(masks, nearest(top, h, height), nearest(left, w, width))

    def apply_to_boxes(self, boxes, size, top, left, h, w):
        return cropped_boxes(boxes, size, top, left, h, w)


@dataclass(frozen=True)
class Flip(Transform):
    """A mirror image, left to right, with probability p."""
    p: float = 0.5

    def draw(self, images, generator):
        return (uniform(images, 0, 1, generator) < self.p,)

    def apply(self, images, flipped):
        return torch.where(per_image(flipped), images.flip(-1), images)

    apply_to_masks = apply

    def apply_to_boxes(self, boxes, size, flipped):
        return torch.where(flipped[:, None, None], mirrored_boxes(boxes, size[1]), boxes)


@dataclass(frozen=True)
class Rotate(Transform):
    """A rotation by up to ±degrees about the centre, bilinear, black outside the image."""
    degrees: float

    def draw(self, images, generator):
        return (uniform(images, -self.degrees, self.degrees, generator),)

    def apply(self, images, angle):
        return turned(images, angle, "bilinear")

    def apply_to_masks(self, masks, angle):
        """0 outside the image. Exact for whole numbers up to 2^24, for it samples in float32."""
        return turned(masks.float(), angle, "nearest").to(masks.dtype)

    def apply_to_boxes(self, boxes, size, angle):
        raise ValueError("A rotated box is no box: leave Rotate out of the view, or let masks follow it (apply_to_masks).")


@dataclass(frozen=True)
class ColorJitter(Recolouring):
    """SimCLR's colour jitter of the given strength, on a share p of the images: RGB only.

    Brightness, contrast and saturation factors are uniform in 1 ± 0.8 · strength (not below 0), the hue turns by up to
    ± 0.2 · strength of a circle. The four operations come in one random order a batch; SimCLR draws an order per image.
    """
    strength: float = 1.0
    p: float = 0.8

    def draw(self, images, generator):
        """(order, brightness, contrast, saturation, hue): a permutation of 0 to 3, then four times (n,)."""
        order = torch.randperm(4, generator=generator, device=images.device).tolist()
        jittered = uniform(images, 0, 1, generator) < self.p
        spread = 0.8 * self.strength
        factors = [torch.where(jittered, uniform(images, max(0, 1 - spread), 1 + spread, generator), 1) for _ in range(3)]
        turn = torch.where(jittered, uniform(images, -0.2 * self.strength, 0.2 * self.strength, generator), 0)
        return order, *factors, turn

    def apply(self, images, order, brightness, contrast, saturation, turn):
        require_rgb(self, images)
        operations = [(adjust_brightness, brightness), (adjust_contrast, contrast),
                      (adjust_saturation, saturation), (adjust_hue, turn)]
        for i in order:
            operation, amount = operations[i]
            images = operation(images, per_image(amount))
        return images


def require_rgb(transform, images):
    if images.shape[1] != 3:
        raise ValueError(f"{type(transform).__name__} acts on colour: it needs 3 channels, got {images.shape[1]}; "
                         "leave it out.")


def luma(images):
    """The gray value of RGB images, (n, 1, height, width)."""
    red, green, blue = images.unbind(1)
    return (GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue).unsqueeze(1)


def adjust_brightness(images, factor):
    return (images * factor).clamp_(0, 1)


def adjust_contrast(images, factor):
    mean = luma(images).mean((-3, -2, -1), keepdim=True)
    return torch.lerp(mean, images, factor).clamp_(0, 1)


def adjust_saturation(images, factor):
    return torch.lerp(luma(images), images, factor).clamp_(0, 1)


def adjust_hue(images, turn):
    """Turn the hue by `turn` of a circle (−0.5 to 0.5), keeping HSV's saturation and value.

    With value v, chroma c and hue sector h in [0, 6), channel k is v − c · clamp(min(s, 4 − s), 0, 1),
    where s = (h + (5, 3, 1)[k]) mod 6: one formula in place of HSV's six cases.
    """
    red, green, blue = images.unbind(1)
    value = images.amax(1)
    chroma = value - images.amin(1)
    safe = torch.where(chroma > 0, chroma, 1)
    sector = torch.where(value == red, (green - blue) / safe,
                         torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe))
    sector = sector + 6 * turn.view(-1, 1, 1)
    offsets = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(3, 1, 1)
    s = torch.remainder(sector.unsqueeze(1) + offsets, 6)
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(s, 4 - s).clamp_(0, 1)


@dataclass(frozen=True)
class Grayscale(Recolouring):
    """Gray instead of colour with probability p: RGB only."""
    p: float = 0.2

    def draw(self, images, generator):
        return (uniform(images, 0, 1, generator) < self.p,)

    def apply(self, images, gray):
        require_rgb(self, images)
        return torch.where(per_image(gray), luma(images), images)


@dataclass(frozen=True)
class Blur(Recolouring):
    """A Gaussian blur with probability p, its σ in pixels uniform in `sigma`, kernel a tenth of the side (odd, ≥ 3)."""
    sigma: tuple[float, float] = (0.1, 2.0)
    p: float = 0.5

    def draw(self, images, generator):
        """(sigma, blurred): (n,) each."""
        return uniform(images, *self.sigma, generator), uniform(images, 0, 1, generator) < self.p

    @staticmethod
    def kernel_size(images):
        return max(3, round(images.shape[-1] / 10) // 2 * 2 + 1)

    def apply(self, images, sigma, blurred):
        radius = self.kernel_size(images) // 2
        offsets = torch.arange(-radius, radius + 1, device=images.device)
        weights = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
        weights = weights / weights.sum(1, keepdim=True)
        weights = torch.where(blurred[:, None], weights, (offsets == 0).float())
        padded = F.pad(images, [radius] * 4, mode="reflect")
        # An image's channels share its kernel: fold batch and channels into groups, first along rows, then columns.
        n, channels, height, width = images.shape
        kernels = weights.repeat_interleave(channels, 0)
        flat = padded.view(1, n * channels, *padded.shape[-2:])
        flat = F.conv2d(flat, kernels[:, None, :, None], groups=n * channels)
        flat = F.conv2d(flat, kernels[:, None, None, :], groups=n * channels)
        return flat.view(n, channels, height, width)


def digit_view():
    """Crops of at least 30 % and rotations of up to 15°: digits don't survive flips."""
    return Chain((Crop(area=(0.3, 1.0)), Rotate(15)))


def garment_view():
    """Crops of at least 30 % and flips: a garment seen in a mirror is still that garment."""
    return Chain((Crop(area=(0.3, 1.0)), Flip()))


def simclr_view(strength=1.0, blur=True):
    """SimCLR's view of a colour photograph: crop, flip, colour jitter, grayscale, and blur (left out on CIFAR-10)."""
    return Chain((Crop(), Flip(), ColorJitter(strength), Grayscale(), *((Blur(),) if blur else ())))

"""The exercise on overlaid digits, with mistakes and right answers as learners would write them."""
import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.overlays import starts


def padded(images, digits):
    """A right answer, without loops over pixels' places: nine padded digits."""
    height, width, size = *images.shape[2:], digits.shape[-1]
    layers = [F.pad(digits, (left, width - left - size, top, height - top - size))
              for top in starts(height, size) for left in starts(width, size)]
    return torch.stack([images, *(layer.expand_as(images) for layer in layers)]).amax(0)


def image_by_image(images, digits):
    """A right answer, slowly."""
    out = images.clone()
    for image, digit in zip(out, digits, strict=True):
        for top in starts(image.shape[1], digit.shape[-1]):
            for left in starts(image.shape[2], digit.shape[-1]):
                for channel in image:
                    channel[top:top + digit.shape[-1], left:left + digit.shape[-1]].clamp_(min=digit[0])
    return out


def in_place(images, digits):
    images.copy_(padded(images, digits))
    return images


def added(images, digits):
    return padded(torch.zeros_like(images), digits) + images


def pasted(images, digits):
    out, size = images.clone(), digits.shape[-1]
    for top in starts(images.shape[2], size):
        for left in starts(images.shape[3], size):
            out[:, :, top:top + size, left:left + size] = digits
    return out


def the_first_images(images, digits):
    return padded(images, digits[0])


@pytest.mark.parametrize("attempt, words", [
    (padded, "right"), (image_by_image, "right"), (in_place, "your function changes images"), (added, "this adds"),
    (pasted, "puts the digit's square in place"), (the_first_images, "the first image's digit")],
    ids=lambda x: getattr(x, "__name__", ""))
def test_nine_digits_as_learners_would_lay_them(attempt, words, said):
    out, used = said("nine_times", attempt)
    assert words in out and used == (words == "right")

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


def where_both_have_ink(images, digits):
    return torch.where(images > 0, padded(images, digits), images)


def not_written_back(images, digits):
    torch.maximum(images, padded(images, digits))
    return images


def returned_too_soon(images, digits):
    out, size = images.clone(), digits.shape[-1]
    for top in starts(images.shape[2], size):
        for left in starts(images.shape[3], size):
            square = out[:, :, top:top + size, left:left + size]
            square.copy_(torch.maximum(square, digits))
        return out


def on_one_channel(images, digits):
    return torch.cat([padded(images[:, :1], digits), images[:, 1:]], 1)


def rounded_otherwise(images, digits):
    height, width, size = *images.shape[2:], digits.shape[-1]
    out = images.clone()
    for top in [(2 * i + 1) * height // 6 - size // 2 for i in range(3)]:
        for left in [(2 * i + 1) * width // 6 - size // 2 for i in range(3)]:
            square = out[:, :, top:top + size, left:left + size]
            square.copy_(torch.maximum(square, digits))
    return out


def by_height_alone(images, digits):
    height, size, out = images.shape[2], digits.shape[-1], images.clone()
    for top in starts(height, size):
        for left in starts(height, size):
            square = out[:, :, top:top + size, left:left + size]
            square.copy_(torch.maximum(square, digits))
    return out


def dimmed(images, digits):
    return padded(0.5 * images, digits)


def last_ones(images, digits):
    return padded(images, digits[-1:])


def a_list(images, digits):
    return list(padded(images, digits))


@pytest.mark.parametrize("attempt, words", [
    (where_both_have_ink, "nothing is drawn where the image is black"), (not_written_back, "come back as they were"),
    (returned_too_soon, "a part of the nine copies is missing"), (on_one_channel, "some channels are left without digits"),
    (rounded_otherwise, "the copies cover other pixels"), (by_height_alone, "height and width are mixed up"),
    (dimmed, "black digits change the images"), (last_ones, "depend on another image's"), (a_list, "torch.stack"),
    (padded, "right"), (image_by_image, "right"), (in_place, "your function changes images"), (added, "this adds"),
    (pasted, "puts the digit's square in place"), (the_first_images, "the first image's digit")],
    ids=lambda x: getattr(x, "__name__", ""))
def test_nine_digits_as_learners_would_lay_them(attempt, words, said):
    out, used = said("nine_times", attempt)
    assert words in out and used == (words == "right")

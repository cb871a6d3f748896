"""Descriptors: what they say of each square, against the square cut out by hand, and that they undo what they promise to."""
import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.descriptors import Patches
from intriguing_lib.evaluate import feature_maps, features


def maps_of(images, *settings):
    return feature_maps(Patches(*settings).build(images.shape[1:]), images, ["patches"])["patches"]


@pytest.fixture
def images(generator):
    return torch.rand(3, 2, 16, 24, generator=generator)


@pytest.mark.parametrize("size", [4, 10])
def test_a_cells_square_lies_around_it_black_beyond_the_image(size, images):
    maps, margin = maps_of(images, "pixels", size, 4), (size - 4) // 2
    assert maps.shape == (3, 2 * size ** 2, 4, 6)
    black = F.pad(images, [margin] * 4)
    for i, j in ((0, 0), (1, 2), (3, 5)):
        square = black[:, :, 4 * i:4 * i + size, 4 * j:4 * j + size]
        assert torch.equal(maps[:, :, i, j], square.flatten(1))


def test_fourier_magnitudes_are_numpys_and_the_same_wherever_a_thing_stands(images, generator):
    maps = maps_of(images, "fourier", 8, 4)
    square = F.pad(images, [2] * 4)[:, :, 4:12, 8:16]
    assert torch.allclose(maps[:, :, 1, 2], torch.fft.fft2(square)[..., :5].abs().flatten(1), atol=1e-4)
    moved = torch.zeros(2, 1, 16, 16)
    moved[0, 0, 4:8, 5:9] = moved[1, 0, 7:11, 4:8] = torch.rand(4, 4, generator=generator)
    first, second = maps_of(moved, "fourier", 16, 16)
    assert torch.allclose(first, second, atol=1e-4) and first.max() > 1


def test_centred_squares_show_a_thing_in_the_middle_from_every_cell_that_has_it_whole(generator):
    thing = torch.rand(5, 5, generator=generator)
    thing = thing + thing.flip(0) + thing.flip(1) + thing.flip((0, 1))  # its ink's centre is its middle
    images = torch.zeros(1, 1, 48, 48)
    images[0, 0, 20:25, 18:23] = thing
    maps = maps_of(images, "centred", 15, 3).view(15, 15, 16, 16)
    for i, j in ((7, 6), (6, 5), (8, 8), (6, 8)):
        assert torch.allclose(maps[5:10, 5:10, i, j], thing, atol=1e-6) and maps[..., i, j].sum() == pytest.approx(thing.sum())
    assert (maps[..., 0, 0] == 0).all()  # where there is no ink there is nothing to be moved


def test_blank_images_and_single_pixels_are_harmless():
    blank = torch.zeros(2, 1, 12, 12)
    blank[1, 0, 0, 11] = 1
    for says in ("pixels", "fourier", "centred"):
        assert maps_of(blank, says, 8, 4).isfinite().all()
    centred = maps_of(blank, "centred", 8, 4)[1].view(8, 8, 3, 3)
    assert centred[4, 3, 0, 2] + centred[3, 3, 0, 2] + centred[3, 4, 0, 2] + centred[4, 4, 0, 2] == 1


def test_the_features_are_the_maps_pooled_and_images_of_any_size_will_do(images):
    network = Patches("pixels", 4, 4).build((2, 16, 24))
    maps = maps_of(images, "pixels", 4, 4)
    assert torch.allclose(features(network, images), torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))
    assert maps_of(images[:, :, :7, :9], "pixels", 4, 4).shape == (3, 32, 1, 2)  # what is left over at the edge has no cell


@pytest.mark.parametrize("settings, words", [
    (("colours",), "says is one of pixels, fourier, centred, got 'colours'"),
    (("pixels", 3, 4), "as large as a cell or larger by an even number of pixels, got size 3 and stride 4"),
    (("pixels", 7, 4), "got size 7 and stride 4"), (("pixels", 4, 0), "got size 4 and stride 0")])
def test_what_can_not_be_is_one_sentence(settings, words):
    with pytest.raises(ValueError, match=words):
        Patches(*settings)

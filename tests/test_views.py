"""The batched views against torchvision's functional transforms, image by image, on the same drawn parameters."""
import pytest
import torch
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as TF

from intriguing_lib.views import Blur, Chain, ColorJitter, Crop, Flip, Grayscale, Rotate, digit_view, simclr_view

BILINEAR = InterpolationMode.BILINEAR
DRAWS = 200


def photographs(seed, size=(32, 32), channels=3):
    """Smooth structure plus noise, with some pixels exactly gray, black and saturated: the corners of HSV."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(DRAWS, channels, *size, generator=generator)
    images[:, :, :4] = images[:, :1, :4]
    images[:, :, 4:6] = 0
    images[:, 0, 6:8] = 1
    return images


def reference(transform, image, *parameters):
    """The same operation on one image, by torchvision."""
    if isinstance(transform, Crop):
        return TF.resized_crop(image, *map(int, parameters), list(image.shape[-2:]), BILINEAR, antialias=True)
    if isinstance(transform, Flip):
        return TF.hflip(image) if parameters[0] else image
    if isinstance(transform, Rotate):
        return TF.rotate(image, float(parameters[0]), BILINEAR)
    if isinstance(transform, ColorJitter):
        order, *amounts = parameters
        adjust = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
        for i in order:
            image = adjust[i](image, float(amounts[i]))
        return image
    if isinstance(transform, Grayscale):
        return TF.rgb_to_grayscale(image, 3) if parameters[0] else image
    sigma, blurred = parameters
    return TF.gaussian_blur(image, Blur.kernel_size(image), float(sigma)) if blurred else image


def one_image(parameters, i):
    return [p if isinstance(p, list) else p[i] for p in parameters]


TRANSFORMS = [Crop(), Crop(area=(0.3, 1.0)), Flip(), Rotate(15), Rotate(180), ColorJitter(0.5), ColorJitter(1.0), Grayscale(),
              Blur()]


@pytest.mark.parametrize("size", [(32, 32), (28, 40)], ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_each_transform_agrees_with_torchvision(transform, size):
    images = photographs(seed=1, size=size)
    parameters = transform.draw(images, torch.Generator().manual_seed(2))
    ours = transform.apply(images, *parameters)
    theirs = torch.stack([reference(transform, image, *one_image(parameters, i)) for i, image in enumerate(images)])
    assert ours.shape == images.shape and ours.dtype == torch.float32
    assert (ours - theirs).abs().max() <= 1 / 255
    assert (ours - images).abs().max() > 0.1  # something happened


def test_all_orders_of_the_colour_operations_agree():
    images = photographs(seed=3)[:20]
    for seed in range(24):
        parameters = ColorJitter().draw(images, torch.Generator().manual_seed(seed))
        ours = ColorJitter().apply(images, *parameters)
        theirs = torch.stack([reference(ColorJitter(), x, *one_image(parameters, i)) for i, x in enumerate(images)])
        assert (ours - theirs).abs().max() <= 1 / 255


@pytest.mark.parametrize("chain, channels", [(simclr_view(), 3), (Chain((*simclr_view().transforms, Rotate(15))), 3),
                                             (digit_view(), 1)], ids=["simclr", "all", "digits"])
def test_the_chain_agrees_with_torchvision(chain, channels):
    images = photographs(seed=4, channels=channels)
    generator, same = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    ours, theirs = chain(images, generator), images
    for transform in chain.transforms:
        parameters = transform.draw(theirs, same)
        theirs = torch.stack([reference(transform, x, *one_image(parameters, i)) for i, x in enumerate(theirs)])
    assert (ours - theirs).abs().max() <= 1 / 255


def test_crop_boxes_are_drawn_as_torchvision_draws_them():
    """Mean and spread of area and shape against RandomResizedCrop.get_params, 4,000 draws each.

    Two-sample z-test on 8 moments at |z| < 4.5: false-alarm rate below 1e-4.
    """
    images = torch.zeros(4000, 1, 28, 40)
    ours = torch.stack(Crop().draw(images, torch.Generator().manual_seed(0)), 1).double()
    torch.manual_seed(0)
    theirs = torch.tensor([RandomResizedCrop.get_params(images[0], (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(4000)]).double()
    for power in (1, 2):
        a, b = ours ** power, theirs ** power
        z = (a.mean(0) - b.mean(0)) / ((a.var(0) + b.var(0)) / 4000).sqrt()
        assert z.abs().max() < 4.5


def test_boxes_that_never_fit_fall_back_on_the_centre():
    images = torch.zeros(50, 1, 10, 100)
    top, left, height, width = Crop(area=(0.99, 1.0)).draw(images, torch.Generator().manual_seed(0))
    assert (top == 0).all() and (height == 10).all() and (width == 13).all() and (left == 43).all()


def test_colour_factors_have_simclrs_ranges_and_leave_one_in_five_alone():
    images = torch.zeros(20_000, 3, 1, 1)
    _, *factors, turn = ColorJitter(0.5).draw(images, torch.Generator().manual_seed(0))
    untouched = (turn == 0).double().mean()
    assert abs(untouched - 0.2) < 0.012  # 4.2 standard errors: false-alarm rate 3e-5
    for factor in factors:
        assert 0.6 <= factor.min() < 0.601 and 1.399 < factor.max() <= 1.4
        assert ((factor == 1) == (turn == 0)).double().mean() > 0.999
    assert -0.1 <= turn.min() < -0.0999 and 0.0999 < turn.max() <= 0.1


def test_same_seed_same_views_and_two_views_differ():
    images = photographs(seed=6)
    first, again = (simclr_view()(images, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    generator = torch.Generator().manual_seed(7)
    assert not torch.equal(simclr_view()(images, generator), simclr_view()(images, generator))


def test_bad_images_are_named():
    generator = torch.Generator()
    with pytest.raises(TypeError, match=r"float images .* got torch.uint8.*ImageSet.batch"):
        Crop()(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), generator)
    with pytest.raises(TypeError, match=r"shape \(3, 8, 8\)"):
        Crop()(torch.zeros(3, 8, 8), generator)
    for transform in (ColorJitter(), Grayscale()):
        with pytest.raises(ValueError, match="needs 3 channels, got 1; leave it out"):
            transform(torch.rand(2, 1, 8, 8), generator)

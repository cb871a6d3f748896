"""The batched views against torchvision's functional transforms, image by image, on the same drawn parameters."""
import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as TF
from torchvision.transforms.v2 import functional as v2
from torchvision.tv_tensors import BoundingBoxFormat

from intriguing_lib.views import Blur, Chain, ColorJitter, Crop, Flip, Grayscale, Rotate, digit_view, garment_view, simclr_view

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


def test_a_chain_draws_first_and_gives_the_numbers_of_one_transform_after_the_other():
    """Bit for bit, and the generator is left in the same state: nothing else may draw differently afterwards."""
    images, chain = photographs(seed=8), Chain((*simclr_view().transforms, Rotate(15)))
    generator, same = torch.Generator().manual_seed(9), torch.Generator().manual_seed(9)
    one_by_one = images
    for transform in chain.transforms:
        one_by_one = transform.apply(one_by_one, *transform.draw(one_by_one, same))
    assert torch.equal(chain(images, generator), one_by_one)
    assert torch.equal(generator.get_state(), same.get_state())
    nested = Chain((Chain(chain.transforms[:2]), Chain(()), Chain(chain.transforms[2:])))
    parameters = nested.draw(images, same.manual_seed(9))
    assert torch.equal(nested.apply(images, *parameters), one_by_one)
    assert torch.equal(images, photographs(seed=8))  # applied twice, and the images themselves untouched


def test_an_empty_chain_is_the_identity_and_still_checks():
    images, generator = photographs(seed=10), torch.Generator()
    before = generator.get_state()
    assert torch.equal(Chain(())(images, generator), images) and torch.equal(generator.get_state(), before)
    with pytest.raises(TypeError, match="Chain needs float images"):
        Chain(())(images.byte(), generator)


def label_maps(seed, size):
    """Integer masks, (DRAWS, 3, *size): each pixel its own label, so that no two positions can be confused."""
    labels = torch.randperm(DRAWS * 3 * size[0] * size[1], generator=torch.Generator().manual_seed(seed)) + 1
    return labels.view(DRAWS, 3, *size)


def nearest_reference(transform, mask, *parameters):
    """The same operation on one mask (m, height, width), by torchvision, to the nearest pixel."""
    if isinstance(transform, Crop):  # NEAREST, without EXACT, takes the pixel at o · length / size: half a pixel off
        return TF.resized_crop(mask, *map(int, parameters), list(mask.shape[-2:]), InterpolationMode.NEAREST_EXACT)
    if isinstance(transform, Flip):
        return TF.hflip(mask) if parameters[0] else mask
    return TF.rotate(mask, float(parameters[0]), InterpolationMode.NEAREST)


@pytest.mark.parametrize("size", [(32, 32), (28, 40)], ids=str)
@pytest.mark.parametrize("transform", [Crop(), Crop(area=(0.3, 1.0)), Flip(), Rotate(15), Rotate(180)], ids=repr)
def test_masks_follow_as_torchvision_moves_them_to_the_nearest_pixel(transform, size):
    masks = label_maps(11, size)
    drawn = transform.draw(torch.zeros(DRAWS, 1, *size), torch.Generator().manual_seed(12))
    ours = Chain((transform,)).apply_to_masks(masks, drawn)
    theirs = torch.stack([nearest_reference(transform, mask.float(), *one_image(drawn, i)) for i, mask in enumerate(masks)])
    assert ours.shape == masks.shape and ours.dtype == torch.int64
    # Where two pixels are equally near, another machine may round another way.
    assert (ours != theirs).double().mean() < 1e-3
    assert (ours != masks).double().mean() > 0.4  # something moved
    odd = masks % 2 == 1
    assert torch.equal(transform.apply_to_masks(odd, *drawn), ours % 2 == 1)


def boxes_and_their_masks(seed, size):
    """One box an image with whole edges, float64 (DRAWS, 1, 4), and the masks, bool (DRAWS, 1, *size), that they are."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    (left, right), (top, bottom) = (torch.rand(DRAWS, side + 1, generator=generator).topk(2).indices.sort(1).values.T
                                    for side in (width, height))
    boxes = torch.stack([left, top, right, bottom], 1).double()[:, None]
    return boxes, inside(boxes, size, 0)


def inside(boxes, size, margin):
    """The pixels whose centres lie inside the boxes grown by `margin`: bool, (n, m, *size)."""
    left, top, right, bottom = boxes[..., None, None].unbind(-3)
    y, x = torch.arange(size[0])[:, None] + 0.5, torch.arange(size[1]) + 0.5
    return (x > left - margin) & (x < right + margin) & (y > top - margin) & (y < bottom + margin)


@pytest.mark.parametrize("view", [Chain((Crop(),)), garment_view(), Chain((Flip(), Chain((Crop(),)))), simclr_view()], ids=repr)
def test_a_mask_that_is_a_box_follows_as_the_box_does(view):
    """A pixel belongs to the moved mask exactly where its centre lies in the moved box (on an edge either is right)."""
    size = (28, 40)
    boxes, masks = boxes_and_their_masks(13, size)
    drawn = view.draw(torch.zeros(DRAWS, 3, *size), torch.Generator().manual_seed(14))
    moved, pixels = view.apply_to_boxes(boxes, size, *drawn), view.apply_to_masks(masks, *drawn)
    assert (inside(moved, size, -1e-9) <= pixels).all() and (pixels <= inside(moved, size, 1e-9)).all()
    left, top, right, bottom = moved.unbind(-1)
    assert ((left >= 0) & (left <= right) & (right <= 40) & (top >= 0) & (top <= bottom) & (bottom <= 28)).all()
    assert moved.dtype == torch.float64 and pixels.dtype == torch.bool
    assert (moved != boxes).any(-1).double().mean() > 0.4


def test_boxes_follow_as_torchvision_moves_them():
    size = (28, 40)
    view, (boxes, _) = garment_view(), boxes_and_their_masks(15, size)
    boxes = torch.cat([boxes, boxes.roll(1, 0)], 1)  # two to an image
    drawn = view.draw(torch.zeros(DRAWS, 1, *size), torch.Generator().manual_seed(16))
    moved = view.apply_to_boxes(boxes, size, *drawn)
    for i, theirs in enumerate(boxes):
        theirs, _ = v2.resized_crop_bounding_boxes(theirs, BoundingBoxFormat.XYXY, *(int(p[i]) for p in drawn[0]), list(size))
        if drawn[1][0][i]:
            theirs = v2.horizontal_flip_bounding_boxes(theirs, BoundingBoxFormat.XYXY, size)
        assert torch.allclose(moved[i], theirs.clamp(min=0).minimum(torch.tensor([40, 28, 40, 28])), atol=1e-4)
    assert (moved[..., 2] == moved[..., 0]).any()  # a box outside the crop has no width left
    assert view.apply_to_boxes(boxes[:, :0], size, *drawn).shape == (DRAWS, 0, 4)


@pytest.mark.parametrize("view", [garment_view(), digit_view()], ids=["garments", "digits"])
def test_an_image_that_is_its_mask_agrees_with_it_but_for_border_pixels(view):
    """Bilinear, then cut at 1/2, against the nearest pixel: discs of 3 to 12 pixels' radius."""
    generator = torch.Generator().manual_seed(17)
    chance = torch.rand(3, DRAWS, 1, 1, generator=generator)
    radius, x, y = 3 + 9 * chance[0], 5 + 20 * chance[1], 5 + 20 * chance[2]
    place = torch.arange(30) + 0.5
    discs = ((place - x) ** 2 + (place[:, None] - y) ** 2 < radius ** 2)[:, None]
    drawn = view.draw(discs.float(), generator)
    bilinear, nearest = view.apply(discs.float(), *drawn) > 0.5, view.apply_to_masks(discs, *drawn)
    framed = F.pad(nearest.float(), [1] * 4)  # a rotation is black outside
    border = F.max_pool2d(framed, 3, 1) != -F.max_pool2d(-framed, 3, 1)  # a neighbour is of the other kind
    assert (bilinear == nearest)[~border].all()
    assert border.double().mean() < 0.2 and (bilinear == nearest)[border].double().mean() > 0.8


def test_colour_moves_neither_masks_nor_boxes_and_a_rotation_no_box():
    images, masks, boxes = photographs(seed=18), label_maps(18, (32, 32)), torch.rand(DRAWS, 2, 4)
    view = Chain((ColorJitter(), Grayscale(), Blur()))
    drawn = view.draw(images, torch.Generator().manual_seed(19))
    assert torch.equal(view.apply_to_masks(masks, *drawn), masks)
    assert torch.equal(view.apply_to_boxes(boxes, (32, 32), *drawn), boxes)
    view = digit_view()
    with pytest.raises(ValueError, match="A rotated box is no box: leave Rotate out"):
        view.apply_to_boxes(boxes, (32, 32), *view.draw(images, torch.Generator()))
    with pytest.raises(ValueError, match=r"\(n, m, height, width\), got \(200, 32, 32\): masks\[:, None\]"):
        view.apply_to_masks(masks[:, 0], *view.draw(images, torch.Generator()))


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

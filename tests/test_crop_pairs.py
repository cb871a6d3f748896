"""What two crops have in common, against counting pixels; views that are made to share an object do, or don't."""
import pytest
import torch

from intriguing_lib import crop_pairs
from intriguing_lib.crop_pairs import CropPairs, chance_to_share, share_an_object, shown
from intriguing_lib.images import digits
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.views import Chain, Crop, Rotate

ROWS = torch.arange(200)


@pytest.fixture(scope="module")
def scenes():
    return MultiDigits(digits("train", "cpu")[:500], count=3, scenes=200)


def test_a_boxs_share_inside_a_crop_is_that_of_its_pixels(scenes, generator):
    boxes, crop = scenes.targets["boxes"], Crop((0.1, 0.6)).draw(scenes.batch(ROWS), generator)
    share = shown(boxes, crop)
    assert share.shape == (200, 3) and share.min() == 0 and share.max() == 1
    for i, (top, left, height, width) in enumerate(zip(*map(torch.Tensor.tolist, crop), strict=True)):
        for j, (x1, y1, x2, y2) in enumerate(boxes[i].long().tolist()):
            canvas = torch.zeros(64, 64)
            canvas[y1:y2, x1:x2] += 1
            canvas[top:top + height, left:left + width] += 1
            assert share[i, j].item() == pytest.approx((canvas == 2).sum().item() / 256)


def recorded(view, images):
    """A view that notes where it crops and leaves the images alone."""
    crops = []

    class Noting(Crop):
        def apply(self, images, *crop):
            crops.append(crop)
            return images

    return Chain((Noting(view.area), Rotate(10.0))), crops


@pytest.mark.parametrize("sharing, area", [("always", (0.3, 0.6)), ("never", (0.1, 0.3))])
def test_crops_share_an_object_when_they_shall(sharing, area, scenes, generator):
    natural = chance_to_share(scenes, Crop(area), generator)
    assert 0.03 < natural < 0.9
    view, crops = recorded(Crop(area), scenes)
    pairs = CropPairs(scenes, sharing)
    a, b = pairs.views(ROWS, view, generator)
    found = share_an_object(scenes.targets["boxes"], *crops).double().mean()
    assert a.shape == b.shape == (200, 1, 64, 64)
    assert found > 0.97 if sharing == "always" else found < 0.03
    assert torch.equal(pairs.batch(ROWS), scenes.batch(ROWS)) and pairs.targets is scenes.targets


def test_where_no_try_will_do_the_last_is_taken(scenes, generator, monkeypatch):
    monkeypatch.setattr(crop_pairs, "TRIES", 3)
    view, crops = recorded(Crop((1.0, 1.0), (1.0, 1.0)), scenes)
    CropPairs(scenes, "never").views(ROWS, view, generator)
    assert share_an_object(scenes.targets["boxes"], *crops).all()


def test_the_rest_of_the_view_is_as_it_was(scenes):
    """With crops that always will do, the pairs are views like any other, drawn thirty at a time."""
    view = Chain((Crop((1.0, 1.0), (1.0, 1.0)), Rotate(25.0)))
    a, b = CropPairs(scenes, "always").views(ROWS, view, torch.Generator().manual_seed(0))
    assert not torch.equal(a, b) and torch.allclose(a.mean(), scenes.batch(ROWS).mean(), rtol=0.1)


def test_what_can_not_be_is_one_sentence(scenes, generator):
    with pytest.raises(ValueError, match="sharing is 'always' or 'never', got 'mostly'"):
        CropPairs(scenes, "mostly")
    with pytest.raises(ValueError, match="no target 'boxes', they have label: take MultiDigits"):
        CropPairs(scenes.objects)
    with pytest.raises(ValueError, match=r"begins with a crop is needed here, Chain\(\(Crop\(...\), ...\)\), got Rotate"):
        CropPairs(scenes).views(ROWS, Rotate(10.0), generator)

"""What two crops have in common, against counting pixels; views that are made to share an object do, or don't."""
import pytest
import torch

from intriguing_lib import crop_pairs
from intriguing_lib.crop_pairs import CropPairs, chance_to_share, edges, share_an_object, share_of_pairs
from intriguing_lib.images import digits
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.views import Chain, Crop, Rotate

ROWS = torch.arange(200)


@pytest.fixture(scope="module")
def scenes():
    return MultiDigits(digits("train", "cpu")[:500], count=3, scenes=200)


def test_an_object_is_shared_where_both_crops_hold_all_of_its_pixels(scenes, generator):
    boxes, images = scenes.targets["boxes"], scenes.batch(ROWS)
    crops = [Crop((0.1, 0.6)).draw(images, generator) for _ in range(2)]
    found = share_an_object(boxes, *map(edges, crops))
    assert 0.1 < found.double().mean() < 0.9 and share_of_pairs(boxes, *map(edges, crops)) == found.float().mean()
    for i in range(len(boxes)):
        twice = torch.zeros(64, 64)
        for top, left, height, width in ([side[i] for side in crop] for crop in crops):
            twice[top:top + height, left:left + width] += 1
        assert found[i] == any((twice[y1:y2, x1:x2] == 2).all() for x1, y1, x2, y2 in boxes[i].long().tolist())


def recorded(view, images):
    """A view that notes where it crops and leaves the images alone."""
    crops = []

    class Noting(Crop):
        def apply(self, images, *crop):
            crops.append(crop)
            return images

    return Chain((Noting(view.area), Rotate(10.0))), crops


@pytest.mark.parametrize("sharing, area", [("always", (0.5, 0.8)), ("never", (0.2, 0.6))])
def test_crops_share_an_object_when_they_shall(sharing, area, scenes, generator):
    natural = chance_to_share(scenes, Crop(area), generator)
    assert 0.03 < natural < 0.9
    view, crops = recorded(Crop(area), scenes)
    pairs = CropPairs(scenes, sharing)
    a, b = pairs.views(ROWS, view, generator)
    found = share_an_object(scenes.targets["boxes"], *map(edges, crops)).double().mean()
    assert a.shape == b.shape == (200, 1, 64, 64)
    assert found > 0.97 if sharing == "always" else found < 0.03
    assert chance_to_share(pairs, Crop(area), generator) == pytest.approx(found.item(), abs=0.03)
    assert torch.equal(pairs.batch(ROWS), scenes.batch(ROWS)) and pairs.targets is scenes.targets


def test_crops_by_chance_are_the_scenes_own(scenes):
    a, b = (data.views(ROWS, Crop((0.1, 0.6)), torch.Generator().manual_seed(0)) for data in (
        scenes, CropPairs(scenes, "by chance")))
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_where_no_try_will_do_the_last_is_taken(scenes, generator, monkeypatch):
    monkeypatch.setattr(crop_pairs, "TRIES", 3)
    view, crops = recorded(Crop((1.0, 1.0), (1.0, 1.0)), scenes)
    CropPairs(scenes, "never").views(ROWS, view, generator)
    assert share_an_object(scenes.targets["boxes"], *map(edges, crops)).all()


def test_the_rest_of_the_view_is_as_it_was(scenes):
    """With crops that always will do, the pairs are views like any other, drawn thirty at a time."""
    view = Chain((Crop((1.0, 1.0), (1.0, 1.0)), Rotate(25.0)))
    a, b = CropPairs(scenes, "always").views(ROWS, view, torch.Generator().manual_seed(0))
    assert not torch.equal(a, b) and torch.allclose(a.mean(), scenes.batch(ROWS).mean(), rtol=0.1)


def test_what_can_not_be_is_one_sentence(scenes, generator):
    with pytest.raises(ValueError, match="sharing is 'always', 'never' or 'by chance', got 'mostly'"):
        CropPairs(scenes, "mostly")
    with pytest.raises(ValueError, match="no target 'boxes', they have label: take MultiDigits"):
        CropPairs(scenes.objects)
    with pytest.raises(ValueError, match=r"begins with a crop is needed here, Chain\(\(Crop\(...\), ...\)\), got Rotate"):
        CropPairs(scenes).views(ROWS, Rotate(10.0), generator)

"""ci/bench.py compares like with like: what the peers' own objects say of their settings is what ours say."""
import math
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode

from intriguing_lib.losses import NTXent
from intriguing_lib.paths import CLONE
from intriguing_lib.views import ColorJitter, Crop, Flip, Grayscale, simclr_view
from intriguing_lib.wasserstein import random_directions, sample_prior, sliced_wasserstein

sys.path.append(str(CLONE / "ci"))


@pytest.fixture(scope="module")
def bench():
    pytest.importorskip("lightly", reason="not in the course's requirements: see requirements-bench.txt")
    pytest.importorskip("kornia", reason="not in the course's requirements: see requirements-bench.txt")
    pytest.importorskip("psutil", reason="not in the course's requirements: see requirements-bench.txt")
    import bench
    return bench


@pytest.fixture(scope="module")
def peers(bench):
    import peers
    return peers


@pytest.fixture
def ours(peers):
    """{kind: settings} of our view; the jitter's ranges are what 20,000 draws span, to 1 %."""
    crop, flip, jitter, gray = simclr_view(peers.STRENGTH, blur=False).transforms
    assert [type(t) for t in (crop, flip, jitter, gray)] == [Crop, Flip, ColorJitter, Grayscale]
    _, *drawn = jitter.draw(torch.zeros(20_000, 3, 1, 1), torch.Generator().manual_seed(0))
    ranges = [(amount.min().item(), amount.max().item()) for amount in drawn]
    return {"crop": (crop.area, crop.ratio), "flip": flip.p, "jitter": jitter.p, "ranges": ranges, "gray": gray.p}


def of_torchvision(steps):
    """The same settings as `ours`, from torchvision's transforms; whatever else there is must do nothing."""
    found = {}
    for step in steps:
        name = type(step).__name__
        if name == "RandomResizedCrop":
            assert tuple(step.size) == (32, 32) and InterpolationMode(step.interpolation) == InterpolationMode.BILINEAR
            found["crop"] = (step.scale, step.ratio)
        elif name == "RandomHorizontalFlip":
            found["flip"] = step.p
        elif name == "RandomApply":
            (jitter,) = step.transforms
            found |= {"jitter": step.p, "ranges": [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue]}
        elif name == "RandomGrayscale":
            found["gray"] = step.p
        elif name in ("RandomVerticalFlip", "RandomRotate", "GaussianBlur"):
            assert getattr(step, "p", getattr(step, "prob", None)) == 0, step
        else:
            assert name == "ToTensor", step
    return found


def of_kornia(steps):
    crop, flip, jitter, gray = steps
    assert [type(s).__name__ for s in steps] == ["RandomResizedCrop", "RandomHorizontalFlip", "ColorJitter", "RandomGrayscale"]
    assert tuple(crop.flags["size"]) == (32, 32) and crop.flags["resample"].name == "BILINEAR" and crop.p == 1
    assert not any(s.same_on_batch for s in steps) and all(s.p_batch == 1 for s in steps)
    boxes, amounts = crop._param_generator, jitter._param_generator
    samplers = [getattr(amounts, f"{name}_sampler") for name in ("brightness", "contrast", "saturation", "hue")]
    return {"crop": (boxes.scale, boxes.ratio), "flip": flip.p, "jitter": jitter.p, "gray": gray.p,
            "ranges": [(float(sampler.low), float(sampler.high)) for sampler in samplers]}


def steps_of(peers, peer):
    if peer == "kornia":
        return of_kornia(list(peers.kornia_transform()))
    if peer == "torchvision":
        return of_torchvision(peers.torchvision_transform().transforms)
    first, second = peers.lightly_transform().transforms
    assert first is second  # one description of both views
    return of_torchvision(first.transform.transforms)


@pytest.mark.parametrize("peer", ["lightly", "torchvision", "kornia"])
def test_every_peer_has_our_transforms_at_our_strength(peer, peers, ours):
    theirs = steps_of(peers, peer)
    assert theirs.keys() == ours.keys()
    for name in ("flip", "jitter", "gray"):
        assert theirs[name] == ours[name], name
    assert theirs["crop"] == tuple(pytest.approx(sides) for sides in ours["crop"])
    for (low, high), mine in zip(theirs["ranges"], ours["ranges"], strict=True):
        assert mine == pytest.approx((low, high), abs=0.01 * (high - low))


def test_a_difference_in_one_setting_is_seen(peers, ours):
    stronger = T.ColorJitter(0.5, 0.4, 0.4, 0.1)
    steps = [T.RandomApply([stronger], 0.8) if isinstance(s, T.RandomApply) else s
             for s in peers.torchvision_transform().transforms]
    assert of_torchvision(steps)["ranges"][0] != pytest.approx(ours["ranges"][0], abs=0.01)


def test_lightlys_loss_is_ours(peers):
    from lightly.loss import NTXentLoss
    z1, z2 = (torch.randn(40, 8, generator=torch.Generator().manual_seed(i)) for i in range(2))
    theirs, ours = NTXentLoss(peers.TEMPERATURE)(z1, z2), NTXent(peers.TEMPERATURE)(z1, z2)
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["the authors' rank sort", "POT"])
def test_every_peers_distance_and_its_gradient_are_ours(name, bench):
    """In float64, where random numbers have no ties."""
    generator = torch.Generator().manual_seed(0)
    h, sample = (sample_prior("normal", 64, 6, generator, torch.float64).requires_grad_() for _ in range(2))
    directions = random_directions(6, 4, generator, torch.float64)
    ours, theirs = (distance(h, sample, directions) for distance in (sliced_wasserstein, bench.DISTANCES[name]))
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-10)
    gradients = (torch.autograd.grad(distance, h)[0] for distance in (ours, theirs))
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=0)


def test_the_rank_sort_sorts_rows_and_not_ties(peers):
    x = torch.tensor([[3.0, 1.0, 2.0, 0.5], [-1.0, 4.0, 0.0, 9.0]])
    assert peers.rank_sort(x).tolist() == x.sort(dim=1).values.tolist()
    assert peers.rank_sort(torch.tensor([[5.0, 7.0, 7.0, 7.0]])).tolist() != [[5.0, 7.0, 7.0, 7.0]]


@pytest.mark.parametrize("seconds, calls", [(0.04, 3), (2.0, 1)])
def test_a_turn_repeats_short_calls_and_gives_the_seconds_of_one(seconds, calls, bench, monkeypatch):
    import measuring
    clock = [0.0]
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: sum(clock)))
    assert measuring.turn(lambda: clock.append(seconds), torch.device("cpu")) == pytest.approx(seconds)
    assert clock == [0.0] + [seconds] * calls


def test_a_target_is_met_or_missed(bench, monkeypatch):
    monkeypatch.setattr(bench, "TARGETS", [("a", "ratio", "at least", 2), ("b", "ratio", "at most", 2)])
    for a, b in ((2.5, 1.5), (1.5, 2.5)):
        measured = pd.DataFrame({"candidate": ["a", "b", "c"], "ratio": [a, b, 0], "freed_memory": "kept"})
        said = [line.split(":")[0] for line in bench.verdicts(measured)]
        assert said == ["met" if a > b else "MISSED"] * 2


def test_every_target_is_of_something_measured(bench):
    parts = bench.PARTS["losses"] + bench.PARTS["composites"]
    names = {name for measured in parts for name in measured(torch.device("cpu"))[2]}
    assert {candidate for candidate, *_ in bench.TARGETS} <= names


def test_memory_is_that_of_the_candidate_asked_for(bench):
    """Comparing all pairs takes 128 · 512² bytes and as many floats, far more than ours needs."""
    assert bench.peak_in_own_process("losses", "swd", "the authors' rank sort") > 5 * 128 * 512**2


def test_peak_memory_is_seen(bench):
    """An allocation of 64 MB, written to, that is gone when the call returns."""
    def call():
        for _ in range(20):
            torch.ones(16_000_000).sum()

    assert math.isclose(bench.peak_of_process(call), 64e6, rel_tol=0.25)


@pytest.mark.parametrize("placement", ["anywhere", "apart", "grid"])
def test_numpys_scenes_show_each_digit_where_one_of_ours_may_be(placement, peers):
    """Digits of one brightness each: all of it is there where none overlaps, and the brightest is whole everywhere."""
    rng = np.random.default_rng(0)
    bright = np.arange(50, 250, 50, dtype=np.uint8)
    digits = np.broadcast_to(bright[None, :, None, None], (200, 4, 8, 8))
    scenes = peers.paste_scenes(digits, 32, placement, rng)
    assert scenes.shape == (200, 32, 32) and set(np.unique(scenes)) == {0, *bright}
    for i, value in enumerate(bright):
        pixels = (scenes == value).sum((1, 2))
        rows, columns = np.nonzero((scenes == value).any(0))
        if placement != "anywhere" or i == 3:
            assert (pixels == 64).all()
        if placement == "grid":
            top = (scenes == value).any(2).argmax(1)
            assert set(top % 8) == {0} and len(set(top)) == 4
        assert rows.min() <= 1 and columns.max() >= 30  # they reach the canvas's edges

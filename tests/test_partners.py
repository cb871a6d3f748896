"""Who finds whose partner, held to encoders that see one of the two digits and nothing else."""
from dataclasses import replace

import pytest
import torch
from torch import nn

from intriguing_lib.images import DIGITS, ImageSet
from intriguing_lib.measures import Frozen
from intriguing_lib.partners import PartnerFound, partner_found
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.unequal import LARGE, SMALL, UnequalPair
from intriguing_lib.views import Chain


class Sees(nn.Module):
    """A model whose vector is a part of the canvas, its columns from `start` to `end`."""

    def __init__(self, start, end):
        super().__init__()
        self.start, self.end, self.norm = start, end, nn.BatchNorm2d(1)

    def forward(self, images):
        self.norm(images)
        return images[..., self.start:self.end].flatten(1) + 1e-3


@pytest.fixture
def pair():
    """Scenes of 300 digits that are all different, the small ones in the left eight columns."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(60, 256, (300, 1, 28, 28), generator=generator, dtype=torch.uint8)
    objects = ImageSet(pictures, torch.arange(300) % 10, DIGITS, "noise", "train", "drawn here")
    return UnequalPair(objects, size=(6, 12), canvas=24, zone=8, scenes=200)


def test_partners_are_found_where_they_are_nearest_by_the_cosine():
    z2 = torch.eye(4)
    z1 = torch.tensor([[9., 1, 0, 0], [5, 4, 0, 0], [0, 0, 0.01, 0], [1, 1, 1, 0.5]])
    assert partner_found(z1, z2) == 0.5 and partner_found(z2, z2 * torch.tensor([[1], [9], [5], [2.]])) == 1


def test_unrelated_views_find_each_other_as_often_as_guessing_does():
    """1 in 500 of 100,000: within five standard errors, in all but one in a million of all draws."""
    generator = torch.Generator().manual_seed(1)
    found = torch.stack([partner_found(*torch.randn(2, 500, 16, generator=generator)) for _ in range(200)]).mean()
    assert abs(found - 1 / 500) < 5 * (1 / 500 / 100_000) ** 0.5


@pytest.mark.parametrize("columns, expected", [((0, 8), (1, 0, 1)), ((8, 24), (1, 1, 0)), ((0, 24), (1, None, None))],
                         ids=["sees the small one", "sees the large one", "sees both"])
def test_an_exchange_costs_whoever_went_by_that_digit(pair, columns, expected):
    """Who goes by a digit and has none of it left finds at most 1 in 20: 2 of 200 scenes draw themselves, and guesses."""
    measure = PartnerFound(pair, Chain(()), candidates=50)
    found = measure(Frozen(Sees(*columns)), pair)
    assert tuple(found) == measure.metrics
    for value, wanted in zip(found.values(), expected, strict=True):
        assert wanted is None or (value == 1 if wanted else value < 0.05)


def test_the_exchanged_digit_is_another_scenes_and_all_else_stays(pair, generator):
    rows = torch.arange(200)
    own = pair.each(pair.members, pair.places)
    for which, zone, other in ((SMALL, slice(0, 8), slice(8, 24)), (LARGE, slice(8, 24), slice(0, 8))):
        exchanged = pair.with_another(rows, generator, which)
        assert torch.equal(exchanged[..., other], own.amax(1)[..., other])
        theirs = own[:, which][..., zone]
        same = (exchanged[:, None][..., zone] == theirs[None]).flatten(2).all(2)
        assert same.any(1).all() and same.diagonal().sum() < 10  # drawn anew, so now and then it is its own


def test_it_depends_on_its_seed_alone_and_leaves_model_and_chance_as_they_were(pair):
    model, measure = Sees(0, 24), PartnerFound(pair, Chain(()), candidates=60)
    before, chance = model.norm.running_mean.clone(), torch.get_rng_state()
    first = measure(Frozen(model), pair)
    assert measure(Frozen(model), pair) == first and model.training and torch.equal(model.norm.running_mean, before)
    assert torch.equal(torch.get_rng_state(), chance)


def test_what_can_not_be_asked_is_one_sentence(pair):
    for candidates in (1, 201):
        with pytest.raises(ValueError, match=f"candidates are at least 2 and at most the 200 scenes, got {candidates}."):
            PartnerFound(pair, Chain(()), candidates=candidates)
    with pytest.raises(ValueError, match="no large digit to exchange: take large='shared'"):
        PartnerFound(replace(pair, large="absent"), Chain(()))
    with pytest.raises(TypeError, match="PartnerFound: test"):
        PartnerFound(MultiDigits(pair.objects, 2, canvas=64), Chain(()))

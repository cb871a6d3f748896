"""Remedies' losses: against lightly's where it has them, against their definitions, in the limits that give NT-Xent back."""
from dataclasses import replace

import numpy as np
import pytest
import torch

from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.generative import Decoder
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.remedies import (
    BarlowTwins,
    DecoupledContrastive,
    DroppedFeatures,
    HardNegatives,
    ImplicitFeatureModification,
    MaskedView,
    MeanOfEach,
    OfDotProducts,
    VICReg,
    WhitenedMSE,
    WithinBlocks,
    WithReconstruction,
)
from intriguing_lib.remedy_parts import HeadAndDecoder, WithAdversary
from intriguing_lib.views import digit_view


def pairs(n=40, d=8, seed=0):
    """Two views' projections, float64."""
    generator = torch.Generator().manual_seed(seed)
    z1 = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return z1, z1 + 0.5 * torch.randn(n, d, generator=generator, dtype=torch.float64)


LIGHTLY = [  # lightly 1.6.0 on `pairs()`, float64; W-MSE in float32
    (DecoupledContrastive(0.1), -0.27298989211990926), (DecoupledContrastive(0.2), 1.2624116283977476),
    (DecoupledContrastive(0.5), 2.823056092576932), (VICReg(), 7.973739216627342 / 25), (VICReg(2, 3), 1.3897979672400305),
    (BarlowTwins(0.005), 0.11492518201344294 / 8), (BarlowTwins(0.1), 0.24253357519844126 / 8),
    (WhitenedMSE(0.01), pytest.approx(0.2634143829345703, rel=1e-5))]


@pytest.mark.parametrize("loss, expected", LIGHTLY, ids=lambda value: repr(value)[:30])
def test_a_loss_is_lightlys(loss, expected):
    assert loss(*pairs()).item() == (pytest.approx(expected, rel=1e-6) if isinstance(expected, float) else expected)


GIVES_NT_XENT = [ImplicitFeatureModification(0.3, 0.0), HardNegatives(0.3, 0.0, 0.0), WithinBlocks(0.3, 40),
                 MeanOfEach(NTXent(0.3), 1)]


@pytest.mark.parametrize("loss", GIVES_NT_XENT, ids=lambda loss: type(loss).__name__)
def test_its_limit_is_nt_xent(loss):
    assert loss(*pairs(), None).item() == pytest.approx(nt_xent(*pairs(), 0.3).item(), rel=1e-12)


def unit(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def all_views(z1, z2):
    """(the 2n vectors at length 1, each one's partner) as arrays."""
    z = unit(np.concatenate([z1.numpy(), z2.numpy()]))
    return z, np.roll(np.arange(len(z)), len(z1))


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
def test_implicit_feature_modification_moves_vectors_against_and_along_the_anchor(epsilon):
    """The partner as a vector is moved by epsilon away from the anchor, every negative by epsilon towards it."""
    z, partner = all_views(*pairs())
    plain, harder = [], []
    for i, anchor in enumerate(z):
        others = [j for j in range(len(z)) if j != i]
        moved = {j: z[j] + (-epsilon if j == partner[i] else epsilon) * anchor for j in others}
        for losses, at in ((plain, z), (harder, moved)):
            logits = np.array([anchor @ at[j] for j in others]) / 0.2
            losses.append(np.log(np.exp(logits).sum()) - logits[others.index(partner[i])])
    expected = (np.mean(plain) + np.mean(harder)) / 2
    assert ImplicitFeatureModification(0.2, epsilon)(*pairs()).item() == pytest.approx(expected, rel=1e-12)
    assert np.mean(harder) > np.mean(plain)


@pytest.mark.parametrize("beta, share", [(0.5, 0.0), (1.0, 0.1), (2.0, 0.3)])
def test_hard_negatives_are_weighed_by_their_definition(beta, share):
    z, partner = all_views(*pairs())
    losses = []
    for i, anchor in enumerate(z):
        e = np.exp(z @ anchor / 0.5)
        negatives = np.delete(e, [i, partner[i]])
        weights = negatives**beta / np.mean(negatives**beta)
        total = (np.sum(weights * negatives) - share * len(negatives) * e[partner[i]]) / (1 - share)
        losses.append(-np.log(e[partner[i]] / (e[partner[i]] + max(total, len(negatives) * np.exp(-1 / 0.5)))))
    assert HardNegatives(0.5, beta, share)(*pairs()).item() == pytest.approx(np.mean(losses), rel=1e-6)


def test_hard_negatives_never_count_less_than_if_all_lay_opposite():
    """Where the share of partners subtracted is larger than what there is, the sum stays at its lowest."""
    z = torch.eye(8, dtype=torch.float64)
    expected = np.log(1 + 14 * np.exp(-1 / 0.5) / np.exp(1 / 0.5))
    assert HardNegatives(0.5, 0.0, 0.9)(z, z).item() == pytest.approx(expected, rel=1e-6)


def test_without_the_partner_below_the_loss_is_nt_xent_plus_the_log_of_what_the_others_have():
    z, partner = all_views(*pairs())
    e = np.exp(z @ z.T / 0.2)
    np.fill_diagonal(e, 0)
    p = e[np.arange(len(z)), partner] / e.sum(1)
    expected = nt_xent(*pairs(), 0.2).item() + np.log(1 - p).mean()
    assert DecoupledContrastive(0.2)(*pairs()).item() == pytest.approx(expected, rel=1e-12)


def test_dot_products_of_vectors_of_length_one_over_the_root_of_the_temperature_are_nt_xent():
    z1, z2 = (torch.nn.functional.normalize(z, dim=1) / 0.3**0.5 for z in pairs())
    assert OfDotProducts()(z1, z2).item() == pytest.approx(nt_xent(*pairs(), 0.3).item(), rel=1e-5)


def test_blocks_are_losses_of_their_own():
    z1, z2 = pairs()
    expected = np.mean([nt_xent(z1[rows], z2[rows], 0.2).item() for rows in (slice(0, 20), slice(20, 40))])
    assert WithinBlocks(0.2, 20)(z1, z2).item() == pytest.approx(expected, rel=1e-12)


def test_the_mean_of_each_part_is_that_of_its_projections():
    z1, z2 = pairs()
    expected = (nt_xent(z1[:, :4], z2[:, :4], 0.2) + nt_xent(z1[:, 4:], z2[:, 4:], 0.2)) / 2
    assert MeanOfEach(NTXent(0.2), 2)(z1, z2, None).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("wrong, sentence", [
    (lambda: ImplicitFeatureModification(epsilon=-0.1), "epsilon must not be negative"),
    (lambda: HardNegatives(beta=-1), "beta must not be negative"),
    (lambda: HardNegatives(positive_share=1.0), "positive_share is at least 0 and below 1"),
    (lambda: DecoupledContrastive(0.0), "The temperature must be above 0"),
    (lambda: VICReg(covariance=-1), "covariance must not be negative"),
    (lambda: BarlowTwins(-1), "redundancy must not be negative"),
    (lambda: WhitenedMSE(0.0), "shrink lies between 0 and 1"),
    (lambda: WhitenedMSE()(*pairs(8, 8)), "a batch of 8 has no full covariance of 8 coordinates: take more images"),
    (lambda: WithinBlocks(size=1), "a block of one has no negatives"),
    (lambda: WithinBlocks(size=16)(*pairs()), "a batch of 40 isn't made of whole blocks of 16"),
    (lambda: MeanOfEach(count=0), "count is at least 1"),
    (lambda: DroppedFeatures(share=1.0), "share is at least 0 and below 1"),
    (lambda: WithReconstruction(weight=-1), "weight must not be negative")])
def test_what_is_out_of_range_is_one_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()


def seen(objective, e, seed=0):
    """(the objective's value on a batch of `e`, its model, the batch's views)."""
    model = e.untrained().train()
    a, b = e.data.views(torch.arange(32), e.view, torch.Generator().manual_seed(1))
    return objective(model, a, b, None, torch.Generator().manual_seed(seed)), model, (a, b)


@pytest.fixture
def small(some_digits):
    return Experiment(RandBits(some_digits[0], 3), digit_view(), SmallConv((4, 8), 16), Head(2, 16, 8), steps=2, batch_size=32)


def test_features_that_are_all_kept_are_the_loss_alone(small):
    plain = seen(Contrastive(NTXent(0.2)), small)[0].item()
    assert seen(DroppedFeatures(NTXent(0.2), 0.0), small)[0].item() == plain
    half = DroppedFeatures(NTXent(0.2), 0.5)
    assert seen(half, small)[0].item() != plain
    assert seen(half, small, 5)[0].item() == seen(half, small, 5)[0].item() != seen(half, small, 6)[0].item()


def test_reconstruction_of_weight_0_is_the_loss_alone_and_all_channels_weigh_alike(small):
    head = HeadAndDecoder(small.head, Decoder(small.data.shape, (8, 4)))
    e = replace(small, head=head)
    free, model, images = seen(WithReconstruction(NTXent(0.2), 0.0), e)
    paid = seen(WithReconstruction(NTXent(0.2), 2.0), e)[0]
    with torch.no_grad():
        h = model.encoder(torch.cat(images))
        assert free.item() == pytest.approx(nt_xent(*model.head(h).chunk(2), 0.2).item(), rel=1e-5)
        p = model.head.decoder(h).double().sigmoid().clamp(1e-7, 1 - 1e-7)
    x = torch.cat(images).double()
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).mean().item()
    assert (paid - free).item() / 2 == pytest.approx(expected, rel=1e-4)


def test_the_adversary_climbs_where_the_encoder_descends_and_covers_what_it_may(small):
    e = replace(small, encoder=WithAdversary(small.encoder, 0.3))
    objective = MaskedView(NTXent(0.2))
    loss, model, images = seen(objective, e)
    loss.backward()
    steps = {"adversary": model.encoder.adversary, "encoder": model.encoder.encoder}
    found = {}
    for name, part in steps.items():
        moving = e.untrained().train()
        with torch.no_grad():
            for weight, own in zip(part.parameters(), getattr(moving.encoder, name).parameters(), strict=True):
                own -= 1e-3 * weight.grad / max(weight.grad.norm().item(), 1e-12)  # a step of descent, as an optimiser's
        found[name] = objective(moving, *images, None, None).item() - loss.item()
    assert found["adversary"] > 0 > found["encoder"]
    with torch.no_grad():
        white = torch.ones(4, *e.data.shape)
        assert (1 - model.encoder.masked(white)).mean().item() == pytest.approx(0.3, abs=1e-5)


@pytest.mark.parametrize("change, sentence", [
    (lambda e: replace(e, objective=WithReconstruction()), "there is no decoder for images of shape .4, 28, 28.: take HeadAnd"),
    (lambda e: replace(e, objective=WithReconstruction(), head=HeadAndDecoder(Head(), Decoder((1, 28, 28)))), "no decoder for"),
    (lambda e: replace(e, objective=MaskedView()), "the encoder has no adversary: take WithAdversary")])
def test_an_objective_whose_part_is_missing_says_which(small, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        change(small)

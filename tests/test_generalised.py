"""The family of losses against the authors' own code (official_losses.npz), the identities of the paper, and symmetry.

official_losses.npz holds losses and gradients that the TensorFlow code in google-research/simclr gave on fixed inputs.
"""
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from intriguing_lib.generalised import (
    DecoupledNTXent,
    MatchedMoments,
    SlicedWasserstein,
    alignment,
    expanded_log_sum_exp,
    log_sum_exp,
    partner_similarity,
)
from intriguing_lib.losses import nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.train import Optimizer, train
from intriguing_lib.views import digit_view
from intriguing_lib.wasserstein import PRIORS, distance_to_prior, random_directions, sample_prior, sliced_wasserstein

OFFICIAL = np.load(Path(__file__).with_name("official_losses.npz"))
SETTINGS = [key.removesuffix("|loss") for key in OFFICIAL.files if key.endswith("|loss")]
MEMBERS = [DecoupledNTXent(0.2, 0.3), *(SlicedWasserstein(prior, 2.0) for prior in PRIORS), MatchedMoments(2.0)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(n, d, seed=0, dtype=torch.float32):
    z1 = torch.randn(n, d, generator=seeded(seed), dtype=dtype)
    return z1, z1 + 0.3 * torch.randn(n, d, generator=seeded(seed + 1), dtype=dtype)


def official(setting, name):
    return torch.from_numpy(OFFICIAL[f"{setting}|{name}"])


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_authors_convention_gives_the_authors_losses_and_gradients(setting):
    case, member, temperature, weight = setting.split("|")
    temperature, weight = float(temperature.removeprefix("tau=")), float(weight.removeprefix("lam="))
    z1, z2 = (official(case, name).clone().requires_grad_() for name in ("h1", "h2"))
    if member == "decoupled":
        loss = DecoupledNTXent(temperature, weight, authors=True)(z1, z2)
    else:
        prior = member.removeprefix("swd_")
        sample = official(case, "prior_uniform" if prior == "cube" else "prior_normal")
        sample = F.normalize(sample, dim=1) if prior == "sphere" else sample
        loss = SlicedWasserstein(prior, weight, authors=True).given(z1, z2, sample, official(case, "W"))
    assert loss.item() == pytest.approx(official(setting, "loss").item(), rel=1e-5)
    for ours, name in zip(torch.autograd.grad(loss, (z1, z2)), ("g1", "g2"), strict=True):
        theirs = official(setting, name)
        assert (ours - theirs).norm() / theirs.norm() < 1e-4


def test_all_settings_of_the_file_were_compared():
    assert len(SETTINGS) == 36 and {s.split("|")[1] for s in SETTINGS} == {"decoupled", "swd_sphere", "swd_normal", "swd_cube"}


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0, 3.0])
def test_temperature_times_nt_xent_is_alignment_plus_temperature_times_log_sum_exp(temperature):
    z1, z2 = (z.requires_grad_() for z in pair(16, 8, dtype=torch.float64))
    whole = temperature * nt_xent(z1, z2, temperature)
    gradients = torch.autograd.grad(whole, (z1, z2))
    for parts in (-partner_similarity(z1, z2) + temperature * log_sum_exp(z1, z2, temperature),
                  DecoupledNTXent(temperature, weight=temperature)(z1, z2)):
        assert parts.item() == pytest.approx(whole.item(), rel=1e-12)
        for a, b in zip(torch.autograd.grad(parts, (z1, z2)), gradients, strict=True):
            assert (a - b).norm() / b.norm() < 1e-10


def test_each_difference_between_formula_and_code():
    z1, z2 = pair(12, 6, dtype=torch.float64)
    n, d, t, weight = 12, 6, 0.3, 0.7
    u1, u2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    # alignment: (1/nd) Σ, halved in the code; of normalised vectors that is (1 − cos) / d
    total = sum(((z1[i] - z2[i]) ** 2).sum() for i in range(n)) / (n * d)
    assert alignment(z1, z2).item() == pytest.approx(total.item(), rel=1e-12)
    assert alignment(u1, u2).item() / 2 == pytest.approx((1 - partner_similarity(z1, z2)).item() / d, rel=1e-12)
    # decoupled: self-similarity in, log d out, alignment divided by d
    ours, theirs = DecoupledNTXent(t, weight)(z1, z2), DecoupledNTXent(t, weight, authors=True)(z1, z2)
    converted = (ours - weight * log_sum_exp(z1, z2, t) + 1) / d + weight * (log_sum_exp(z1, z2, t, with_self=True) - np.log(d))
    assert theirs.item() == pytest.approx(converted.item(), rel=1e-12)
    # so that the code needs weight τ / d where the formula has τ: gradients alike but for the self term
    assert torch.autograd.functional.jacobian(lambda z: d * DecoupledNTXent(t, t / d, authors=True)(z, z2), z1).add(
        -torch.autograd.functional.jacobian(lambda z: -partner_similarity(z, z2) + t * log_sum_exp(z, z2, t, True), z1)
    ).norm() < 1e-10
    # SWD: only the alignment's half differs
    sample, w = sample_prior("normal", 2 * n, d, seeded(), torch.float64), random_directions(d, d, seeded(1), torch.float64)
    ours, theirs = (SlicedWasserstein("normal", weight, authors=a).given(z1, z2, sample, w) for a in (False, True))
    assert (ours - theirs).item() == pytest.approx(alignment(z1, z2).item() / 2, rel=1e-12)
    assert theirs.item() == pytest.approx((alignment(z1, z2) / 2 + weight * sliced_wasserstein(
        torch.cat([z1, z2]), sample, w)).item(), rel=1e-12)


def test_the_self_term_dominates_the_authors_sum_at_a_low_temperature():
    """Of the sum, the self-similarity term takes 97 % at τ = 0.1, n = 256, d = 128 for unaligned views; 88 % at n = 1024."""
    for n, share in ((256, 0.97), (1024, 0.88)):
        z1, z2 = torch.randn(n, 128, generator=seeded()), torch.randn(n, 128, generator=seeded(1))
        without = log_sum_exp(z1, z2, 0.1)
        assert 1 / (1 + (without - 10).exp()) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("loss", MEMBERS, ids=repr)
def test_the_order_of_images_does_not_matter_and_that_of_partners_does(loss):
    z1, z2 = pair(40, 6, dtype=torch.float64)
    order = torch.randperm(40, generator=seeded(5))
    value = loss(z1, z2, seeded()).item()
    assert loss(z1[order], z2[order], seeded()).item() == pytest.approx(value, rel=1e-10)
    assert loss(z2, z1, seeded()).item() == pytest.approx(value, rel=1e-10)
    assert loss(z1, z2[order], seeded()).item() != pytest.approx(value, rel=1e-2)


@pytest.mark.parametrize("loss", MEMBERS, ids=repr)
def test_gradients(loss):
    z1, z2 = (z.requires_grad_() for z in pair(5, 3, dtype=torch.float64))
    assert gradcheck(lambda a, b: loss(a, b, seeded()), (z1, z2))


@pytest.mark.parametrize("loss", MEMBERS, ids=repr)
def test_half_precision_is_computed_in_float32(loss):
    z1, z2 = (z.bfloat16() for z in pair(32, 16))
    exact = loss(z1.float(), z2.float(), seeded())
    with torch.autocast("cpu", torch.bfloat16):
        within = loss(z1, z2, seeded())
    assert within.dtype == loss(z1, z2, seeded()).dtype == torch.float32
    assert within.item() == pytest.approx(exact.item(), rel=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_chance_comes_from_the_generator_alone(prior):
    loss, (z1, z2) = SlicedWasserstein(prior, directions=2), pair(16, 6)
    torch.manual_seed(1)
    first = loss(z1, z2, seeded(3))
    torch.manual_seed(2)
    assert loss(z1, z2, seeded(3)).item() == first.item() != loss(z1, z2, seeded(4)).item()


def test_moments_of_the_prior_cost_nothing_to_the_control():
    z = torch.randn(20_000, 4, generator=seeded(), dtype=torch.float64)
    assert MatchedMoments(1.0)(z, z).item() < 1e-3 < 0.5 < MatchedMoments(1.0)(2 * z + 1, 2 * z + 1).item()


@pytest.mark.parametrize("loss", MEMBERS, ids=repr)
def test_every_member_trains(loss, experiment):
    losses = train(experiment.untrained(), Contrastive(loss), experiment.data, digit_view(), Optimizer(lr=3e-3), 30, 64, 0,
                   lambda step, value: None)
    assert losses.isfinite().all() and losses[-5:].mean() < losses[:5].mean()


@pytest.mark.parametrize("describe, message", [
    (lambda: DecoupledNTXent(0.0), "temperature must be above 0, got 0.0"),
    (lambda: DecoupledNTXent(0.5, -1), "weight λ must not be negative, got -1.0: it would push"),
    (lambda: SlicedWasserstein("ball"), "prior is 'sphere', 'cube' or 'normal', got 'ball'"),
    (lambda: SlicedWasserstein("cube", float("nan")), "weight λ must not be negative, got nan"),
    (lambda: MatchedMoments(-0.1), "weight λ must not be negative, got -0.1"),
    (lambda: SlicedWasserstein("normal", directions=9)(*pair(4, 8), seeded()), "1 to 8 orthogonal directions, got 9"),
    (lambda: SlicedWasserstein("normal")(torch.ones(4, 3), torch.ones(5, 3), seeded()), r"one shape \(n, d\), got \(4, 3\)"),
    (lambda: MatchedMoments()(torch.ones(1, 3), torch.ones(1, 3)), "at least 2 pairs, got 1"),
], ids=["τ = 0", "negative λ", "unknown prior", "λ is NaN", "negative λ of the control", "too many directions", "two shapes",
        "one sample"])
def test_bad_input_is_one_sentence(describe, message):
    with pytest.raises(ValueError, match=message) as raised:
        describe()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("loss", MEMBERS, ids=repr)
def test_a_nan_in_one_representation_is_not_hidden(loss):
    """Sorting could put it aside; the loss must be NaN, and the training loop then says so."""
    z1, z2 = (torch.randn(6, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    z1[2, 1] = math.nan
    assert loss(z1, z2, torch.Generator().manual_seed(0)).isnan()


@pytest.mark.parametrize("prior", PRIORS)
def test_the_distance_that_a_learner_writes_is_the_one_that_is_weighed(prior):
    z1, z2 = (torch.randn(6, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    with_it, without = (SlicedWasserstein(prior, weight)(z1, z2, torch.Generator().manual_seed(5)) for weight in (3.0, 0.0))
    distance = distance_to_prior(torch.cat([z1, z2]), prior, torch.Generator().manual_seed(5))
    assert torch.allclose(with_it - without, 3 * distance, rtol=1e-4)


def test_the_expansion_is_good_to_third_order():
    """Halving the similarities' spread divides the error by about eight."""
    s = torch.rand(5, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = [(expanded_log_sum_exp(s * scale, 1.0) - (s * scale).logsumexp(1)).abs() for scale in (0.2, 0.1)]
    assert (errors[0] / errors[1] > 6).all() and (errors[0] < 1e-3).all()

"""NT-Xent against a float64 re-derivation, written from the paper's formula with loops."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from intriguing_lib import losses
from intriguing_lib.losses import InfoNCE, NTXent, info_nce, nt_xent, nt_xent_in_blocks


def by_the_formula(z1, z2, temperature):
    """−(1/2n) Σ over anchors of log softmax of the partner's cosine / τ among all others: plain Python, float64."""
    z = [row / row.norm() for row in torch.cat([z1, z2]).double()]
    n, total = len(z1), 0.0
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k != i]
        similarity = {k: float(z[i] @ z[k]) / temperature for k in others}
        total += math.log(sum(math.exp(s) for s in similarity.values())) - similarity[(i + n) % (2 * n)]
    return total / (2 * n)


def pair(n, d, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(n, d, generator=generator, dtype=dtype) for _ in range(2))


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("n, d", [(2, 3), (16, 8), (33, 64)])
def test_value_is_the_formulas(n, d, temperature):
    z1, z2 = pair(n, d)
    assert nt_xent(z1, z2, temperature).item() == pytest.approx(by_the_formula(z1, z2, temperature), rel=1e-5)


def test_gradient_in_float64_and_float32():
    z1, z2 = (z.requires_grad_() for z in pair(6, 5, dtype=torch.float64))
    assert gradcheck(lambda a, b: nt_xent(a, b, 0.3), (z1, z2))
    exact = torch.autograd.grad(nt_xent(z1, z2, 0.1), (z1, z2))
    single = [z.detach().float().requires_grad_() for z in (z1, z2)]
    ours = torch.autograd.grad(nt_xent(*single, 0.1), single)
    for a, b in zip(ours, exact, strict=True):
        assert (a - b).norm() / b.norm() < 1e-4


def test_known_values():
    """All alike: log(2n − 1). Partners equal and all others opposite or orthogonal, τ → 0: zero."""
    same = torch.ones(8, 4)
    assert nt_xent(same, same, 0.1).item() == pytest.approx(math.log(15), rel=1e-6)
    axes = torch.eye(8)
    assert nt_xent(axes, axes, 0.01).item() < 1e-6
    swapped = axes.roll(1, 0)
    assert nt_xent(axes, swapped, 0.01).item() > 50


def test_symmetries():
    z1, z2 = pair(12, 6)
    loss = nt_xent(z1, z2, 0.2)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1))).Q
    for a, b in ((z2, z1), (z1[order], z2[order]), (5 * z1, 0.1 * z2), (z1 @ rotation, z2 @ rotation)):
        assert nt_xent(a, b, 0.2).item() == pytest.approx(loss.item(), rel=1e-5)
    assert nt_xent(z1, z2[order], 0.2).item() != pytest.approx(loss.item(), rel=1e-2)


def test_stable_where_exponentials_overflow():
    z1, z2 = (z.requires_grad_() for z in pair(8, 4))
    loss = nt_xent(z1, z2, 1e-3)  # exp(1 / 0.001) is not a float
    loss.backward()
    assert loss.isfinite() and z1.grad.isfinite().all()


def test_half_precision_inputs_are_computed_in_float32():
    z1, z2 = pair(32, 16)
    half = nt_xent(z1.bfloat16(), z2.bfloat16(), 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        within = nt_xent(z1.bfloat16(), z2.bfloat16(), 0.1)
    assert half.dtype == within.dtype == torch.float32
    assert within.item() == half.item() == pytest.approx(nt_xent(z1.bfloat16().float(), z2.bfloat16().float(), 0.1).item())


@pytest.mark.parametrize("arguments, error, message", [
    ((torch.ones(4, 3), torch.ones(5, 3), 0.1), ValueError, r"one shape \(n, d\), got \(4, 3\) and \(5, 3\): row i"),
    ((torch.ones(4), torch.ones(4), 0.1), ValueError, r"one shape \(n, d\), got \(4,\)"),
    ((torch.ones(1, 3), torch.ones(1, 3), 0.1), ValueError, "at least 2 pairs, got 1"),
    ((torch.ones(4, 3, dtype=torch.int64), torch.ones(4, 3), 0.1), TypeError, "got torch.int64: pass the projection"),
    (([[1.0]], torch.ones(4, 3), 0.1), TypeError, "got list: pass the projection"),
    ((torch.ones(4, 3), torch.ones(4, 3), 0), ValueError, "temperature must be above 0, got 0: common values"),
    ((torch.ones(4, 3), torch.ones(4, 3), float("nan")), ValueError, "temperature must be above 0, got nan"),
])
def test_bad_input_ends_in_one_sentence(arguments, error, message):
    with pytest.raises(error, match=message) as raised:
        nt_xent(*arguments)
    assert "\n" not in str(raised.value)


def test_a_bad_temperature_fails_when_the_loss_is_described():
    with pytest.raises(ValueError, match="above 0, got -1"):
        NTXent(-1)
    assert repr(NTXent(0.2)) == "NTXent(temperature=0.2)"


# --- in blocks ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(losses, "BLOCK", 16)


def value_and_gradient(loss, z1, z2, temperature):
    z1, z2 = (z.detach().clone().requires_grad_() for z in (z1, z2))
    value = loss(z1, z2, temperature)
    return value.detach(), torch.cat(torch.autograd.grad(3 * value, (z1, z2)))


def relative_error(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


@pytest.mark.parametrize("temperature", [losses.COLDEST, 0.1, 1.0])
@pytest.mark.parametrize("n", [2, 8, 9, 24, 37])
def test_blocks_give_the_plain_forms_value_and_gradient(n, temperature, small_blocks):
    """In float64 and in float32, against the plain form in float64; n of one block and less, of whole blocks and of rests."""
    z1, z2 = pair(n, 6, dtype=torch.float64)
    value, gradient = value_and_gradient(nt_xent, z1, z2, temperature)
    for dtype, bound in ((torch.float64, 1e-6), (torch.float32, 1e-4)):
        ours, theirs = value_and_gradient(nt_xent_in_blocks, z1.to(dtype), z2.to(dtype), temperature)
        assert ours.dtype == theirs.dtype == dtype
        assert ours.item() == pytest.approx(value.item(), rel=bound, abs=bound) and relative_error(theirs, gradient) <= bound


def test_blocks_of_full_size_at_the_size_of_the_benchmark():
    """4,096 pairs of 128 numbers, some pairs alike, as after training: float32 against the plain form in float64."""
    z1, noise = pair(4096, 128, dtype=torch.float64)
    z2 = z1 + 0.3 * noise
    value, gradient = value_and_gradient(nt_xent, z1, z2, 0.5)
    ours, theirs = value_and_gradient(nt_xent_in_blocks, z1.float(), z2.float(), 0.5)
    assert ours.item() == pytest.approx(value.item(), rel=1e-5) and relative_error(theirs, gradient) <= 1e-4


def test_the_derivative_of_blocks(small_blocks):
    z1, z2 = (z.requires_grad_() for z in pair(19, 3, dtype=torch.float64))
    assert gradcheck(lambda a, b: nt_xent_in_blocks(a, b, 0.3), (z1, z2))


def test_blocks_compute_half_precision_inputs_in_float32(small_blocks):
    z1, z2 = (z.bfloat16() for z in pair(37, 16))
    value, gradient = value_and_gradient(nt_xent_in_blocks, z1, z2, 0.1)
    exact, expected = value_and_gradient(nt_xent, z1, z2, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        within, _ = value_and_gradient(nt_xent_in_blocks, z1, z2, 0.1)
    assert value.dtype == torch.float32 and gradient.dtype == torch.bfloat16
    assert within.item() == value.item() == pytest.approx(exact.item(), rel=1e-5)
    assert relative_error(gradient, expected) < 1e-2  # bfloat16 has 8 bits


def test_large_batches_go_in_blocks_and_small_or_very_cold_ones_do_not(monkeypatch):
    monkeypatch.setattr(losses, "LARGE", 8)
    monkeypatch.setattr(losses, "nt_xent_in_blocks", lambda *arguments: "blocks")
    monkeypatch.setattr(losses, "nt_xent", lambda *arguments: "plain")
    large, small = tuple(pair(8, 4)), tuple(pair(7, 4))
    assert [NTXent(0.1)(*large), NTXent(0.1)(*small), NTXent(1e-3)(*large)] == ["blocks", "plain", "plain"]


def test_blocks_name_bad_input():
    with pytest.raises(ValueError, match="one shape"):
        nt_xent_in_blocks(torch.ones(4, 3), torch.ones(5, 3), 0.1)
    with pytest.raises(ValueError, match=f"at least {losses.COLDEST}, got 0.001: nt_xent"):
        nt_xent_in_blocks(torch.ones(4, 3), torch.ones(4, 3), 1e-3)


def across_by_the_formula(z1, z2, temperature):
    """Each anchor's partner among the other view's n representations: plain Python, float64."""
    a, b = ([row / row.norm() for row in z.double()] for z in (z1, z2))
    total = 0.0
    for anchors, others in ((a, b), (b, a)):
        for i, anchor in enumerate(anchors):
            scores = [float(anchor @ other) / temperature for other in others]
            total += math.log(sum(map(math.exp, scores))) - scores[i]
    return total / (2 * len(z1))


@pytest.mark.parametrize("n, d, temperature", [(2, 3, 0.05), (16, 8, 0.2), (33, 64, 1.0)])
def test_infonce_is_the_formulas_and_log_n_when_all_are_alike(n, d, temperature):
    z1, z2 = pair(n, d)
    assert InfoNCE(temperature)(z1, z2).item() == pytest.approx(across_by_the_formula(z1, z2, temperature), rel=1e-5)
    assert info_nce(torch.ones(n, d), torch.ones(n, d), temperature).item() == pytest.approx(math.log(n), rel=1e-5)
    z1, z2 = (z.requires_grad_() for z in pair(5, 4, dtype=torch.float64))
    assert gradcheck(lambda a, b: info_nce(a, b, 0.3), (z1, z2))
    with pytest.raises(ValueError, match="The temperature must be above 0"):
        InfoNCE(0)

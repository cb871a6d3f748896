"""NT-Xent against a float64 re-derivation, written from the paper's formula with loops."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from intriguing_lib.losses import NTXent, nt_xent


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

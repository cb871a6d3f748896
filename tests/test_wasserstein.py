"""The sliced Wasserstein distance against optimal assignment (SciPy), POT, and what must hold by symmetry."""
import numpy as np
import ot
import pytest
import torch
from scipy import stats
from scipy.optimize import linear_sum_assignment
from torch.autograd import gradcheck

from intriguing_lib.wasserstein import PRIORS, random_directions, sample_prior, sliced_wasserstein


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def batch(b, d, seed=0, dtype=torch.float64):
    return torch.randn(b, d, generator=seeded(seed), dtype=dtype) * 2 + 0.5


def test_in_one_dimension_it_is_the_cost_of_the_best_assignment():
    h, p = batch(40, 1), batch(40, 1, seed=1)
    cost = (h - p.T).square().numpy()
    rows, columns = linear_sum_assignment(cost)
    ours = sliced_wasserstein(h, p, torch.ones(1, 1, dtype=torch.float64))
    assert ours.item() == pytest.approx(cost[rows, columns].mean(), rel=1e-12)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_on_shared_projections_it_is_pots(count):
    h, p = batch(50, 8), sample_prior("normal", 50, 8, seeded(2), torch.float64)
    w = random_directions(8, count, seeded(3), torch.float64)
    theirs = ot.sliced_wasserstein_distance(h.numpy(), p.numpy(), projections=w.numpy(), p=2) ** 2
    assert sliced_wasserstein(h, p, w).item() == pytest.approx(theirs, rel=1e-10)


def test_the_papers_sum_is_b_over_d_times_the_mean():
    """Algorithm 1, word by word: Σ over directions of ‖sort(HW) − sort(PW)‖², divided by d d'."""
    h, p, w = batch(12, 5), batch(12, 5, seed=1), random_directions(5, 4, seeded(0), torch.float64)
    total = sum((np.sort((h @ w)[:, j]) - np.sort((p @ w)[:, j])) @ (np.sort((h @ w)[:, j]) - np.sort((p @ w)[:, j]))
                for j in range(4))
    assert total / (5 * 4) == pytest.approx(sliced_wasserstein(h, p, w).item() * 12 / 5, rel=1e-12)


def test_ties_and_equal_batches():
    h = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 0.0]])
    directions = random_directions(2, 2, seeded(0))
    assert sliced_wasserstein(h, h[[2, 0, 1]], directions).item() == 0
    assert sliced_wasserstein(h, h + torch.tensor([3.0, 4.0]), directions).item() == pytest.approx(25 / 2, rel=1e-5)


@pytest.mark.parametrize("prior", PRIORS)
def test_the_order_of_rows_does_not_matter(prior):
    h, p = batch(30, 6), sample_prior(prior, 30, 6, seeded(1), torch.float64)
    w = random_directions(6, 6, seeded(2), torch.float64)
    order = torch.randperm(30, generator=seeded(3))
    assert sliced_wasserstein(h[order], p, w).item() == pytest.approx(sliced_wasserstein(h, p, w).item(), rel=1e-12)


@pytest.mark.parametrize("prior", ["sphere", "normal"])
def test_turning_everything_together_changes_nothing(prior):
    h, p = batch(30, 6), sample_prior(prior, 30, 6, seeded(1), torch.float64)
    w, turn = random_directions(6, 4, seeded(2), torch.float64), random_directions(6, 6, seeded(4), torch.float64)
    turned = sliced_wasserstein(h @ turn, p @ turn, turn.T @ w)
    assert turned.item() == pytest.approx(sliced_wasserstein(h, p, w).item(), rel=1e-10)


@pytest.mark.parametrize("prior, alike", [("sphere", True), ("normal", True), ("cube", False)])
def test_only_the_cube_prefers_a_direction(prior, alike):
    """H and the directions turned by 45°, the prior drawn as ever: in distribution that changes nothing for sphere and normal.

    Paired t-test over 300 draws of the prior: p > 1e-4 where nothing changes (the false-alarm rate), else p < 1e-10.
    """
    def distances(h, w):
        return [sliced_wasserstein(h, sample_prior(prior, 64, 2, seeded(s), torch.float64), w).item() for s in range(300)]

    h, axes = batch(64, 2), torch.eye(2, dtype=torch.float64)
    turn = torch.tensor([[1.0, -1], [1, 1]], dtype=torch.float64) / 2**0.5
    p = stats.ttest_rel(distances(h, axes), distances(h @ turn, turn.T @ axes)).pvalue
    assert p > 1e-4 if alike else p < 1e-10, p


def test_gradients():
    h, p, w = batch(6, 3).requires_grad_(), batch(6, 3, seed=1), random_directions(3, 2, seeded(0), torch.float64)
    assert gradcheck(lambda h: sliced_wasserstein(h, p, w), h)


@pytest.mark.parametrize("prior", PRIORS)
def test_priors_are_what_they_are_called(prior):
    """Kolmogorov-Smirnov on the first coordinate, 5,000 draws in 3-D; each at p > 1e-4: false-alarm rate 3e-4 in all."""
    x = sample_prior(prior, 5000, 3, seeded(0))
    expected = {"normal": stats.norm(), "cube": stats.uniform(-1, 2), "sphere": stats.uniform(-1, 2)}[prior]  # Archimedes
    assert stats.kstest(x[:, 0].numpy(), expected.cdf).pvalue > 1e-4
    assert prior != "sphere" or torch.allclose(x.norm(dim=1), torch.ones(5000))


@pytest.mark.parametrize("d, count", [(1, 1), (5, 5), (128, 40)])
def test_directions_are_orthonormal_and_uniform(d, count):
    w = random_directions(d, count, seeded(0), torch.float64)
    assert torch.allclose(w.T @ w, torch.eye(count, dtype=torch.float64))
    signs = torch.stack([random_directions(d, count, seeded(s))[0, 0].sign() for s in range(200)])
    assert abs(signs.mean()) < 0.3  # 4.2 standard errors: false-alarm rate 3e-5; without the sign correction all are alike


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="'sphere', 'cube' or 'normal', got 'ball'"):
        sample_prior("ball", 3, 2, seeded(0))
    with pytest.raises(ValueError, match="In 4 dimensions there are 1 to 4 orthogonal directions, got 5"):
        random_directions(4, 5, seeded(0))
    for shapes in (((4, 3), (5, 3), (3, 3)), ((4, 3), (4, 3), (2, 2)), ((4,), (4,), (4, 1))):
        with pytest.raises(ValueError, match=r"one shape \(b, d\) and directions \(d, d'\), got") as raised:
            sliced_wasserstein(*map(torch.zeros, shapes))
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("d, n, told_apart", [(2, 4096, True), (128, 512, False)])
def test_in_high_dimension_priors_of_one_variance_can_hardly_be_told_apart(d, n, told_apart):
    """Two priors are as near to each other there as two samples of one prior; in the plane they are not."""
    samples = [[sample_prior(prior, n, d, seeded(s)) for s in (i, i + 10)] for i, prior in enumerate(PRIORS)]
    samples = [[x / x.square().mean().sqrt() for x in pair] for pair in samples]
    w = random_directions(d, d, seeded(99))
    same = max(sliced_wasserstein(*pair, w).item() for pair in samples)
    others = [sliced_wasserstein(samples[i][0], samples[j][1], w).item() for i in range(3) for j in range(3) if i != j]
    assert min(others) > 1.5 * same if told_apart else max(others) < 1.2 * same, (same, others)

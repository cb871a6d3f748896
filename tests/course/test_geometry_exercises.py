"""The exercises on spread, with mistakes and right answers as learners would write them."""
import math

import pytest
import torch


def by_eigenvalues(z):
    """A right answer: singular values are the roots of the eigenvalues of the scatter matrix."""
    z = z - z.mean(dim=0, keepdim=True)
    widths = torch.linalg.eigvalsh(z.T @ z).clamp(min=0).sqrt()
    return torch.distributions.Categorical(widths / widths.sum()).entropy().exp()


def eigenvalues_themselves(z):
    p = torch.linalg.eigvalsh(torch.cov(z.T))
    return torch.distributions.Categorical(p / p.sum()).entropy().exp()


@pytest.mark.parametrize("attempt, words", [
    (by_eigenvalues, "right"), (eigenvalues_themselves, "the singular values were squared")],
    ids=lambda x: getattr(x, "__name__", ""))
def test_effective_rank_as_learners_would_write_it(attempt, words, said):
    out, used = said("effective_rank", attempt)
    assert words in out and used == (attempt is by_eigenvalues)


def row_by_row(similarities, temperature):
    """A right answer, one anchor after the other."""
    rows = []
    for row in similarities:
        mean = row.sum() / len(row)
        rows.append(math.log(len(row)) + mean / temperature + ((row - mean) ** 2).sum() / len(row) / (2 * temperature ** 2))
    return torch.stack(rows)


def torchs_own_variance(similarities, temperature):
    mean, variance = similarities.mean(1), similarities.var(1)  # var's default divides by m - 1
    return math.log(similarities.shape[1]) + mean / temperature + variance / (2 * temperature ** 2)


@pytest.mark.parametrize("attempt, words", [
    (row_by_row, "right"), (torchs_own_variance, "the variance divides by m − 1")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_expansion_as_learners_would_write_it(attempt, words, said):
    out, used = said("expanded_log_sum_exp", attempt)
    assert words in out and used == (attempt is row_by_row)

"""The exercise on finding partners, with mistakes and right answers as learners would write them."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.course.partner_exercises import INPUTS


def one_by_one(z1, z2):
    """A right answer, slowly."""
    hits = [F.cosine_similarity(a[None], z2).argmax() == i for i, a in enumerate(z1)]
    return torch.stack(hits).float().mean()


def by_distances(z1, z2):
    """A right answer: of vectors of length 1 the nearest by the cosine is the nearest by the distance."""
    return (torch.cdist(F.normalize(z1), F.normalize(z2)).argmin(1) == torch.arange(len(z1))).double().mean()


def in_numpy(z1, z2):
    """Right, but of the wrong type."""
    a, b = z1.numpy(), z2.numpy()
    s = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    return np.mean(s.argmax(1) == np.arange(len(a)))


def only_the_candidates_need_it(z1, z2):
    """A right answer: a first view's own length doesn't matter to its choice."""
    return ((z1 @ F.normalize(z2).T).argmax(dim=-1) == torch.arange(z1.shape[0])).float().mean()


def only_the_one_that_looks(z1, z2):
    return ((F.normalize(z1) @ z2.T).argmax(1) == torch.arange(len(z1))).float().mean()


def as_in_the_loss(z1, z2):
    z = F.normalize(torch.cat([z1, z2]))
    s = (z @ z.T).fill_diagonal_(-float("inf"))
    n = len(z1)
    return (s.argmax(1) == (torch.arange(2 * n) + n) % (2 * n)).float().mean()


def not_masked(z1, z2):
    z = F.normalize(torch.cat([z1, z2]))
    return ((z @ z.T)[:len(z1)].argmax(1) == torch.arange(len(z1), 2 * len(z1))).float().mean()


def above_all(z1, z2):
    s = F.normalize(z1) @ F.normalize(z2).T
    return (s.diag()[:, None] > s).all(1).float().mean()


def columns(z1, z2):
    s = F.normalize(z1) @ F.normalize(z2).T
    return (s.diag() >= s.max(0).values).float().mean()


def along_the_batch(z1, z2):
    s = F.normalize(z1, dim=0) @ F.normalize(z2, dim=0).T
    return (s.argmax(1) == torch.arange(len(z1))).float().mean()


def on_average(z1, z2):
    return F.cosine_similarity(z1, z2).mean()


def lengths_squared(z1, z2):
    a, b = z1 / z1.square().sum(1, keepdim=True), z2 / z2.square().sum(1, keepdim=True)
    return ((a @ b.T).argmax(1) == torch.arange(len(a))).float().mean()


def each_view_says(z1, z2):
    return (F.normalize(z1) @ F.normalize(z2).T).argmax(1) == torch.arange(len(z1))


def without_the_last(z1, z2):
    s = F.normalize(z1) @ F.normalize(z2).T
    return sum(s[i].argmax() == i for i in range(len(z1) - 1)) / len(z1)


def better_than_nothing(z1, z2):
    """The best so far begins at 0, which a negative cosine never beats."""
    hits = 0
    for i, a in enumerate(F.normalize(z1)):
        best, nearest = 0, 0
        for j, b in enumerate(F.normalize(z2)):
            if a @ b > best:
                best, nearest = a @ b, j
        hits += nearest == i
    return torch.tensor(hits / len(z1))


def with_the_partner_masked(z1, z2):
    s = (F.normalize(z1) @ F.normalize(z2).T).fill_diagonal_(-float("inf"))
    return (s.argmax(1) == torch.arange(len(z1))).float().mean()


def of_booleans(z1, z2):
    return ((F.normalize(z1) @ F.normalize(z2).T).argmax(1) == torch.arange(len(z1))).mean()


def of_a_fixed_number(z1, z2):
    return ((F.normalize(z1) @ F.normalize(z2).T).argmax(1) == torch.arange(128)).float().mean()


def first_views_twice(z1, z2):
    a, b = F.normalize(z1), F.normalize(z1)
    return ((a @ b.T).argmax(1) == torch.arange(len(a))).float().mean()


@pytest.mark.parametrize("attempt, words", [
    (one_by_one, "right"), (by_distances, "right"), (only_the_candidates_need_it, "right"),
    (in_numpy, "returns a float64, and should return a torch tensor"),
    (only_the_one_that_looks, "these are inner products"), (as_in_the_loss, "this has 2n views that look"),
    (not_masked, "this finds nobody, ever"), (above_all, "this finds nobody, ever"),
    (columns, "each second view looks for its first view"), (along_the_batch, "the columns were scaled"),
    (on_average, "how similar partners are on average"), (lengths_squared, "longer vectors change the answer"),
    (each_view_says, "returns a tensor of shape (37,), and should return ()"),
    (without_the_last, "hand it z1 twice"), (better_than_nothing, "none of the mistakes"),
    (with_the_partner_masked, "In z1 @ z2.T it holds the partners"), (first_views_twice, "Are z1 and z2 both in it"),
    (of_booleans, "True and False have no mean: say .float()"), (of_a_fixed_number, "(128) at non-singleton")],
    ids=lambda x: getattr(x, "__name__", ""))
def test_how_often_partners_are_found_as_learners_would_write_it(attempt, words, said):
    out, used = said("partner_found", attempt)
    assert words in out and used == (words == "right")


def test_the_inputs_tell_what_must_be_told_apart():
    """Some find their partner, most, all, nobody, and most though all are far; lengths differ."""
    shares = [one_by_one(*given).item() for given in INPUTS]
    assert 0.15 < shares[0] < 0.5 < shares[1] < 0.85 and shares[2:4] == [1, 0] and 0.5 < shares[4] < 0.85
    assert all(z.norm(dim=1).max() > 4 * z.norm(dim=1).min() for given in INPUTS[:4] for z in given)
    assert all(F.cosine_similarity(a, INPUTS[4][1]).max() < 0 for a in INPUTS[4][0])

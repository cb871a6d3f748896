"""The checks of a learner's code: every usual mistake has its own sentence, right answers pass however they are written."""
import math
import threading
import time
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.course import check, checks, hint, show_answer
from intriguing_lib.course.exercises import EXERCISES
from intriguing_lib.losses import cosine_similarities, negative_shares, nt_xent
from intriguing_lib.wasserstein import sample_prior

NAMES = list(EXERCISES)


def said(capsys, name, attempt):
    """(what was printed, whether the learner's function came back)."""
    used = check(name, attempt)
    out = capsys.readouterr().out.strip()
    assert out.startswith(f"{name}: ") and "\n" not in out
    assert used is attempt or used is EXERCISES[name].answer
    return out, used is attempt


MISTAKES = [(name, message, mistake) for name in NAMES for message, mistakes in EXERCISES[name].mistakes.items()
            for mistake in (mistakes if isinstance(mistakes, tuple) else (mistakes,))]


@pytest.mark.parametrize("name, message, mistake", MISTAKES, ids=lambda x: x[:30] if isinstance(x, str) else "")
def test_every_mistake_is_told_by_its_own_sentence(name, message, mistake, capsys):
    out, used = said(capsys, name, mistake)
    assert not used and out == f"{name}: not yet: {message}"


# --- the mistakes that everybody makes in nt_xent, written as a learner would, independently of the library's ---------------


def diagonal_kept(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    e = torch.exp(z @ z.T / temperature)
    positive = torch.exp((F.normalize(z1, dim=1) * F.normalize(z2, dim=1)).sum(1) / temperature).repeat(2)
    return -torch.log(positive / e.sum(1)).mean()


def positive_missing(z1, z2, temperature):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    e = torch.exp(z @ z.T / temperature)
    losses = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        losses.append(-torch.log(e[i, j] / sum(e[i, k] for k in range(2 * n) if k not in (i, j))))
    return sum(losses) / (2 * n)


def cross_view(z1, z2, temperature):
    s = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    return -(s.log_softmax(1).diag().mean() + s.log_softmax(0).diag().mean()) / 2


def wrong_partner(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return F.cross_entropy(s, torch.tensor([i + 1 if i % 2 == 0 else i - 1 for i in range(len(z))]))


def twice(z1, z2, temperature):
    return loops(z1, z2, temperature) * 2


def times_temperature(z1, z2, temperature):
    return loops(z1, z2, temperature) * temperature


def loops(z1, z2, temperature):
    """A right answer, one anchor after the other."""
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    total = 0
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k != i]
        terms = torch.stack([torch.dot(z[i], z[k]) / temperature for k in others])
        total = total + terms.logsumexp(0) - torch.dot(z[i], z[(i + n) % (2 * n)]) / temperature
    return total / (2 * n)


def interleaved(z1, z2, temperature):
    """Another right answer: views side by side, with the partners to match."""
    z = torch.stack([z1, z2], 1).flatten(0, 1)
    z = z / z.square().sum(1, keepdim=True).sqrt()
    s = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return -s.log_softmax(1)[torch.arange(len(z)), torch.arange(len(z)) ^ 1].mean()


@pytest.mark.parametrize("attempt, words", [
    (diagonal_kept, "row i still competes with itself: take the diagonal out of the denominator"),
    (positive_missing, "the partner is missing from the denominator"), (cross_view, "only the other view's images compete"),
    (wrong_partner, "row i looks for the wrong partner"), (twice, "this is twice the value"),
    (times_temperature, "this is multiplied by the temperature")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_mistakes_in_nt_xent_as_a_learner_would_write_them(attempt, words, capsys):
    out, used = said(capsys, "nt_xent", attempt)
    assert words in out and not used


@pytest.mark.parametrize("attempt", [loops, interleaved, nt_xent], ids=lambda f: f.__name__)
def test_right_answers_pass_however_they_are_written(attempt, capsys):
    out, used = said(capsys, "nt_xent", attempt)
    assert out.startswith("nt_xent: right") and used


def shares_by_loops(z1, z2, temperature):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    e = torch.exp(z @ z.T / temperature)
    rows = []
    for i in range(2 * n):
        keep = torch.tensor([float(k not in (i, (i + n) % (2 * n))) for k in range(2 * n)])
        rows.append(e[i] * keep / (e[i] * keep).sum())
    return torch.stack(rows)


@pytest.mark.parametrize("name, attempt", [
    ("cosine_similarities", lambda z: (z @ z.T) / (z.norm(dim=1)[:, None] * z.norm(dim=1))),
    ("cosine_similarities", lambda z: F.cosine_similarity(z[:, None], z[None], dim=2)),
    ("negative_shares", shares_by_loops)], ids=["norms", "torch's own", "loops"])
def test_the_other_exercises_take_other_ways_too(name, attempt, capsys):
    assert said(capsys, name, attempt)[1]


# --- the sliced Wasserstein distance, as learners would write it --------------------------------------------------------


def by_columns(h, prior_sample, directions):
    """A right answer, one direction after the other."""
    total = 0
    for w in directions.T:
        mine, theirs = torch.sort(h @ w)[0], torch.sort(prior_sample @ w)[0]
        total = total + ((mine - theirs) ** 2).mean()
    return total / directions.shape[1]


def never_sorted(h, prior_sample, directions):
    return ((h @ directions - prior_sample @ directions) ** 2).mean()


def rows_sorted(h, prior_sample, directions):
    return ((torch.sort(h @ directions)[0] - torch.sort(prior_sample @ directions)[0]) ** 2).mean()  # sort's default: the last


def to_the_letter(h, prior_sample, directions):
    (_, d), count = h.shape, directions.shape[1]
    return sum(((torch.sort(h @ w)[0] - torch.sort(prior_sample @ w)[0]) ** 2).sum() for w in directions.T) / (d * count)


@pytest.mark.parametrize("attempt, words", [
    (by_columns, "right"), (never_sorted, "nothing is sorted"), (rows_sorted, "each row was sorted"),
    (to_the_letter, "Algorithm 1 to the letter")], ids=lambda x: getattr(x, "__name__", ""))
def test_sorting_as_learners_would_write_it(attempt, words, capsys):
    out, used = said(capsys, "sliced_wasserstein", attempt)
    assert words in out and used == (attempt is by_columns)


def prior_distance(h, prior, generator, normalise=True, orthogonal=True, again=False, directions_first=False, total=False):
    """Algorithm 1 with a learner's own QR, and with what is usually forgotten."""
    b, d = h.shape

    def draw():
        w = torch.randn(d, d, generator=generator)
        return torch.linalg.qr(w)[0] if orthogonal else w

    if prior == "sphere" and normalise:
        h = h / h.norm(dim=1, keepdim=True)
    w = draw() if directions_first else None
    p = sample_prior(prior, b, d, generator)
    w = draw() if w is None else w
    v = draw() if again else w
    difference = torch.sort(h @ w, 0)[0] - torch.sort(p @ v, 0)[0]
    return (difference ** 2).sum() if total else (difference ** 2).mean()


@pytest.mark.parametrize("first", [False, True], ids=["prior drawn first", "W drawn first"])
@pytest.mark.parametrize("change, words", [
    ({}, "right"), ({"normalise": False}, "must be brought to length 1 first"), ({"orthogonal": False}, "W isn't orthogonal"),
    ({"again": True}, "projected with different W"), ({"total": True}, "this is a sum over the points and directions")],
    ids=lambda x: str(x)[:20])
def test_algorithm_1_as_learners_would_write_it(change, words, first, capsys):
    out, used = said(capsys, "distance_to_prior", partial(prior_distance, directions_first=first, **change))
    assert words in out and used == (not change)


def test_an_unsolved_stub_says_how_long_it_takes_and_the_notebook_goes_on(capsys):
    for name in NAMES:
        out, used = said(capsys, name, lambda *a: ...)
        assert "not solved yet: it returns `...` (" in out and "minutes, " in out and not used
        assert "the notebook goes on with the library's function" in out


def test_a_crash_that_only_a_gradient_brings_about_is_one_sentence(capsys):
    def shy(z1, z2, temperature):
        if z1.requires_grad:
            raise ValueError
        return nt_xent(z1, z2, temperature)

    assert said(capsys, "nt_xent", shy)[0].endswith("but no gradient can be computed: ValueError: no message.")


def never_ends(z1, z2, temperature):
    while True:
        pass


def raises(z1, z2, temperature):
    z = torch.cat([z1, z2])
    return F.cross_entropy(z, "labels")  # below this line lie torch's own


def leaves_the_notebook(z1, z2, temperature):
    raise SystemExit


@pytest.mark.parametrize("attempt, words", [
    (lambda z1, z2, t: None, "returns None: does every way through it end in a `return`?"),
    (lambda z1, z2, t: [0.5], "returns a list, and should return a torch tensor"),
    (lambda z1, z2, t: nt_xent(z1, z2, t).item(), "returns a float, and should return a torch tensor"),
    (lambda z1, z2, t: torch.zeros(3), r"returns a tensor of shape (3,), and should return ()"),
    (lambda z1, z2, t: torch.tensor(math.nan), "returns NaN or infinity on harmless inputs"),
    (lambda z1, z2, t: nt_xent(z1, z2, t).detach(), "no gradient reaches the inputs"),
    (lambda z1, z2, t: nt_xent(z1, z2.detach(), t), "the gradient is not: a part of the computation is detached"),
    (lambda z1, z2, t: torch.tensor(1.25), "none of the mistakes this check knows: on a tensor of shape (3, 2) and a tensor"),
    (lambda z1, z2, t: nt_xent(z1, z2, 0.5), "a tensor of shape (5, 4) and temperature 0.1 it should give"),
    (lambda z1, z2: 0, "could not be called: TypeError"),
    (raises, "raised TypeError: ", ), (leaves_the_notebook, "raised SystemExit: no message, in its line 2: `raise SystemExit`"),
    (3.5, "'3.5' can't be called"), (..., "'Ellipsis' can't be called"),
], ids=["None", "a list", "a float", "a wrong shape", "NaN", "detached", "half detached", "nonsense", "a fixed temperature",
        "missing argument", "a crash", "exit()", "a number", "an ellipsis"])
def test_bad_input_is_one_sentence_and_stops_nothing(attempt, words, capsys):
    out, used = said(capsys, "nt_xent", attempt)
    assert words in out and not used


def test_a_crash_is_shown_as_the_learners_with_its_line(capsys):
    out, _ = said(capsys, "nt_xent", raises)
    assert out.endswith('in its line 3: `return F.cross_entropy(z, "labels")  # below this line lie torch\'s own`')


def test_a_function_that_never_ends_is_given_up_and_ends(monkeypatch, capsys):
    monkeypatch.setattr(checks, "SECONDS", 0.5)
    before = threading.active_count()
    start = time.monotonic()
    out, used = said(capsys, "nt_xent", never_ends)
    assert "had not returned after 0.5 s" in out and not used and time.monotonic() - start < 5
    time.sleep(0.5)
    assert threading.active_count() == before  # it doesn't go on in the background


def test_changing_the_inputs_in_place_harms_nobody_but_its_own_gradient(capsys):
    def in_place(z1, z2, temperature):
        z1 /= z1.norm(dim=1, keepdim=True)
        z2 /= z2.norm(dim=1, keepdim=True)
        return nt_xent(z1, z2, temperature)

    out, _ = said(capsys, "nt_xent", in_place)
    assert out.endswith("but no gradient can be computed: a tensor that it needs was changed in place.")
    assert said(capsys, "nt_xent", loops)[1]


@pytest.mark.parametrize("name", NAMES)
def test_hints_and_the_answer_are_there(name, capsys):
    assert len(EXERCISES[name].hints) == 3 and EXERCISES[name].minutes <= 15 and EXERCISES[name].level in (1, 2, 3)
    for level in (1, 2, 3):
        hint(name, level)
        assert len(capsys.readouterr().out) > 40
    hint(name, 4)
    assert "three hints, 1 to 3, got 4" in capsys.readouterr().out
    show_answer(name)
    assert f"def {name}(" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_of_the_right_shape_is_told_and_stops_nothing(name, capsys):
    """Also where an exercise has a single argument."""
    out, used = said(capsys, name, lambda *arguments: EXERCISES[name].answer(*arguments) * 1.234 + 0.017)
    assert "none of the mistakes this check knows: on a tensor of shape" in out and not used


def test_the_priors_side_may_be_detached_and_the_other_may_not(capsys):
    answer = EXERCISES["sliced_wasserstein"].answer
    assert said(capsys, "sliced_wasserstein", lambda h, p, w: answer(h, p.detach(), w.detach()))[1]
    assert "is detached" in said(capsys, "sliced_wasserstein", lambda h, p, w: answer(h.detach(), p, w))[0]


def test_an_unknown_exercise_is_named():
    with pytest.raises(KeyError, match="no exercise 'ntxent': there are cosine_similarities, nt_xent"):
        check("ntxent", loops)


def test_shares_and_similarities_against_their_definitions():
    z1, z2 = (torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    z = torch.cat([z1, z2])
    assert torch.allclose(cosine_similarities(z), F.cosine_similarity(z[:, None], z[None], dim=2))
    shares = negative_shares(z1, z2, 0.3)
    assert torch.allclose(shares, shares_by_loops(z1, z2, 0.3)) and torch.allclose(shares.sum(1), torch.ones(8).double())
    # the gradient of the loss with respect to an anchor's similarities is proportional to the shares of its negatives
    s = (F.normalize(z, dim=1) @ F.normalize(z, dim=1).T).requires_grad_()
    logits = (s / 0.3).masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, torch.arange(8).roll(4)), s)
    negatives = gradient.clamp(min=0)
    assert torch.allclose(negatives / negatives.sum(1, keepdim=True), shares)

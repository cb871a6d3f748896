"""The checks of a learner's code: every usual mistake has its own sentence, and nothing stops the notebook."""
import math
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.course import calls, check, checks, hint, show_answer
from intriguing_lib.course.checks import EXERCISES
from intriguing_lib.diagnostics import effective_rank
from intriguing_lib.losses import cosine_similarities, negative_shares, nt_xent
from tests.waiting import soon

NAMES = list(EXERCISES)
MISTAKES = [(name, message, mistake) for name in NAMES for message, mistakes in EXERCISES[name].mistakes.items()
            for mistake in (mistakes if isinstance(mistakes, tuple) else (mistakes,))]


@pytest.mark.parametrize("name, message, mistake", MISTAKES, ids=lambda x: x[:30] if isinstance(x, str) else "")
def test_every_mistake_is_told_by_its_own_sentence(name, message, mistake, said):
    out, used = said(name, mistake)
    assert not used and out == f"✗ {name}: not yet: {message} Meanwhile the notebook goes on with the library's function."


def test_an_unsolved_stub_says_how_long_it_takes_and_the_notebook_goes_on(said):
    for name in NAMES:
        out, used = said(name, lambda *a: ...)
        assert out.startswith(f"○ {name}: not solved yet (") and " minutes, " in out and "it returns `...`" in out and not used
        assert "the notebook goes on with the library's function" in out


def test_a_crash_that_only_a_gradient_brings_about_is_one_sentence(said):
    def shy(z1, z2, temperature):
        if z1.requires_grad:
            raise ValueError
        return nt_xent(z1, z2, temperature)

    assert "but no gradient can be computed: ValueError: no message." in said("nt_xent", shy)[0]


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
    (lambda z1, z2, t: torch.tensor(1.25), "at every temperature: divide the similarities by the argument temperature. On "),
    (lambda z1, z2, t: nt_xent(z1, z2, 0.5), "temperature = 2.0 it should give"),
    (lambda z1, z2: 0, "could not be called: TypeError"),
    (raises, "raised TypeError: ", ), (leaves_the_notebook, "raised SystemExit: no message, in its line 2: `raise SystemExit`"),
    (3.5, "'3.5' can't be called"), (..., "'Ellipsis' can't be called"),
], ids=["None", "a list", "a float", "a wrong shape", "NaN", "detached", "half detached", "nonsense", "a fixed temperature",
        "missing argument", "a crash", "exit()", "a number", "an ellipsis"])
def test_bad_input_is_one_sentence_and_stops_nothing(attempt, words, said):
    out, used = said("nt_xent", attempt)
    assert words in out and not used


def test_a_crash_is_shown_as_the_learners_with_its_line(said):
    out, _ = said("nt_xent", raises)
    assert 'in its line 3: `return F.cross_entropy(z, "labels") # below this line lie torch\'s own`.' in " ".join(out.split())


def test_a_function_that_never_ends_is_given_up_and_ends(monkeypatch, said):
    monkeypatch.setattr(calls, "SECONDS_ALLOWED", 0.5)
    before = threading.active_count()
    start = time.monotonic()
    out, used = said("nt_xent", never_ends)
    assert "had not returned after 0.5 s" in out and not used and time.monotonic() - start < 5
    assert soon(lambda: threading.active_count() == before)  # it doesn't go on in the background


def test_changing_the_inputs_in_place_harms_nobody_but_its_own_gradient(said):
    def in_place(z1, z2, temperature):
        z1 /= z1.norm(dim=1, keepdim=True)
        z2 /= z2.norm(dim=1, keepdim=True)
        return nt_xent(z1, z2, temperature)

    out, _ = said("nt_xent", in_place)
    assert "but no gradient can be computed: a tensor that it needs was changed in place." in out
    assert said("nt_xent", nt_xent)[1]


def test_a_right_answer_that_changes_what_it_is_handed_is_told(said):
    def negated(z):
        z.neg_()
        return effective_rank(z)

    out, used = said("effective_rank", negated)
    assert "the numbers are right, but your function changes z, which its caller still needs: in place of z /= ..." in out
    assert not used


def test_whatever_a_right_answer_gives_on_a_trials_arguments_stops_nothing(said):
    """With 64 bits, for one."""
    assert said("negative_shares", lambda z1, z2, t: negative_shares(z1.double(), z2.double(), t))[1]


@pytest.mark.parametrize("name", NAMES)
def test_hints_and_the_answer_are_there(name, capsys):
    assert len(EXERCISES[name].hints) == 3 and EXERCISES[name].minutes <= 15 and EXERCISES[name].level in (1, 2, 3)
    for level in (1, 2, 3):
        hint(name, level)
        assert len(capsys.readouterr().out) > 40
    hint(name, 4)
    assert "three hints, 1 to 3, got 4" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_shown_runs_when_it_is_pasted_and_is_right(name, capsys, said):
    show_answer(name)
    pasted = {}
    exec(capsys.readouterr().out, pasted)
    out, used = said(name, pasted[name])
    assert used and "is right" not in out and "But" not in out


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_of_the_right_shape_is_told_and_stops_nothing(name, said):
    """Also where an exercise has a single argument."""
    out, used = said(name, lambda *arguments: EXERCISES[name].answer(*arguments) * 1.234 + 0.017)
    if EXERCISES[name].by_trials:  # whose numbers may be others
        assert not used and f"{name}: not yet: " in out
        return
    of_whole_numbers = "should return whole numbers, torch.int64: leave out .float()" in out
    assert of_whole_numbers or " it should give " in out and ("this check knows. On " in out or EXERCISES[name].trials)
    assert not used and of_whole_numbers == (name == "spherical_kmeans")


def test_an_unknown_exercise_is_named():
    with pytest.raises(KeyError, match="no exercise 'ntxent': there are cosine_similarities, nt_xent"):
        check("ntxent", nt_xent)


def log_of_softmax(z1, z2, temperature):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    p = (z @ z.T / temperature).fill_diagonal_(-math.inf).softmax(1).log()
    return -p[torch.arange(2 * n), torch.arange(2 * n).roll(n)].mean()


def through_numpy(z1, z2, temperature):
    return nt_xent(*(torch.as_tensor(z.numpy().copy()) for z in (z1, z2)), temperature)


def without_keepdim(z):
    z = z / z.norm(dim=1)
    return z @ z.T


def arccos_of_more_than_1(z):
    z = F.normalize(z, dim=1)
    return torch.acos(1.0001 * z @ z.T)


def by_a_helper(z):
    return helper(z)


def helper(z):
    return z.no_such_method()


def in_a_comprehension(z):
    return torch.stack([row.no_such_method() for row in z])


@torch.no_grad()
def without_gradients(z):
    return z.no_such_method()


def by_the_lengths_of_differences(z):
    """Right, by the law of cosines: |a − b|² = 2 − 2 cos."""
    z = F.normalize(z, dim=1)
    return 1 - (z[:, None] - z).square().sum(2).sqrt().square() / 2


def directions_of_ones_own(h, prior_sample, directions):
    w = F.normalize(torch.randn(h.shape[1], 8), dim=0)
    return ((h @ w).sort(0).values - (prior_sample @ w).sort(0).values).square().mean()


def nearly_right(z):
    z = F.normalize(z, dim=1)
    return z @ z.T + 2e-4 * torch.eye(len(z))[-1]  # in the last column alone


def new_chance(h, prior, generator):
    return (torch.randn(3) @ torch.randn(3)) + 0 * h.sum()


@pytest.mark.parametrize("name, attempt, words", [
    ("nt_xent", log_of_softmax, "the gradient is NaN or infinite: a logarithm and a root are steep without end at 0."),
    ("nt_xent", lambda z1, z2, t: nt_xent(z1, z2, t).half(), "your function computes with 16 bits"),
    ("cosine_similarities", lambda z: cosine_similarities(z).max(1), "2 things, and should return one tensor: of max and sort"),
    ("nt_xent", through_numpy, "goes through NumPy, which knows no gradients: write it with torch's functions."),
    ("effective_rank", lambda z: np.float64(2.5), "should return a torch tensor: torch.as_tensor makes one of it."),
    ("nt_xent", lambda z1, z2, t: np.float64(2.5), "should return a torch tensor: gradients flow through nothing else."),
    ("cosine_similarities", without_keepdim, "(to divide each row by its own, norm needs keepdim=True)."),
    ("distance_to_prior", new_chance, "gives other numbers each time: hand the generator to everything that draws"),
    ("sliced_wasserstein", directions_of_ones_own,
     "and here nothing is to be drawn: take what is handed in, h, prior_sample, directions."),
    ("cosine_similarities", arccos_of_more_than_1, "an arccos or a root of what rounding took out of its range."),
    ("cosine_similarities", by_a_helper, "'no_such_method', in line 2 of helper(): `return z.no_such_method()`."),
    ("cosine_similarities", in_a_comprehension, "in its line 2: `return torch.stack([row.no_such_method() for row in z])`."),
    ("cosine_similarities", without_gradients, "in its line 3: `return z.no_such_method()`."),
    ("cosine_similarities", by_the_lengths_of_differences, "A point's distance to itself is 0: take no root of it."),
    ("cosine_similarities", nearly_right, "0.9664 -0.9990 -0.5853, yours gives 1.0000 -0.9978 -0.4542 0.9664 -0.9990 -0.5851."),
], ids=["log of softmax", "float16", "max", "NumPy", "NumPy's number", "NumPy's number, with gradient", "keepdim", "chance",
        "chance for nothing", "arccos", "a helper", "a comprehension", "a decorator", "a root at 0", "the fourth digit"])
def test_a_failing_answer_is_told_its_real_reason(name, attempt, words, said):
    out, used = said(name, attempt)
    assert words in out and not used


def test_a_right_answer_that_is_slow_is_right_and_says_so(said, monkeypatch):
    """By a clock that only the slow answer moves: on a busy machine the library's own function may take its time as well."""
    clock = [0.0]
    monkeypatch.setattr(checks, "time", SimpleNamespace(perf_counter=lambda: sum(clock)))

    def slow(z1, z2, temperature):
        clock.append(0.3 if len(z1) > 100 else 0)
        return nt_xent(z1, z2, temperature)

    out, used = said("nt_xent", slow)
    assert used and "right. From here on" in out and "But it is slow: 0.3" in out and "operations on whole tensors" in out


def test_a_right_answer_that_fails_on_larger_inputs_is_told(said):
    def small_only(z1, z2, temperature):
        return nt_xent(z1, z2, temperature) if len(z1) < 100 else nt_xent(z1, z2[:3], temperature)

    assert "But on inputs as large as the notebook's your function raised ValueError" in said("nt_xent", small_only)[0]


def test_the_row_that_differs_is_shown(said):
    def fourth_row_wrong(z):
        z = F.normalize(z, dim=1)
        return z @ z.T + (torch.arange(len(z)) == 3)[:, None]

    assert "it should give in row 3 0.966 -0.947 " in said("cosine_similarities", fourth_row_wrong)[0]

"""The second rules of Part I on made-up rows whose verdict is known: which runs they look at, and what can't be told."""
import numpy as np
import pandas as pd
import pytest

from intriguing_lib import claims
from intriguing_lib.claimed import CANT_TELL, FAILS, HOLDS, UNDECIDED, Claim
from intriguing_lib.claims import judge
from intriguing_lib.course.claims import claim_in_markdown
from intriguing_lib.statistics import Effect
from tests.test_statistics import race

OURS, AUTHORS = "decoupled NT-Xent", "the authors' form"


def with_untrained(table, top1=0.8):
    """A race beside random weights, which have no head of their own depth."""
    alone = table.drop_duplicates("seed").assign(condition="untrained", linear=top1, steps=0, **{"head.layers": 2})
    return pd.concat([table, alone])


def verdict(name, table):
    (found,) = judge(name, table, "recorded")
    return found.verdict


@pytest.mark.parametrize("gap, expected", [(0.002, HOLDS), (0.06, FAILS), (0.02, UNDECIDED)])
def test_similar_as_an_equivalence(gap, expected):
    assert verdict("losses are similar, as an equivalence", with_untrained(race({1: 0.1, 3: gap}, seeds=5))) == expected


@pytest.mark.parametrize("name, gaps, expected", [
    ("depth brings losses together, noise taken out", {1: 0.06, 2: 0.03, 3: 0.001}, HOLDS),
    ("depth brings losses together, noise taken out", {1: 0.02, 2: 0.001, 3: 0.06}, FAILS),
    ("depth brings losses together, noise taken out", {1: 0.02, 2: 0.09, 3: 0.02}, UNDECIDED),
    ("a third layer brings losses together", {1: 0.0, 2: 0.06, 3: 0.001}, HOLDS),
    ("a third layer brings losses together", {1: 0.06, 2: 0.001, 3: 0.06}, FAILS)])
def test_depth_by_the_variance_between_losses(name, gaps, expected):
    assert verdict(name, with_untrained(race(gaps, seeds=5))) == expected


@pytest.mark.parametrize("name", ["losses are similar, as an equivalence", "depth brings losses together, noise taken out",
                                  "a third layer brings losses together"])
def test_where_no_loss_gains_on_random_weights_nothing_is_told_of_losses(name):
    table = race({1: 0.06, 2: 0.06, 3: 0.001}, seeds=5)
    best = table.loc[table["head.layers"] == 3].groupby("condition")["linear"].mean().max()
    told, can_not = (with_untrained(table, top1=best - gain) for gain in (0.021, 0.019))
    assert verdict(name, told) == HOLDS and verdict(name, can_not) == CANT_TELL


def test_a_verdict_on_several_data_sets_prints_its_counts():
    name = "losses are similar, as an equivalence"
    table = pd.concat([with_untrained(race({1: 0.1, 3: 0.001}, seeds=5)),
                       with_untrained(race({1: 0.1, 3: 0.001}, seeds=5, data="fashion train"), top1=0.895),
                       with_untrained(race({1: 0.1, 3: 0.002}, seeds=5, data="CIFAR-10 (JPEG) train"))])
    found = judge(name, table, "recorded")
    assert claims.overall(found) == "holds in part"
    assert "**Verdict: holds in part.** (holds: 2 of 3 data sets; these images can't tell: 1)" in claim_in_markdown(found)
    assert "**Verdict: holds.**\n" in claim_in_markdown(found[:1])


@pytest.mark.parametrize("low, high, expected", [
    (1.1, 1.9, HOLDS), (0.9, 1.9, UNDECIDED), (1.1, 2.1, UNDECIDED), (0.5, 3, UNDECIDED), (0.2, 0.9, FAILS), (2.1, 3, FAILS)])
def test_within_two_lines(low, high, expected):
    claim = Claim(words="", place="", quantity="", unit="", holds="within", line=(1, 2), reason="", notebook="",
                  statistic=None, rows=None)
    assert claim.verdict(Effect((low + high) / 2, low, high, 3)) == expected and claim.rule == "holds between 1 and 2"


def ridges(slopes, below=None):
    """Accuracies with a ridge log λ = slope · log τ in each form, and uniformity that depends on log λ − slope · log τ.

    below: another slope of the uniformity at temperatures under 0.2.
    """
    rng = np.random.default_rng(0)
    rows = []
    for form, slope in slopes.items():
        for seed in (8, 9, 10):
            for t in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
                for w in 2.0 ** np.arange(-12, 12):
                    x = np.log(w) - slope * np.log(t)
                    spread = np.log(w) - (below if below is not None and t < 0.2 else slope) * np.log(t) + 0.01 * rng.normal()
                    rows.append({"condition": form, "data": "digits train", "seed": seed, "objective.loss.temperature": t,
                                 "objective.loss.weight": w, "linear": 0.95 - 0.005 * x ** 2 + rng.normal(0, 0.0005),
                                 "uniformity after head": -4 / (1 + np.exp(-spread))})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("slope, along, predicted, in_effect", [
    (-1, HOLDS, FAILS, FAILS), (0, FAILS, FAILS, FAILS), (1.5, FAILS, HOLDS, HOLDS), (3, FAILS, FAILS, HOLDS)])
def test_both_readings_in_both_forms(slope, along, predicted, in_effect):
    for form, ending, table in ((OURS, "", ridges({OURS: slope, AUTHORS: 7})),
                                (AUTHORS, ", authors' form", ridges({OURS: 7, AUTHORS: slope}))):
        assert form in set(table["condition"])
        for name, expected in {"inverse along the best settings": along, "the best weight rises as predicted": predicted,
                               "inverse in effect": in_effect}.items():
            assert verdict(name + ending, table) == expected, (name, form)


def test_the_effect_is_judged_from_a_temperature_of_a_fifth_on():
    table = ridges({OURS: 1.5, AUTHORS: 1.5}, below=-5)
    assert verdict("inverse in effect", table) == verdict("inverse in effect, authors' form", table) == HOLDS


@pytest.mark.parametrize("name, images", [("depth makes batch size matter less, noise taken out", 25_600),
                                          ("depth makes batch size matter less, twice as long", 51_200)])
def test_batch_size_is_judged_at_both_lengths(name, images):
    def rows(where):
        rng = np.random.default_rng(0)
        return pd.DataFrame([
            {"condition": "NT-Xent", "data": "digits train", "head.layers": layers, "batch_size": batch, "seed": s,
             "steps": n // batch, "linear": 0.9 + rng.normal(0, 0.001) + 0.03 * (layers == 1 and batch == 512 and n == where)}
            for layers in (1, 2, 3) for batch in (32, 128, 512) for s in range(5) for n in (25_600, 51_200)])

    assert verdict(name, rows(images)) == HOLDS and verdict(name, rows(76_800 - images)) == UNDECIDED

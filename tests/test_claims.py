"""Claims judged on made-up rows whose verdict is known, the intervals' error rates, and the run that must fail."""
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intriguing_lib import claims
from intriguing_lib.claims import CLAIMS, FAILS, HOLDS, IN_PART, UNDECIDED, Claim, VerdictChanged, judge
from intriguing_lib.family import MEMBERS


def race(gaps, seeds=3, noise=0.002, data="digits train", steps=200, seed=0):
    """Rows of five losses whose true accuracies lie gaps[layers] apart from first to last, with paired seeds."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.01, seeds)  # what a seed does to all losses alike
    return pd.DataFrame([
        {"condition": member, "data": data, "head.layers": layers, "steps": steps, "seed": s, "device": "a test",
         "linear": 0.9 + shared[s] + gap * i / 4 + rng.normal(0, noise)}
        for layers, gap in gaps.items() for i, member in enumerate(MEMBERS) for s in range(seeds)])


def verdict(name, table, preset="recorded"):
    (found,) = judge(name, table, preset)
    return found.verdict


@pytest.mark.parametrize("gap, expected", [(0.002, HOLDS), (0.06, FAILS), (0.02, UNDECIDED)])
def test_similar_losses(gap, expected):
    assert verdict("losses are similar", race({1: 0.1, 3: gap})) == expected


@pytest.mark.parametrize("shallow, deep, expected", [(0.06, 0.001, HOLDS), (0.02, 0.06, FAILS), (0.02, 0.015, UNDECIDED)])
def test_depth(shallow, deep, expected):
    assert verdict("depth brings losses together", race({1: shallow, 3: deep})) == expected


def test_length_looks_at_two_layers_and_at_the_shortest_and_longest_runs():
    table = pd.concat([race({2: gap, 3: 0.001}, steps=steps) for steps, gap in ((50, 0.06), (100, 0.5), (200, 0.01))])
    assert verdict("length brings losses together", table) == HOLDS


def test_several_data_sets_hold_in_part():
    table = pd.concat([race({1: 0, 3: 0.001}), race({1: 0, 3: 0.08}, data="CIFAR-10 (JPEG) train")])
    found = judge("losses are similar", table, "recorded")
    assert [v.verdict for v in found] == [HOLDS, FAILS] and claims.overall(found) == IN_PART
    assert [v.data for v in found] == ["digits", "CIFAR-10 (JPEG)"]


@pytest.mark.parametrize("words, expected", [
    ([HOLDS, HOLDS], HOLDS), ([HOLDS, UNDECIDED], IN_PART), ([HOLDS, FAILS, UNDECIDED], IN_PART),
    ([UNDECIDED, FAILS], UNDECIDED), ([UNDECIDED, UNDECIDED], UNDECIDED)])
def test_one_word_for_several_data_sets(words, expected):
    assert claims.overall([claims.Verdict("", "", "", word, 0, 0, 0, 3, "") for word in words]) == expected


def surface(slope, seeds=3, noise=0.001):
    """Accuracies with a ridge log λ = slope · log τ."""
    rng = np.random.default_rng(1)
    return pd.DataFrame([
        {"condition": "decoupled NT-Xent", "data": "digits train", "seed": s, "objective.loss.temperature": t,
         "objective.loss.weight": w, "linear": 0.95 - 0.005 * (np.log(w) - slope * np.log(t)) ** 2 + rng.normal(0, noise)}
        for s in range(seeds) for t in (0.1, 0.4, 1.6) for w in 4.0 ** np.arange(-5, 5)])


@pytest.mark.parametrize("slope, inverse, rises", [(-1, HOLDS, FAILS), (1.3, FAILS, HOLDS), (0, FAILS, FAILS)])
def test_the_slope_of_a_ridge(slope, inverse, rises):
    table = surface(slope)
    assert claims.valley_slope(table).value == pytest.approx(slope, abs=0.15)
    assert verdict("temperature and weight are inverse", table) == inverse
    assert verdict("weight rises with temperature", table) == rises


def test_flat_land_beside_the_ridge_does_not_spoil_the_slope():
    table = surface(1.3)
    assert claims.valley_slope(table.assign(linear=table["linear"].clip(lower=0.91))).value == pytest.approx(1.3, abs=0.15)


def test_without_any_ridge_the_slope_is_zero_and_no_nan():
    assert claims.valley_slope(surface(1).assign(linear=0.5)).value == pytest.approx(0)


def test_batch_size():
    rows = [{"condition": "NT-Xent", "data": "digits train", "head.layers": layers, "batch_size": batch, "seed": s,
             "linear": 0.9 + (0.03 if layers == 1 and batch == 512 else 0) + 0.0005 * s * layers}
            for layers in (1, 3) for batch in (32, 512) for s in range(3)]
    assert verdict("depth makes batch size matter less", pd.DataFrame(rows)) == HOLDS


def test_equal_losses_are_called_far_apart_as_rarely_as_the_interval_says():
    """Of 400 races between equal losses 5 % exceed `chance_range` and 5 % of intervals miss 0; false-alarm rate of this test
    below 1e-4 a bound (binomial)."""
    races = [race({3: 0.0}, seed=seed) for seed in range(400)]
    above = sum(claims.spread(rows).value > claims.chance_range(rows) for rows in races)
    missed = sum(claims.spread(rows).low > 0 for rows in races)
    low, high = stats.binom.ppf([5e-5, 1 - 5e-5], 400, 0.05)
    assert above == missed and low <= above <= high


def test_smoke_and_a_learners_own_code_are_not_judged(capsys):
    table = race({1: 0.1, 3: 0.001})
    assert judge("losses are similar", table, "smoke") == []
    assert judge("losses are similar", table.assign(key=[None, *"b" * 29]), "quick") == []
    assert capsys.readouterr().out.count("not judged") == 2


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setenv("INTRIGUING_STRICT", "1")
    row = {"claim": "losses are similar", "data": "digits", "preset": "quick", "verdict": HOLDS, "effect": 0.9, "low": 0.2,
           "high": 1.6, "seeds": 3, "device": "elsewhere"}
    monkeypatch.setattr(claims, "committed", lambda: pd.DataFrame([row]))


def test_a_quick_run_with_another_verdict_fails_and_shows_both(strict):
    with pytest.raises(VerdictChanged, match="on digits: committed is “holds” .0.90, .* this run finds “does not hold” .5.9"):
        judge("losses are similar", race({3: 0.06}), "quick")
    judge("losses are similar", race({3: 0.001}), "quick")
    judge("losses are similar", race({3: 0.06}), "recorded")


def test_on_another_device_only_a_contradiction_fails(strict, capsys):
    """Near the line rounding alone may decide; the committed verdict, “holds”, was found elsewhere."""
    judge("losses are similar", race({3: 0.02}), "quick")
    assert "this run finds “not decided at this scale”" in capsys.readouterr().out
    with pytest.raises(VerdictChanged, match="this run finds “not decided at this scale”"):
        judge("losses are similar", race({3: 0.02}).assign(device="elsewhere"), "quick")


def test_without_strict_the_notebook_goes_on(strict, monkeypatch):
    monkeypatch.delenv("INTRIGUING_STRICT")
    assert judge("losses are similar", race({3: 0.06}), "quick")[0].verdict == FAILS


def test_a_deliberately_false_claim_does_not_hold_and_fails_the_run(strict, monkeypatch):
    """Somebody claims that a deep head drives losses apart by ten points, and commits that it holds."""
    false = Claim("a deep head drives losses ten points apart", "nowhere", "the range", "points", "above", 10.0, "", "none",
                  claims.spread_at_three_layers)
    monkeypatch.setitem(CLAIMS, "losses are similar", false)
    monkeypatch.setenv("INTRIGUING_STRICT", "")
    assert verdict("losses are similar", race({3: 0.005}), "quick") == FAILS
    monkeypatch.setenv("INTRIGUING_STRICT", "1")
    with pytest.raises(VerdictChanged, match="ten points apart.*committed is “holds”.*finds “does not hold”"):
        judge("losses are similar", race({3: 0.005}), "quick")


def test_an_unknown_claim_is_named():
    with pytest.raises(KeyError, match="no claim 'all is well': there are losses are similar"):
        judge("all is well", race({3: 0}), "quick")


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_says_what_decides_it(name):
    claim = CLAIMS[name]
    assert claim.holds in ("below", "above") and len(claim.quantity) > 30 and len(claim.reason) > 20 and claim.place

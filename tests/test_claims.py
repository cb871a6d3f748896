"""Claims judged on made-up rows whose verdict is known, what notebooks show of them, and the run that must fail."""
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intriguing_lib import claims, records
from intriguing_lib.claimed import FAILS, HOLDS, IN_PART, UNDECIDED, Claim
from intriguing_lib.claims import CLAIMS, judge, judge_record
from intriguing_lib.course import claims as shows
from intriguing_lib.course import show_claim, show_recorded_claim
from intriguing_lib.course.claims import MIMETYPE, VerdictChanged, show_recorded_claims
from intriguing_lib.statistics import over_seeds
from tests.test_statistics import race, surface


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


@pytest.mark.parametrize("slope, inverse, rises", [(-1, HOLDS, FAILS), (1.3, FAILS, HOLDS), (0, FAILS, FAILS)])
def test_the_slope_of_a_ridge(slope, inverse, rises):
    table = surface(slope)
    assert verdict("temperature and weight are inverse", table) == inverse
    assert verdict("weight rises with temperature", table) == rises


def test_batch_size_looks_at_the_shorter_training():
    rows = [{"condition": "NT-Xent", "data": "digits train", "head.layers": layers, "batch_size": batch, "seed": s,
             "steps": images // batch, "linear": 0.9 + (0.03 if layers == 1 and batch == 512 and images < 50_000 else 0)
             + 0.0005 * s * layers}
            for layers in (1, 3) for batch in (32, 512) for s in range(3) for images in (25_600, 51_200)]
    assert verdict("depth makes batch size matter less", pd.DataFrame(rows)) == HOLDS


def test_controls_are_no_losses():
    table = race({3: 0.001})
    control = table[table["condition"] == "NT-Xent"].assign(condition="untrained", linear=0.2)
    assert judge("losses are similar", pd.concat([table, control]), "quick") == judge("losses are similar", table, "quick")


def test_a_slope_is_judged_on_seeds_that_nobody_had_looked_at():
    table = surface(1.3)
    seen = surface(-1).assign(seed=lambda rows: rows["seed"] - 5)
    found = judge("weight rises with temperature", pd.concat([table, seen]), "quick")
    assert found == judge("weight rises with temperature", table, "quick") and found[0].seeds == 3


def test_only_rows_from_here_are_judged(capsys):
    """The record's rows, which stand beside them in one table, have no key; that doesn't make them a learner's code."""
    here, record = race({3: 0.06}).assign(source="here", key="a"), race({3: 0.001}, seeds=5).assign(source="recorded")
    both = pd.concat([here, record])
    assert judge("losses are similar", both, "quick") == judge("losses are similar", here, "quick")
    assert verdict("losses are similar", both, "quick") == FAILS
    assert show_claim("losses are similar", both, "quick") and "not judged" not in capsys.readouterr().out
    with pytest.raises(ValueError, match="has no runs from here such as the claim"):
        judge("losses are similar", record, "quick")


def exact_matches(seeds=3):
    """Rows of composites: with 4 bits the code is read from the features of nearly every image, with 16 of hardly any."""
    return pd.DataFrame([
        {"condition": f"{bits} bits", "data": "RandBits", "data.images": f"{images} train", "data.bits": bits, "seed": s,
         "device": "a test", "linear": 0.5, "code exact match": high - 0.01 * s}
        for images in ("digits", "fashion") for bits, high in ((4, 0.98), (16, 0.03)) for s in range(seeds)])


def lost_with_bits(rows, metric):
    few, many = (rows.loc[rows["data.bits"] == bits, metric].to_numpy() for bits in (4, 16))
    return over_seeds(100 * (few - many))


@pytest.fixture
def codes(monkeypatch):
    """A claim on composites, with a metric and a record of its own."""
    claim = Claim("more bits are harder to read", "nowhere", "exact matches with 4 bits minus those with 16", "points", "above",
                  50.0, "half of all", "none", lost_with_bits, lambda table: table[table["data"] == "RandBits"],
                  "code exact match", ("made_up", "made_up_too"))
    monkeypatch.setitem(CLAIMS, "codes", claim)


def test_a_claim_on_composites_with_a_metric_of_its_own(codes):
    """A composite is named with its images, where the table tells them."""
    found = judge("codes", exact_matches(), "quick")
    assert [v.data for v in found] == ["RandBits of digits", "RandBits of fashion"]
    assert {(v.verdict, round(v.effect, 6), v.seeds) for v in found} == {(HOLDS, 95.0, 3)}
    assert judge("codes", pd.concat([race({3: 0.01}), exact_matches()]), "quick") == found  # it is about composites alone
    (digits,) = judge("codes", exact_matches()[:6].drop(columns="data.images"), "quick")
    assert digits == replace(found[0], data="RandBits")


def test_composites_beside_plain_images_keep_their_names():
    bits = race({1: 0, 3: 0.08}, data="RandBits").assign(**{"data.images": "digits train"})
    found = judge("losses are similar", pd.concat([race({1: 0, 3: 0.001}), bits]), "quick")
    assert [v.data for v in found] == ["digits", "RandBits of digits"]


def crowded(fall=0.0, beyond=0.0, gap=0.0, seeds=3, metric="linear"):
    """Rows of `many_objects`: what eight digits cost, what sixteen cost beyond that, and how much the grid is above them."""
    def accuracy(placement, count):
        cost = fall * (count >= 8) + beyond * (count >= 16)
        return 0.85 - cost + (gap if (placement, count) == ("grid", 16) else 0)

    trained = [("SimCLR", placement, count, accuracy(placement, count)) for placement in ("anywhere", "grid")
               for count in (1, 4, 8, 16) if (placement, count) != ("grid", 1)]
    others = [("untrained", "anywhere", 8, 0.6), ("untrained", "grid", 8, 0.5), ("supervised", "anywhere", 8, 0.9)]
    return pd.DataFrame([
        {"condition": condition, "data": "MultiDigits", "data.objects": "digits train", "data.placement": placement,
         "data.count": count, "seed": s, "device": "a test", metric: value + 0.001 * s * (count > 4)}
        for condition, placement, count, value in trained + others for s in range(seeds)])


@pytest.mark.parametrize("name, few, many", [
    ("many objects can be learned from", HOLDS, FAILS), ("features are kept up to eight digits", HOLDS, FAILS)])
def test_what_eight_digits_leave(name, few, many):
    assert verdict(name, crowded(fall=0.03)) == few and verdict(name, crowded(fall=0.2)) == many
    (found,) = judge(name, crowded(), "recorded")
    assert found.data == "MultiDigits of digits"


def test_what_sixteen_digits_cost_beyond_eight_is_the_mean_of_both_placements():
    name = "beyond eight digits features degrade"
    assert verdict(name, crowded(fall=0.2)) == FAILS and verdict(name, crowded(beyond=0.06)) == HOLDS
    (found,) = judge(name, crowded(beyond=0.06, gap=0.04), "recorded")
    assert found.effect == pytest.approx(4)  # 6 anywhere and 2 in the grid


def test_the_placements_part_in_two_readings():
    assert verdict("the placements part in top-1", crowded(gap=0.05)) == HOLDS
    assert verdict("the placements part in top-1", crowded(beyond=0.05)) == FAILS
    assert verdict("the placements part in what a scene shows", crowded(gap=0.05, metric="auc presence")) == HOLDS


def test_crops_that_share_nothing_are_judged_at_the_usual_areas():
    rows = pd.DataFrame([
        {"condition": condition, "data": "CropPairs", "data.images": "MultiDigits", "data.images.objects": "digits train",
         "view.area": area, "seed": s, "device": "a test", "linear": value - 0.01 * s}
        for area, worst in (("(0.3, 1.0)", 0.78), ("(0.08, 1.0)", 0.3)) for condition, value in (
            ("as they fall", 0.8), ("never the same digit", worst), ("untrained", 0.6)) for s in range(3)])
    (found,) = judge("views need no common object", rows, "recorded")
    assert (found.verdict, found.data) == (HOLDS, "CropPairs of MultiDigits of digits") and found.effect == pytest.approx(90)


def test_fresh_layouts_are_judged_by_what_the_wide_view_gains_beyond_the_narrow():
    rows = pd.DataFrame([
        {"condition": condition, "data": "MultiDigits", "data.objects": "digits train", "data.placement": placement,
         "data.layout": layout, "seed": s, "device": "a test", "linear": value - 0.01 * s}
        for placement in ("anywhere", "grid") for condition, layout, value in (
            ("15 pixels", "shared", 0.8), ("15 pixels", "fresh", 0.79), ("31 pixels", "shared", 0.81),
            ("31 pixels", "fresh", 0.85 if placement == "anywhere" else 0.5)) for s in range(3)])
    (found,) = judge("fresh layouts help a wide view", rows, "recorded")
    assert found.verdict == HOLDS and found.effect == pytest.approx(5)


def test_a_metric_that_was_not_measured_is_named(codes):
    with pytest.raises(ValueError, match="'codes' looks at 'code exact match', which some runs on RandBits of digits lack"):
        judge("codes", exact_matches().drop(columns="code exact match"), "quick")
    with pytest.raises(ValueError, match="'codes' looks at 'code exact match', which some runs on RandBits of digits lack"):
        judge("codes", exact_matches().replace(0.98, np.nan), "quick")


def test_runs_that_are_missing_are_named():
    with pytest.raises(ValueError, match="no runs from here such as the claim 'losses are similar' is about"):
        judge("losses are similar", race({1: 0.1}), "quick")


def test_all_records_of_a_claim_are_judged(codes, tmp_path, monkeypatch, capsys):
    (tmp_path / "results").mkdir()
    for name, rows in exact_matches().groupby(["made_up"] * 6 + ["made_up_too"] * 6):
        rows.to_csv(tmp_path / "results" / f"{name}.csv", index=False)
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path / folder)
    found = judge_record("codes")
    assert [(v.data, v.preset, v.verdict) for v in found] == [
        ("RandBits of digits", "recorded", HOLDS), ("RandBits of fashion", "recorded", HOLDS)]
    assert show_recorded_claim("codes", "quick") == found and show_recorded_claim("codes", "smoke") == []
    assert capsys.readouterr().out.count("not judged") == 1
    displayed = []
    monkeypatch.setattr(shows, "display", lambda bundle, raw: displayed.append(bundle))
    assert show_recorded_claims({"codes": "Codes are read"}, "quick") == found
    assert [claims.Verdict(**v) for v in displayed[0][MIMETYPE]] == found
    header, _, *rows = displayed[0]["text/markdown"].split("\n")
    assert header.count("|") == 7 == rows[0].count("|") and len(rows) == 2
    assert rows[0].startswith("| Codes are read | RandBits of digits, 3 seeds | ") and rows[0].endswith(" | **holds** |")
    assert show_recorded_claims({"codes": "Codes are read"}, "smoke") == [] and "not judged" in capsys.readouterr().out


def test_a_claim_without_a_record_is_named():
    with pytest.raises(ValueError, match="'weight rises with temperature' is not judged by recorded runs"):
        judge_record("weight rises with temperature")


def test_judging_shows_nothing_and_showing_shows_verdicts_that_can_be_collected(monkeypatch, capsys):
    displayed = []
    monkeypatch.setattr(shows, "display", lambda bundle, raw: displayed.append(bundle))
    judge("losses are similar", race({3: 0.06}), "quick")
    assert not displayed and not capsys.readouterr().out
    (found,) = show_claim("losses are similar", race({3: 0.06}), "quick")
    (bundle,) = displayed
    assert [claims.Verdict(**v) for v in bundle[MIMETYPE]] == [found]
    assert "**Verdict: does not hold.**" in bundle["text/markdown"] and "digits, quick, 3 seeds" in bundle["text/markdown"]


def test_claims_draw_nothing():
    """The core can be imported where there is neither a notebook nor a figure."""
    code = ("import sys, intriguing_lib.claims; "
            "print([name for name in ('matplotlib', 'seaborn', 'IPython', 'ipywidgets') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "[]"


def test_smoke_and_a_learners_own_code_are_not_judged(capsys):
    table = race({1: 0.1, 3: 0.001})
    assert show_claim("losses are similar", table, "smoke") == []
    assert show_claim("losses are similar", table.assign(key=[None, *"b" * 29]), "quick") == []
    assert show_claim("losses are similar", table.assign(key=[None, *"b" * 29], source="here"), "quick") == []
    assert capsys.readouterr().out.count("not judged") == 3


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setenv("INTRIGUING_STRICT", "1")
    row = {"claim": "losses are similar", "data": "digits", "preset": "quick", "verdict": HOLDS, "effect": 0.9, "low": 0.2,
           "high": 1.6, "seeds": 3, "device": "elsewhere"}
    monkeypatch.setattr(shows, "committed", lambda: pd.DataFrame([row]))


def test_a_quick_run_with_another_verdict_fails_and_shows_both(strict):
    with pytest.raises(VerdictChanged, match="on digits: committed is “holds” .0.90, .* this run finds “does not hold” .5.9"):
        show_claim("losses are similar", race({3: 0.06}), "quick")
    show_claim("losses are similar", race({3: 0.001}), "quick")
    show_claim("losses are similar", race({3: 0.06}), "recorded")


def test_on_another_device_only_a_contradiction_fails(strict, capsys):
    """Near the line rounding alone may decide; the committed verdict, “holds”, was found elsewhere."""
    show_claim("losses are similar", race({3: 0.02}), "quick")
    assert "this run finds “not decided at this scale”" in capsys.readouterr().out
    with pytest.raises(VerdictChanged, match="this run finds “not decided at this scale”"):
        show_claim("losses are similar", race({3: 0.02}).assign(device="elsewhere"), "quick")


def test_without_strict_the_notebook_goes_on(strict, monkeypatch):
    monkeypatch.delenv("INTRIGUING_STRICT")
    assert show_claim("losses are similar", race({3: 0.06}), "quick")[0].verdict == FAILS


def test_a_deliberately_false_claim_does_not_hold_and_fails_the_run(strict, monkeypatch):
    """Somebody claims that a deep head drives losses apart by ten points, and commits that it holds."""
    false = replace(CLAIMS["losses are similar"], words="a deep head drives losses ten points apart", holds="above", line=10.0)
    monkeypatch.setitem(CLAIMS, "losses are similar", false)
    monkeypatch.setenv("INTRIGUING_STRICT", "")
    assert verdict("losses are similar", race({3: 0.005}), "quick") == FAILS
    monkeypatch.setenv("INTRIGUING_STRICT", "1")
    with pytest.raises(VerdictChanged, match="ten points apart.*committed is “holds”.*finds “does not hold”"):
        show_claim("losses are similar", race({3: 0.005}), "quick")


def test_an_unknown_claim_is_named():
    with pytest.raises(KeyError, match="no claim 'all is well': there are losses are similar"):
        judge("all is well", race({3: 0}), "quick")
    with pytest.raises(KeyError, match="no claim 'all is well'"):
        show_recorded_claim("all is well", "smoke")


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_says_what_decides_it(name):
    claim = CLAIMS[name]
    assert claim.holds in ("below", "above", "within") and len(claim.quantity) > 30 and len(claim.reason) > 20 and claim.place

"""The claims on tints, overlaid digits and larger objects, on made-up runs of which the answer is known."""
import pandas as pd
import pytest

from intriguing_lib.claimed import FAILS, HOLDS
from intriguing_lib.claims import judge
from intriguing_lib.claims_competing import ALL, EQUAL, UNEQUAL


def runs(rows, **same):
    """A table of rows without seeds: three seeds of each, a hundredth apart in all alike."""
    table = pd.DataFrame([{"device": "a test", "seed": s} | same | row for row in rows for s in range(3)])
    for metric in table.columns[table.columns.str.startswith("linear")]:
        table[metric] += 0.001 * table["seed"]
    return table


def verdict(name, table):
    (found,) = judge(name, table, "recorded")
    return found.verdict, found.effect


def tints(**top1):
    usual = {"fresh tints": 0.9, "shared tint": 0.7, "shared, SimCLR's colours": 0.85, "untrained": 0.1} | top1
    of_tint = {"shared tint": 0.97, "shared, SimCLR's colours": 0.8}
    return runs([{"condition": c, "linear": value, "linear tint": of_tint.get(c, 0.5)} for c, value in usual.items()],
                data="Tinted", **{"data.images": "digits train"})


@pytest.mark.parametrize("name, effect, changed", [
    ("a shared tint costs the class", 20, {"fresh tints": 0.71}),
    ("colour augmentation brings the class", 15, {"shared tint": 0.84}),
    ("colour augmentation takes the tint", 17, {})])
def test_what_a_tint_costs_is_judged_on_the_runs_that_are_meant(name, effect, changed):
    assert verdict(name, tints()) == (HOLDS, pytest.approx(effect))
    if changed:
        assert verdict(name, tints(**changed))[0] == FAILS


def test_photographs_are_judged_by_their_class():
    for gain, expected in ((0.05, HOLDS), (0.01, FAILS)):
        table = runs([{"condition": "crops", "linear": 0.4}, {"condition": "SimCLR's colours", "linear": 0.4 + gain}],
                     data="CIFAR-10 train")
        assert verdict("colour augmentation brings photographs", table) == (expected, pytest.approx(100 * gain))


def laid(changed=()):
    """The record of overlaid digits, with other runs in it that no claim may take for these."""
    at = {("shared", 1, 0.2): (0.7, 0.5), ("shared", 16, 0.2): (0.5, 0.7), ("shared", ALL, 0.2): (0.25, 0.8),
          ("fresh", 1, 0.2): (0.7, 0.5), ("fresh", ALL, 0.2): (0.72, 0.5),
          ("supervised", 1, 0.2): (0.75, 0.5), ("supervised", ALL, 0.2): (0.74, 0.5),
          ("another temperature", 1, 0.05): (0.6, 0.5), ("another temperature", 16, 0.05): (0.5, 0.5),
          ("another temperature", ALL, 0.05): (0.4, 0.5), ("another temperature", 1, 1.0): (0.7, 0.5),
          ("another temperature", 16, 1.0): (0.3, 0.5), ("another temperature", ALL, 1.0): (0.2, 0.5),
          ("four times as long", 1, 0.2): (0.9, 0.9), ("added", 1, 0.2): (0.1, 0.1)} | dict(changed)
    return runs([{"condition": condition, "data.unique": unique, "objective.loss.temperature": tau, "linear": of_object,
                  "linear digit": of_digit} for (condition, unique, tau), (of_object, of_digit) in at.items()],
                data="DigitsOnImages", **{"data.images": "Resized", "data.images.images": "fashion train"})


@pytest.mark.parametrize("name, effect, where, then", [
    ("more digits, less object", 45, ("shared", ALL, 0.2), (0.65, 0.8)),
    ("more digits, more digit", 30, ("shared", ALL, 0.2), (0.25, 0.55)),
    ("more digits, less object, both cropped", 45, ("shared", ALL, 0.2), (0.65, 0.8)),
    ("more digits, less photograph", 45, ("shared", ALL, 0.2), (0.65, 0.8)),
    ("fresh digits cost little", -2, ("fresh", ALL, 0.2), (0.6, 0.5)),
    ("labels keep the object", 1, ("supervised", ALL, 0.2), (0.6, 0.5)),
    ("fresh digits cost little, asked with their own", -2, ("fresh", ALL, 0.2), (0.6, 0.5)),
    ("labels keep the object, asked with their own", 1, ("supervised", ALL, 0.2), (0.6, 0.5)),
    ("more digits, less object, asked with their own", 45, ("shared", ALL, 0.2), (0.65, 0.8)),
    ("temperature moves the trade-off", 20, ("another temperature", 16, 1.0), (0.45, 0.5)),
    ("temperature doesn't remove it", 20, ("another temperature", ALL, 0.05), (0.55, 0.5))])
def test_what_digits_cost_is_judged_on_the_runs_that_are_meant(name, effect, where, then):
    assert verdict(name, laid()) == (HOLDS, pytest.approx(effect))
    assert verdict(name, laid({where: then}))[0] == FAILS


def test_of_garments_in_another_size_the_data_are_named():
    (found,) = judge("more digits, less object", laid(), "recorded")
    assert found.data == "DigitsOnImages of Resized of fashion"


def pairs(changed=()):
    """The record of two digits: (condition, sizes): (small, the other)."""
    at = {("anywhere", EQUAL): (0.85, 0.85), ("anywhere", UNEQUAL): (0.7, 0.93), ("zones", EQUAL): (0.84, 0.84),
          ("zones", UNEQUAL): (0.7, 0.93), ("supervised, until it fits", EQUAL): (0.9, 0.9),
          ("supervised, until it fits", UNEQUAL): (0.88, 0.97), ("zones, four times as long", UNEQUAL): (0.3, 0.95),
          ("fresh, four times as long", UNEQUAL): (0.7, 0.8)} | dict(changed)
    rows = [{"condition": condition, "data.size": sizes, "linear small": of_small, "linear": of_other}
            for (condition, sizes), (of_small, of_other) in at.items()]
    untrained = {"condition": "untrained", "data.size": EQUAL, "linear small": 0.6, "linear": 0.6}
    return runs([*rows, untrained, untrained], data="UnequalPair", **{"data.objects": "digits train"})


@pytest.mark.parametrize("name, effect, where, then", [
    ("a larger digit costs the small one", 15, ("anywhere", UNEQUAL), (0.84, 0.9)),
    ("the large digit stays", -8, ("anywhere", UNEQUAL), (0.7, 0.8)),
    ("covering is not the cause", 14, ("zones", UNEQUAL), (0.83, 0.9)),
    ("labels keep both digits", 2, ("supervised, until it fits", UNEQUAL), (0.7, 0.97)),
    ("a fresh large digit leaves the small one", 40, ("fresh, four times as long", UNEQUAL), (0.4, 0.8))])
def test_what_a_larger_digit_costs_is_judged_on_the_runs_that_are_meant(name, effect, where, then):
    assert verdict(name, pairs()) == (HOLDS, pytest.approx(effect))
    assert verdict(name, pairs({where: then}))[0] == FAILS


@pytest.mark.parametrize("name, sizes, effect, then", [
    ("the small digit isn't used", UNEQUAL, 1, 0.8), ("an equal digit is used", EQUAL, 40, 0.68)])
def test_what_an_exchanged_digit_costs_is_judged_on_the_runs_that_are_meant(name, sizes, effect, then):
    def table(**changed):
        at = {("zones", EQUAL): (0.7, 0.3), ("zones", UNEQUAL): (0.95, 0.94), ("untrained", sizes): (0.4, 0.35),
              ("zones, four times as long", sizes): (0.98, 0.9)}
        at[("zones", sizes)] = (at[("zones", sizes)][0], changed.get("exchanged", at[("zones", sizes)][1]))
        rows = [{"condition": condition, "data.size": size, "partner": own, "partner, other small": exchanged}
                for (condition, size), (own, exchanged) in at.items()]
        return runs(rows, data="UnequalPair", **{"data.objects": "digits train"})

    assert verdict(name, table()) == (HOLDS, pytest.approx(effect))
    assert verdict(name, table(exchanged=then))[0] == FAILS

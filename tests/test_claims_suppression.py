"""The claims of Part III on made-up runs of which the answer is known."""
import numpy as np
import pandas as pd
import pytest

from intriguing_lib.claimed import FAILS, HOLDS, UNDECIDED
from intriguing_lib.claims import judge
from intriguing_lib.claims_suppression import crossing


def runs(rows, **same):
    """A table of (condition, bits, top-1, further columns): three seeds, a hundredth apart in all alike."""
    return pd.DataFrame([{"condition": condition, "data": "RandBits", "data.images": "digits train", "data.bits": bits,
                          "device": "a test", "seed": s, "linear": top1 + 0.001 * s, "objective.loss.temperature": 0.2}
                         | same | more for condition, bits, top1, more in rows for s in range(3)])


def random_bits(**top1):
    """The record of random bits, with other runs in it that no claim may take for these."""
    usual = {"shared_0": 0.95, "shared_10": 0.1, "fresh_10": 0.9, "anew_10": 0.1, "supervised_0": 0.97, "supervised_10": 0.96,
             "untrained_10": 0.4, "shared_5": 0.6, "shared_16": 0.1} | top1
    rows = [(name.split("_")[0], int(name.split("_")[1]), value, {"whole code": 0.9 if name == "shared_10" else 0.6})
            for name, value in usual.items()]
    rows += [("four times as long", bits, 0.5, {}) for bits in (0, 5, 10)]
    rows += [("another temperature", bits, value, {"objective.loss.temperature": tau}) for bits, tau, value in (
        (0, 0.05, 0.95), (5, 0.05, 0.84), (10, 0.05, 0.35), (16, 0.05, 0.11), (5, 0.5, 0.2), (10, 0.5, 0.1))]
    return runs(rows)


def verdict(name, table):
    (found,) = judge(name, table, "recorded")
    assert found.data == "RandBits of digits"
    return found.verdict, found.effect


@pytest.mark.parametrize("name, effect, changed, expected", [
    ("ten bits suppress the digit", 85, {"shared_10": 0.9}, FAILS),
    ("below random weights", 30, {"untrained_10": 0.1}, FAILS),
    ("fresh bits cost little", 5, {"fresh_10": 0.8}, FAILS),
    ("anew is no better", 0, {"anew_10": 0.6}, FAILS),
    ("labels keep the digit", 1, {"supervised_10": 0.8}, FAILS),
    ("colder survives more bits", 24, {"shared_5": 0.83}, FAILS),
    ("cold doesn't help at sixteen", 1, {"shared_16": 0.01}, FAILS)])
def test_what_bits_cost_is_judged_on_the_runs_that_are_meant(name, effect, changed, expected):
    assert verdict(name, random_bits()) == (HOLDS, pytest.approx(effect))
    assert verdict(name, random_bits(**changed))[0] == expected


def test_that_the_code_is_read_is_judged_by_what_training_adds():
    assert verdict("the code is read whole", random_bits()) == (HOLDS, pytest.approx(30))
    table = random_bits().assign(**{"whole code": 0.95})
    assert verdict("the code is read whole", table) == (FAILS, pytest.approx(0))


@pytest.mark.parametrize("name, more, less", [
    ("a larger batch doesn't help", "batch of 1,024", "as before"),
    ("a wider encoder doesn't help", "four times as wide", "as before"),
    ("more images don't help", "as before", "a quarter of the images")])
def test_no_help_is_what_four_times_as_much_gains_at_sixteen_bits(name, more, less):
    for gain, expected in ((0.01, HOLDS), (0.2, FAILS)):
        table = runs([(less, 16, 0.1, {}), (more, 16, 0.1 + gain, {}), (less, 10, 0.1, {}), (more, 10, 0.9, {})])
        assert verdict(name, table) == (expected, pytest.approx(100 * gain))


def test_another_loss_is_the_distance_to_the_normal_prior():
    table = runs([(member, bits, top1, {}) for member, at_ten in (("SWD normal", 0.3), ("NT-Xent", 0.9))
                  for bits, top1 in ((0, 0.9), (5, 0.5), (10, at_ten))])
    assert verdict("another loss suffers too", table) == (HOLDS, pytest.approx(60))


def test_a_cold_loss_is_judged_at_ten_bits():
    for gain, expected in ((0.25, HOLDS), (0.01, FAILS)):
        table = runs([("batch of 256", 10, 0.38, {}), ("batch of 1,024", 10, 0.38 + gain, {}), ("batch of 256", 16, 0.1, {}),
                      ("batch of 1,024", 16, 0.9, {})])
        assert verdict("a larger batch helps a cold loss", table) == (expected, pytest.approx(100 * gain))


def test_a_larger_batch_is_judged_beside_as_many_images():
    for gain, expected in ((0.1, HOLDS), (-0.04, FAILS)):
        table = runs([("as many images", 10, 0.68, {}), ("batch of 1,024", 10, 0.68 + gain, {})])
        assert verdict("a larger batch helps beyond its images", table) == (expected, pytest.approx(100 * gain))


def decoders(at_ten):
    """Autoencoders with 0.9 without bits, so that 0.5 is half of what lies above chance, and a VAE that nobody asks for."""
    rows = [(name, 0, 0.9, {"objective.bits_weight": 1.0}) for name in ("autoencoder", "VAE")]
    rows += [("autoencoder", 10, top1, {"objective.bits_weight": weight}) for weight, top1 in at_ten.items()]
    rows += [("VAE", 10, 0.1, {"objective.bits_weight": weight}) for weight in at_ten]
    return runs([*rows, ("untrained", 10, 0.4, {"objective.bits_weight": np.nan})])


@pytest.mark.parametrize("at_ten, power, expected", [
    ({0.1: 0.9, 1: 0.9, 10: 0.1}, 0.5, HOLDS), ({0.1: 0.9, 1: 0.1, 10: 0.1}, -0.5, FAILS),
    ({0.1: 0.3, 1: 0.2, 10: 0.1}, -1, FAILS),
    ({0.1: 0.9, 1: 0.9, 10: 0.9}, 1, HOLDS), ({0.1: 0.9, 1: 0.5005, 10: 0.1}, 0, UNDECIDED)])
def test_the_weight_of_half_lies_between_the_weights_around_it(at_ten, power, expected):
    table = decoders(at_ten)
    table["linear"] += np.where((table["data.bits"] == 10) & (expected == UNDECIDED), 0.002 * (table["seed"] - 1), 0)
    found, effect = verdict("an autoencoder is hurt at a weight", table)
    assert found == expected and effect == pytest.approx(power, abs=5e-3)


def test_a_line_crosses_where_it_first_falls_below():
    x, y = np.array([0.0, 1, 2, 3]), np.array([1.0, 0.8, 0.4, 0.6])
    assert crossing(x, y, 0.6) == pytest.approx(1.5) and crossing(x, y, 0.3) == 3 and crossing(x, y, 2) == 0

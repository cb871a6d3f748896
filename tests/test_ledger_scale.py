"""Effects on one axis by hand, and the number of seeds by the interval that so many would give."""
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from intriguing_lib.claimed import UNDECIDED
from intriguing_lib.claims import CLAIMS
from intriguing_lib.ledger import ledger
from intriguing_lib.ledger_scale import on_one_axis, past_the_line, seeds_to_decide, what_would_decide
from intriguing_lib.statistics import over_seeds

ABOVE, BELOW = CLAIMS["more digits, less object"], CLAIMS["fresh digits cost little"]  # above 10 points, below 5
AT_NOTHING, WITHIN = CLAIMS["a third layer brings losses together"], CLAIMS["the best weight rises as predicted"]


@pytest.mark.parametrize("claim, effect, expected", [
    (ABOVE, (30, 20, 40), (2, 1, 3)), (ABOVE, (0, 0, 0), (-1, -1, -1)), (BELOW, (1, -5, 10), (0.8, -1, 2)),
    (WITHIN, (1.25, 0.5, 3), (0.25, -1, 0.5)), (WITHIN, (3, 2.5, 3.5), (-1, -1.5, -0.5))])
def test_distances_past_the_line(claim, effect, expected):
    assert past_the_line(claim, effect, effect) == pytest.approx(expected)


def test_a_line_at_nothing_takes_half_of_the_recorded_interval():
    assert past_the_line(AT_NOTHING, (3, 1, 5), (3, 1, 5)) == (1.5, 0.5, 2.5)
    assert past_the_line(AT_NOTHING, (4, 4, 4), (3, 1, 5)) == (2, 2, 2)


def test_what_holds_lies_right_of_the_line_and_what_does_not_left_of_it():
    table = ledger()
    for label, found in ((label, found) for rows in on_one_axis(table).values() for label, found in rows.items()):
        _, low, high, verdict = found["recorded"]
        assert {"holds": low > 0, "does not hold": high < 0, UNDECIDED: low <= 0 <= high}.get(verdict, True), label
    assert sum(len(rows) for rows in on_one_axis(table).values()) == (table["seeds"] > 0).sum()


def test_so_many_seeds_would_clear_the_line_and_one_fewer_would_not():
    values = np.array([8.0, 10.0, 15.0])  # around 11, line 10
    effect = over_seeds(values)
    row = SimpleNamespace(claim="more digits, less object", effect=effect.value, low=effect.low, high=effect.high, seeds=3)
    needed = seeds_to_decide(row, 1000)
    like_it = {n: np.resize((-1, 1), n) * np.sqrt((n - 1) / n) * values.std(ddof=1) + effect.value
               for n in (needed - needed % 2, needed + 2 - needed % 2)}  # of even number, the same mean and deviation
    assert over_seeds(like_it[needed + 2 - needed % 2]).low > 10 > over_seeds(like_it[needed - needed % 2]).low - 0.05
    assert seeds_to_decide(row, 5) is None


def test_only_what_is_not_decided_is_asked_for():
    table = ledger()
    found = what_would_decide(table)
    undecided = table[table["verdict"] == UNDECIDED]
    assert set(found["claim"]) <= set(undecided["claim"]) and len(found) >= len(undecided) - 4
    assert (pd.to_numeric(found["seeds needed"]) > found["seeds"]).all()
    assert "losses are similar" not in set(found["claim"])  # its interval is Tukey's

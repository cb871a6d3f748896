"""What a claim is: its words, what decides it, and where the line lies."""
from collections.abc import Callable
from dataclasses import dataclass

HOLDS, IN_PART, FAILS, UNDECIDED = "holds", "holds in part", "does not hold", "not decided at this scale"


@dataclass(frozen=True)
class Claim:
    """words, place: the claim and where it stands. quantity, unit: what decides it. holds: "below" or "above" the line.
    reason: why the line lies where it does. statistic(rows, metric): the quantity, an Effect. rows(table): of one data set's
    rows, those that are judged. metric: the column that is judged, None where the statistic names its own. records: names of
    results/NAME.csv, or none.
    """
    words: str
    place: str
    quantity: str
    unit: str
    holds: str
    line: float
    reason: str
    notebook: str
    statistic: Callable
    rows: Callable
    metric: str | None = "linear"
    records: tuple = ()

    def verdict(self, effect):
        confirmed, refuted = effect.high < self.line, effect.low > self.line
        if self.holds == "above":
            confirmed, refuted = refuted, confirmed
        return HOLDS if confirmed else FAILS if refuted else UNDECIDED


def everything(table):
    """All rows of a table, where a claim selects none."""
    return table

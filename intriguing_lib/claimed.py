"""What a claim is: its words, what decides it, and where the line lies."""
import math
from collections.abc import Callable
from dataclasses import dataclass

HOLDS, IN_PART, FAILS, UNDECIDED = "holds", "holds in part", "does not hold", "not decided at this scale"
CANT_TELL = "these images can't tell"


@dataclass(frozen=True)
class Claim:
    """words, place: the claim and where it stands. quantity, unit: what decides it. holds: "below" or "above" the line, or
    "within" two. reason: why the line lies where it does. statistic(rows, metric): the quantity, an Effect. rows(table): of one
    data set's rows, those that are judged. metric: the column that is judged, None where the statistic names its own. records:
    names of results/NAME.csv, or none. can_tell(table): whether a data set's rows could show the contrary at all. seen(table):
    a record's table as it is looked at before anything else.
    """
    words: str
    place: str
    quantity: str
    unit: str
    holds: str
    line: float | tuple[float, float]
    reason: str
    notebook: str
    statistic: Callable
    rows: Callable
    metric: str | None = "linear"
    records: tuple = ()
    can_tell: Callable = lambda table: True
    seen: Callable = lambda table: table

    def verdict(self, effect):
        low, high = {"below": (-math.inf, self.line), "above": (self.line, math.inf), "within": self.line}[self.holds]
        if low < effect.low and effect.high < high:
            return HOLDS
        return FAILS if effect.high < low or effect.low > high else UNDECIDED

    @property
    def rule(self):
        """When it holds, in words."""
        unit = f" {self.unit}" if self.unit else ""
        if self.holds == "within":
            return f"holds between {self.line[0]:g} and {self.line[1]:g}{unit}"
        return f"holds {self.holds} {self.line:g}{unit}"


def everything(table):
    """All rows of a table, where a claim selects none."""
    return table

"""The ledger's effects on one scale, and what it would take to decide those that aren't decided."""
import numpy as np
import pandas as pd
from scipy import stats

from intriguing_lib.claimed import UNDECIDED
from intriguing_lib.claims import CLAIMS, data_sets, on_record
from intriguing_lib.ledger import STATEMENTS
from intriguing_lib.statistics import Effect, furthest_pair, spread


def on_one_axis(table):
    """The rows of `ledger` for `figures.forest`, effects as `past_the_line` has them: {statement: {claim: what is drawn}}."""
    groups = {}
    for number, rows in table[table["seeds"] > 0].groupby("statement", sort=False):
        several = rows["claim"].duplicated(keep=False)
        labels = rows["claim"].where(~several, rows["claim"] + ": " + rows["data"])
        groups[f"{number + 1}. {STATEMENTS[number].words}"] = {
            label: drawn(row) for label, row in zip(labels, rows.itertuples(), strict=True)}
    return groups


def drawn(row):
    claim, past = CLAIMS[row.claim], (row.effect, row.low, row.high)
    found = {"recorded": (*past_the_line(claim, past, past), row.verdict),
             "nothing": past_the_line(claim, (0, 0, 0), past)[0]}
    if pd.notna(row.yours):
        found["yours"] = (*past_the_line(claim, (row.yours, row.yours_low, row.yours_high), past), row.yours_verdict)
    return found


def past_the_line(claim, effect, past):
    """How far an effect, (value, low, high), lies on the side where the claim holds: 0 is on the line, 1 is the line's distance
    from nothing.

    Where the line lies at nothing itself the unit is half of the interval of `past`, the recorded effect. Between two lines
    counts the nearer, and the unit is the lower.
    """
    points = np.array(effect, dtype=float)
    if claim.holds == "within":
        return within(points, *claim.line)
    unit = abs(claim.line) or (past[2] - past[1]) / 2
    value, *ends = (points - claim.line) / unit * (1 if claim.holds == "above" else -1)
    return value, min(ends), max(ends)


def within(points, lower, upper):
    value, *ends = np.minimum(points - lower, upper - points) / abs(lower)
    middle = (lower + upper) / 2
    return value, min(ends), (upper - middle) / abs(lower) if points[1] <= middle <= points[2] else max(ends)


def seeds_to_decide(row, most):
    """How many seeds would clear the line if a ledger row's effect and spread stayed as they are; None where `most` don't."""
    claim = CLAIMS[row.claim]
    lines = claim.line if claim.holds == "within" else (claim.line,)
    distance = min(abs(row.effect - line) for line in lines)
    deviation = (row.high - row.low) / 2 / stats.t.ppf(0.975, row.seeds - 1) * row.seeds ** 0.5
    return next((n for n in range(2, most + 1) if stats.t.ppf(0.975, n - 1) * deviation / n ** 0.5 < distance), None)


def what_would_decide(table, most=1000):
    """Of each row of `ledger` that isn't decided: how many seeds would do if effect and spread stayed, and their time.

    A table: claim, data, effect, low, high, seeds, "seeds needed" ("more than 1,000" where `most` don't do), "core hours", of
    all these seeds at the record's pace, and "would be", the verdict then. Left out is what has no record or wasn't judged by
    Student's interval.
    """
    found = []
    for row in table[table["verdict"] == UNDECIDED].itertuples():
        if CLAIMS[row.claim].records and CLAIMS[row.claim].statistic not in (spread, furthest_pair):
            needed = seeds_to_decide(row, most)
            hours = seconds_a_seed(row) * (needed or most) / 3600
            found.append({"claim": row.claim, "data": row.data, "effect": row.effect, "low": row.low, "high": row.high,
                          "seeds": row.seeds, "seeds needed": f"{needed}" if needed else f"more than {most:,}",
                          "core hours": f"{hours:.1f}" if needed else f"more than {hours:,.0f}",
                          "would be": CLAIMS[row.claim].verdict(Effect(row.effect, row.effect, row.effect, row.seeds))})
    return pd.DataFrame(found)


def seconds_a_seed(row):
    """Of training, on one core, what one seed of a claim's rows took where it was recorded."""
    claim = CLAIMS[row.claim]
    past = on_record(claim, claim.records)
    rows = claim.rows(past[data_sets(past) == row.data])
    return rows["seconds"].sum() / rows["seed"].nunique()

"""The paper's claims as data, and their verdicts.

A claim says what decides it and where the line lies; both were written down before anything was measured, and a claim
stays as it was written. `judge(name, table, preset)` measures it on the rows that it selects from a table: the claim holds
where the whole 95 % interval lies on the confirming side of the line, doesn't where the whole interval lies on the other,
and is not decided at this scale where the interval has the line inside; `judge_record(name)` does so with recorded runs.
The verdicts are committed, results/verdicts.csv; `ci/refresh.py` makes them. Notebooks show them by `course.show_claim`.
"""
from collections import Counter
from dataclasses import dataclass, fields

import pandas as pd

from intriguing_lib.claimed import CANT_TELL, HOLDS, IN_PART, UNDECIDED
from intriguing_lib.claims_challenge import CHALLENGE
from intriguing_lib.claims_competing import COMPETING
from intriguing_lib.claims_losses import LOSSES
from intriguing_lib.claims_losses_again import LOSSES_AGAIN
from intriguing_lib.claims_scenes import SCENES
from intriguing_lib.claims_suppression import SUPPRESSION
from intriguing_lib.paths import shipped
from intriguing_lib.records import recorded

CLAIMS = LOSSES | LOSSES_AGAIN | SCENES | COMPETING | SUPPRESSION | CHALLENGE


@dataclass(frozen=True)
class Verdict:
    """What was found of one claim on one data set. preset: "quick" or "full" for runs of this machine, else "recorded"."""
    claim: str
    data: str
    preset: str
    verdict: str
    effect: float
    low: float
    high: float
    seeds: int
    device: str


def judge(name, table, preset):
    """The Verdicts on a claim, one for each data set of which a table of runs has rows that it selects.

    table: rows of `sweep`, or of a record, with a column `condition`. Of rows that a column `source` tells apart, those from
    "here" count. preset: what the Verdicts will say; "recorded" says that the rows were not trained here.
    Raises KeyError for an unknown claim, ValueError where the table lacks what the claim looks at.
    """
    claim, table = claim_called(name), rows_here(table)
    verdicts = [judged(name, whole, rows, data, preset) for data, whole in table.groupby(data_sets(table), sort=False)
                if len(rows := claim.rows(whole))]
    if not verdicts:
        raise ValueError(f"The table has no runs from here such as the claim {name!r} is about: give it the whole sweep.")
    return verdicts


def judge_record(name):
    """The Verdicts on a claim by its recorded runs. Raises KeyError for an unknown claim, ValueError for one without any."""
    claim = claim_called(name)
    if not claim.records:
        raise ValueError(f"The claim {name!r} is not judged by recorded runs: judge it on a table.")
    return judge(name, on_record(claim, claim.records), "recorded")


def on_record(claim, names):
    """The rows of these records, as the claim looks at them. Raises FileNotFoundError where one is missing."""
    return claim.seen(pd.concat([recorded(name) for name in names]))


def claim_called(name):
    if name not in CLAIMS:
        raise KeyError(f"There is no claim {name!r}: there are {', '.join(CLAIMS)}.")
    return CLAIMS[name]


def rows_here(table):
    """The rows of this machine's runs: all, unless a column `source` says "recorded" of some."""
    return table[table["source"] == "here"] if "source" in table else table


def data_sets(table):
    """What each row was trained on, without its split: "digits", and of a composite "RandBits of digits"."""
    names = without_split(table["data"])
    for inner in ("data.images", "data.images.images", "data.images.objects", "data.objects"):
        if inner in table:
            images = without_split(table[inner])
            names = names.mask(images.notna(), names + " of " + images)
    return names


def without_split(names):
    return names.astype("string").str.replace(r" (train|test|all)$", "", regex=True)


def judged(name, whole, rows, data, preset):
    """whole: all of the data set's rows. rows: those that the claim selects."""
    claim = CLAIMS[name]
    if claim.metric is not None and (claim.metric not in rows or rows[claim.metric].isna().any()):
        raise ValueError(f"The claim {name!r} looks at {claim.metric!r}, which some runs on {data} lack: measure it of all.")
    effect = claim.statistic(rows, claim.metric)
    device = "; ".join(sorted(set(rows["device"]))) if "device" in rows else ""
    verdict = claim.verdict(effect) if claim.can_tell(whole) else CANT_TELL
    return Verdict(name, data, preset, verdict, effect.value, effect.low, effect.high, effect.seeds, device)


def overall(verdicts):
    """One word for several data sets: all alike, or in part where it holds on some."""
    found = {v.verdict for v in verdicts}
    return found.pop() if len(found) == 1 else IN_PART if HOLDS in found else UNDECIDED


def counted(verdicts):
    """How often each was found, such as "holds: 2 of 3 data sets; does not hold: 1"."""
    first, *others = (f"{verdict}: {count}" for verdict, count in Counter(v.verdict for v in verdicts).items())
    return "; ".join([f"{first} of {len(verdicts)} data sets", *others])


def committed():
    """The committed verdicts as a table, a row for each claim, preset and data set; empty where there are none yet."""
    path = shipped("results") / "verdicts.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[field.name for field in fields(Verdict)])

"""What this machine's own runs say of a claim: read from its cache, where studies keep their rows (`studies.kept`)."""
import warnings

import numpy as np
import pandas as pd

from intriguing_lib.claimed import CANT_TELL
from intriguing_lib.claims import CLAIMS, data_sets, on_record
from intriguing_lib.studies import kept
from intriguing_lib.sweeps import as_table

ONE_SEED = "no interval"
PARTS = ("data", "view", "encoder", "head", "objective", "optimizer", "steps", "batch_size")  # of an experiment
LIVE = {"temperature and weight are inverse": "temperature_weight",  # judged on the notebook's own runs: the study they are of
        "weight rises with temperature": "temperature_weight"}


def found_here(name):
    """{data set: what this machine's runs say of a claim}, as `ledger` has it.

    Counted are runs with the record's settings, and seeds that all of these have. They suffice where the record, cut down to
    the settings that are here, gives the effect that it gives whole; otherwise the entry says how many settings are here.
    """
    claim, studies, found = CLAIMS[name], studies_of(name), {}
    here = as_table([row for study in studies for row in kept(study)])
    if here.empty:
        return found
    try:
        past = on_record(claim, studies)
    except FileNotFoundError:
        return found
    here = claim.seen(here)
    there = described(here, past)
    for data, whole in past.groupby(data_sets(past), sort=False):
        # of a claim that is judged here alone, the record has the settings and need not have the seeds
        rows = whole if name in LIVE else claim.rows(whole)
        wanted = described(rows, past)
        mine, cut = here[there.isin(set(wanted))], rows[wanted.isin(set(there))]
        mine = claim.rows(mine) if name in LIVE else mine
        if len(mine):
            suffice = name in LIVE or same_effect(claim, rows, cut)
            mine = with_all_seeds(mine, there[mine.index])
            found[data] = judged_here(claim, mine, claim.can_tell(whole)) if suffice else {
                "yours_verdict": f"{wanted[cut.index].nunique()} of its {wanted.nunique()} settings"}
    return found


def studies_of(name):
    return CLAIMS[name].records or (LIVE.get(name, "no study"),)


def described(rows, like):
    """Each row's condition and settings, whatever its seed, as one text. like: the record, whose settings are looked at."""
    names = ["condition", *sorted(column for column in like if column in PARTS or "." in column)]
    return rows.reindex(columns=names).astype(object).apply(lambda row: repr([plain(value) for value in row]), axis=1)


def plain(value):
    """A setting as text, the same from a record as from a run: whole numbers are written in either way, and an earlier stage of
    training is named by a hash in which its seed is, too.
    """
    if pd.isna(value):
        return ""
    if isinstance(value, str) and value.startswith("Experiment "):
        return "Experiment"
    return repr(float(value)) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)


def with_all_seeds(rows, described_as):
    """The rows of those seeds that every one of the settings has."""
    settings = described_as.nunique()
    seeds = described_as.groupby(rows["seed"]).nunique()
    return rows[rows["seed"].isin(seeds[seeds == settings].index)]


def same_effect(claim, rows, cut):
    """Whether a claim's rows, cut down, give the same effect with the same interval."""
    effects = [effect_or_none(claim, some) for some in (rows, cut)]
    return None not in effects and np.allclose(*([effect.value, effect.low, effect.high] for effect in effects))


def judged_here(claim, mine, can_tell):
    effect = effect_or_none(claim, mine)
    if effect is None or not np.isfinite(effect.value):
        return {"yours_verdict": "too few seeds"}
    verdict = ONE_SEED if effect.seeds == 1 else claim.verdict(effect) if can_tell else CANT_TELL
    return {"yours": effect.value, "yours_low": effect.low, "yours_high": effect.high, "yours_seeds": effect.seeds,
            "yours_verdict": verdict}


def effect_or_none(claim, rows):
    """The claim's effect on these rows, None where they lack what it looks at."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of one seed there is no interval
        try:
            return claim.statistic(rows, claim.metric)
        except (KeyError, ValueError, IndexError, TypeError, ZeroDivisionError):
            return None

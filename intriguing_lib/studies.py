"""A study: experiments spelled in a notebook and nowhere else, of which a slice is trained here and all are recorded."""
import json
import warnings

import pandas as pd

from intriguing_lib import cache
from intriguing_lib.records import recorded, write_encoder
from intriguing_lib.runs import trained
from intriguing_lib.sweeps import sweep

recording = None  # the study that `ci/record.py` makes: it trains all of it, and every other study in the notebook nothing
made = {}  # {study: its table}, of the studies recorded in this process


def study(name, experiments, measures, seeds=range(5), live=(), live_seeds=(0,), ship=()):
    """The rows of the record `name`, and beside them those that are trained here: a table as `sweep` gives it.

    experiments: {condition: an experiment, or a list of them that differ in their settings}; for a study of which nothing is
    live a function that gives that, called when it is recorded. measures: as for `sweep`. seeds: those of the record. live:
    those of the experiments that are trained here, with `live_seeds`; a learner's own runs are as live as ours. ship:
    conditions of one experiment each, whose encoder of the first seed is kept beside the record (`records.recorded_encoder`).
    Two columns come first: `condition`, and `source`, "here" or "recorded".
    `python ci/record.py NAME` executes the notebook's cells up to this call and trains everything.
    Raises ValueError for a live experiment that is none of the study's.
    """
    if name == recording:
        pairs = pairs_of(experiments() if callable(experiments) else experiments)
        made[name] = rows_of(pairs, measures, seeds, "here")
        for condition, e in pairs:
            if condition in ship:
                write_encoder(name, condition, trained(e.with_seed(seeds[0])).model.encoder)
        return made[name]
    past = record_of(name)
    if recording or not live:
        return past
    pairs = pairs_of(experiments)
    known, alive = {repr(e) for _, e in pairs}, {repr(e) for e in live}  # as the cache tells them apart
    strangers = [e for e in live if repr(e) not in known]
    if strangers:
        raise ValueError(f"study {name!r}: a live experiment is none of its own; put it among the conditions: {strangers[0]!r}")
    here = rows_of([(condition, e) for condition, e in pairs if repr(e) in alive], measures, live_seeds, "here")
    keep(name, here)
    return pd.concat([here, past], ignore_index=True) if len(past) else here


def keep(name, here):
    """Put the rows that were trained here beside those of earlier calls, for the ledger; a learner's own code is in none."""
    if "key" not in here:
        return
    rows = json.loads(here[here["key"].notna()].drop(columns="source").to_json(orient="records", double_precision=15))
    again = {(row["condition"], row["key"]) for row in rows}
    cache.save_study(name, [row for row in kept(name) if (row["condition"], row["key"]) not in again] + rows)


def kept(name):
    """The rows of a study that were trained on this machine, dictionaries: [] where there are none, or, with a warning, where
    they can't be read."""
    try:
        return cache.study(name)
    except cache.Damaged as error:
        warnings.warn(f"What this machine found in the study {name!r} can't be used ({error}): its notebook, run again, brings "
                      "it back.", stacklevel=3)
        return []


def record_of(name):
    """The study's record; an empty table, with a sentence, where it was never recorded."""
    try:
        return recorded(name).assign(source="recorded")
    except FileNotFoundError:
        print(f"The study {name!r} has no record yet: `python ci/record.py {name}` makes it.")
        return pd.DataFrame(columns=["condition", "source"])


def pairs_of(experiments):
    """[(condition, experiment)] of {condition: experiment or list of experiments}."""
    return [(condition, e) for condition, several in experiments.items()
            for e in (several if isinstance(several, list) else [several])]


def rows_of(pairs, measures, seeds, source):
    several = [(condition, e.with_seed(seed)) for condition, e in pairs for seed in seeds]
    table = sweep([e for _, e in several], measures)
    table.insert(0, "condition", [condition for condition, _ in several])
    table.insert(1, "source", source)
    return table


def sides(table, metric="linear"):
    """A study's table for a figure, two dictionaries in the study's order: ({condition: number here}, {condition: numbers}).

    The first holds this machine's mean, or None where nothing was trained here; the second the record's values, one each seed.
    """
    here, past = (table[table["source"] == source] for source in ("here", "recorded"))
    means = here.groupby("condition", sort=False)[metric].mean().to_dict()
    values = past.groupby("condition", sort=False)[metric].apply(list).to_dict()
    conditions = [*dict.fromkeys([*values, *means])]
    return {c: means.get(c) for c in conditions}, {c: values.get(c, []) for c in conditions}

"""The paper's claims as data, and their verdicts.

A claim says what decides it and where the line lies; both were written down before anything was measured, and a claim
stays as it was written. `judge(name, table, preset)` measures it on the rows that it selects from a table: the claim holds
where the whole 95 % interval lies on the confirming side of the line, doesn't where the whole interval lies on the other,
and is not decided at this scale where the interval has the line inside; `judge_record(name)` does so with recorded runs.
The verdicts are committed, results/verdicts.csv; `ci/refresh.py` makes them. Notebooks show them by `course.show_claim`.
"""
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import pandas as pd

from intriguing_lib.paths import shipped
from intriguing_lib.records import recorded
from intriguing_lib.search import MEMBERS
from intriguing_lib.statistics import contrast, kept, lost_with_depth, lost_with_length, spread, valley_slope

HOLDS, IN_PART, FAILS, UNDECIDED = "holds", "holds in part", "does not hold", "not decided at this scale"
HEADS = ("heads_digits", "heads_fashion", "cifar10_heads")


@dataclass(frozen=True)
class Claim:
    """words, place: the claim and where it stands. quantity, unit: what decides it. holds: "below" or "above" the line.
    reason: why the line lies where it does. statistic(rows, metric): the quantity, an Effect. rows(table): of one data set's
    rows, those that are judged. metric: the column that is judged. records: names of results/NAME.csv, or none.
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
    metric: str = "linear"
    records: tuple = ()

    def verdict(self, effect):
        confirmed, refuted = effect.high < self.line, effect.low > self.line
        if self.holds == "above":
            confirmed, refuted = refuted, confirmed
        return HOLDS if confirmed else FAILS if refuted else UNDECIDED


def five_losses(table):
    """The paper's, without controls and untrained encoders."""
    return table[table["condition"].isin(MEMBERS)]


def longest(table):
    table = five_losses(table)
    return table[table["steps"] == table["steps"].max()]


def longest_of_three_layers(table):
    return longest(table[table["head.layers"] == 3])


def two_layers(table):
    table = five_losses(table)
    return table[table["head.layers"] == 2]


def unseen_seeds(table):
    """Seeds 0 to 4 had been looked at when the statistic was chosen."""
    return table[table["seed"] >= 5]


def fewest_images(table):
    """The shortest training, however many steps that is with each batch size."""
    images = table["steps"] * table["batch_size"]
    return table[images == images.min()]


def simclr_and_untrained(table):
    return table[table["condition"].isin(("SimCLR", "untrained")) & (table["data.placement"] == "anywhere")]


def simclr_on_scenes(table):
    return table[table["condition"] == "SimCLR"]


def anywhere(table):
    return table[table["data.placement"] == "anywhere"]


def usual_crops(table):
    return table[table["view.area"] == "(0.3, 1.0)"]


PLACES = ("data.placement", "data.count")
LAYOUTS = ("condition", "data.layout")
GAP_GROWS = {("grid", 16): 1, ("anywhere", 16): -1, ("grid", 4): -1, ("anywhere", 4): 1}
A_RUN = "a run and its repetition differ by about one point here (seeds 100 and 200, which are not judged)"

CLAIMS = {
    "losses are similar": Claim(
        words="various instantiations of the generalized contrastive loss perform similarly under the presence of a "
              "multi-layer non-linear projection head",
        place="abstract; Figure 1", quantity="the range of the five losses' mean top-1 with a head of three layers, at the "
        "longest training", unit="points", holds="below", line=2.0,
        reason="with a head of two layers Figure 1 shows ranges of 2.6 and 1.9 points at 100 epochs: below 2 is similar",
        notebook="03_losses_and_projection_heads", statistic=spread, rows=longest_of_three_layers,
        records=HEADS),
    "depth brings losses together": Claim(
        words="Differences between variants of generalized contrastive loss are small with a deep projection head",
        place="Figure 1, its caption", quantity="the range over the five losses with a head of one layer minus that with "
        "three, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="ImageNet at 100 epochs, read off Figure 1: 1.9 points with two layers, 0.5 with three",
        notebook="03_losses_and_projection_heads", statistic=lost_with_depth, rows=longest, records=HEADS),
    "length brings losses together": Claim(
        words="with a head of two layers the spread between losses shrinks as training gets longer (our reading)",
        place="Figure 1", quantity="the range over the five losses at the shortest training minus that at the longest, head "
        "of two layers, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="CIFAR-10, read off Figure 1: 2.6 points at 100 epochs, 0.5 at 800; ImageNet: 1.9 and 1.3",
        notebook="03_losses_and_projection_heads", statistic=lost_with_length, rows=two_layers, records=HEADS),
    "temperature and weight are inverse": Claim(
        words="the temperature scaling (τ) widely used in the standard contrastive loss is (within a range) inversely related "
              "to the weighting (λ) between the two loss terms",
        place="abstract of the first version; the parametrisation is not said", quantity="the slope of log λ against log τ "
        "along the ridge of accuracy of the decoupled loss", unit="", holds="below", line=-0.5,
        reason="λτ constant would be a slope of -1: at least half of it", notebook="04_temperature_weight_and_batch",
        statistic=valley_slope, rows=unseen_seeds),
    "weight rises with temperature": Claim(
        words="ours: expanding λ · log-sum-exp(s/τ) for small s/τ predicts a ridge along which λ rises with τ, slope 1 to 2",
        place="notebook 04", quantity="the slope of log λ against log τ along the ridge of accuracy of the decoupled loss",
        unit="", holds="above", line=0.5, reason="at least half of the smaller of the two predictions",
        notebook="04_temperature_weight_and_batch", statistic=valley_slope, rows=unseen_seeds),
    "depth makes batch size matter less": Claim(
        words="a deeper head and longer training make batch size matter little (as the literature reports it)",
        place="a table of the appendix; its numbers are not known to us", quantity="the range over batch sizes with a head of "
        "one layer minus that with three, at equal epochs, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="half a point is the least that three to five seeds can tell from nothing here",
        notebook="04_temperature_weight_and_batch", statistic=partial(lost_with_depth, by="batch_size"), rows=fewest_images,
        records=("batch_size",)),
    "many objects can be learned from": Claim(
        words="with one global vector an image, contrastive learning learns from images of many objects (our wording)",
        place="abstract; section 4", quantity="how much of what training on one digit a scene gains over random weights is "
        "left with eight a scene, anywhere; top-1 on scenes of one digit", unit="%", holds="above", line=50,
        reason="less than half would hardly be called learning well", notebook="05_many_objects", records=("many_objects",),
        rows=simclr_and_untrained, statistic=partial(kept, by=("condition", "data.count"), start=("untrained", 8),
                                                     best=("SimCLR", 1), other=("SimCLR", 8))),
    "features are kept up to eight digits": Claim(
        words="up to eight digits a scene the features keep their accuracy (our wording)", place="section 4",
        quantity="top-1 on scenes of one digit after training on one minus that after training on eight, anywhere",
        unit="points", holds="below", line=5, reason="the paper's numbers are not known to us; five points are five times "
        "what a run and its repetition differ by", notebook="05_many_objects", records=("many_objects",),
        statistic=partial(contrast, by=PLACES, weights={("anywhere", 1): 1, ("anywhere", 8): -1}), rows=simclr_on_scenes),
    "beyond eight digits features degrade": Claim(
        words="beyond eight digits both placements degrade (our wording)", place="section 4",
        quantity="top-1 on scenes of one digit after training on eight minus that after training on sixteen, the mean of "
        "anywhere and grid", unit="points", holds="above", line=2, reason="twice a repetition's difference: " + A_RUN,
        notebook="05_many_objects", records=("many_objects",), rows=simclr_on_scenes,
        statistic=partial(contrast, by=PLACES, weights={("anywhere", 8): 0.5, ("grid", 8): 0.5, ("anywhere", 16): -0.5,
                                                        ("grid", 16): -0.5})),
    "the placements part in top-1": Claim(
        words="the gap between the placements grows with the number of digits (our wording), in top-1", place="section 4",
        quantity="top-1 on scenes of one digit with the grid minus anywhere, with sixteen digits minus with four",
        unit="points", holds="above", line=2, reason="twice a repetition's difference: " + A_RUN, notebook="05_many_objects",
        records=("many_objects",), rows=simclr_on_scenes, statistic=partial(contrast, by=PLACES, weights=GAP_GROWS)),
    "the placements part in what a scene shows": Claim(
        words="the gap between the placements grows with the number of digits (our wording), in what a scene shows",
        place="section 4", quantity="how well the digits present are told (area under the curve, its hundredth a point) with "
        "the grid minus anywhere, with sixteen digits minus with four", unit="points", holds="above", line=2,
        reason="the line of top-1 for the second reading", notebook="05_many_objects", records=("many_objects",),
        rows=simclr_on_scenes, metric="auc presence", statistic=partial(contrast, by=PLACES, weights=GAP_GROWS)),
    "views need no common object": Claim(
        words="ours: the two views of a scene need no whole object in common", place="notebook 05",
        quantity="how much of what crops as they fall gain over random weights is left where two crops of a scene of four "
        "digits never show the same digit whole; top-1 on scenes of one digit", unit="%", holds="above", line=50,
        reason="half of the gain, as for many objects", notebook="05_many_objects", records=("crops_that_share",),
        rows=usual_crops, statistic=partial(kept, by="condition", start="untrained", best="as they fall",
                                            other="never the same digit")),
    "fresh layouts help a wide view": Claim(
        words="ours: a layout that both views share competes with the digits where one cell sees two of them",
        place="notebook 05", quantity="top-1 on scenes of one digit with fresh layouts minus shared ones, at a receptive field "
        "of 31 pixels minus at 15; four digits of 16 pixels anywhere", unit="points", holds="above", line=1,
        reason="one point: " + A_RUN, notebook="05_many_objects", records=("receptive_fields",), rows=anywhere,
        statistic=partial(contrast, by=LAYOUTS, weights={("31 pixels", "fresh"): 1, ("31 pixels", "shared"): -1,
                                                         ("15 pixels", "fresh"): -1, ("15 pixels", "shared"): 1})),
}


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
    selected = {data: claim.rows(rows) for data, rows in table.groupby(data_sets(table), sort=False)}
    verdicts = [judged(name, rows, data, preset) for data, rows in selected.items() if len(rows)]
    if not verdicts:
        raise ValueError(f"The table has no runs from here such as the claim {name!r} is about: give it the whole sweep.")
    return verdicts


def judge_record(name):
    """The Verdicts on a claim by its recorded runs. Raises KeyError for an unknown claim, ValueError for one without any."""
    claim = claim_called(name)
    if not claim.records:
        raise ValueError(f"The claim {name!r} is not judged by recorded runs: judge it on a table.")
    return judge(name, pd.concat([recorded(record) for record in claim.records]), "recorded")


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
    for inner in ("data.images", "data.images.objects", "data.objects"):
        if inner in table:
            images = without_split(table[inner])
            names = names.mask(images.notna(), names + " of " + images)
    return names


def without_split(names):
    return names.astype("string").str.replace(r" (train|test|all)$", "", regex=True)


def judged(name, rows, data, preset):
    claim = CLAIMS[name]
    if claim.metric not in rows or rows[claim.metric].isna().any():
        raise ValueError(f"The claim {name!r} looks at {claim.metric!r}, which some runs on {data} lack: measure it of all.")
    effect = claim.statistic(rows, claim.metric)
    device = "; ".join(sorted(set(rows["device"]))) if "device" in rows else ""
    return Verdict(name, data, preset, claim.verdict(effect), effect.value, effect.low, effect.high, effect.seeds, device)


def overall(verdicts):
    """One word for several data sets: all alike, or in part where it holds on some."""
    found = {v.verdict for v in verdicts}
    return found.pop() if len(found) == 1 else IN_PART if HOLDS in found else UNDECIDED


def committed():
    """The committed verdicts as a table, a row for each claim, preset and data set; empty where there are none yet."""
    path = shipped("results") / "verdicts.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[field.name for field in fields(Verdict)])

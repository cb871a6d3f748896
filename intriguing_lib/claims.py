"""The paper's claims as data, and their verdicts.

A claim says what decides it and where the line lies; both were written down before anything was measured, and a claim
stays as it was written. `judge(name, table, preset)` measures it on a sweep's rows: the claim holds where the whole 95 %
interval lies on the confirming side of the line, doesn't where the whole interval lies on the other, and is not decided
at this scale where the interval has the line inside. The verdicts of the course's own quick runs are committed
(results/verdicts.csv); with INTRIGUING_STRICT=1, as in `make course`, a quick run that finds another verdict fails.
"""
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd
from IPython.display import display
from scipy import stats

from intriguing_lib.paths import shipped
from intriguing_lib.statistics import mean_and_margin

HOLDS, IN_PART, FAILS, UNDECIDED = "holds", "holds in part", "does not hold", "not decided at this scale"
MIMETYPE = "application/vnd.intriguing.verdict+json"  # in a notebook's outputs, for ci/refresh.py to collect


@dataclass(frozen=True)
class Effect:
    """A measured quantity with its 95 % interval, low to high, over so many seeds."""
    value: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Claim:
    """words, place: the claim and where it stands. quantity, unit: what decides it. measure: computes that, an Effect,
    from the rows of one data set. holds: "below" or "above" the line. reason: why the line lies where it does.
    """
    words: str
    place: str
    quantity: str
    unit: str
    holds: str
    line: float
    reason: str
    notebook: str
    measure: Callable

    def verdict(self, effect):
        confirmed, refuted = effect.high < self.line, effect.low > self.line
        if self.holds == "above":
            confirmed, refuted = refuted, confirmed
        return HOLDS if confirmed else FAILS if refuted else UNDECIDED


def spread(table):
    """The range of the conditions' mean accuracies over paired seeds, in points.

    Interval: Tukey's, for all pairs of conditions at once. Between equal conditions the range is above 0 too: `chance_range`.
    """
    means, half = 100 * table.groupby("condition")["linear"].mean(), chance_range(table)
    value = means.max() - means.min()
    return Effect(value, max(0.0, value - half), value + half, table["seed"].nunique())


def chance_range(table):
    """The range, in points, below which 95 % of the ranges of so many equal conditions lie: noise and nothing else.

    The noise is what is left of the table seed × condition once the means of both are taken out.
    """
    grid = 100 * table.pivot(index="seed", columns="condition", values="linear")
    residual = grid.sub(grid.mean(axis=1), axis=0) - grid.mean() + grid.to_numpy().mean()
    seeds, conditions = grid.shape
    freedom = (seeds - 1) * (conditions - 1)
    deviation = np.sqrt((residual.to_numpy() ** 2).sum() / freedom)
    return studentized_range(conditions, freedom) * deviation / np.sqrt(seeds)


@lru_cache
def studentized_range(conditions, freedom):
    """Its 95 % point, by SciPy, where each call takes a tenth of a second."""
    return stats.studentized_range.ppf(0.95, conditions, freedom)


def over_seeds(values):
    """The mean of independent values, one each seed, with Student's interval."""
    mean, half = mean_and_margin(values)
    return Effect(mean, mean - half, mean + half, len(values))


def ranges(table, by="condition"):
    """For each seed, the range in points over the values of a column."""
    means = 100 * table.pivot(index="seed", columns=by, values="linear")
    return means.max(axis=1) - means.min(axis=1)


def longest(table):
    return table[table["steps"] == table["steps"].max()]


def spread_at_three_layers(table):
    return spread(longest(table[table["head.layers"] == 3]))


def lost_with_depth(table, by="condition"):
    """How much of the range within a seed over the values of a column goes from heads of one layer to heads of three."""
    shallow, deep = (ranges(table[table["head.layers"] == layers], by) for layers in (1, 3))
    return over_seeds(shallow - deep)


def spread_lost_with_depth(table):
    return lost_with_depth(longest(table))


def spread_lost_with_length(table):
    table = table[table["head.layers"] == 2]
    return over_seeds(ranges(table[table["steps"] == table["steps"].min()]) - ranges(longest(table)))


def batch_range_lost_with_depth(table):
    return lost_with_depth(table, by="batch_size")


def valley_slope(table):
    """The slope of the best log λ against log τ, one value each seed.

    Our first way, written before any run, fitted one quadratic to all settings within 5 points of the best; the flat land of
    small λ, where alignment alone keeps what random weights have, lies within them too and spoilt the fit. This one was
    chosen when seeds 0 to 4 had been seen; notebook 04 therefore judges it on seeds 5 to 7.
    """
    return over_seeds([slope_of_best_weight(rows) for _, rows in table.groupby("seed")])


def slope_of_best_weight(rows):
    """Of one seed: least squares through (log τ, best log λ) of every temperature."""
    best = {tau: best_log_weight(part) for tau, part in rows.groupby("objective.loss.temperature")}
    return np.polyfit(np.log(list(best)), list(best.values()), 1)[0]


def best_log_weight(rows):
    """Where the parabola through the best λ of one temperature and its two neighbours has its top; at an edge the edge."""
    rows = rows.sort_values("objective.loss.weight")
    weight, accuracy = np.log(rows["objective.loss.weight"].to_numpy(float)), rows["linear"].to_numpy(float)
    i = accuracy.argmax()
    if not 0 < i < len(rows) - 1:
        return weight[i]
    curvature, slope, _ = np.polyfit(weight[i - 1:i + 2] - weight[i], accuracy[i - 1:i + 2], 2)
    return weight[i] - slope / (2 * curvature) if curvature < 0 else weight[i]


CLAIMS = {
    "losses are similar": Claim(
        words="various instantiations of the generalized contrastive loss perform similarly under the presence of a "
              "multi-layer non-linear projection head",
        place="abstract; Figure 1", quantity="the range of the five losses' mean top-1 with a head of three layers, at the "
        "longest training", unit="points", holds="below", line=2.0,
        reason="with a head of two layers Figure 1 shows ranges of 2.6 and 1.9 points at 100 epochs: below 2 is similar",
        notebook="03_losses_and_projection_heads", measure=spread_at_three_layers),
    "depth brings losses together": Claim(
        words="Differences between variants of generalized contrastive loss are small with a deep projection head",
        place="Figure 1, its caption", quantity="the range over the five losses with a head of one layer minus that with "
        "three, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="ImageNet at 100 epochs, read off Figure 1: 1.9 points with two layers, 0.5 with three",
        notebook="03_losses_and_projection_heads", measure=spread_lost_with_depth),
    "length brings losses together": Claim(
        words="with a head of two layers the spread between losses shrinks as training gets longer (our reading)",
        place="Figure 1", quantity="the range over the five losses at the shortest training minus that at the longest, head "
        "of two layers, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="CIFAR-10, read off Figure 1: 2.6 points at 100 epochs, 0.5 at 800; ImageNet: 1.9 and 1.3",
        notebook="03_losses_and_projection_heads", measure=spread_lost_with_length),
    "temperature and weight are inverse": Claim(
        words="the temperature scaling (τ) widely used in the standard contrastive loss is (within a range) inversely related "
              "to the weighting (λ) between the two loss terms",
        place="abstract of the first version; the parametrisation is not said", quantity="the slope of log λ against log τ "
        "along the ridge of accuracy of the decoupled loss", unit="", holds="below", line=-0.5,
        reason="λτ constant would be a slope of -1: at least half of it", notebook="04_temperature_weight_and_batch",
        measure=valley_slope),
    "weight rises with temperature": Claim(
        words="ours: expanding λ · log-sum-exp(s/τ) for small s/τ predicts a ridge along which λ rises with τ, slope 1 to 2",
        place="notebook 04", quantity="the slope of log λ against log τ along the ridge of accuracy of the decoupled loss",
        unit="", holds="above", line=0.5, reason="at least half of the smaller of the two predictions",
        notebook="04_temperature_weight_and_batch", measure=valley_slope),
    "depth makes batch size matter less": Claim(
        words="a deeper head and longer training make batch size matter little (as the literature reports it)",
        place="a table of the appendix; its numbers are not known to us", quantity="the range over batch sizes with a head of "
        "one layer minus that with three, at equal epochs, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="half a point is the least that three to five seeds can tell from nothing here",
        notebook="04_temperature_weight_and_batch", measure=batch_range_lost_with_depth),
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


class VerdictChanged(Exception):
    """A quick run found another verdict than the committed one."""


def judge(name, table, preset):
    """Show a claim with its verdict on a sweep's rows, data set by data set; returns the Verdicts.

    table: rows of `sweep`, with a column `condition`. preset: under "smoke" nothing is judged, nor are runs of which a
    part is the learner's own code; "recorded" says that the rows were not trained here.
    Raises KeyError for an unknown claim, VerdictChanged where INTRIGUING_STRICT is 1, the preset is quick and
    results/verdicts.csv says otherwise (see `compare`).
    """
    if name not in CLAIMS:
        raise KeyError(f"There is no claim {name!r}: there are {', '.join(CLAIMS)}.")
    claim = CLAIMS[name]
    if preset == "smoke" or ("key" in table and table["key"].isna().any()):
        reason = "smoke trains too little to judge a claim" if preset == "smoke" else "a part of these runs is your own code"
        print(f"“{claim.words}”: not judged, {reason}.")
        return []
    verdicts = [judged(name, rows, data, preset) for data, rows in table.groupby("data", sort=False)]
    text = told(claim, verdicts)
    display({"text/plain": text, "text/markdown": text, MIMETYPE: [asdict(v) for v in verdicts]}, raw=True)
    if preset == "quick" and os.environ.get("INTRIGUING_STRICT") == "1":
        compare(verdicts)
    return verdicts


def judged(name, rows, data, preset):
    effect = CLAIMS[name].measure(rows)
    device = "; ".join(sorted(set(rows["device"]))) if "device" in rows else ""
    return Verdict(name, data.rpartition(" ")[0], preset, CLAIMS[name].verdict(effect), effect.value, effect.low, effect.high,
                   effect.seeds, device)


def overall(verdicts):
    """One word for several data sets: all alike, or in part where it holds on some."""
    found = {v.verdict for v in verdicts}
    return found.pop() if len(found) == 1 else IN_PART if HOLDS in found else UNDECIDED


def told(claim, verdicts):
    unit = f" {claim.unit}" if claim.unit else ""
    lines = [f"**Claim.** “{claim.words}” ({claim.place}).  ",
             f"**Decided by** {claim.quantity}; holds {claim.holds} {claim.line:g}{unit} ({claim.reason}).  ",
             f"**Verdict: {overall(verdicts)}.**"]
    for v in verdicts:
        lines.append(f"- {v.data}, {v.preset}, {v.seeds} seeds: {v.effect:.2f}{unit}, 95 % interval {v.low:.2f} to "
                     f"{v.high:.2f}: {v.verdict} ({v.device})")
    return "\n".join([*lines[:3], "", *lines[3:]])


def committed():
    """The committed verdicts as a table, a row for each claim, preset and data set; empty where there are none yet."""
    path = shipped("results") / "verdicts.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[field.name for field in fields(Verdict)])


def verdicts_in_markdown():
    """All claims with their committed verdicts as a table in Markdown: what the README shows."""
    lines = ["| claim | quick | recorded |", "| --- | --- | --- |"]
    for name, claim in CLAIMS.items():
        rows = committed()[committed()["claim"] == name]
        cells = [of_preset(rows[rows["preset"] == preset]) for preset in ("quick", "recorded")]
        lines.append(f"| “{claim.words}” ({claim.place}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_preset(rows):
    """"**holds** (digits: 0.74 points, 0.25 to 1.23, 5 seeds)", or a dash."""
    if rows.empty:
        return "–"
    unit = CLAIMS[rows["claim"].iloc[0]].unit
    several = rows["verdict"].nunique() > 1
    parts = [f"{v.data}{f' {v.verdict}' if several else ''}: {v.effect:.2f}{f' {unit}' if unit else ''}, {v.low:.2f} to "
             f"{v.high:.2f}, {v.seeds} seeds" for v in rows.itertuples()]
    return f"**{overall(rows.itertuples())}** ({'; '.join(parts)})"


def compare(verdicts):
    """Raise VerdictChanged where a verdict differs from the committed one, if there is one.

    On another kind of device than the committed run's, rounding makes other runs of the same seeds, and a verdict near its line
    may turn out otherwise: there only "holds" against "does not hold" is raised, and a smaller difference printed.
    """
    table = committed()
    for now in verdicts:
        before = table[(table["claim"] == now.claim) & (table["preset"] == now.preset) & (table["data"] == now.data)]
        if before.empty or before["verdict"].iloc[0] == now.verdict:
            continue
        was = before.iloc[0]
        difference = (
            f"The claim “{CLAIMS[now.claim].words}” on {now.data}: committed is “{was.verdict}” ({was.effect:.2f}, 95 % "
            f"interval {was.low:.2f} to {was.high:.2f}, {was.device}), this run finds “{now.verdict}” ({now.effect:.2f}, "
            f"{now.low:.2f} to {now.high:.2f}, {now.device}).")
        if was.device == now.device or {was.verdict, now.verdict} == {HOLDS, FAILS}:
            raise VerdictChanged(difference)
        print(difference, "Another kind of device may do that near the line.")

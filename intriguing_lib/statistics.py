"""What the claims are measured with: effects over paired seeds, each with its 95 % interval.

A table has a row for each run, as `experiments.sweep` makes it, with a column `condition`; `metric` names the column that is
looked at: "linear", "knn", a readout. Accuracies lie in 0 to 1; points are their hundredfold.
"""
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Effect:
    """A measured quantity with its 95 % interval, low to high, over so many seeds."""
    value: float
    low: float
    high: float
    seeds: int


def mean_and_margin(values):
    """Mean and half the width of its 95 % interval (Student's t) of independent values, one each seed."""
    values = np.asarray(values, dtype=float)
    return values.mean(), stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))


def over_seeds(values):
    """The mean of independent values, one each seed, with Student's interval."""
    mean, half = mean_and_margin(values)
    return Effect(mean, mean - half, mean + half, len(values))


def by_seed(table, metric="linear", by="condition"):
    """The metric in points, a row each seed, a column each value of `by`: one column's, or the combinations of several.

    Raises ValueError where two runs share a place.
    """
    columns = by if isinstance(by, str) else list(by)
    return 100 * table.pivot(index="seed", columns=columns, values=metric).astype(float)


def ranges(table, metric="linear", by="condition"):
    """For each seed, the range in points over the values of a column."""
    points = by_seed(table, metric, by)
    return points.max(axis=1) - points.min(axis=1)


def spread(table, metric="linear"):
    """The range of the conditions' means over paired seeds, in points.

    Interval: Tukey's, for all pairs of conditions at once. Between equal conditions the range is above 0 too: `chance_range`.
    """
    means, half = by_seed(table, metric).mean(), chance_range(table, metric)
    value = means.max() - means.min()
    return Effect(value, max(0.0, value - half), value + half, table["seed"].nunique())


def chance_range(table, metric="linear"):
    """The range, in points, below which 95 % of the ranges of so many equal conditions lie: noise and nothing else.

    The noise is what is left of the table seed × condition once the means of both are taken out.
    """
    points = by_seed(table, metric)
    residual = points.sub(points.mean(axis=1), axis=0) - points.mean() + points.to_numpy().mean()
    seeds, conditions = points.shape
    freedom = (seeds - 1) * (conditions - 1)
    deviation = np.sqrt((residual.to_numpy() ** 2).sum() / freedom)
    return studentized_range(conditions, freedom) * deviation / np.sqrt(seeds)


@lru_cache
def studentized_range(conditions, freedom):
    """Its 95 % point, by SciPy, where each call takes a tenth of a second."""
    return stats.studentized_range.ppf(0.95, conditions, freedom)


def furthest_pair(table, metric="linear"):
    """How far apart the two conditions are that are furthest apart, in points, asked as a question of equivalence.

    high: the conditions are closer than this, by a one-sided test at 5 % of each pair in each direction, of paired
    differences; all pairs have to pass, so the whole has 5 % too (intersection-union; Berger & Hsu 1996). low: some pair is
    further apart than this, by Tukey's interval (`spread`), which allows for looking at all pairs.
    """
    points = by_seed(table, metric)
    differences = [points[a] - points[b] for a, b in combinations(points, 2)]
    apart = [abs(difference.mean()) for difference in differences]
    error = [difference.std() / len(points) ** 0.5 for difference in differences]
    furthest = max(a + stats.t.ppf(0.95, len(points) - 1) * e for a, e in zip(apart, error, strict=True))
    return Effect(max(apart), spread(table, metric).low, furthest, len(points))


def variance_between(points):
    """The variance of conditions' true means, without the noise of the runs: the covariance over conditions of two seeds,
    the mean over all pairs of seeds. Unbiased, so it may be below 0.

    points: a row each seed, a column each condition. What a seed does to all conditions alike is taken out.
    """
    x = points.sub(points.mean(axis=1), axis=0).to_numpy()
    seeds, conditions = x.shape
    total = x.sum(0)
    return (total @ total - (x * x).sum()) / (seeds * (seeds - 1) * (conditions - 1))


def variance_lost(table, metric="linear", *, by, column, values):
    """How much of the variance between the conditions, noise taken out, goes from one value of `column` to another, points².

    by: the column that tells the conditions apart. Interval: the jackknife's over seeds, with Student's t. Where nothing goes
    it has 0 inside at least as often as it says, whatever the noise at either value.
    """
    of_value = [by_seed(table[table[column] == value], metric, by) for value in values]
    seeds = of_value[0].index

    def lost(kept):
        return variance_between(of_value[0].loc[kept]) - variance_between(of_value[1].loc[kept])

    whole, without = lost(seeds), [lost(seeds.drop(seed)) for seed in seeds]
    return over_seeds([len(seeds) * whole - (len(seeds) - 1) * left for left in without])


def lost_with_depth(table, metric="linear", by="condition"):
    """How much of the range within a seed over the values of a column goes from heads of one layer to heads of three."""
    shallow, deep = (ranges(table[table["head.layers"] == layers], metric, by) for layers in (1, 3))
    return over_seeds(shallow - deep)


def lost_with_length(table, metric="linear", by="condition"):
    """How much of the range within a seed over the values of a column goes from the shortest training to the longest."""
    short, long = (ranges(table[table["steps"] == steps], metric, by) for steps in (table["steps"].min(), table["steps"].max()))
    return over_seeds(short - long)


def contrast(table, metric="linear", *, by, weights):
    """A weighted sum of cells, in points, each seed for itself.

    by: the columns that tell the cells apart. weights: {cell: weight}, a cell being a tuple of these columns' values.
    """
    points = by_seed(table, metric, by)
    return over_seeds(sum(weight * points[cell] for cell, weight in weights.items()))


def contrast_of_metrics(table, metric=None, *, weights):
    """A weighted sum of several metrics of several conditions, in points, each seed for itself.

    weights: {(condition, metric): weight}. Raises ValueError where one of them is missing.
    """
    return over_seeds(sum(weight * points_of(table, *cell) for cell, weight in weights.items()))


def lead(table, metric=None, *, of, over):
    """By how many points one (condition, metric) is ahead of the best of its rivals, the best anew in each seed, which favours
    them. Raises ValueError where one is missing.
    """
    rivals = pd.concat([points_of(table, *rival) for rival in over], axis=1)
    return over_seeds(points_of(table, *of) - rivals.max(axis=1))


def points_of(table, condition, metric):
    """A condition's metric in points, by seed."""
    rows = table[table["condition"] == condition].set_index("seed")
    if metric not in rows or rows[metric].isna().any() or rows.empty:
        raise ValueError(f"There is no {metric!r} of all runs of {condition!r}: measure it.")
    return 100 * rows[metric].astype(float)


def kept(table, metric="linear", *, by, start, best, other):
    """How much of what `best` gains over `start` is left in `other`, in per cent, each seed for itself.

    by: the column that tells these cells apart, or several columns, and cells are tuples of their values.
    """
    points = by_seed(table, metric, by)
    return over_seeds(100 * (points[other] - points[start]) / (points[best] - points[start]))


def valley_slope(table, metric="linear"):
    """The slope of the best log λ against log τ, one value each seed.

    Our first way, written before any run, fitted one quadratic to all settings within 5 points of the best; the flat land of
    small λ, where alignment alone keeps what random weights have, lies within them too and spoilt the fit. This one was
    chosen when seeds 0 to 4 had been seen; notebook 04 therefore judges it on seeds 5 to 7.
    """
    return over_seeds([slope_of_best_weight(rows, metric) for _, rows in table.groupby("seed")])


def slope_of_best_weight(rows, metric="linear"):
    """Of one seed: least squares through (log τ, best log λ) of every temperature."""
    best = {tau: best_log_weight(part, metric) for tau, part in rows.groupby("objective.loss.temperature")}
    return np.polyfit(np.log(list(best)), list(best.values()), 1)[0]


def best_log_weight(rows, metric="linear"):
    """Where the parabola through the best λ of one temperature and those within a factor of four has its top; at an edge the
    edge. (Of weights four times apart these are three points, as the rule was first written.)
    """
    rows = rows.sort_values("objective.loss.weight")
    weight, accuracy = np.log(rows["objective.loss.weight"].to_numpy(float)), rows[metric].to_numpy(float)
    i = accuracy.argmax()
    if not 0 < i < len(rows) - 1:
        return weight[i]
    near = abs(weight - weight[i]) < np.log(4.01)
    curvature, slope, _ = np.polyfit(weight[near] - weight[i], accuracy[near], 2)
    return weight[i] - slope / (2 * curvature) if curvature < 0 else weight[i]


def level_slope(table, metric, *, level):
    """By how many doublings λ has to rise with a doubling of τ for the metric to stay at `level`, one value each seed.

    At each temperature the λ at which the metric passes `level` is interpolated in log λ; the slope is that of a line by least
    squares. Raises ValueError where it isn't passed within the weights tried.
    """
    return over_seeds([slope_of_level(rows, metric, level) for _, rows in table.groupby("seed")])


def slope_of_level(rows, metric, level):
    """Of one seed: see `level_slope`."""
    at = {tau: log_weight_at(part, metric, level) for tau, part in rows.groupby("objective.loss.temperature")}
    return np.polyfit(np.log(list(at)), list(at.values()), 1)[0]


def log_weight_at(rows, metric, level):
    """Where a metric that falls with λ first passes `level`, in log λ."""
    rows = rows.sort_values("objective.loss.weight")
    weight, value = np.log(rows["objective.loss.weight"].to_numpy(float)), rows[metric].to_numpy(float)
    below = value <= level
    if below[0] or not below.any():
        raise ValueError(f"{metric} doesn't pass {level:g} within the weights tried at one temperature: try more of them.")
    i = below.argmax()
    share = (value[i - 1] - level) / (value[i - 1] - value[i])
    return weight[i - 1] + share * (weight[i] - weight[i - 1])

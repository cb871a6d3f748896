"""Effects held to SciPy's tests and to made-up rows whose answer is known, and the intervals' error rates."""
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intriguing_lib import statistics
from intriguing_lib.search import MEMBERS


def race(gaps, seeds=3, noise=0.002, data="digits train", steps=200, seed=0):
    """Rows of five losses whose true accuracies lie gaps[layers] apart from first to last, with paired seeds."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.01, seeds)  # what a seed does to all losses alike
    return pd.DataFrame([
        {"condition": member, "data": data, "head.layers": layers, "steps": steps, "seed": s, "device": "a test",
         "linear": 0.9 + shared[s] + gap * i / 4 + rng.normal(0, noise)}
        for layers, gap in gaps.items() for i, member in enumerate(MEMBERS) for s in range(seeds)])


def surface(slope, seeds=3, noise=0.001):
    """Accuracies with a ridge log λ = slope · log τ."""
    rng = np.random.default_rng(1)
    return pd.DataFrame([
        {"condition": "decoupled NT-Xent", "data": "digits train", "seed": 5 + s,
         "objective.loss.temperature": t, "objective.loss.weight": w,
         "linear": 0.95 - 0.005 * (np.log(w) - slope * np.log(t)) ** 2 + rng.normal(0, noise)}
        for s in range(seeds) for t in (0.1, 0.4, 1.6) for w in 4.0 ** np.arange(-5, 5)])


def test_the_mean_over_seeds_is_a_one_sample_t_test():
    values = np.random.default_rng(0).normal(2, 1, 5)
    effect, expected = statistics.over_seeds(values), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected)) and effect.value == pytest.approx(values.mean())
    assert effect.seeds == 5


def test_the_margin_covers_the_true_mean_in_95_of_100_samples():
    """2,000 samples of five: a binomial share, 4 standard errors wide. False-alarm rate 6e-5."""
    rng = np.random.default_rng(0)
    drawn = (statistics.mean_and_margin(rng.normal(3, 2, 5)) for _ in range(2000))
    covered = [abs(mean - 3) <= margin for mean, margin in drawn]
    assert abs(np.mean(covered) - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5


def test_between_two_conditions_the_spread_is_a_paired_t_test():
    """The studentized range of two is Student's t times the root of two."""
    table = race({3: 0.05}).query("condition in ['NT-Xent', 'SWD cube']")
    a, b = (100 * table.loc[table["condition"] == member, "linear"].to_numpy() for member in ("SWD cube", "NT-Xent"))
    effect, expected = statistics.spread(table), stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected)) and effect.value == pytest.approx((a - b).mean())
    assert statistics.chance_range(table) == pytest.approx((expected.high - expected.low) / 2)


def test_ranges_are_within_each_seed():
    table = pd.DataFrame({"condition": ["a", "b"] * 2, "seed": [0, 0, 1, 1], "linear": [0.9, 0.8, 0.5, 0.75]})
    assert statistics.ranges(table).tolist() == pytest.approx([10, 25])


def test_what_goes_with_depth_and_with_length():
    table = race({1: 0.08, 3: 0.02}, noise=0)
    assert statistics.lost_with_depth(table).value == pytest.approx(6)
    table = pd.concat([race({2: gap}, steps=steps, noise=0) for steps, gap in ((50, 0.03), (100, 0.9), (200, 0.05))])
    assert statistics.lost_with_length(table).value == pytest.approx(-2)


@pytest.mark.parametrize("statistic, table", [
    (statistics.spread, race({3: 0.03})), (statistics.chance_range, race({3: 0.03})),
    (statistics.lost_with_depth, race({1: 0.05, 3: 0.03})),
    (statistics.lost_with_length, pd.concat([race({2: 0.05}, steps=50), race({2: 0.03})]))])
def test_any_column_can_be_the_metric(statistic, table):
    other = table.rename(columns={"linear": "knn"}).assign(linear=0.5)
    assert statistic(other, "knn") == statistic(table)


@pytest.mark.parametrize("slope", [-1, 0, 1.3])
def test_the_slope_of_a_ridge(slope):
    assert statistics.valley_slope(surface(slope)).value == pytest.approx(slope, abs=0.15)
    other = surface(slope).rename(columns={"linear": "knn"}).assign(linear=0.5)
    assert statistics.valley_slope(other, "knn") == statistics.valley_slope(surface(slope))


def test_flat_land_beside_the_ridge_does_not_spoil_the_slope():
    table = surface(1.3)
    assert statistics.valley_slope(table.assign(linear=table["linear"].clip(lower=0.91))).value == pytest.approx(1.3, abs=0.15)


def test_without_any_ridge_the_slope_is_zero_and_no_nan():
    assert statistics.valley_slope(surface(1).assign(linear=0.5)).value == pytest.approx(0)


def test_equal_losses_are_called_far_apart_as_rarely_as_the_interval_says():
    """Of 400 races between equal losses 5 % exceed `chance_range` and 5 % of intervals miss 0; false-alarm rate of this test
    below 1e-4 a bound (binomial)."""
    races = [race({3: 0.0}, seed=seed) for seed in range(400)]
    above = sum(statistics.spread(rows).value > statistics.chance_range(rows) for rows in races)
    missed = sum(statistics.spread(rows).low > 0 for rows in races)
    low, high = stats.binom.ppf([5e-5, 1 - 5e-5], 400, 0.05)
    assert above == missed and low <= above <= high


def cells(values, noise=0.0, seeds=3, seed=0):
    """Rows of cells {(condition, count): true accuracy}, with paired seeds."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.01, seeds)
    return pd.DataFrame([
        {"condition": condition, "data.count": count, "seed": s, "linear": value + shared[s] + rng.normal(0, noise)}
        for (condition, count), value in values.items() for s in range(seeds)])


def test_a_contrast_of_two_cells_is_a_paired_t_test():
    table = cells({("a", 1): 0.8, ("a", 2): 0.7, ("b", 1): 0.1}, noise=0.01, seeds=5)
    by = ("condition", "data.count")
    effect = statistics.contrast(table, by=by, weights={("a", 1): 1, ("a", 2): -1})
    one, two = (100 * table.loc[(table["condition"] == "a") & (table["data.count"] == n), "linear"].to_numpy() for n in (1, 2))
    expected = stats.ttest_rel(one, two).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected)) and effect.seeds == 5


def test_a_contrast_takes_each_cell_as_often_as_it_is_told():
    table = cells({("a", 1): 0.9, ("a", 2): 0.5, ("b", 1): 0.7, ("b", 2): 0.6})
    growth = {("a", 1): 1, ("b", 1): -1, ("a", 2): -1, ("b", 2): 1}
    assert statistics.contrast(table, by=("condition", "data.count"), weights=growth).value == pytest.approx(20 + 10)
    halves = {"a": 0.5, "b": -0.5}
    assert statistics.contrast(table.query("`data.count` == 1"), by="condition", weights=halves).value == pytest.approx(10)


def test_what_is_kept_of_a_gain():
    """Each seed for itself: it isn't the ratio of the means."""
    table = cells({("none", 8): 0.5, ("all", 1): 0.9, ("all", 8): 0.8})
    by = ("condition", "data.count")
    assert statistics.kept(table, by=by, start=("none", 8), best=("all", 1), other=("all", 8)).value == pytest.approx(75)
    gains = pd.DataFrame({"condition": ["none", "all", "some"] * 2, "seed": [0] * 3 + [1] * 3,
                          "linear": [0.5, 0.6, 0.55, 0.5, 0.9, 0.9]})
    assert statistics.kept(gains, by="condition", start="none", best="all", other="some").value == pytest.approx(75)


def readings():
    """Three seeds of two conditions, each with two metrics; the rival that is best is another in each seed."""
    return pd.DataFrame([
        {"condition": condition, "seed": seed, "a": a, "b": b} for condition, rows in {
            "one": ((0.50, 0.1), (0.60, 0.2), (0.70, 0.3)), "other": ((0.40, 0.20), (0.30, 0.35), (0.20, 0.65))}.items()
        for seed, (a, b) in enumerate(rows)])


def test_a_contrast_of_metrics_is_a_t_test_of_the_sums_seed_by_seed():
    effect = statistics.contrast_of_metrics(readings(), weights={("one", "a"): 1, ("one", "b"): -0.5, ("other", "b"): 2})
    sums = 100 * np.array([0.50 - 0.05 + 0.40, 0.60 - 0.10 + 0.70, 0.70 - 0.15 + 1.30])
    expected = stats.ttest_1samp(sums, 0).confidence_interval(0.95)
    assert (effect.value, effect.low, effect.high) == pytest.approx((sums.mean(), *expected)) and effect.seeds == 3


def test_a_lead_is_over_the_best_rival_of_each_seed():
    effect = statistics.lead(readings(), of=("one", "a"), over=(("other", "a"), ("other", "b"), ("one", "b")))
    leads = 100 * np.array([0.50 - 0.40, 0.60 - 0.35, 0.70 - 0.65])
    expected = stats.ttest_1samp(leads, 0).confidence_interval(0.95)
    assert (effect.value, effect.low, effect.high) == pytest.approx((leads.mean(), *expected))


def test_what_was_not_measured_is_named():
    table = readings()
    table.loc[4, "b"] = np.nan
    for cell in (("other", "b"), ("one", "c"), ("nobody", "a")):
        with pytest.raises(ValueError, match=f"There is no '{cell[1]}' of all runs of '{cell[0]}'"):
            statistics.contrast_of_metrics(table, weights={("one", "a"): 1, cell: 1})


def test_two_conditions_are_closer_than_a_line_where_both_one_sided_tests_say_so():
    """By SciPy's paired tests: at the bound itself the larger of the two p-values is the level."""
    table = race({3: 0.03}, seeds=6).query("condition in ['NT-Xent', 'SWD cube']")
    a, b = (100 * table.loc[table["condition"] == member, "linear"].to_numpy() for member in ("SWD cube", "NT-Xent"))
    effect = statistics.furthest_pair(table)
    upper = stats.ttest_rel(a - effect.high, b, alternative="less").pvalue
    lower = stats.ttest_rel(a + effect.high, b, alternative="greater").pvalue
    assert max(upper, lower) == pytest.approx(0.05) and effect.value == pytest.approx(abs((a - b).mean()))
    assert effect.low == statistics.spread(table).low


def test_the_furthest_pair_is_that_whose_upper_end_is_highest():
    """A pair that is nearer on average and noisier may be further apart than the rest can be shown not to be."""
    rng = np.random.default_rng(0)
    means, noise = {"a": 0.8, "b": 0.81, "c": 0.803}, {"a": 0, "b": 0.001, "c": 0.02}
    table = pd.DataFrame([{"condition": c, "seed": s, "linear": means[c] + rng.normal(0, noise[c])}
                          for c in means for s in range(5)])
    alone = [statistics.furthest_pair(table[table["condition"] != c]) for c in means]
    whole = statistics.furthest_pair(table)
    assert whole.high == max(pair.high for pair in alone) and whole.value == max(pair.value for pair in alone)


def test_losses_that_lie_as_far_apart_as_the_line_are_called_similar_at_most_as_often_as_said():
    """Of 400 races of losses exactly 2 points apart from first to last, at most 5 % pass; false-alarm rate of this test below
    1e-4 (binomial). Races of equal losses pass."""
    passed = sum(statistics.furthest_pair(race({3: 0.02}, seeds=5, seed=seed)).high < 2 for seed in range(400))
    assert passed <= stats.binom.ppf(1 - 1e-4, 400, 0.05)
    assert all(statistics.furthest_pair(race({3: 0.0}, seeds=5, seed=seed)).high < 2 for seed in range(20))


def test_the_variance_between_conditions_is_that_of_analysis_of_variance_on_average_without_the_noise():
    rng = np.random.default_rng(0)
    means, seeds = np.array([0.0, 1, 3, 4, 7]), rng.normal(0, 5, 6)
    exact = pd.DataFrame(means + seeds[:, None])
    assert statistics.variance_between(exact) == pytest.approx(means.var(ddof=1))
    noisy = [statistics.variance_between(exact + rng.normal(0, 2, exact.shape)) for _ in range(2000)]
    assert np.mean(noisy) == pytest.approx(means.var(ddof=1), abs=4 * np.std(noisy) / 2000 ** 0.5)  # false alarm 6e-5
    one = exact + rng.normal(0, 2, exact.shape)
    residual = one.sub(one.mean(axis=1), axis=0) - one.mean() + one.to_numpy().mean()
    error = (residual.to_numpy() ** 2).sum() / ((len(one) - 1) * (len(means) - 1))
    assert statistics.variance_between(one) == pytest.approx(one.mean().var(ddof=1) - error / len(one))


@pytest.mark.parametrize("noise", [(0.006, 0.004), (0.004, 0.004)], ids=["less behind the deeper head", "the same"])
def test_where_nothing_goes_with_depth_the_interval_seldom_says_so(noise):
    """2.5 % above 0 at most, of 400 races whose losses lie as far apart at both depths and whose noise shrinks or doesn't;
    false-alarm rate below 1e-4. By ranges within seeds the first is called a loss far more often."""
    said, by_ranges = 0, 0
    for seed in range(400):
        table = pd.concat([race({1: 0.01}, seeds=5, noise=noise[0], seed=seed), race({3: 0.01}, 5, noise[1], seed=1000 + seed)])
        said += statistics.variance_lost(table, by="condition", column="head.layers", values=(1, 3)).low > 0
        by_ranges += statistics.lost_with_depth(table).low > 0
    assert said <= stats.binom.ppf(1 - 1e-4, 400, 0.025)
    assert by_ranges > said or noise[0] == noise[1]


def test_what_goes_with_depth_is_found_where_it_goes():
    table = race({1: 0.04, 3: 0.01}, seeds=5, noise=0.001)
    effect = statistics.variance_lost(table, by="condition", column="head.layers", values=(1, 3))
    of = [np.var(np.linspace(0, gap, 5), ddof=1) for gap in (4, 1)]
    assert effect.low > 0 and effect.value == pytest.approx(of[0] - of[1], rel=0.2)


def test_a_parabola_takes_neighbours_within_a_factor_of_four_and_of_a_coarse_grid_three_points():
    def rows(weights):
        return pd.DataFrame({"objective.loss.weight": weights, "linear": -(np.log(weights) - 0.3) ** 2})

    coarse, fine = 4.0 ** np.arange(-4, 5), 2.0 ** np.arange(-8, 9)
    assert statistics.best_log_weight(rows(coarse)) == pytest.approx(0.3) == statistics.best_log_weight(rows(fine))
    far = rows(fine).assign(linear=lambda r: r["linear"].where(abs(np.log(r["objective.loss.weight"])) < 2, -1000))
    assert statistics.best_log_weight(far) == pytest.approx(0.3)


def test_a_level_is_followed_over_temperatures():
    """A metric that depends on λ / τ^1.4 alone stays the same where log λ rises 1.4 times as fast as log τ."""
    rows = pd.DataFrame([
        {"seed": s, "objective.loss.temperature": t, "objective.loss.weight": w,
         "uniformity": -4 / (1 + np.exp(-np.log(w) + 1.4 * np.log(t) + 0.1 * s))}
        for s in range(3) for t in (0.2, 0.4, 0.8) for w in 1.1 ** np.arange(-40, 20)])
    effect = statistics.level_slope(rows, "uniformity", level=-2)
    assert effect.value == pytest.approx(1.4, abs=0.01) and effect.low > 1.38
    with pytest.raises(ValueError, match="uniformity doesn't pass -5 within the weights tried"):
        statistics.level_slope(rows, "uniformity", level=-5)

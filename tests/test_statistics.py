import numpy as np

from intriguing_lib.statistics import mean_and_margin


def test_the_margin_covers_the_true_mean_in_95_of_100_samples():
    """2,000 samples of five: a binomial share, 4 standard errors wide. False-alarm rate 6e-5."""
    rng = np.random.default_rng(0)
    covered = [abs(mean - 3) <= margin for mean, margin in (mean_and_margin(rng.normal(3, 2, 5)) for _ in range(2000))]
    assert abs(np.mean(covered) - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5

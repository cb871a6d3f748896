"""Estimates over seeds, with their uncertainty."""
import numpy as np
from scipy import stats


def mean_and_margin(values):
    """Mean and half the width of its 95 % interval (Student's t) of independent values, one each seed."""
    values = np.asarray(values, dtype=float)
    return values.mean(), stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))

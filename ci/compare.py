"""Compare the runs in the cache with the recorded ones: `python ci/compare.py`, after `make course` under quick.

For each run whose settings were recorded with five seeds or more, linear evaluation must lie where a further seed of the
record would: within the 99.9 % prediction interval of Student's t, widened by 1 point for the rounding of other processors.
Names each run that doesn't and exits with 1; false alarms: below one run in a thousand.
"""
import sys

import pandas as pd
from scipy import stats

from intriguing_lib import __main__ as kept
from intriguing_lib import cache, records
from intriguing_lib.paths import shipped

ROUNDING = 0.01  # between two processors the same seed differed by up to a point


def interval(values):
    """Where a further value may lie: (low, high)."""
    n = len(values)
    width = stats.t.ppf(0.9995, n - 1) * values.std(ddof=1) * (1 + 1 / n) ** 0.5 + ROUNDING
    return values.mean() - width, values.mean() + width


def main():
    recorded = pd.concat([records.recorded(path.stem) for path in shipped("results").glob("*.json")])
    compared, outside = 0, []
    for key in cache.finished():
        run = cache.card(key) | {"metrics": kept.metrics(key)}
        twins = records.with_settings(recorded, run["settings"]).drop_duplicates("seed")
        if len(twins) < 5 or "linear" not in run["metrics"] or twins["linear"].isna().any():
            continue
        compared += 1
        low, high = interval(twins["linear"].astype(float))
        value = run["metrics"]["linear"]
        if not low <= value <= high:
            outside.append(f"{twins['condition'].iloc[0]} (run {key[:8]}, seed {run['settings']['seed']}): linear evaluation "
                           f"{value:.4f}, recorded seeds allow {low:.4f} to {high:.4f}")
    print(*outside, f"{compared} runs compared with recorded ones, {len(outside)} outside their band", sep="\n")
    return 1 if outside or not compared else 0


if __name__ == "__main__":
    sys.exit(main())

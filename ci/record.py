"""Re-make recorded runs: `python ci/record.py NAME` trains what is missing and writes results/NAME.csv.

Times are for two cores. The runs go through the cache, so a recording that was interrupted goes on where it stopped. A record holds the live
slice of its notebook, with the same settings, for more seeds.
"""
import sys
from dataclasses import replace

import pandas as pd

from intriguing_lib import records
from intriguing_lib.composites import RandBits
from intriguing_lib.evaluate import knn_accuracy, linear_evaluation, pixels
from intriguing_lib.experiments import Experiment, sweep
from intriguing_lib.images import default_device, digits, fashion
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.train import Optimizer
from intriguing_lib.views import digit_view, garment_view


def start_here():
    """Notebook 00 under quick: digits and garments, trained and untrained; ten bits, shared and fresh. 15 minutes."""
    train, test = digits("train"), digits("test")
    learn = Experiment(train, test, digit_view(), objective=Contrastive(NTXent(temperature=0.2)), optimizer=Optimizer(lr=3e-3),
                       steps=400, batch_size=256)
    garments = replace(learn, data=fashion("train"), test=fashion("test"), view=garment_view())
    shared, fresh = (replace(learn, data=RandBits(train, 10, sharing), test=RandBits(test, 10, sharing))
                     for sharing in ("shared", "fresh"))
    seeds = [replace(e, seed=seed) for e in (learn, garments, shared, fresh) for seed in range(5)]
    table = sweep(seeds + [replace(e, steps=0) for e in seeds if e.data in (learn.data, garments.data, shared.data)])
    return pd.concat([table, pd.DataFrame([raw_pixels(e.data, e.test) for e in (learn, garments)])])


def raw_pixels(train, test):
    """The row of the simplest rival: no encoder at all."""
    a, b = pixels(train), pixels(test)
    return {"data": f"{train.name} train", "test": f"{test.name} test", "encoder": "raw pixels", "steps": 0, "seed": 0,
            "linear": linear_evaluation(a, train.labels, b, test.labels).top1,
            "knn": knn_accuracy(a, train.labels, b, test.labels)}


RECORDS = {"start_here": start_here}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECORDS:
        sys.exit(f"{__doc__}\nNAME is one of: {', '.join(RECORDS)}")
    table = RECORDS[sys.argv[1]]()
    for column, value in records.circumstances(default_device()).items():
        table[column] = str(value)
    path = CLONE / "results" / f"{sys.argv[1]}.csv"
    table.drop(columns="from_cache").round(4).to_csv(path, index=False)
    print(f"{path}: {len(table)} runs")

"""Re-make recorded runs: `python ci/record.py NAME` trains what is missing and writes results/NAME.csv.

The runs go through the cache, so a recording that was interrupted goes on where it stopped. A record holds the live
slice of its notebook, with the same settings, for more seeds. Times are for two cores.
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
    table = five_seeds({"digits: contrastive encoder": learn, "digits: untrained encoder": replace(learn, steps=0),
                        "garments: contrastive encoder": garments, "garments: untrained encoder": replace(garments, steps=0),
                        "ten bits, shared by the views": shared, "ten bits, fresh in each view": fresh,
                        "ten bits, untrained encoder": replace(shared, steps=0)})
    here = records.circumstances(default_device())
    rivals = [{"condition": f"{name}: raw pixels", **raw_pixels(e), **here}
              for name, e in (("digits", learn), ("garments", garments))]
    return pd.concat([table, pd.DataFrame(rivals)])


def five_seeds(conditions):
    """{condition: experiment} as a sweep over seeds 0 to 4, with a column that names the condition."""
    rows = [(condition, replace(e, seed=seed)) for condition, e in conditions.items() for seed in range(5)]
    table = sweep(experiment for _, experiment in rows)
    table.insert(0, "condition", [condition for condition, _ in rows])
    return table


def raw_pixels(experiment):
    """The simplest rival: the same measures with no encoder at all. No chance is involved."""
    train, test = experiment.data, experiment.test
    a, b = pixels(train), pixels(test)
    return {"linear": linear_evaluation(a, train.labels, b, test.labels).top1,
            "knn": knn_accuracy(a, train.labels, b, test.labels)}


RECORDS = {"start_here": start_here}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECORDS:
        sys.exit(f"{__doc__}\nNAME is one of: {', '.join(RECORDS)}")
    table = RECORDS[sys.argv[1]]()
    path = CLONE / "results" / f"{sys.argv[1]}.csv"
    table.drop(columns="from_cache").round(4).to_csv(path, index=False)
    print(f"{path}: {len(table)} runs")

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
from intriguing_lib.experiments import Experiment, measure, run, sweep
from intriguing_lib.images import default_device, digits, fashion
from intriguing_lib.losses import NTXent
from intriguing_lib.mistakes import SelfKept, SmallGroups, StrangersAsPartners, Unnormalised, evaluation_that_trains
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.train import Optimizer
from intriguing_lib.views import Chain, Flip, digit_view, garment_view


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


def from_scratch():
    """Notebook 01 under quick: views left out one at a time, temperatures, mistakes. 10 to 25 minutes."""
    base = Experiment(digits("train"), digits("test"), digit_view(), objective=Contrastive(NTXent(temperature=0.2)),
                      optimizer=Optimizer(lr=3e-3), steps=200, batch_size=256)
    crop, rotate = digit_view().transforms
    loss = base.objective.loss
    table = five_seeds({
        "crop and rotation": base, "random encoder": replace(base, steps=0),
        **{name: replace(base, view=Chain(transforms)) for name, transforms in {
            "no rotation": (crop,), "no crop": (rotate,), "neither": (), "flips as well": (crop, rotate, Flip())}.items()},
        **{f"temperature {t}": replace(base, objective=Contrastive(NTXent(t))) for t in (0.05, 1.0)},
        "self kept": replace(base, objective=Contrastive(SelfKept(0.2))),
        "not normalised": replace(base, objective=Contrastive(Unnormalised(0.2))),
        "strangers as partners": replace(base, data=StrangersAsPartners(base.data)),
        "small groups, views together": replace(base, objective=SmallGroups(loss)),
        "small groups, views apart": replace(base, objective=SmallGroups(loss, together=False))})
    return pd.concat([table, pd.DataFrame([row for seed in range(5) for row in other_readings(replace(base, seed=seed))])])


def other_readings(base):
    """Of one seed's runs: the projection head's output, and a "linear evaluation" that trains the encoder."""
    trained, untrained = run(base), run(replace(base, steps=0))
    common = {"seed": base.seed, **records.circumstances(base.data.device)}
    yield {"condition": "after the head", **measure(trained.model, base.data, base.test), **common}
    for name, result in (("trained", trained), ("random", untrained)):
        top1, _ = evaluation_that_trains(result.model.encoder, base.data, base.test, seed=base.seed)
        yield {"condition": f"evaluation that trains: {name} encoder", "linear": top1, **common}


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


RECORDS = {"start_here": start_here, "from_scratch": from_scratch}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECORDS:
        sys.exit(f"{__doc__}\nNAME is one of: {', '.join(RECORDS)}")
    table = RECORDS[sys.argv[1]]()
    path = CLONE / "results" / f"{sys.argv[1]}.csv"
    table.drop(columns="from_cache").round(4).to_csv(path, index=False)
    print(f"{path}: {len(table)} runs")

"""Re-make recorded runs: `python ci/record.py NAME [FOLDER]` trains what is missing and writes results/NAME.csv.

The runs go through the cache, so a recording that was interrupted goes on where it stopped. A record holds the live
slice of its notebook, with the same settings, for more seeds. Times are for two cores; two processes with one thread each
(OMP_NUM_THREADS=1), started side by side, share the work and need a fifth less.
"""
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from intriguing_lib import records
from intriguing_lib.composites import RandBits
from intriguing_lib.diagnostics import effective_rank
from intriguing_lib.encoders import Head, ResNet, SmallConv
from intriguing_lib.evaluate import features, knn_accuracy, linear_evaluation, pixels
from intriguing_lib.experiments import Experiment, measure, run, sweep
from intriguing_lib.family import CANDIDATES, CONTROL, MEMBERS, chosen, validation_scores, validation_split
from intriguing_lib.generalised import DecoupledNTXent, SlicedWasserstein
from intriguing_lib.images import cifar10, default_device, digits, fashion, image_folder
from intriguing_lib.losses import NTXent
from intriguing_lib.mistakes import SelfKept, SmallGroups, StrangersAsPartners, Unnormalised, evaluation_that_trains
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.readouts import readouts
from intriguing_lib.train import Optimizer
from intriguing_lib.views import Chain, Flip, digit_view, garment_view, simclr_view


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


def generalized_loss():
    """Notebook 02: a loss without one of its halves, and a control for the prior's shape. 2 minutes."""
    base = replace(small_runs()["digits"], steps=100)
    searched = chosen(records.recorded("search"), "digits")
    losses = {"alignment alone": DecoupledNTXent(0.2, 0.0), "alignment and distribution": DecoupledNTXent(0.2, 0.2),
              "almost distribution alone": DecoupledNTXent(0.2, 100.0), "SWD to the normal prior": searched["SWD normal"],
              "mean and covariance only": searched[CONTROL]}
    return five_seeds({"untrained encoder": replace(base, steps=0),
                       **{name: replace(base, objective=Contrastive(loss)) for name, loss in losses.items()}})


def search():
    """Notebook 03: eight settings for each loss, heads of 1 to 3 layers, on validation images. 20 minutes."""
    rows = []
    for base in small_runs().values():
        fitted, held = validation_split(base.data)
        rows += [(member, replace(base, data=fitted, test=held, head=Head(layers), objective=Contrastive(loss)))
                 for member, losses in CANDIDATES.items() for loss in losses for layers in (1, 2, 3)]
    return swept(rows)


def heads_digits():
    """Notebook 03: the five losses with what the search chose, no head to four layers, three lengths. 30 minutes."""
    return heads("digits")


def heads_fashion():
    """The same on garments. 30 minutes."""
    return heads("fashion")


def heads(name):
    base, losses = small_runs()[name], chosen(records.recorded("search"), name)
    rows = [(member, replace(base, head=Head(layers), objective=Contrastive(loss), steps=steps))
            for layers, steps in product(range(5), (50, 100, 200)) for member, loss in losses.items()
            if member != CONTROL or (layers in (1, 2, 3) and steps == 200)]
    return over_seeds([*rows, ("untrained", replace(base, steps=0))])


def head_discards():
    """Notebook 03: what can be read before and after a head of three layers, digits. 3 minutes once `heads_digits` is there."""
    loss = chosen(records.recorded("search"), "digits")["NT-Xent"]
    base = replace(small_runs()["digits"], head=Head(3), objective=Contrastive(loss))
    return pd.concat([read_on_both_sides(replace(base, seed=seed)) for seed in range(5)])


def read_on_both_sides(experiment):
    """Of one run: the readouts, linear evaluation and effective rank, a row each for untrained, before and after the head."""
    trained, untrained = run(experiment).model, run(replace(experiment, steps=0)).model
    places = {"untrained encoder": untrained.encoder, "before the head": trained.encoder, "after the head": trained}
    table = readouts(places, experiment.data, experiment.test).T
    table.insert(0, "effective rank", [effective_rank(features(m, experiment.test)).item() for m in places.values()])
    table.insert(0, "linear", [measure(m, experiment.data, experiment.test)["linear"] for m in places.values()])
    here = records.circumstances(experiment.data.device)
    return table.rename_axis("condition").reset_index().assign(seed=experiment.seed, **here)


def temperature_weight():
    """Notebook 04: the decoupled loss on a grid of temperatures and weights, digits. 8 minutes."""
    base = replace(small_runs()["digits"], steps=100)
    return over_seeds([("decoupled NT-Xent", replace(base, objective=Contrastive(DecoupledNTXent(temperature, weight))))
                       for temperature in (0.1, 0.2, 0.4, 0.8, 1.6) for weight in (0.025, 0.1, 0.4, 1.6, 6.4, 25.6)])


def batch_size():
    """Notebook 04: NT-Xent, batch size × layers of the head × length, as many images whatever the batch. 12 minutes."""
    base = small_runs()["digits"]
    loss = chosen(records.recorded("search"), "digits")["NT-Xent"]
    return over_seeds([("NT-Xent", at_batch_size(replace(base, head=Head(layers), objective=Contrastive(loss)), batch, images))
                       for images in (25_600, 51_200) for layers in (1, 2, 3) for batch in (32, 128, 512)])


def cifar10_search(folder=None):
    """Notebook 03: eight settings for each of the five losses on CIFAR-10's validation images, one epoch of the small network.

    folder: as in `cifar10_heads`. An hour of one core.
    """
    base = small_cifar10_run(folder)
    fitted, held = validation_split(base.data)
    base = replace(base, data=fitted, test=held, steps=len(fitted) // base.batch_size)
    return swept([(member, replace(base, head=Head(layers), objective=Contrastive(loss)))
                  for member in MEMBERS for loss in CANDIDATES[member] for layers in (1, 2, 3)])


def cifar10_search_longer(folder=None):
    """Notebook 03: is a setting chosen after one epoch still the best after four? The four best of each loss, three layers.

    folder: as in `cifar10_heads`. Half an hour of one core.
    """
    base = small_cifar10_run(folder)
    fitted, held = validation_split(base.data)
    base = replace(base, data=fitted, test=held, steps=4 * (len(fitted) // base.batch_size), head=Head(3))
    scores = validation_scores(records.recorded("cifar10_search"), "CIFAR-10 (JPEG)")
    return swept([(member, replace(base, objective=Contrastive(loss)))
                  for member in MEMBERS for loss in sorted(scores[member], key=scores[member].get)[-4:]])


def cifar10_heads(folder=None):
    """Notebook 03's verdict: the five losses on CIFAR-10, heads of 1 to 3 layers, two lengths, three seeds.

    On CUDA a ResNet-18 for 50 and 100 epochs (a day on one GPU, not yet run), else a small network for 1 and 4 epochs (under
    two hours of one core). Weights and temperatures are those `cifar10_search` chose. folder: has sub-folders train and test
    with the images as `image_folder` reads them, in place of the download; its name then stands in the record.
    """
    base, epochs = small_cifar10_run(folder), (1, 4)
    if base.data.device.type == "cuda":
        base, epochs = replace(base, encoder=ResNet(18), batch_size=512), (50, 100)
    losses = chosen(records.recorded("cifar10_search"), "CIFAR-10 (JPEG)")  # what it was searched on
    rows = [(member, replace(base, head=Head(layers), objective=Contrastive(losses[member]),
                             steps=n * (len(base.data) // base.batch_size)))
            for member in MEMBERS for layers in (1, 2, 3) for n in epochs]
    return over_seeds([*rows, ("untrained", replace(base, steps=0))], seeds=range(3))


def cifar10_retuned(folder=None):
    """Notebook 03: the race behind three layers again for the losses to which `cifar10_search_longer` gave another setting.

    folder: as in `cifar10_heads`. Ten minutes of one core.
    """
    base = replace(small_cifar10_run(folder), head=Head(3))
    base = replace(base, steps=4 * (len(base.data) // base.batch_size))
    before, after = (chosen(records.recorded(name), "CIFAR-10 (JPEG)") for name in ("cifar10_search", "cifar10_search_longer"))
    return over_seeds([(member, replace(base, objective=Contrastive(after[member])))
                       for member in MEMBERS if after[member] != before[member]], seeds=range(3))


def small_cifar10_run(folder):
    train, test = (cifar10_from(folder, split) for split in ("train", "test"))
    return Experiment(train, test, simclr_view(0.5, blur=False), SmallConv(), optimizer=Optimizer(lr=1e-3), batch_size=256)


def cifar10_from(folder, split):
    if folder is None:
        return cifar10(split)
    return replace(image_folder(Path(folder) / split, 32), name=Path(folder).name, split=split)


def small_runs():
    """{data set: the run of notebooks 03 and 04, a few seconds}."""
    digit_run = Experiment(digits("train"), digits("test"), digit_view(), optimizer=Optimizer(lr=3e-3), steps=200,
                           batch_size=128)
    return {"digits": digit_run,
            "fashion": replace(digit_run, data=fashion("train"), test=fashion("test"), view=garment_view())}


def at_batch_size(experiment, batch, images):
    """The run at another batch size, on as many images in all; the learning rate grows with √batch, as in SimCLR's code."""
    lr = round(experiment.optimizer.lr * (batch / experiment.batch_size) ** 0.5, 6)
    return replace(experiment, batch_size=batch, steps=images // batch, optimizer=replace(experiment.optimizer, lr=lr))


def reduced():
    """For each record one experiment in miniature, five seeds: what the tests run again. Half a minute."""
    return over_seeds([(name, miniature(name)) for name in MINIATURES])


def miniature(name):
    """A second's worth of the record's own kind of run, so slow to learn that rounding has no time to grow."""
    loss, layers, batch_size, view = MINIATURES[name]
    load = fashion if view == garment_view() else digits
    return Experiment(load("train")[:1000], load("test")[:500], view, head=Head(layers), objective=Contrastive(loss),
                      optimizer=Optimizer(lr=1e-4), steps=20, batch_size=batch_size)


# record: (loss, layers of the head, batch size, view)
MINIATURES = {"start_here": (NTXent(0.2), 2, 256, digit_view()), "from_scratch": (SelfKept(0.2), 2, 256, digit_view()),
              "generalized_loss": (DecoupledNTXent(0.2, 100.0), 2, 128, digit_view()),
              "search": (SlicedWasserstein("sphere", 5.0), 2, 128, digit_view()),
              "heads_digits": (SlicedWasserstein("normal", 5.0), 1, 128, digit_view()),
              "heads_fashion": (SlicedWasserstein("cube", 20.0), 4, 128, garment_view()),
              "head_discards": (NTXent(0.1), 3, 128, digit_view()),
              "temperature_weight": (DecoupledNTXent(1.6, 6.4), 2, 128, digit_view()),
              "batch_size": (NTXent(0.1), 3, 32, digit_view())}


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
    return over_seeds(conditions.items())


def over_seeds(rows, seeds=range(5)):
    """[(condition, experiment)] as a sweep over seeds, 0 to 4 by default."""
    return swept([(condition, replace(e, seed=seed)) for condition, e in rows for seed in seeds])


def swept(rows):
    """[(condition, experiment)] as a sweep, with a column that names the condition."""
    table = sweep(experiment for _, experiment in rows)
    table.insert(0, "condition", [condition for condition, _ in rows])
    return table


def raw_pixels(experiment):
    """The simplest rival: the same measures with no encoder at all. No chance is involved."""
    train, test = experiment.data, experiment.test
    a, b = pixels(train), pixels(test)
    return {"linear": linear_evaluation(a, train.labels, b, test.labels).top1,
            "knn": knn_accuracy(a, train.labels, b, test.labels)}


RECORDS = {f.__name__: f for f in (start_here, from_scratch, generalized_loss, search, heads_digits,
                                   heads_fashion, head_discards, temperature_weight, batch_size,
                                   cifar10_search, cifar10_search_longer, cifar10_heads,
                                   cifar10_retuned, reduced)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in RECORDS:
        sys.exit(f"{__doc__}\nNAME is one of: {', '.join(RECORDS)}")
    table = RECORDS[sys.argv[1]](*sys.argv[2:])
    path = CLONE / "results" / f"{sys.argv[1]}.csv"
    table.drop(columns=["from_cache", "key"], errors="ignore").round(4).to_csv(path, index=False)
    print(f"{path}: {len(table)} runs")

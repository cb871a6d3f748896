"""How long the GPU's list takes, some thirteen hours: `python ci/record.py --device cuda --forecast` prints it.

A run takes as long as its operations at RATE, or its steps at STEP where a step is so small that launching it takes longer;
and READING, to be measured. All three are assumptions, of an A100 in bfloat16 without CUDA graphs: none was measured yet. What
the first runs of an item really take corrects the rest of it (`Ahead`).
"""
from functools import lru_cache
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from intriguing_lib.challenge import passes
from intriguing_lib.encoders import Model
from intriguing_lib.gpu_records import LIST, TRIED, Sources, plan
from intriguing_lib.images import CIFAR10, DIGITS, ImageSet

RATE = 50e12  # operations a second: a sixth of what an A100's tensor cores are sold for, half of what notebook 11 counts with
STEP = 0.01  # seconds that Python takes to launch one: some 700 kernels
READING = 10.0  # seconds in which a run is measured
WHOLE = {"cifar10": ((3, 32, 32), (50_000, 10_000), CIFAR10), "mnist": ((1, 28, 28), (60_000, 10_000), DIGITS)}


class Cost(NamedTuple):
    """Of one run. images: that go through an encoder. kept: bytes of its weights."""
    steps: int
    images: int
    operations: float
    kept: int

    @property
    def seconds(self):
        return max(self.operations / RATE, self.steps * STEP) + READING


def cost(experiment):
    """A backward pass takes twice the operations of a forward one. Views, losses and decoders are left out: they are small."""
    forward, kept = of_model(experiment.encoder, experiment.head, experiment.data.shape)
    return Cost(experiment.steps, passes(experiment), 3 * forward * 2 * experiment.batch_size * experiment.steps, kept)


@lru_cache
def of_model(encoder, head, shape):
    """(operations of one image forward, two for each multiplication; bytes of weights): nothing is computed for it."""
    with torch.device("meta"):
        model = Model(encoder, head, shape)
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(2, *shape))
    return counter.get_total_flops() / 2, sum(t.numel() * t.element_size() for t in model.state_dict().values())


def whole():
    """The complete sets' shapes without their pixels, and some of the losses that may be chosen: to forecast, not to train."""
    def blank(shape, n, classes, name):
        return ImageSet(torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(n, *shape), torch.arange(n) % 10, classes, name,
                        "none", "nothing")
    sets = {name: tuple(blank(shape, n, classes, name) for n in sizes) for name, (shape, sizes, classes) in WHOLE.items()}
    return Sources(**sets, losses={member: losses[0] for member, losses in TRIED.items()})


def costs(plans):
    """{item's name: [Cost of each run]} of {item's name: [(condition, experiment)]}; what an earlier one trained is read."""
    found, trained = {}, set()
    for name, pairs in plans.items():
        found[name] = [Cost(0, 0, 0.0, 0) if repr(e) in trained else cost(e) for _, e in pairs]
        trained |= {repr(e) for _, e in pairs}
    return found


def table(found):
    """Lines: of each item its runs, steps, images and hours, and the hours until it is done."""
    yield f"{'item':24}{'runs':>6}{'steps':>11}{'images':>16}{'operations':>13}{'seconds':>10}{'hours until done':>18}"
    until = 0.0
    for name, runs in found.items():
        seconds = sum(run.seconds for run in runs)
        until += seconds
        steps, images, operations = (sum(getattr(run, part) for run in runs) for part in ("steps", "images", "operations"))
        yield f"{name:24}{len(runs):6}{steps:11,}{images:16,}{operations:13.1e}{seconds:10,.0f}{until / 3600:18.1f}"


def printed(names):
    """The forecast of these items at their whole size; needs neither a GPU nor data."""
    sources = whole()
    found = costs({item.name: plan(item, sources) for item in LIST if item.name in names})
    kept = sum(run.kept for runs in found.values() for run in runs)
    yield from table(found)
    yield from (f"{item.name}: {item.why}" for item in LIST if item.name in names)
    yield (f"Assumed, and not measured yet: {RATE:.0e} operations a second (an A100 in bfloat16), but {1000 * STEP:.0f} ms a "
           f"step at least, and {READING:.0f} s to measure a run. The cache will hold {kept / 1e9:.0f} GB of weights.")


class Ahead:
    """What is still to be done, {item's name: seconds foreseen for each run}, corrected by what is done."""

    def __init__(self, foreseen):
        self.foreseen = {name: list(seconds) for name, seconds in foreseen.items()}
        self.done = {name: (0.0, 0.0) for name in foreseen}  # seconds foreseen, seconds taken

    def finish(self, name, taken):
        """The item's next run took so many seconds; None: it failed, and says nothing of the others."""
        foreseen = self.foreseen[name].pop(0)
        if taken is not None:
            before = self.done[name]
            self.done[name] = before[0] + foreseen, before[1] + taken

    def skip(self, name):
        """None of the item's runs will be made."""
        self.foreseen[name] = []

    def pace(self, name):
        """Seconds taken for each foreseen: by the item's own runs, else by all, else 1."""
        foreseen, taken = self.done[name] if self.done[name][0] else map(sum, zip(*self.done.values(), strict=True))
        return taken / foreseen if foreseen else 1.0

    def left(self, name=None):
        """Seconds that the item, or everything, will still take."""
        return sum(self.pace(n) * sum(seconds) for n, seconds in self.foreseen.items() if name in (None, n))

    def share(self):
        """Of the whole night, done: 0 to 1."""
        taken = sum(taken for _, taken in self.done.values())
        return taken / (taken + self.left()) if taken + self.left() else 1.0

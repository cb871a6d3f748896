"""One night on a GPU: the list of its records, the most valuable first. `python ci/record.py --device cuda` makes them.

A record is called as the study that it enlarges, names conditions as that does where it has them, and lies in results/cuda:
`recorded("cifar10_heads", FOLDER)`. Which claim is put to it, and where its line lies, is to be written down before it is made:
the CPU's claims name sizes that it doesn't have. Written for a GPU, and not yet run on one; a stand-in of it runs on a CPU.

The experiments are spelled here and not in the notebooks: under `full` a notebook's studies hold hundreds of runs, of which a
night affords a slice, the CIFAR-10 ones are no notebook's, and a function of the images can be tried on a few of them. All but
the authors' cells have notebook 03's Adam, since the library has no LARS: lr 1e-3, falling by a cosine. Steps come from epochs.
A step is eager; that one CUDA graph a step, or seeds stacked into one step, would pay has to be measured on a GPU first.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

from intriguing_lib.authors_randbit import AuthorsConv, AuthorsHead, AuthorsRandBit
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, ResNet
from intriguing_lib.experiments import Experiment
from intriguing_lib.generalised import DecoupledNTXent, SlicedWasserstein
from intriguing_lib.generative import Decoder
from intriguing_lib.losses import NTXent
from intriguing_lib.measures import AlongTop1, LinearTop1, measured_on
from intriguing_lib.objectives import Contrastive, Supervised, SupervisedPresence
from intriguing_lib.overlays import DigitsOnImages
from intriguing_lib.paths import shipped
from intriguing_lib.readouts import CodeRead, PresenceAUC
from intriguing_lib.remedies import (
    BarlowTwins,
    DecoupledContrastive,
    HardNegatives,
    ImplicitFeatureModification,
    MeanOfEach,
    WithReconstruction,
)
from intriguing_lib.remedy_parts import HeadAndDecoder, HeadForEach, Several
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.search import MEMBERS, chosen, validation_split
from intriguing_lib.train import Optimizer
from intriguing_lib.unequal import UnequalPair
from intriguing_lib.views import Chain, Crop, Flip, digit_view, simclr_view

FOLDER = shipped("results") / "cuda"
WIDE = partial(Head, width=512, out=128)  # SimCLR's projection head for a ResNet-18 on CIFAR-10
LABELS = {"objective": Supervised(), "head": Head(1, out=10)}
PRESENCE = {"objective": SupervisedPresence(), "head": Head(1, out=10)}
CONTRASTIVE = {"objective": Contrastive(NTXent(0.2)), "head": WIDE(2)}

split = lru_cache(1)(validation_split)


@dataclass(frozen=True)
class Sources:
    """What the list is made from. cifar10, mnist: (train, test). losses: {member: loss}, as the list's search chose them.

    steps, batch, scenes: what a stand-in has at most: steps a training, images a batch, scenes of digits.
    """
    cifar10: tuple | None = None
    mnist: tuple | None = None
    losses: dict | None = None
    steps: float = math.inf
    batch: float = math.inf
    scenes: float = math.inf

    def training(self, data, view, encoder, epochs, batch_size, **parts):
        """An Experiment of so many epochs."""
        batch_size = min(batch_size, self.batch)
        steps = min(epochs * (len(data) // batch_size), self.steps)
        return Experiment(data, view, encoder, **{"optimizer": Optimizer(lr=1e-3)} | parts, steps=steps, batch_size=batch_size)

    def sized(self, scenes):
        return min(scenes, self.scenes)


class Item(NamedTuple):
    """One record. notebook: whose study it enlarges. needs: the Sources' fields that it is made from. why: it is on the list.

    runs: of Sources, gives {condition: experiment, or a list of them}. measures: of (Sources, experiment), a tuple.
    """
    name: str
    notebook: str
    why: str
    needs: tuple
    runs: Callable
    measures: Callable
    seeds: range = range(3)


# --- five losses on photographs ------------------------------------------------------------------------------------------

# On a CPU the best λ of sphere and cube rose from 2 after one epoch to 5 after four, the normal prior's was 1 after both;
# decoupled, λ = 2τ won.
TRIED = {"NT-Xent": [NTXent(t) for t in (0.1, 0.2, 0.3, 0.5)],
         "decoupled NT-Xent": [DecoupledNTXent(t, 2 * t) for t in (0.1, 0.2, 0.5, 1.0)]} | {
    f"SWD {prior}": [SlicedWasserstein(prior, weight) for weight in (1.0, 2.0, 5.0, 10.0)]
    for prior in ("sphere", "normal", "cube")}


def photographs(sources, data, epochs, **parts):
    """SimCLR's set-up for CIFAR-10, but for the optimiser: its view, ResNet-18, batches of 512."""
    return sources.training(data, simclr_view(0.5, blur=False), ResNet(18), epochs, 512, **parts)


def search_runs(sources):
    """One head for all: behind two layers, so that a smaller range behind three can't come of the choice."""
    base = photographs(sources, split(sources.cifar10[0])[0], epochs=50, head=WIDE(2))
    return {member: [replace(base, objective=Contrastive(loss)) for loss in TRIED[member]] for member in MEMBERS}


def on_held_back(sources, experiment):
    return measured_on(split(sources.cifar10[0])[1])


def heads_runs(sources):
    base = photographs(sources, sources.cifar10[0], epochs=100, head=WIDE(2))
    return {member: [replace(base, head=WIDE(layers), objective=Contrastive(sources.losses[member])) for layers in (2, 3)]
            for member in MEMBERS} | {"untrained": replace(base, steps=0)}


def on_test_photographs(sources, experiment):
    return measured_on(sources.cifar10[1])


def choice(searched, data):
    """The losses that the search's record chose on `data`. Raises ValueError where it wasn't made on these images."""
    losses = chosen(searched, data.name)
    if set(losses) != set(MEMBERS):
        raise ValueError(f"the record of cifar10_search has no runs of all five losses on {data.name!r}: make it again.")
    return losses


# --- the authors' cells --------------------------------------------------------------------------------------------------

def authors_runs(sources):
    """Notebook 09's `authors`: 600 steps of 1,000 images, which are ten epochs."""
    data = [RandBits(sources.mnist[0], bits) for bits in (0, 5, 10, 15, 20)]
    return {"the authors'": [
        sources.training(images, Crop((0.5, 1.0)), AuthorsConv(), 10, 1000, head=AuthorsHead(),
                         objective=AuthorsRandBit(temperature), optimizer=Optimizer(lr=1e-3, schedule="linear"))
        for temperature in (0.1, 0.05, 0.2) for images in data]}


def both_ways(sources, experiment):
    tested = RandBits(sources.mnist[1], experiment.data.bits)
    return AlongTop1(tested), LinearTop1(tested)


# --- scenes --------------------------------------------------------------------------------------------------------------

CANVAS, SIDE, SMALL, ZONE = 112, 28, 20, 28  # the paper's pixels; the zone is notebook 08's, under `full`
SIDES = (20, 30, 40, 50, 60, 70, 80)


def scenes_of(sources, objects, count, scenes, placement="anywhere"):
    return MultiDigits(objects, count, placement, canvas=CANVAS, size=(SIDE,), scenes=sources.sized(scenes))


def many_runs(sources):
    def wherever(epochs=10, **parts):
        return [sources.training(scenes_of(sources, sources.mnist[0], count, 60_000, placement), Crop((0.3, 1.0)),
                                 ResNet(18, "imagenet"), epochs, 128, **parts)
                for placement, counts in {"anywhere": (1, 2, 4, 8, 12, 16), "grid": (4, 8, 12, 16)}.items()
                for count in counts]
    return {"SimCLR": wherever(**CONTRASTIVE), "supervised": wherever(**PRESENCE),
            "untrained": wherever(epochs=0, **CONTRASTIVE)}


def on_single_digits(sources, experiment):
    """Single digits, batch norm's statistics as they are and taken anew, and which digits a scene as in training shows."""
    train, test = sources.mnist
    single = LinearTop1(scenes_of(sources, test, 1, 10_000), fit=scenes_of(sources, train, 1, 10_000))
    asked = replace(experiment.data, objects=test, scenes=sources.sized(10_000))
    return single, replace(single, adapted=True), PresenceAUC(asked)


def pair(sources, side, epochs, zone=None, large="shared", **parts):
    data = UnequalPair(sources.mnist[0], size=(SMALL, side), canvas=CANVAS, scenes=sources.sized(30_000), zone=zone,
                       large=large)
    return sources.training(data, Crop((0.6, 1.0)), ResNet(18, "imagenet"), epochs, 128, **parts)


def alone_runs(sources):
    return {"anywhere": [pair(sources, side, 20, **CONTRASTIVE) for side in SIDES],
            "supervised": [pair(sources, side, 20, **PRESENCE) for side in SIDES[::3]],
            "supervised, until it fits": [pair(sources, side, 80, **PRESENCE) for side in (SIDES[0], SIDES[-1])],
            "untrained": [pair(sources, side, 0, **CONTRASTIVE) for side in SIDES]}


def each_alone(sources, experiment):
    """Notebook 08's `alone`: the small digit, and a single one of the large one's size, statistics as they are and anew."""
    (train, test), data = sources.mnist, replace(experiment.data, large="absent", zone=None)
    single = MultiDigits(train, 1, size=data.size[1:], canvas=CANVAS, scenes=data.scenes)
    few = sources.sized(10_000)
    read = (LinearTop1(replace(data, objects=test, scenes=few), "small", fit=data),
            LinearTop1(replace(single, objects=test, scenes=few), fit=single))
    return read + tuple(replace(one, adapted=True) for one in read)


def zone_runs(sources):
    """Labels for four times as long: trained as long as SimCLR they don't yet fit (notebook 08)."""
    ends = SIDES[::3]
    return {"zones": [pair(sources, side, 20, ZONE, **CONTRASTIVE) for side in ends],
            "fresh": pair(sources, SIDES[-1], 20, ZONE, "fresh", **CONTRASTIVE),
            "supervised, until it fits": pair(sources, SIDES[-1], 80, ZONE, **PRESENCE),
            "untrained": [pair(sources, side, 0, ZONE, **CONTRASTIVE) for side in ends]}


def on_scenes(sources, experiment):
    seen = replace(experiment.data, large="shared")
    asked = replace(seen, objects=sources.mnist[1], scenes=sources.sized(10_000))
    return (LinearTop1(asked, "small", fit=seen), LinearTop1(asked, "large", fit=seen), PresenceAUC(asked, fit=seen))


# --- bits and overlaid digits --------------------------------------------------------------------------------------------

def bits_runs(sources):
    def with_bits(bits, sharing="shared", epochs=10, **parts):
        return sources.training(RandBits(sources.mnist[0], bits, sharing), digit_view(), ResNet(18), epochs, 256,
                                **CONTRASTIVE | parts)
    return {"shared": [with_bits(bits) for bits in (0, 5, 8, 10, 15, 20)],
            "fresh": [with_bits(bits, "fresh") for bits in (10, 20)],
            "supervised": [with_bits(bits, **LABELS) for bits in (0, 10, 20)],
            "untrained": [with_bits(bits, epochs=0) for bits in (0, 5, 10, 20)]}


def image_and_code(sources, experiment):
    """What the bits stand beside, and the code, both fitted on images that carry their own bits."""
    seen = replace(experiment.data, sharing="shared")
    own = next(own for own in (sources.mnist, sources.cifar10) if own and own[0] is seen.images)
    tested = RandBits(own[1], seen.bits)
    return LinearTop1(tested, fit=seen), *((CodeRead(tested, seen.bits, fit=seen),) if seen.bits else ())


def overlaid_runs(sources):
    train, numerals = sources.cifar10[0], sources.mnist[0]
    every = len(numerals)

    def laid(unique, sharing="shared", epochs=15, **parts):
        data = DigitsOnImages(train, numerals, unique=unique, size=10, brightness=0.5, moved="object", sharing=sharing)
        return sources.training(data, Chain((Crop((0.1, 0.5)), Flip())), ResNet(18), epochs, 256, **CONTRASTIVE | parts)
    return {"shared": [laid(unique) for unique in (1, 4, 16, *(n for n in (256,) if n < every), every)],
            "fresh": [laid(unique, "fresh") for unique in (1, every)],
            "supervised": [laid(unique, **LABELS) for unique in (1, every)],
            "absent": laid(every, "absent"), "untrained": laid(every, epochs=0)}


def own_pool_runs(sources):
    runs = overlaid_runs(sources)
    return {name: runs[name] for name in ("shared", "fresh", "supervised")}


def with_own_digits(sources, experiment):
    """Notebook 07's `object_with_own_digits`: asked with the digits of the training's own pool."""
    seen = replace(experiment.data, sharing="shared")
    return (LinearTop1(replace(seen, images=sources.cifar10[1]), fit=seen),)


def photograph_and_digit(sources, experiment):
    """Notebook 07's: with digits of the whole pool on every image; without digits where there were none."""
    data = replace(experiment.data, unique=None, sharing="shared")
    seen = replace(data, sharing="absent") if experiment.data.sharing == "absent" else data
    (test, asked) = (replace(d, images=sources.cifar10[1], digits=sources.mnist[1]) for d in (seen, data))
    return LinearTop1(test, fit=seen), LinearTop1(asked, "digit", fit=data)


def board_runs(sources):
    """Notebook 10's board, photographs with ten bits, each remedy as the search at ten bits on digits chose it.

    Two encoders and not eight, which need eight times the memory. Stages, which did best there, and the remedies with an
    adversary or a temperature that moves are not on it: what it says is said of these seven, not of all.
    """
    plain = photographs(sources, RandBits(sources.cifar10[0], 10), epochs=12, **CONTRASTIVE)
    losses = {"another temperature": NTXent(0.05), "implicit features": ImplicitFeatureModification(0.2, 0.05),
              "hard negatives": HardNegatives(0.2, 1.0, 0.1), "DCL": DecoupledContrastive(0.1),
              "Barlow Twins": BarlowTwins(0.5)}
    two = replace(plain, encoder=Several(plain.encoder, 2), head=HeadForEach(plain.head, 2), steps=plain.steps // 2,
                  objective=Contrastive(MeanOfEach(NTXent(0.2), 2)))
    rows = {"plain": plain, "without": replace(plain, data=replace(plain.data, sharing="fresh")),
            "untrained": replace(plain, steps=0), "supervised": replace(plain, **LABELS),
            "plain, an eighth as long": replace(plain, steps=plain.steps // 8),
            "reconstruction": replace(plain, head=HeadAndDecoder(plain.head, Decoder(plain.data.shape)),
                                      objective=WithReconstruction(NTXent(0.2), 100.0)),
            "several encoders": two, "two encoders, untrained": replace(two, steps=0),
            } | {name: replace(plain, objective=Contrastive(loss)) for name, loss in losses.items()}
    return {f"ten bits: {row}": e for row, e in rows.items()}


# --- the list ------------------------------------------------------------------------------------------------------------

LIST = (
    Item("cifar10_search", "03_losses_and_projection_heads",
         "A race needs fair settings: five losses, four settings each, 50 epochs of four fifths, judged on the other fifth.",
         ("cifar10",), search_runs, on_held_back, range(1)),
    Item("cifar10_heads", "03_losses_and_projection_heads",
         "Figure 1's 100 epochs of CIFAR-10, by a ResNet-18 and with ImageNet's third layer; a CPU could try four epochs.",
         ("cifar10",), heads_runs, on_test_photographs),
    Item("authors_cells", "09_random_bits",
         "The only numbers that the authors' notebook printed: its fifteen cells at its ten epochs, three seeds of each.",
         ("mnist",), authors_runs, both_ways),
    Item("many_objects", "05_many_objects",
         "MultiDigits in the paper's pixels, 10 epochs: is accuracy kept up to eight digits, and lost behind? Not decided yet.",
         ("mnist",), many_runs, on_single_digits),
    Item("dominant_alone", "08_dominant_objects",
         "A digit of 20 pixels beside one of 20 to 80, 20 epochs: the paper's sizes, each read alone; labels until they fit.",
         ("mnist",), alone_runs, each_alone),
    Item("dominant_objects", "08_dominant_objects",
         "The controls in zones, read from the scenes, 20 epochs: fresh large digits, and labels until they fit.",
         ("mnist",), zone_runs, on_scenes),
    Item("random_bits", "09_random_bits",
         "Up to 20 bits beside the complete MNIST, a ResNet and 10 epochs: the paper's range, with a larger network.",
         ("mnist",), bits_runs, image_and_code),
    Item("digits_on_photographs", "07_competing_features",
         "Up to 60,000 digit images over all of CIFAR-10, 15 epochs: notebook 07's way A, digits laid after the crop.",
         ("cifar10", "mnist"), overlaid_runs, photograph_and_digit),
    Item("digits_own_pool", "07_competing_features",
         "The same encoders, asked with their own digits: notebook 07's curve bends with the pool asked. Trains nothing.",
         ("cifar10", "mnist"), own_pool_runs, with_own_digits),
    Item("remedies_board", "10_open_challenge",
         "Remedies for ten bits on photographs, 12 epochs: small networks on digits say little of a ResNet's.",
         ("cifar10",), board_runs, image_and_code))


def plan(item, sources):
    """[(condition, experiment)] of an item's runs, seed by seed, so that what is finished is as balanced as it can be."""
    pairs = [(condition, e) for condition, several in item.runs(sources).items()
             for e in (several if isinstance(several, list) else [several])]
    return [(condition, e.with_seed(seed)) for seed in item.seeds for condition, e in pairs]

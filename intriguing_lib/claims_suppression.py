"""The claims of Part III on random bits (notebook 09): how few suppress how much. See `claims`."""
from functools import partial

import numpy as np

from intriguing_lib.claimed import Claim, everything
from intriguing_lib.statistics import by_seed, contrast, over_seeds

CHANCE = 10  # per cent, of ten classes
BITS = ("condition", "data.bits")
COLD = ("objective.loss.temperature", "data.bits")
in_09 = partial(Claim, unit="points", notebook="09_random_bits")
THE_PAPERS = "section 5, random bits"


def as_usual(table):
    """Without the runs at other temperatures and the longer ones."""
    return table[~table["condition"].isin(("another temperature", "four times as long"))]


def shared_at_any_temperature(table):
    return table[table["condition"].isin(("shared", "another temperature"))]


def weight_of_half(table, metric="linear"):
    """The weight of ten bits at which an autoencoder has lost half of what it has above chance without bits, as log10.

    Between two weights the accuracy is drawn as a line over log weight. Where the half isn't lost at the largest weight, or is
    at the smallest, that one is taken. One value each seed.
    """
    points = by_seed(table[table["condition"] == "autoencoder"], metric, ["data.bits", "objective.bits_weight"])
    ten = points[10].T.sort_index()
    half = (points[0].iloc[:, 0] + CHANCE) / 2
    return over_seeds([crossing(np.log10(ten.index.to_numpy(float)), ten[seed].to_numpy(), half[seed]) for seed in ten])


def crossing(x, y, level):
    """Where the line through (x, y), x rising, first falls below `level`; x's last where it never does."""
    below = np.flatnonzero(y < level)
    if not len(below):
        return x[-1]
    i = below[0]
    return x[0] if i == 0 else x[i - 1] + (x[i] - x[i - 1]) * (y[i - 1] - level) / (y[i - 1] - y[i])


def no_help(finding, more, less):
    """That at sixteen bits the condition `more`, with four times as much of something, is no better than `less`."""
    return in_09(
        words=f"ours, after “larger batches … help little, a larger model doesn't” (as the literature reports it): at sixteen "
        f"bits {finding}", place=THE_PAPERS, quantity="top-1 with sixteen shared bits, with four times as much minus without, "
        "the linear layer fitted on the same images",
        holds="below", line=5, reason="a twentieth of what sixteen bits cost, and three standard errors of 2,000 test images",
        records=("more_of_everything",), rows=everything,
        statistic=partial(contrast, by=BITS, weights={(more, 16): 1, (less, 16): -1}))


SUPPRESSION = {
    "ten bits suppress the digit": in_09(
        words="a few bits of easy-to-learn shared features can suppress, and even fully prevent, the learning of other sets of "
        "features", place="abstract", quantity="top-1 on digits without bits minus with ten shared bits", holds="above",
        line=40, reason="less than half of what there is to lose would be no suppression", records=("random_bits",),
        rows=as_usual, statistic=partial(contrast, by=BITS, weights={("shared", 0): 1, ("shared", 10): -1})),
    "below random weights": in_09(
        words="ours: it is training that takes the digit away: with ten shared bits an encoder ends below its random weights",
        place="notebook 09", quantity="top-1 with ten bits, untrained minus trained with shared bits", holds="above", line=10,
        reason="as much as one class of ten is worth by chance", records=("random_bits",), rows=as_usual,
        statistic=partial(contrast, by=BITS, weights={("untrained", 10): 1, ("shared", 10): -1})),
    "the code is read whole": in_09(
        words="ours: what is learned instead is the code", place="notebook 09", metric="whole code",
        quantity="test images all of whose ten bits are read right, trained with shared bits minus untrained", holds="above",
        line=10, reason="random weights read most of them already, so what training adds is asked for",
        records=("random_bits",), rows=lambda table: as_usual(table)[as_usual(table)["data.bits"] == 10],
        statistic=partial(contrast, by="condition", weights={"shared": 1, "untrained": -1})),
    "fresh bits cost little": in_09(
        words="ours: it is the sharing that suppresses: fresh bits for each view cost little", place="notebook 09",
        quantity="top-1 without bits minus with ten fresh bits for each view", holds="below", line=8,
        reason="a fifth of the line for shared bits: ten more channels of noise are no gift", records=("random_bits",),
        rows=as_usual, statistic=partial(contrast, by=BITS, weights={("shared", 0): 1, ("fresh", 10): -1})),
    "anew is no better": in_09(
        words="ours: that an image keeps its integer plays no part: bits drawn anew each time, but shared, suppress as much",
        place="notebook 09", quantity="top-1 with ten shared bits, drawn anew each time minus kept", holds="below", line=5,
        reason="an eighth of the line for shared bits", records=("random_bits",), rows=as_usual,
        statistic=partial(contrast, by=BITS, weights={("anew", 10): 1, ("shared", 10): -1})),
    "labels keep the digit": in_09(
        words="supervised learning is unaffected (our wording)", place=THE_PAPERS,
        quantity="top-1 of supervised learning without bits minus with ten", holds="below", line=5,
        reason="an eighth of the line for contrastive learning", records=("random_bits",), rows=as_usual,
        statistic=partial(contrast, by=BITS, weights={("supervised", 0): 1, ("supervised", 10): -1})),
    "colder survives more bits": in_09(
        words="ours, after the table that the authors' code prints: a lower temperature survives more bits",
        place="the authors' RandBit notebook", quantity="top-1 with five shared bits at τ = 0.05 minus at τ = 0.2",
        holds="above", line=10, reason="their table has 38 points; a quarter of that", records=("random_bits",),
        rows=shared_at_any_temperature, statistic=partial(contrast, by=COLD, weights={(0.05, 5): 1, (0.2, 5): -1})),
    "cold doesn't help at sixteen": in_09(
        words="lower temperatures help little (as the literature reports it): at sixteen bits", place=THE_PAPERS,
        quantity="top-1 with sixteen shared bits at τ = 0.05 minus at τ = 0.2", holds="below", line=5,
        reason="as for batch, width and images", records=("random_bits",), rows=shared_at_any_temperature,
        statistic=partial(contrast, by=COLD, weights={(0.05, 16): 1, (0.2, 16): -1})),
    "a larger batch doesn't help": no_help("four times the batch changes little", "batch of 1,024", "as before"),
    "a wider encoder doesn't help": no_help("four times the width changes little", "four times as wide",
                                             "as before"),
    "more images don't help": no_help("four times the images change little", "as before", "a quarter of the images"),
    "a larger batch helps a cold loss": in_09(
        words="ours: where what is left to be earned says that a larger batch should help, it does: ten bits at τ = 0.05",
        place="notebook 09", quantity="top-1 with ten shared bits at τ = 0.05, batch of 1,024 minus batch of 256",
        holds="above", line=10, reason="ten bits then leave as much as eight did, where top-1 was 26 points higher: not half "
        "of that", records=("cold_batches",), rows=everything,
        statistic=partial(contrast, by=BITS, weights={("batch of 1,024", 10): 1, ("batch of 256", 10): -1})),
    "a larger batch helps beyond its images": in_09(
        words="ours, a second rule: it does so beyond the images that a larger batch shows", place="notebook 09",
        quantity="top-1 with ten shared bits at τ = 0.05, batch of 1,024 minus batch of 256 for four times as many steps",
        holds="above", line=5, reason="a fifth of what the first rule found; this one came after seeds 0 to 2, and is judged "
        "on others", records=("cold_batches_again",), rows=everything,
        statistic=partial(contrast, by=BITS, weights={("batch of 1,024", 10): 1, ("as many images", 10): -1})),
    "another loss suffers too": in_09(
        words="other losses suffer too (as the literature reports it): the sliced Wasserstein distance to a normal prior",
        place=THE_PAPERS, quantity="top-1 without bits minus with ten shared bits, SWD normal", holds="above", line=40,
        reason="the line for NT-Xent with ten bits", records=("other_losses",), rows=everything,
        statistic=partial(contrast, by=BITS, weights={("SWD normal", 0): 1, ("SWD normal", 10): -1})),
    "an autoencoder is hurt at a weight": in_09(
        words="autoencoders are hurt far less (as the literature reports it), read as: half of what they learn is lost only "
        "where the bits together weigh more in the loss than the image", place=THE_PAPERS,
        quantity="the weight of ten bits, the image's being 1, at which half of the top-1 above chance is lost, as a power of "
        "ten", unit="", holds="above", line=0, reason="weight 1, the bits together weighing as much as the image",
        records=("decoders",), rows=everything, statistic=weight_of_half),
}

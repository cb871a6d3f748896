"""Second rules for the claims of Part I, and second readings: written when the first had been judged, judged on fresh seeds.

The first rules were found wanting only after their runs had been seen. They and their verdicts stay (`claims_losses`); these
stand beside them. Committed before any run of their records was made. See `claims`.
"""
from functools import partial

from intriguing_lib.claimed import Claim
from intriguing_lib.claims_losses import LOSSES, fewest_images, longest, longest_of_three_layers
from intriguing_lib.statistics import furthest_pair, level_slope, valley_slope, variance_lost

AGAIN = ("heads_digits_again", "heads_fashion_again", "cifar10_heads_again")
SIMILAR = 2.0  # points: the line of the first rule
HALF_SPREAD = -2.0  # of uniformity: half-way between a point, 0, and evenly all over a sphere of 64 dimensions, -3.9
OURS, AUTHORS = "decoupled NT-Xent", "the authors' form"

in_03 = partial(Claim, notebook="03_losses_and_projection_heads", rows=longest, records=AGAIN)
in_04 = partial(Claim, notebook="04_temperature_weight_and_batch")


def something_to_lose(table):
    """Whether the best of the losses gains more over random weights than what counts as a difference between losses.

    Where it gains less, all losses lie close together as long as none does harm, and similarity says nothing about losses.
    """
    top1 = 100 * longest_of_three_layers(table).groupby("condition")["linear"].mean()
    return top1.max() - 100 * table.loc[table["condition"] == "untrained", "linear"].mean() > SIMILAR


def most_images(table):
    """The longest training, however many steps that is with each batch size."""
    images = table["steps"] * table["batch_size"]
    return table[images == images.max()]


def of_form(form, table):
    return table[table["condition"] == form]


def from_the_middle(form, table):
    """From τ = 0.2 on: below, an anchor's similarity with itself fills the sum in the authors' form."""
    table = of_form(form, table)
    return table[table["objective.loss.temperature"] >= 0.2]


def depth(words, layers, reason):
    """Of the variance between the losses, what goes with a deeper head."""
    return in_03(words=words, place="Figure 1, its caption; second rule", unit="points²", holds="above", line=0.0,
                 quantity="the variance of the five losses' true top-1, noise taken out: that behind a head of "
                 f"{layers[0]} layer(s) minus that behind {layers[1]}", reason=reason, can_tell=something_to_lose,
                 statistic=partial(variance_lost, by="condition", column="head.layers", values=layers))


def batch(words, rows):
    """Of the variance between batch sizes, what goes with a deeper head."""
    return in_04(words=words, place="a table of the appendix; second rule", unit="points²", holds="above", line=0.0,
                 quantity="the variance of three batch sizes' true top-1 with a head of one layer minus that with three, at "
                 "equal epochs, noise taken out", reason="noise taken out, equal batch sizes have 0 at any depth", rows=rows,
                 records=("batch_size_again",),
                 statistic=partial(variance_lost, by="batch_size", column="head.layers", values=(1, 3)))


def in_form(form, **changes):
    """A claim on temperature and weight in one of two parametrisations of the decoupled loss."""
    return in_04(unit="", records=("temperature_weight_again",), **{"rows": partial(of_form, form)} | changes)


def along(form, whose):
    """The sentence read along the best settings."""
    return in_form(form, words="temperature is inversely related to weight, read along the best settings: λτ about constant",
                   place=f"abstract of the first version, first reading, {whose}", holds="below", line=-0.5,
                   quantity="the slope of log λ against log τ along the ridge of accuracy", statistic=valley_slope,
                   reason="λτ constant would be a slope of -1: at least half of it")


def predicted(form, whose):
    """What the expansion predicts of the best settings."""
    return in_form(form, words="ours: the best λ rises with τ, in proportion or with its square", place=f"notebook 04, {whose}",
                   quantity="the slope of log λ against log τ along the ridge of accuracy", holds="within", line=(1.0, 2.0),
                   statistic=valley_slope, reason="λ/τ decides where the mean does, λ/τ² where the variance does")


def in_effect(form, whose):
    """The sentence read as one of effect: a larger temperature does what a smaller weight does."""
    return in_form(form, words="temperature is inversely related to weight, read as an effect: a larger τ spreads "
                   "representations less, as a smaller λ does", place=f"abstract of the first version, second reading, {whose}",
                   quantity="by how many doublings λ has to rise with a doubling of τ, from 0.2 on, for the uniformity of the "
                   "projections to stay at -2", holds="above", line=0.5, metric="uniformity after head",
                   rows=partial(from_the_middle, form), statistic=partial(level_slope, level=HALF_SPREAD),
                   reason="0 would be no relation, and the expansion's smaller prediction is 1: at least half of it")


OUR_FORM, THEIR_FORM = "in our parametrisation", "in that of the authors' code"
LOSSES_AGAIN = {
    "losses are similar, as an equivalence": in_03(
        words=LOSSES["losses are similar"].words, place="abstract; Figure 1; second rule", unit="points", holds="below",
        line=SIMILAR, quantity="how far apart the two losses are that are furthest apart, with a head of three layers: every "
        "pair has to pass one-sided tests at 5 %", reason="the line of the first rule, asked as a question of equivalence",
        statistic=furthest_pair, rows=longest_of_three_layers, can_tell=something_to_lose),
    "depth brings losses together, noise taken out": depth(
        LOSSES["depth brings losses together"].words, (1, 3),
        "noise taken out, equal losses have 0 at any depth"),
    "a third layer brings losses together": depth(
        "Differences between variants are small with a deep head: three layers against two, as in Figure 1", (2, 3),
        "noise taken out, equal losses have 0 at any depth; ImageNet at 100 epochs, read off Figure 1: 0.7 and 0.0 points²"),
    "depth makes batch size matter less, noise taken out": batch(
        "a deeper head makes batch size matter less (the literature has it: little)", fewest_images),
    "depth makes batch size matter less, twice as long": batch(
        "a deeper head makes batch size matter less after longer training, too (the literature has it: little)", most_images),
    "inverse along the best settings": along(OURS, OUR_FORM),
    "inverse along the best settings, authors' form": along(AUTHORS, THEIR_FORM),
    "the best weight rises as predicted": predicted(OURS, OUR_FORM),
    "the best weight rises as predicted, authors' form": predicted(AUTHORS, THEIR_FORM),
    "inverse in effect": in_effect(OURS, OUR_FORM),
    "inverse in effect, authors' form": in_effect(AUTHORS, THEIR_FORM),
}

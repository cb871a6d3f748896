"""The claims of Part I: losses, projection heads, temperature, weight and batch size. See `claims`."""
from functools import partial

from intriguing_lib.claimed import Claim, everything
from intriguing_lib.search import MEMBERS
from intriguing_lib.statistics import contrast, lost_with_depth, lost_with_length, spread, valley_slope

HEADS = ("heads_digits", "heads_fashion", "cifar10_heads")


def five_losses(table):
    """The paper's, without controls and untrained encoders."""
    return table[table["condition"].isin(MEMBERS)]


def longest(table):
    table = five_losses(table)
    return table[table["steps"] == table["steps"].max()]


def longest_of_three_layers(table):
    return longest(table[table["head.layers"] == 3])


def two_layers(table):
    table = five_losses(table)
    return table[table["head.layers"] == 2]


def unseen_seeds(table):
    """Seeds 0 to 4 had been looked at when the statistic was chosen."""
    return table[table["seed"] >= 5]


def fewest_images(table):
    """The shortest training, however many steps that is with each batch size."""
    images = table["steps"] * table["batch_size"]
    return table[images == images.min()]


LOSSES = {
    "losses are similar": Claim(
        words="various instantiations of the generalized contrastive loss perform similarly under the presence of a "
              "multi-layer non-linear projection head",
        place="abstract; Figure 1", quantity="the range of the five losses' mean top-1 with a head of three layers, at the "
        "longest training", unit="points", holds="below", line=2.0,
        reason="with a head of two layers Figure 1 shows ranges of 2.6 and 1.9 points at 100 epochs: below 2 is similar",
        notebook="03_losses_and_projection_heads", statistic=spread, rows=longest_of_three_layers,
        records=HEADS),
    "depth brings losses together": Claim(
        words="Differences between variants of generalized contrastive loss are small with a deep projection head",
        place="Figure 1, its caption", quantity="the range over the five losses with a head of one layer minus that with "
        "three, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="ImageNet at 100 epochs, read off Figure 1: 1.9 points with two layers, 0.5 with three",
        notebook="03_losses_and_projection_heads", statistic=lost_with_depth, rows=longest, records=HEADS),
    "length brings losses together": Claim(
        words="with a head of two layers the spread between losses shrinks as training gets longer (our reading)",
        place="Figure 1", quantity="the range over the five losses at the shortest training minus that at the longest, head "
        "of two layers, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="CIFAR-10, read off Figure 1: 2.6 points at 100 epochs, 0.5 at 800; ImageNet: 1.9 and 1.3",
        notebook="03_losses_and_projection_heads", statistic=lost_with_length, rows=two_layers, records=HEADS),
    "temperature and weight are inverse": Claim(
        words="the temperature scaling (τ) widely used in the standard contrastive loss is (within a range) inversely related "
              "to the weighting (λ) between the two loss terms",
        place="abstract of the first version; the parametrisation is not said", quantity="the slope of log λ against log τ "
        "along the ridge of accuracy of the decoupled loss", unit="", holds="below", line=-0.5,
        reason="λτ constant would be a slope of -1: at least half of it", notebook="04_temperature_weight_and_batch",
        statistic=valley_slope, rows=unseen_seeds),
    "weight rises with temperature": Claim(
        words="ours: expanding λ · log-sum-exp(s/τ) for small s/τ predicts a ridge along which λ rises with τ, slope 1 to 2",
        place="notebook 04", quantity="the slope of log λ against log τ along the ridge of accuracy of the decoupled loss",
        unit="", holds="above", line=0.5, reason="at least half of the smaller of the two predictions",
        notebook="04_temperature_weight_and_batch", statistic=valley_slope, rows=unseen_seeds),
    "depth makes batch size matter less": Claim(
        words="a deeper head and longer training make batch size matter little (as the literature reports it)",
        place="a table of the appendix; its numbers are not known to us", quantity="the range over batch sizes with a head of "
        "one layer minus that with three, at equal epochs, the mean over paired seeds", unit="points", holds="above", line=0.5,
        reason="half a point is the least that three to five seeds can tell from nothing here",
        notebook="04_temperature_weight_and_batch", statistic=partial(lost_with_depth, by="batch_size"), rows=fewest_images,
        records=("batch_size",)),
    "a larger batch gains at equal steps": Claim(
        words="ours: at equal steps the larger batch, which sees more images, is ahead", place="notebook 04",
        quantity="top-1 with 512 images a batch minus that with 32, after 200 steps of either, behind a head of three layers",
        unit="points", holds="above", line=0.5,
        reason="half a point is the least that three to five seeds can tell from nothing here",
        notebook="04_temperature_weight_and_batch", rows=everything, records=("equal_steps",),
        statistic=partial(contrast, by=["batch_size", "head.layers"], weights={(512, 3): 1, (32, 3): -1})),
}

"""The claims of Part III on images: tints and digits laid over them (notebook 07), larger objects (08). See `claims`."""
from ast import literal_eval
from functools import partial

from intriguing_lib.claimed import Claim, everything
from intriguing_lib.statistics import by_seed, contrast, contrast_of_metrics, over_seeds

in_07 = partial(Claim, unit="points", notebook="07_competing_features", rows=everything)
in_08 = partial(Claim, unit="points", notebook="08_dominant_objects", place="section 5, modified MultiDigits",
                rows=lambda table: table[table["condition"] != "untrained"])
EQUAL, UNEQUAL = "(14, 14)", "(14, 46)"  # sides of the two digits, in pixels
POOL = ("condition", "data.unique")
ALL = 10_000  # unique digits
NOISE = "three standard errors of 2,000 test images near 80 %"
A_CLASS = "as much as one class of ten is worth by chance"
THE_PAPERS = "section 5, DigitOnImageNet"
TEMPERATURE, UNIQUE = "objective.loss.temperature", "data.unique"


def differ(more, less, metric="linear"):
    """Points by which one condition's metric is above another's."""
    return {"metric": metric, "statistic": partial(contrast, by="condition", weights={more: 1, less: -1})}


def exchanged(sizes, words, holds):
    """What it costs, in finding partners, that the second view shows another scene's small digit."""
    return in_08(words=words, place="notebook 08", metric=None, holds=holds, line=5, records=("partners",),
                 reason="the line above which the small digit counts as losing accuracy",
                 quantity="the share of first views that find their partner among 128 second views, trained in zones, beside a "
                 f"digit of {literal_eval(sizes)[1]} pixels, minus the share with the small digit exchanged",
                 rows=lambda table: table[table["data.size"] == sizes],
                 statistic=partial(contrast_of_metrics, weights={("zones", "partner"): 1,
                                                                 ("zones", "partner, other small"): -1}))


def pools_differ(more, less):
    """Points of the object by which one (condition, unique digits) is above another."""
    return partial(contrast, by=POOL, weights={more: 1, less: -1})


def at_the_usual_temperature(table):
    return table[table["condition"].isin(("shared", "fresh", "supervised"))]


def at_any_temperature(table):
    return table[table["condition"].isin(("shared", "another temperature"))]


def least_cost(table, metric="linear"):
    """What all digits in place of one cost the object at the temperature that suffers least, chosen anew in each seed."""
    points = by_seed(table, metric, [TEMPERATURE, UNIQUE])
    costs = points.xs(1, axis=1, level=UNIQUE) - points.xs(ALL, axis=1, level=UNIQUE)
    return over_seeds(costs.dropna(axis=1).min(axis=1))


def less_object(record, thing, words):
    """That the views' sharing any of all digits, and not one and the same, costs what lies under them."""
    return in_07(words=words, place=THE_PAPERS, holds="above", line=10, reason=A_CLASS, records=(record,),
                 quantity=f"top-1 on {thing} with one unique digit minus with all of them, shared",
                 rows=at_the_usual_temperature, statistic=pools_differ(("shared", 1), ("shared", ALL)))


def with_their_own(sharing, words, holds, line, reason):
    """What all unique digits in place of one cost the object, where images to be read carry those of the training.

    With digits of the whole pool the left end, one unique digit, suffers from digits that are new to it.
    """
    return in_07(words=words, place="notebook 07", quantity="top-1 on garments with the training's own digits over them, with "
                 f"one unique digit minus with all of them, {sharing}", holds=holds, line=line, reason=reason,
                 records=("digits_own_pool",), rows=at_the_usual_temperature,
                 statistic=pools_differ((sharing, 1), (sharing, ALL)))


def sizes_differ(more, less):
    """Points by which one (condition, sizes) is above another."""
    return partial(contrast, by=("condition", "data.size"), weights={more: 1, less: -1})


COMPETING = {
    "a shared tint costs the class": in_07(
        words="ours, of “colour distribution” against object class: a tint that both views share costs the class, beside "
        "one that differs", place="notebook 07", quantity="top-1 on the class, fresh tints minus shared ones", holds="above",
        line=3, reason=NOISE, records=("tints",), **differ("fresh tints", "shared tint")),
    "colour augmentation brings the class": in_07(
        words="ours: colour augmentation, which makes the tint differ, brings the class", place="notebook 07",
        quantity="top-1 on the class with a shared tint, with SimCLR's colour augmentation minus without", holds="above",
        line=3, reason=NOISE, records=("tints",), **differ("shared, SimCLR's colours", "shared tint")),
    "colour augmentation takes the tint": in_07(
        words="ours: colour augmentation makes the tint less readable", place="notebook 07",
        quantity="top-1 on the tint, of twelve, shared, without colour augmentation minus with SimCLR's", holds="above",
        line=3, reason=NOISE, records=("tints",),
        **differ("shared tint", "shared, SimCLR's colours", "linear tint")),
    "colour augmentation brings photographs": in_07(
        words="ours, of “colour distribution” against object class: colour augmentation brings the class of photographs",
        place="notebook 07",
        quantity="top-1 on photographs, SimCLR's colour augmentation minus crops and flips alone", holds="above", line=3,
        reason="the line for tints (three standard errors of 2,000 test images near 40 % are 3.3)",
        records=("real_colours",),
        **differ("SimCLR's colours", "crops")),
    "more digits, less object": less_object(
        "digits_on_garments", "garments", "as the number of unique digits grows, what lies under them is learned "
        "less (our wording): the object alone cropped"),
    "more digits, more digit": in_07(
        words="as the number of unique digits grows, the digit is learned better (our wording)", place=THE_PAPERS,
        metric="linear digit", quantity="top-1 on digits with all unique digits minus with one, shared", holds="above",
        line=10, reason=A_CLASS, records=("digits_on_garments",), rows=at_the_usual_temperature,
        statistic=pools_differ(("shared", ALL), ("shared", 1))),
    "fresh digits cost little": in_07(
        words="ours: it is the sharing that suppresses: digits drawn anew for each view cost little", place="notebook 07",
        quantity="top-1 on garments with one unique digit minus with all of them, fresh in each view", holds="below", line=5,
        reason="half of the line for shared digits", records=("digits_on_garments",), rows=at_the_usual_temperature,
        statistic=pools_differ(("fresh", 1), ("fresh", ALL))),
    "labels keep the object": in_07(
        words="supervised learning is unaffected (our wording)", place=THE_PAPERS,
        quantity="top-1 on garments of supervised learning with one unique digit minus with all of them", holds="below",
        line=5, reason="half of the line for contrastive learning", records=("digits_on_garments",),
        rows=at_the_usual_temperature, statistic=pools_differ(("supervised", 1), ("supervised", ALL))),
    "more digits, less object, both cropped": less_object(
        "digits_on_garments_both", "garments", "the same in the paper's order, where the "
        "digits are cropped with the object: as their number grows, it is learned less (our wording)"),
    "fresh digits cost little, asked with their own": with_their_own(
        "fresh", "ours, a second rule: it is the sharing that suppresses: digits drawn anew for each view cost little, asked "
        "with the training's own digits", "below", 5, "half of the line for shared digits"),
    "labels keep the object, asked with their own": with_their_own(
        "supervised", "supervised learning is unaffected (our wording), asked with the training's own digits", "below", 5,
        "half of the line for contrastive learning"),
    "more digits, less object, asked with their own": with_their_own(
        "shared", "as the number of unique digits grows, what lies under them is learned less (our wording), asked with the "
        "training's own digits", "above", 10, A_CLASS),
    "temperature moves the trade-off": in_07(
        words="temperature moves the trade-off (our wording): where on it sixteen digits land", place=THE_PAPERS,
        quantity="top-1 on garments with 16 unique digits, shared, at τ = 0.05 minus at τ = 1", holds="above", line=10,
        reason=A_CLASS, records=("digits_on_garments",), rows=at_any_temperature,
        statistic=partial(contrast, by=(TEMPERATURE, UNIQUE), weights={(0.05, 16): 1, (1.0, 16): -1})),
    "temperature doesn't remove it": in_07(
        words="temperature doesn't remove the trade-off (our wording)", place=THE_PAPERS,
        quantity="top-1 on garments with one unique digit minus with all of them, shared, at the temperature where that is "
        "least", holds="above", line=10, reason=A_CLASS, records=("digits_on_garments",), rows=at_any_temperature,
        statistic=least_cost),
    "more digits, less photograph": less_object(
        "digits_on_photographs", "photographs", "as the number of unique digits grows, what lies under them is "
        "learned less (our wording): photographs of 32 pixels"),
    "a larger digit costs the small one": in_08(
        words="the small digit's accuracy degenerates as the other grows (our wording)", metric="linear small",
        quantity="top-1 on the small digit alone, trained beside one of its size minus beside one of 46 pixels", holds="above",
        line=5, reason="half of what one class of ten is worth by chance", records=("dominant_alone",),
        statistic=sizes_differ(("anywhere", EQUAL), ("anywhere", UNEQUAL))),
    "the large digit stays": in_08(
        words="the large one's accuracy stays (our wording)", quantity="top-1 on a single digit of the large one's size, of 14 "
        "pixels minus of 46", holds="below", line=3, reason=NOISE, records=("dominant_alone",),
        statistic=sizes_differ(("anywhere", EQUAL), ("anywhere", UNEQUAL))),
    "covering is not the cause": in_08(
        words="ours: the small digit is learned less although nothing covers it, in a zone of its own", place="notebook 08",
        metric="linear small", quantity="top-1 on the small digit alone, trained in zones, beside one of its size minus beside "
        "one of 46 pixels", holds="above", line=5, reason="the line for digits anywhere", records=("dominant_alone",),
        statistic=sizes_differ(("zones", EQUAL), ("zones", UNEQUAL))),
    "labels keep both digits": in_08(
        words="supervised learning keeps both (our wording), the small digit once it fits", metric="linear small",
        quantity="top-1 on the small digit alone, supervised until it fits, beside one of its size minus beside one of 46 "
        "pixels", holds="below", line=5, reason="the line above which SimCLR counts as losing it", records=("dominant_alone",),
        statistic=sizes_differ(("supervised, until it fits", EQUAL), ("supervised, until it fits", UNEQUAL))),
    "a fresh large digit leaves the small one": in_08(
        words="ours: it is the sharing that suppresses: beside a large digit that differs between the views the small one is "
        "read from the scene", place="notebook 08", metric="linear small", holds="above", line=20,
        quantity="top-1 on the small digit, read from scenes with one of 46 pixels, trained four times as long with fresh "
        "large digits minus with shared ones", reason="a quarter of what is read where there is no large digit",
        records=("dominant_objects",),
        statistic=sizes_differ(("fresh, four times as long", UNEQUAL), ("zones, four times as long", UNEQUAL))),
    "the small digit isn't used": exchanged(UNEQUAL, "ours: beside a large digit that the views share nobody goes by the "
                                              "small one to find the partner", "below"),
    "an equal digit is used": exchanged(EQUAL, "ours: beside a digit of its own size the small one is used to find the "
                                          "partner", "above"),
}

"""The claims of Part II: scenes of many objects, and local features. See `claims`."""
from functools import partial

from intriguing_lib.claimed import Claim, everything
from intriguing_lib.statistics import contrast, contrast_of_metrics, kept, lead


def simclr_and_untrained(table):
    return table[table["condition"].isin(("SimCLR", "untrained")) & (table["data.placement"] == "anywhere")]


def simclr_on_scenes(table):
    return table[table["condition"] == "SimCLR"]


def anywhere(table):
    return table[table["data.placement"] == "anywhere"]


def usual_crops(table):
    return table[table["view.area"] == "(0.3, 1.0)"]


def weighted(weights):
    return partial(contrast_of_metrics, weights=weights)


PLACES = ("data.placement", "data.count")
LAYOUTS = ("condition", "data.layout")
GAP_GROWS = {("grid", 16): 1, ("anywhere", 16): -1, ("grid", 4): -1, ("anywhere", 4): 1}
OBJECT, CELL = "ari scene block4 7", "ari scene block4 1"  # the last block: pooled over an object, and cell by cell
EARLY, READ, PLACE, CLASS = "ari scene block2 7", "cell top1 block4 1", "ami place block4 7", "ami class block4 7"
RANDOM = ("random weights", OBJECT)
PIXELS = (("pixels of a cell", "ari scene patches 1"), ("pixels of a cell", "ari scene patches 7"),
          ("pixels of an object", "ari scene patches 1"))
POSITION_FREE = (("Fourier magnitudes", "ari scene patches 1"), ("centred on its ink", "ari scene patches 1"))
IN_THREES = ("how well K-means with three groups a scene finds the three classes of nine digits (adjusted Rand index, its "
             "hundredth a point)")
EDGES = "how much of the uncertainty about edges in photographs eight K-means groups of single cells take away"
POOLED = "the last block pooled over 7×7 cells"
in_06 = partial(Claim, unit="points", notebook="06_local_features", rows=everything, metric=None)
A_RUN = "a run and its repetition differ by about one point here (seeds 100 and 200, which are not judged)"

SCENES = {
    "many objects can be learned from": Claim(
        words="with one global vector an image, contrastive learning learns from images of many objects (our wording)",
        place="abstract; section 4", quantity="how much of what training on one digit a scene gains over random weights is "
        "left with eight a scene, anywhere; top-1 on scenes of one digit", unit="%", holds="above", line=50,
        reason="less than half would hardly be called learning well", notebook="05_many_objects", records=("many_objects",),
        rows=simclr_and_untrained, statistic=partial(kept, by=("condition", "data.count"), start=("untrained", 8),
                                                     best=("SimCLR", 1), other=("SimCLR", 8))),
    "features are kept up to eight digits": Claim(
        words="up to eight digits a scene the features keep their accuracy (our wording)", place="section 4",
        quantity="top-1 on scenes of one digit after training on one minus that after training on eight, anywhere",
        unit="points", holds="below", line=5, reason="the paper's numbers are not known to us; five points are five times "
        "what a run and its repetition differ by", notebook="05_many_objects", records=("many_objects",),
        statistic=partial(contrast, by=PLACES, weights={("anywhere", 1): 1, ("anywhere", 8): -1}), rows=simclr_on_scenes),
    "beyond eight digits features degrade": Claim(
        words="beyond eight digits both placements degrade (our wording)", place="section 4",
        quantity="top-1 on scenes of one digit after training on eight minus that after training on sixteen, the mean of "
        "anywhere and grid", unit="points", holds="above", line=2, reason="twice a repetition's difference: " + A_RUN,
        notebook="05_many_objects", records=("many_objects",), rows=simclr_on_scenes,
        statistic=partial(contrast, by=PLACES, weights={("anywhere", 8): 0.5, ("grid", 8): 0.5, ("anywhere", 16): -0.5,
                                                        ("grid", 16): -0.5})),
    "the placements part in top-1": Claim(
        words="the gap between the placements grows with the number of digits (our wording), in top-1", place="section 4",
        quantity="top-1 on scenes of one digit with the grid minus anywhere, with sixteen digits minus with four",
        unit="points", holds="above", line=2, reason="twice a repetition's difference: " + A_RUN, notebook="05_many_objects",
        records=("many_objects",), rows=simclr_on_scenes, statistic=partial(contrast, by=PLACES, weights=GAP_GROWS)),
    "the placements part in what a scene shows": Claim(
        words="the gap between the placements grows with the number of digits (our wording), in what a scene shows",
        place="section 4", quantity="how well the digits present are told (area under the curve, its hundredth a point) with "
        "the grid minus anywhere, with sixteen digits minus with four", unit="points", holds="above", line=2,
        reason="the line of top-1 for the second reading", notebook="05_many_objects", records=("many_objects",),
        rows=simclr_on_scenes, metric="auc presence", statistic=partial(contrast, by=PLACES, weights=GAP_GROWS)),
    "views need no common object": Claim(
        words="ours: the two views of a scene need no whole object in common", place="notebook 05",
        quantity="how much of what crops as they fall gain over random weights is left where two crops of a scene of four "
        "digits never show the same digit whole; top-1 on scenes of one digit", unit="%", holds="above", line=50,
        reason="half of the gain, as for many objects", notebook="05_many_objects", records=("crops_that_share",),
        rows=usual_crops, statistic=partial(kept, by="condition", start="untrained", best="as they fall",
                                            other="never the same digit")),
    "fresh layouts help a wide view": Claim(
        words="ours: a layout that both views share competes with the digits where one cell sees two of them",
        place="notebook 05", quantity="top-1 on scenes of one digit with fresh layouts minus shared ones, at a receptive field "
        "of 31 pixels minus at 15; four digits of 16 pixels anywhere", unit="points", holds="above", line=1,
        reason="one point: " + A_RUN, notebook="05_many_objects", records=("receptive_fields",), rows=anywhere,
        statistic=partial(contrast, by=LAYOUTS, weights={("31 pixels", "fresh"): 1, ("31 pixels", "shared"): -1,
                                                         ("15 pixels", "fresh"): -1, ("15 pixels", "shared"): 1})),
    "regions are learned": in_06(
        words="ours: a loss on one vector makes feature maps that group a scene's parts by what they show, which neither "
        "pixels nor random weights do", place="section 4 shows pictures beside raw RGB patches",
        quantity=f"{IN_THREES}: {POOLED} of SimCLR minus the best of random weights and pixels", holds="above", line=20,
        reason="a fifth of the way from chance to perfect can be seen in a picture", records=("local_features",),
        statistic=partial(lead, of=("SimCLR", OBJECT), over=(RANDOM, *PIXELS))),
    "regions beat descriptors": in_06(
        words="ours: learned maps group parts better than descriptors that only undo where a thing stands",
        place="notebook 06", quantity=f"{IN_THREES}: {POOLED} of SimCLR minus the best of Fourier magnitudes and patches "
        "centred on their ink", holds="above", line=5, reason="less would hardly be worth a training",
        records=("local_features",), statistic=partial(lead, of=("SimCLR", OBJECT), over=POSITION_FREE)),
    "regions are as good as labels'": in_06(
        words="SimCLR's grouping is about as good as the supervised one (our wording)", place="section 4",
        quantity=f"{IN_THREES}: {POOLED} of the supervised encoder minus SimCLR's", holds="below", line=10,
        reason="about as good: within a tenth of the scale", records=("local_features",),
        statistic=weighted({("supervised", OBJECT): 1, ("SimCLR", OBJECT): -1})),
    "single cells don't group": in_06(
        words="ours: K-means on single cells of a small encoder's maps doesn't find the classes", place="notebook 06",
        quantity=f"{IN_THREES}: SimCLR's last block, cell by cell", holds="below", line=5,
        reason="0 is chance, and a twentieth of the scale nothing to be seen", records=("local_features",),
        statistic=weighted({("SimCLR", CELL): 1})),
    "a linear reader sees the class in single cells": in_06(
        words="ours: a linear reader sees the class in the same single cells", place="notebook 06",
        quantity="top-1 of a linear reader of single cells, which digit they lie on: SimCLR's last block minus random weights'",
        holds="above", line=10, reason="as much as one class of ten is worth by chance", records=("local_features",),
        statistic=weighted({("SimCLR", READ): 1, ("random weights", READ): -1})),
    "the class rises over the blocks": in_06(
        words="earlier layers hold edge-like features, later ones objects and parts (our wording): the class rises over the "
        "blocks, by learning", place="section 4", quantity=f"{IN_THREES}: the last block minus the second, each pooled over "
        "7×7 cells, SimCLR's rise minus random weights'", holds="above", line=10,
        reason="a tenth of the scale, beyond what depth alone brings", records=("local_features",),
        statistic=weighted({("SimCLR", OBJECT): 1, ("SimCLR", EARLY): -1, RANDOM: -1, ("random weights", EARLY): 1})),
    "a shared layout groups by place": in_06(
        words="ours: trained on scenes whose layout both views share, an encoder's maps group by place", place="notebook 06",
        quantity=f"what K-means groups (ten, all scenes; {POOLED}) tell of the place of a cell's digit in the grid minus what "
        "they tell of its class (adjusted mutual information, its hundredth a point)", holds="above", line=0,
        reason="more of the place than of the class", records=("layouts",),
        statistic=weighted({("shared layout", PLACE): 1, ("shared layout", CLASS): -1})),
    "a fresh layout groups by class": in_06(
        words="ours: with a fresh layout for each view they group by class instead", place="notebook 06",
        quantity="what the same groups tell of the class minus what they tell of the place", holds="above", line=0,
        reason="more of the class than of the place", records=("layouts",),
        statistic=weighted({("fresh layout", CLASS): 1, ("fresh layout", PLACE): -1})),
    "a shared layout draws groups to places": in_06(
        words="ours: maps trained with a shared layout tell more of the place than those trained with a fresh one",
        place="notebook 06", quantity="what the same groups tell of the place, shared layout minus fresh", holds="above",
        line=5, reason="a twentieth of all there is to tell; the rule was found after seeds 10 to 14, and is judged on others",
        records=("layouts_again",), statistic=weighted({("shared layout", PLACE): 1, ("fresh layout", PLACE): -1})),
    "collages are grouped": in_06(
        words="ours: trained on small photographs, maps tell animals from vehicles in collages, better than pixels or random "
        "weights do", place="notebook 06", quantity="adjusted Rand index of two groups in a collage of two animals and two "
        "vehicles, its hundredth a point: the last block pooled over 5×5 cells of SimCLR minus the best of random weights and "
        "pixels", holds="above", line=5, reason="the line of the descriptors on digits", records=("photographs",),
        statistic=partial(lead, of=("SimCLR", "ari scene block4 5"), over=(
            ("random weights", "ari scene block4 5"), ("pixels", "ari scene patches 5")))),
    "edges are learned": in_06(
        words="earlier layers hold edge-like features (our wording): learned ones", place="section 4",
        quantity=f"{EDGES}: SimCLR's second block minus random weights'", holds="above", line=5,
        reason="a twentieth of all there is to tell", records=("photographs",),
        statistic=weighted({("SimCLR", "edges told block2"): 1, ("random weights", "edges told block2"): -1})),
    "edges peak early": in_06(
        words="earlier layers hold edge-like features, later ones don't so much (our wording)", place="section 4",
        quantity=f"{EDGES}: SimCLR's second block minus its last", holds="above", line=1,
        reason="a hundredth: more than nothing", records=("photographs",),
        statistic=weighted({("SimCLR", "edges told block2"): 1, ("SimCLR", "edges told block4"): -1})),
}

"""The five losses of the paper's Figure 1, and a control: the settings that a search tries for each, and those it chose.

Which weight λ suits a member depends on its scale, so each has its own candidates, eight for every one; `chosen` takes from
a table of searched runs the candidate that did best on validation images.
"""
from math import isnan

from intriguing_lib.descriptions import settings
from intriguing_lib.generalised import DecoupledNTXent, MatchedMoments, SlicedWasserstein
from intriguing_lib.losses import NTXent
from intriguing_lib.records import with_settings

WEIGHTS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # of the sliced Wasserstein distance, to any prior
CONTROL = "mean and covariance"  # no member of the paper's
CANDIDATES = {
    "NT-Xent": tuple(NTXent(t) for t in (0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)),
    # not weight = temperature, which is NT-Xent once more: half and twice as much
    "decoupled NT-Xent": tuple(DecoupledNTXent(t, t * ratio) for t in (0.1, 0.2, 0.5, 1.0) for ratio in (0.5, 2.0)),
    "SWD sphere": tuple(SlicedWasserstein("sphere", weight) for weight in WEIGHTS),
    "SWD normal": tuple(SlicedWasserstein("normal", weight) for weight in WEIGHTS),
    "SWD cube": tuple(SlicedWasserstein("cube", weight) for weight in WEIGHTS),
    CONTROL: tuple(MatchedMoments(weight) for weight in (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0))}
MEMBERS = tuple(member for member in CANDIDATES if member != CONTROL)  # the paper's five, in Figure 1's order


def validation_split(data):
    """(four fifths, one fifth) of a training set: to fit on, and to choose settings on. Every fifth image is held back."""
    held = [i % 5 == 4 for i in range(len(data))]
    return data[[i for i, h in enumerate(held) if not h]], data[[i for i, h in enumerate(held) if h]]


def validation_scores(searched, data):
    """{member: {candidate: its mean validation accuracy}} of those the recorded search tried on `data`, such as "digits"."""
    rows = searched[searched["data"] == f"{data} train"]
    scores = {member: {loss: mean_accuracy(rows[rows["condition"] == member], loss) for loss in losses}
              for member, losses in CANDIDATES.items() if member in set(rows["condition"])}
    return {member: {loss: score for loss, score in tried.items() if not isnan(score)} for member, tried in scores.items()}


def mean_accuracy(rows, loss):
    return with_settings(rows, settings(loss, "objective.loss."))["linear"].astype(float).mean()


def chosen(searched, data):
    """{member: the candidate with the best mean validation accuracy on `data`}."""
    return {member: max(scores, key=scores.get) for member, scores in validation_scores(searched, data).items()}

"""The search: as many candidates for every loss, chosen by validation accuracy of the right rows."""
import pandas as pd

from intriguing_lib.descriptions import settings
from intriguing_lib.images import digits
from intriguing_lib.records import recorded
from intriguing_lib.search import CANDIDATES, CONTROL, MEMBERS, chosen, validation_scores, validation_split


def test_every_loss_has_the_same_budget():
    assert {len(set(losses)) for losses in CANDIDATES.values()} == {8} and list(CANDIDATES)[-1] == CONTROL
    rows = recorded("search").groupby(["data", "condition"]).size()
    assert set(rows) == {8 * 3} and len(rows) == 2 * len(CANDIDATES)


def test_the_split_shares_nothing_and_loses_nothing():
    data = digits("train")[:23]
    fitted, held = validation_split(data)
    assert (len(fitted), len(held)) == (19, 4)
    assert sorted(fitted.labels.tolist() + held.labels.tolist()) == sorted(data.labels.tolist())
    assert [data.images[i].equal(held.images[j]) for j, i in enumerate((4, 9, 14, 19))] == [True] * 4


def test_the_best_on_validation_is_chosen_and_members_are_not_mixed_up():
    rows = [{"data": "digits train", "condition": member, "head.layers": layers,
             "linear": 0.5 + 0.01 * ((i + shift) % 8) + (0.2 if member == "decoupled NT-Xent" else 0),
             **settings(loss, "objective.loss.")}
            for shift, (member, losses) in enumerate(CANDIDATES.items()) for i, loss in enumerate(losses) for layers in (1, 3)]
    found = chosen(pd.DataFrame(rows), "digits")
    assert found == {member: losses[7 - shift] for shift, (member, losses) in enumerate(CANDIDATES.items())}


def test_the_recorded_search_has_a_score_for_every_candidate():
    for data in ("digits", "fashion"):
        scores = validation_scores(recorded("search"), data)
        assert all(0.5 < score < 1 for losses in scores.values() for score in losses.values())


def test_a_search_that_tried_some_candidates_chooses_among_them():
    longer = recorded("cifar10_search_longer")
    scores = validation_scores(longer, "CIFAR-10 (JPEG)")
    assert {member: len(tried) for member, tried in scores.items()} == dict.fromkeys(MEMBERS, 4)
    tried = longer[longer["condition"] == "SWD cube"]
    best = tried.loc[tried["linear"].idxmax(), "objective.loss.weight"]
    assert chosen(longer, "CIFAR-10 (JPEG)")["SWD cube"].weight == best

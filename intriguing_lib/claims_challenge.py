"""Claims of notebook 10, on what remedies against suppression come to on its bench: ours, not the paper's. See `claims`.

They are judged task by task on the board (`challenge.by_task`), whose rows have a task for their data set.
"""
from functools import partial

from intriguing_lib.challenge import by_task, scores
from intriguing_lib.claimed import Claim, everything
from intriguing_lib.statistics import over_seeds

FRAME = ("untrained", "plain", "plain, an eighth as long", "without", "supervised")  # what remedies are seen beside
METRICS = {"five bits": ("linear", "whole code"), "ten bits": ("linear", "whole code"),
           "digits on garments": ("linear", "linear digit"), "two digits": ("linear small", "linear large")}
READABLE = 0.9  # of what plain training has of the suppressing feature


def of_the_ignorant(table):
    """A table of `scores` without what frames it, and without oracles, which know what suppresses."""
    return table[[name for name in table if name not in FRAME and not name.startswith("oracle")]]


def best_given_back(board, metric=None):
    """How much of what was lost the best of the ignorant remedies gives back, in per cent, while nine tenths of the other
    feature stay readable; the best anew in each seed, which favours it. 0 where none keeps so much."""
    given_back, kept = map(of_the_ignorant, scores(board))
    return over_seeds(100 * given_back.where(kept >= READABLE).max(axis=1).fillna(0))


def best_remedy(board):
    """Of one task's board the ignorant remedy that gives back most, on average over seeds, of those that keep nine tenths."""
    given_back, kept = (of_the_ignorant(table).mean() for table in scores(board))
    return given_back[kept >= READABLE].idxmax()


def lost_by(board, metric=None, *, remedy):
    """How much of the suppressing feature a remedy loses against plain training, in per cent."""
    return over_seeds(100 * (1 - scores(board)[1][remedy]))


def lead_in_both(board, metric=None, *, of):
    """By how much a remedy's worse score of the two is ahead of the best of the other ignorant ones, anew in each seed, in per
    cent."""
    given_back, kept = map(of_the_ignorant, scores(board))
    both = given_back.where(given_back < kept, kept)
    return over_seeds(100 * (both[of] - both.drop(columns=of).max(axis=1)))


on_the_board = partial(Claim, place="notebook 10", unit="%", notebook="10_open_challenge", rows=everything, metric=None,
                       records=("remedies_board",), seen=partial(by_task, metrics=METRICS))
CHALLENGE = {
    "no ignorant remedy mends it": on_the_board(
        words="ours: no remedy that doesn't know what suppresses brings back nine tenths of what was lost while the other "
        "feature stays readable", quantity="what the best of them gives back of the suppressed feature, the best anew in each "
        "seed, of those that keep nine tenths of the other", holds="below", line=90.0, statistic=best_given_back,
        reason="nine tenths is what one would call solved, and a remedy that forgets the other feature has traded"),
    "the best of them, asked again": on_the_board(
        words="ours, a second rule: the remedy that was best on the board brings back less than nine tenths", holds="below",
        line=90.0, statistic=best_given_back, records=("remedies_again",),
        quantity="what the board's best remedy gives back on seeds that it wasn't chosen by, while it keeps nine tenths of the "
        "other feature", reason="the first rule's line; that rule takes the best anew in each of three seeds, so that luck "
        "counts as the remedy's, and left three tasks undecided"),
    "reconstruction trades": on_the_board(
        words="ours: a reconstruction term, at the setting that is best for both, costs the feature that suppressed",
        quantity="what is lost of the suppressing feature beside plain training", holds="above", line=10.0,
        statistic=partial(lost_by, remedy="reconstruction"),
        reason="the other side of the nine tenths that count as readable"),
    "stages are the best of the ignorant": on_the_board(
        words="ours: learning in stages, with negatives of one cluster only, does better by both features than any other "
        "remedy that doesn't know what suppresses", holds="above", line=0.0, quantity="its worse score of the two minus the "
        "best of the others', anew in each seed", statistic=partial(lead_in_both, of="stages"),
        reason="ahead is ahead; the best of the others anew in each seed favours these"),
}

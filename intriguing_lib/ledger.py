"""The ledger: what the paper says, what was recorded, and what this machine has found, statement by statement.

Everything in it is read: claims from `claims`, effects from records, a machine's own from its cache (`found_here`), the
paper's and the authors' numbers from results/paper_figure1.csv and results/authors_printed.csv. Nothing is trained.
"""
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from intriguing_lib.claimed import CANT_TELL, FAILS, HOLDS, IN_PART, UNDECIDED
from intriguing_lib.claims import CLAIMS, committed, judge_record
from intriguing_lib.found_here import found_here
from intriguing_lib.records import recorded
from intriguing_lib.search import MEMBERS
from intriguing_lib.sweeps import as_table

NO_RECORD = "no record"
NOT_KNOWN = "not known to us"
NOTHING_YET = {"yours": float("nan"), "yours_low": float("nan"), "yours_high": float("nan"), "yours_seeds": 0,
               "yours_verdict": "nothing yet"}


@dataclass(frozen=True)
class Statement:
    """A statement of the paper's. words: ours, unless a claim quotes it. decides: the names of the claims that decide it;
    beside: of those that ask further. paper(): its number, in words.
    """
    words: str
    place: str
    decides: tuple
    beside: tuple = ()
    paper: Callable = lambda: NOT_KNOWN

    claims = property(lambda self: self.decides + self.beside)

    @property
    def number(self):
        """The paper's number in words, or what is missing to say it."""
        try:
            return self.paper()
        except FileNotFoundError as error:
            return f"{NO_RECORD}: {str(error).split(';')[0]}"  # without the list of those that are there


def ranges_of_figure_1(data, layers):
    """"2.6 points at 100 epochs, 0.5 at 800": the range over the five losses as read off the paper's Figure 1."""
    rows = recorded("paper_figure1").query("data == @data and `head.layers` == @layers").sort_values("epochs")
    ranges = rows[list(MEMBERS)].max(axis=1) - rows[list(MEMBERS)].min(axis=1)
    first, last = (f"{ranges.iloc[i]:.1f}{unit} at {rows['epochs'].iloc[i]}" for i, unit in ((0, " points"), (-1, "")))
    return f"{data}, {layers} layers: {first} epochs, {last}"


def figure_1():
    return "; ".join(ranges_of_figure_1(*which) for which in (("CIFAR-10", 2), ("ImageNet", 2), ("ImageNet", 3)))


def authors_table(*bits):
    """What the authors' notebook printed at each temperature, and what their set-up gave us read as they read it."""
    printed, ours = recorded("authors_printed"), pd.concat([recorded("authors_cells"), recorded("authors_cells_again")])
    parts = []
    for tau, rows in printed.groupby("temperature"):
        theirs = rows.set_index("bits")["top1"]
        mine = ours[ours["objective.temperature"] == tau].groupby("data.bits")["along"].mean()
        parts.append(f"τ = {tau:g}: " + ", ".join(f"{100 * theirs[k]:.0f} % with {k} bits ({100 * mine[k]:.0f})" for k in bits))
    return "printed by the authors' notebook (their set-up, here): " + "; ".join(parts)


STATEMENTS = (
    Statement("losses of the family perform similarly behind a deep projection head", "abstract; Figure 1",
              ("losses are similar", "losses are similar, as an equivalence"), paper=lambda: ranges_of_figure_1("ImageNet", 3)),
    Statement("one vector an image is enough to learn from images of many objects", "abstract",
              ("many objects can be learned from",), ("views need no common object",)),
    Statement("hierarchical local features are learned although the objective is global", "abstract",
              ("regions are learned", "the class rises over the blocks"),
              ("regions beat descriptors", "single cells don't group", "a linear reader sees the class in single cells",
               "collages are grouped", "a shared layout groups by place", "a fresh layout groups by class",
               "a shared layout draws groups to places")),
    Statement("features that the views share suppress one another, such as colour distribution and object class", "abstract",
              ("a shared tint costs the class",)),
    Statement("a few bits of easy shared features suppress, and even fully prevent, the learning of others", "abstract",
              ("ten bits suppress the digit",),
              ("below random weights", "the code is read whole", "fresh bits cost little", "anew is no better",
               "labels keep the digit"), paper=lambda: authors_table(0, 10)),
    Statement("of several objects the dominant one suppresses the smaller", "abstract",
              ("a larger digit costs the small one", "the large digit stays"),
              ("covering is not the cause", "labels keep both digits", "a fresh large digit leaves the small one",
               "the small digit isn't used", "an equal digit is used")),
    Statement("augmentation decides which feature wins, and where none is known it stays an open challenge", "abstract",
              ("colour augmentation brings the class", "colour augmentation brings photographs",
               "no ignorant remedy mends it", "the best of them, asked again"),
              ("colour augmentation takes the tint", "reconstruction trades", "stages are the best of the ignorant")),
    Statement("a deeper head brings the losses together", "Figure 1, its caption",
              ("depth brings losses together", "depth brings losses together, noise taken out",
               "a third layer brings losses together"), paper=figure_1),
    Statement("with two layers the spread shrinks as training goes on (our reading)", "Figure 1",
              ("length brings losses together",), paper=lambda: ranges_of_figure_1("CIFAR-10", 2)),
    Statement("temperature is, within a range, inversely related to weight", "abstract of the first version",
              ("temperature and weight are inverse", "inverse along the best settings",
               "inverse along the best settings, authors' form", "inverse in effect", "inverse in effect, authors' form"),
              ("weight rises with temperature", "the best weight rises as predicted",
               "the best weight rises as predicted, authors' form")),
    Statement("a deeper head and longer training make batch size matter little", "a table of the appendix",
              ("depth makes batch size matter less", "depth makes batch size matter less, noise taken out",
               "depth makes batch size matter less, twice as long"), ("a larger batch gains at equal steps",)),
    Statement("accuracy is kept up to eight objects a scene, then falls, and the placements part", "section 4",
              ("features are kept up to eight digits", "beyond eight digits features degrade", "the placements part in top-1",
               "the placements part in what a scene shows"), ("fresh layouts help a wide view",)),
    Statement("SimCLR's grouping is about as good as the supervised one", "section 4", ("regions are as good as labels'",)),
    Statement("earlier layers hold edge-like features", "section 4", ("edges are learned", "edges peak early")),
    Statement("the more unique digits are laid over images, the more digit and the less object is learned; temperature moves "
              "that and doesn't remove it", "section 5, DigitOnImageNet",
              ("more digits, less object", "more digits, more digit", "labels keep the object",
               "temperature moves the trade-off", "temperature doesn't remove it"),
              ("more digits, less object, both cropped", "more digits, less object, asked with their own",
               "fresh digits cost little", "fresh digits cost little, asked with their own",
               "labels keep the object, asked with their own", "more digits, less photograph")),
    Statement("at many random bits temperature, batch and model help little, other losses suffer, autoencoders less",
              "section 5, random bits",
              ("cold doesn't help at sixteen", "a larger batch doesn't help", "a wider encoder doesn't help",
               "another loss suffers too", "an autoencoder is hurt at a weight"),
              ("colder survives more bits", "more images don't help", "a larger batch helps a cold loss",
               "a larger batch helps beyond its images"), paper=lambda: authors_table(5, 15)),
)


def ledger():
    """All claims as a table, in the order of STATEMENTS, a row for each data set that a claim was judged on.

    statement: its number, from 0. claim, data, effect, low, high, seeds, verdict, device: of the record, as `claims.Verdict`;
    without its record a claim has one row, whose verdict begins with NO_RECORD. decides: whether the claim decides the
    statement. "yours", "yours_low", "yours_high", "yours_seeds", "yours_verdict": of this machine's runs (`found_here`).
    """
    rows = []
    for number, statement in enumerate(STATEMENTS):
        for name in statement.claims:
            mine = found_here(name)
            for verdict in verdicts_on(name):
                rows.append({"statement": number, "decides": name in statement.decides} | verdict
                            | NOTHING_YET | mine.get(verdict["data"], {}))
    return as_table(rows)


def verdicts_on(name):
    """A claim's recorded verdicts as dictionaries; for one that is judged on a notebook's own runs, those committed."""
    if not CLAIMS[name].records:
        found = committed().query("claim == @name").to_dict("records")
        return found or [missing(name, "results/verdicts.csv")]
    try:
        return [vars(verdict) for verdict in judge_record(name)]
    except FileNotFoundError:
        return [missing(name, *(f"results/{record}.csv" for record in CLAIMS[name].records))]


def missing(name, *files):
    return {"claim": name, "data": "", "seeds": 0, "verdict": f"{NO_RECORD}: {', '.join(files)} is missing"}


def verdict_of(rows):
    """One verdict for a statement, from the rows of the claims that decide it.

    "mixed" where some hold and some don't. Images that can't tell have no vote; a missing record has none either, and is said
    to be missing.
    """
    found = rows.loc[rows["decides"], "verdict"]
    gone = found.str.startswith(NO_RECORD)
    voting = {*found[~gone & (found != CANT_TELL)]}
    parts = {frozenset((HOLDS, UNDECIDED)): IN_PART, frozenset((FAILS, UNDECIDED)): f"{FAILS} in part"}
    verdict = voting.pop() if len(voting) == 1 else parts.get(frozenset(voting), "mixed" if voting else "nothing to judge by")
    return verdict + (", a record is missing" if gone.any() else "")

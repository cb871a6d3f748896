"""Claims and their verdicts under a notebook's cell, where `ci/refresh.py` finds them too.

With INTRIGUING_STRICT=1, as in `make course`, a quick run that finds another verdict than the committed one fails.
"""
import os
from dataclasses import asdict

from IPython.display import display

from intriguing_lib.claimed import FAILS, HOLDS
from intriguing_lib.claims import CLAIMS, claim_called, committed, counted, judge, judge_record, overall, rows_here

MIMETYPE = "application/vnd.intriguing.verdict+json"  # in a notebook's outputs, for ci/refresh.py to collect
SMOKE = "smoke proves that every cell runs, and judges nothing"


class VerdictChanged(Exception):
    """A quick run found another verdict than the committed one."""


def show_claim(name, table, preset):
    """Show a claim with its verdict on a table of runs (`claims.judge`), data set by data set; returns the Verdicts.

    preset: under "smoke" nothing is judged, nor are runs of which a part is the learner's own code.
    Raises what `judge` raises, and VerdictChanged where INTRIGUING_STRICT is 1, the preset is quick and
    results/verdicts.csv says otherwise (see `compare`).
    """
    if preset == "smoke":
        return not_judged(name, SMOKE)
    if own_code(table):
        return not_judged(name, "a part of these runs is your own code")
    verdicts = judge(name, table, preset)
    shown(verdicts, claim_in_markdown(verdicts))
    if preset == "quick" and os.environ.get("INTRIGUING_STRICT") == "1":
        compare(verdicts)
    return verdicts


def show_recorded_claim(name, preset):
    """Show a claim with its verdict on its recorded runs (`claims.judge_record`); returns the Verdicts, none under "smoke"."""
    if preset == "smoke":
        return not_judged(name, SMOKE)
    verdicts = judge_record(name)
    return shown(verdicts, claim_in_markdown(verdicts))


def show_recorded_claims(titles, preset):
    """Show several claims with their verdicts on their recorded runs as one table; returns the Verdicts, none under "smoke".

    titles: {claim: what to call it here}. Raises what `judge_record` raises.
    """
    if preset == "smoke":
        for name in titles:
            not_judged(name, SMOKE)
        return []
    verdicts = [v for name in titles for v in judge_record(name)]
    text = "\n".join(["| claim | recorded | found | 95 % interval | rule | verdict |", "| --- " * 6 + "|"] + [
        f"| {titles[v.claim]} | {v.data}, {v.seeds} seeds | {v.effect:.2f} | {v.low:.2f} to {v.high:.2f} | "
        f"{CLAIMS[v.claim].rule} | **{v.verdict}** |" for v in verdicts])
    return shown(verdicts, text)


def own_code(table):
    """Whether runs of this machine have no key: their settings don't tell what they did."""
    return "key" in table and rows_here(table)["key"].isna().any()


def not_judged(name, reason):
    print(f"“{claim_called(name).words}”: not judged, {reason}.")
    return []


def shown(verdicts, text):
    display({"text/plain": text, "text/markdown": text, MIMETYPE: [asdict(v) for v in verdicts]}, raw=True)
    return verdicts


def claim_in_markdown(verdicts):
    """A claim and its verdicts on one or several data sets, in Markdown."""
    claim = CLAIMS[verdicts[0].claim]
    unit = f" {claim.unit}" if claim.unit else ""
    counts = f" ({counted(verdicts)})" if len(verdicts) > 1 else ""
    lines = [f"**Claim.** “{claim.words}” ({claim.place}).  ",
             f"**Decided by** {claim.quantity}; {claim.rule} ({claim.reason}).  ",
             f"**Verdict: {overall(verdicts)}.**{counts}", ""]
    for v in verdicts:
        lines.append(f"- {v.data}, {v.preset}, {v.seeds} seeds: {v.effect:.2f}{unit}, 95 % interval {v.low:.2f} to "
                     f"{v.high:.2f}: {v.verdict} ({v.device})")
    return "\n".join(lines)


def compare(verdicts):
    """Raise VerdictChanged where a verdict differs from the committed one, if there is one.

    On another kind of device than the committed run's, rounding makes other runs of the same seeds, and a verdict near its line
    may turn out otherwise: there only "holds" against "does not hold" is raised, and a smaller difference printed.
    """
    table = committed()
    for now in verdicts:
        before = table[(table["claim"] == now.claim) & (table["preset"] == now.preset) & (table["data"] == now.data)]
        if before.empty or before["verdict"].iloc[0] == now.verdict:
            continue
        was = before.iloc[0]
        difference = (
            f"The claim “{CLAIMS[now.claim].words}” on {now.data}: committed is “{was.verdict}” ({was.effect:.2f}, 95 % "
            f"interval {was.low:.2f} to {was.high:.2f}, {was.device}), this run finds “{now.verdict}” ({now.effect:.2f}, "
            f"{now.low:.2f} to {now.high:.2f}, {now.device}).")
        if was.device == now.device or {was.verdict, now.verdict} == {HOLDS, FAILS}:
            raise VerdictChanged(difference)
        print(difference, "Another kind of device may do that near the line.")

"""The ledger as Markdown, for its notebook and for the README."""
import json
import re
from urllib.parse import quote

import pandas as pd

from intriguing_lib.claims import CLAIMS
from intriguing_lib.ledger import STATEMENTS, verdict_of


def statements_in_markdown(table, notebooks):
    """The statements as one table: the paper's number, what was recorded of the claims that decide it, yours, verdict, place.

    table: of `ledger.ledger`. notebooks: the folder of the notebooks, whose sections are linked.
    """
    lines = ["| | the paper | its number | recorded | yours | verdict | where |", "| --- " * 7 + "|"]
    for number, rows in table.groupby("statement", sort=False):
        statement, decided = STATEMENTS[number], rows[rows["decides"]]
        cells = [str(number + 1), f"{statement.words} ({statement.place})", statement.number,
                 of_each_claim(decided, with_verdict),
                 of_each_claim(decided, yours), f"**{verdict_of(rows)}**", links(decided["claim"].unique(), notebooks)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def claims_in_markdown(rows, notebooks):
    """All claims of one statement, those that decide it first, as a table."""
    lines = ["| claim | decided by | rule | recorded | verdict | yours | where |", "| --- " * 7 + "|"]
    for name, found in rows.groupby("claim", sort=False):
        claim = CLAIMS[name]
        cells = [in_quotes(claim.words) + ("" if found["decides"].iloc[0] else " (beside)"), claim.quantity, claim.rule,
                 "<br>".join(map(recorded, found.itertuples())), "<br>".join(found["verdict"]),
                 "<br>".join(map(yours, found.itertuples())), links([name], notebooks)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def readme_in_markdown(table, folder):
    """The abstract's statements with their verdicts at a glance, and a count of the others; a list, which fits a phone.

    folder: of the notebooks, as the README names it.
    """
    lines, others = [], []
    for number, rows in table.groupby("statement", sort=False):
        statement, verdict = STATEMENTS[number], verdict_of(rows)
        if statement.place.split(";")[0] != "abstract":
            others.append(verdict)
            continue
        names = notebooks_of(rows.loc[rows["decides"], "claim"])
        where = ", ".join(f"[{name[:2]}]({folder}/{name}.ipynb)" for name in names)
        lines.append(f"{number + 1}. **{verdict}**: {statement.words}; {where}")
    often_first = sorted(dict.fromkeys(others), key=others.count, reverse=True)
    counts = "; ".join(f"{verdict}: {others.count(verdict)}" for verdict in often_first)
    return "\n".join([*lines, "", f"And of {len(others)} statements in its figures and sections: {counts}."])


def of_each_claim(rows, told):
    """Claim by claim what is told of its rows: "losses are similar: digits: 0.75 points ...; ..."."""
    return "<br>".join(f"*{name}*: " + "; ".join(map(told, found.itertuples()))
                       for name, found in rows.groupby("claim", sort=False))


def in_quotes(words):
    """A claim's words, quoted where they are the paper's and not ours."""
    return words if words.startswith("ours") or "our wording" in words or "our reading" in words else f"“{words}”"


def with_verdict(row):
    return f"{recorded(row)}, {row.verdict}" if row.seeds else row.verdict


def recorded(row):
    if not row.seeds:
        return row.verdict
    return f"{row.data}: {measured(row, row.effect, row.low, row.high, row.seeds)}"


def yours(row):
    if pd.isna(row.yours):
        return f"{row.data}: {row.yours_verdict}"
    return f"{row.data}: {measured(row, row.yours, row.yours_low, row.yours_high, row.yours_seeds)}, {row.yours_verdict}"


def measured(row, value, low, high, seeds):
    """"0.75 points (0.00 to 1.52), 5 seeds"."""
    unit = f" {CLAIMS[row.claim].unit}" if CLAIMS[row.claim].unit else ""
    interval = "" if pd.isna(low) else f" ({low:.2f} to {high:.2f})"
    return f"{value:.2f}{unit}{interval}, {seeds} seed{'s' if seeds > 1 else ''}"


def notebooks_of(names):
    return dict.fromkeys(CLAIMS[name].notebook for name in names)


def links(names, notebooks):
    """Links to the sections in which claims are judged, each once."""
    found = dict.fromkeys((CLAIMS[name].notebook, section_of(name, notebooks)) for name in names)
    return ", ".join(f"[{notebook[:2]}]({notebook}.ipynb{anchor})" for notebook, anchor in found)


def section_of(name, notebooks):
    """The anchor of the section in which a claim is judged: "#The-race"; "" where its notebook isn't there.

    A claim that a notebook asks in several forms, "..., authors' form", is found by its first part.
    """
    try:
        cells = json.loads((notebooks / f"{CLAIMS[name].notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    for wanted in (name, name.partition(",")[0]):
        heading = ""
        for cell in cells:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                heading = (re.findall(r"^## (.+)$", source, re.MULTILINE) or [heading])[-1]
            elif f'"{wanted}"' in source:
                return "#" + quote(heading.strip().replace(" ", "-"))
    return ""

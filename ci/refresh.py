"""Execute notebooks in place under quick and commit-ready: `python ci/refresh.py [NOTEBOOK ...]`; all of them by default.

For maintainers: the outputs that readers see on the web are made here. Leaves no timings, widget state or progress bars
behind and writes the figures of cells tagged `readme:NAME` to results/figures/NAME.png, and what sliders show at some of their
values to ci/site/frames/, for the site. Then it judges the claims by their
records, and writes these verdicts and the quick ones, from the notebooks' outputs, to results/verdicts.csv and the README.
`python ci/refresh.py verdicts` executes nothing and does only the last.
"""
import base64
import os
import re
import sys
from dataclasses import asdict, fields
from pathlib import Path

import nbformat
import pandas as pd
from hygiene import WIDGET, outputs
from nbclient import NotebookClient

from intriguing_lib.claims import CLAIMS, Verdict, judge_record
from intriguing_lib.course.claims import MIMETYPE
from intriguing_lib.course.ledger_page import readme_in_markdown
from intriguing_lib.ledger import ledger

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile("(?<=<!-- verdicts -->\n).*(?=\n<!-- /verdicts -->)", re.DOTALL)  # in the README


def refresh(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": path.parent}}).execute()
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # of sliders only the picture above them stays
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("readme:"):
                save_figure(cell, tag.removeprefix("readme:"))
    nbformat.write(notebook, path)


def save_verdicts():
    """Write results/verdicts.csv and the README's table anew: of all notebooks, whichever were executed just now."""
    table = pd.DataFrame([*quick_verdicts(), *recorded_verdicts()], columns=[field.name for field in fields(Verdict)]).round(6)
    readme = ROOT / "README.md"
    text, found = MARKED.subn(lambda _: in_markdown(), readme.read_text(encoding="utf-8"))
    if found != 1:
        raise ValueError("README.md needs a line <!-- verdicts --> and, further down, a line <!-- /verdicts -->, once.")
    readme.write_text(text, encoding="utf-8")
    table.to_csv(ROOT / "results" / "verdicts.csv", index=False)


def in_markdown():
    """The ledger's statements as the README shows them."""
    return readme_in_markdown(ledger(), "notebooks")


def quick_verdicts():
    """Those on runs of this machine, as the notebooks' outputs have them: dictionaries."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [v for path in paths for v in verdicts_in(nbformat.read(path, as_version=4)) if v["preset"] != "recorded"]


def recorded_verdicts():
    """Those on recorded runs, of every claim that has any: dictionaries."""
    return [asdict(verdict) for name, claim in CLAIMS.items() if claim.records for verdict in judge_record(name)]


def verdicts_in(notebook):
    """The verdicts that `course.show_claim` left in the outputs of an executed notebook, dictionaries."""
    return [verdict for _, output in outputs(notebook) for verdict in output.get("data", {}).get(MIMETYPE, [])]


def save_figure(cell, name):
    (image,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    folder = ROOT / "results" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    os.environ |= {"INTRIGUING_PRESET": "quick", "TQDM_DISABLE": "1", "JUPYTER_PREFER_ENV_PATH": "1",
                   "INTRIGUING_FRAMES": str(ROOT / "ci" / "site" / "frames")}
    names = sys.argv[1:]
    if names != ["verdicts"]:
        for path in [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb")):
            print(f"executing {path.name}", flush=True)
            refresh(path)
    save_verdicts()

"""Execute notebooks in place under quick and commit-ready: `python ci/refresh.py [NOTEBOOK ...]`; all of them by default.

For maintainers: the outputs that readers see on the web are made here. Leaves no timings, widget state or progress bars
behind, writes the figures of cells tagged `readme:NAME` to results/figures/NAME.png, and the verdicts on the claims to
results/verdicts.csv.
"""
import base64
import os
import sys
from dataclasses import fields
from pathlib import Path

import nbformat
import pandas as pd
from hygiene import WIDGET, outputs
from nbclient import NotebookClient

from intriguing_lib.claims import MIMETYPE, Verdict

ROOT = Path(__file__).resolve().parents[1]


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
    """Of all notebooks, whichever were executed just now."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    verdicts = [v for path in paths for v in verdicts_in(nbformat.read(path, as_version=4))]
    table = pd.DataFrame(verdicts, columns=[field.name for field in fields(Verdict)])
    table.round(6).to_csv(ROOT / "results" / "verdicts.csv", index=False)


def verdicts_in(notebook):
    """The verdicts that `claims.judge` left in the outputs of an executed notebook, dictionaries."""
    return [verdict for _, output in outputs(notebook) for verdict in output.get("data", {}).get(MIMETYPE, [])]


def save_figure(cell, name):
    (image,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    folder = ROOT / "results" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    os.environ |= {"INTRIGUING_PRESET": "quick", "TQDM_DISABLE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    for path in [Path(name).resolve() for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(f"executing {path.name}", flush=True)
        refresh(path)
    save_verdicts()

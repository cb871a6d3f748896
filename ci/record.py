"""Make a record again: `python ci/record.py NAME` executes the notebook in which `study("NAME", ...)` stands, up to that call.

There it trains everything that the study describes, under the preset quick, and writes results/NAME.csv and NAME.json; the
notebook's other studies give what was recorded before. The runs go through the cache, so a recording that was interrupted
goes on where it stopped, and several processes may share one. CIFAR-10 is downloaded, or read from INTRIGUING_CIFAR10.

`python ci/record.py --device cuda [NAME ...]` makes what takes a GPU a night, into results/cuda/: see ci/night.py.
"""
import argparse
import os
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
STUDY = re.compile(r'\bstudy\(\s*"(\w+)"')


def studies():
    """{name: notebook} of every study."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {name: path for path in notebooks for cell in code_cells(path) for name in STUDY.findall(cell)}


def code_cells(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def record(name, notebook):
    """The study's table, from the notebook's own cells.

    A cell that judges or draws what only a reader's own runs have can't do so here: it is named, and the next one follows.
    """
    os.environ |= {"INTRIGUING_PRESET": "quick", "MPLBACKEND": "agg"}
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    from intriguing_lib import studies
    studies.recording = name
    shell = InteractiveShell.instance()
    shell.showtraceback = lambda *args, **settings: None
    shell.display_trap.hook = lambda value: None  # what a cell's last line gives is not shown, nor are its figures
    with capture_output(stdout=False, stderr=False):
        for number, source in enumerate(code_cells(notebook)):
            result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
            if name in studies.made:
                return studies.made[name]
            if error is not None:
                if name in STUDY.findall(source):
                    raise error
                print(f"code cell {number} was left: {type(error).__name__}: {error}")
    raise SystemExit(f"{notebook.name} was executed to its end and never came to study({name!r}, ...).")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--forecast", action="store_true", help="with --device cuda: how long it takes; needs no GPU")
    parser.add_argument("--stand-in", action="store_true", help="with --device cuda: try the whole list on a CPU, tiny")
    arguments = parser.parse_args()
    if arguments.device == "cuda":
        import night
        sys.exit(night.main(arguments.names, arguments.forecast, arguments.stand_in))
    if arguments.forecast or arguments.stand_in:
        parser.error("--forecast and --stand-in belong to --device cuda.")
    record_study(arguments.names[0] if len(arguments.names) == 1 else "")


def record_study(name):
    known = studies()
    if name not in known:
        sys.exit(f"{__doc__}\nNAME is one of: {', '.join(known)}")
    table = record(name, known[name])
    from intriguing_lib.records import write
    print(f"{write(name, table, known[name].stem).relative_to(ROOT)}: {len(table)} runs")


if __name__ == "__main__":
    main()

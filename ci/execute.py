"""Execute the notebooks in order with papermill: `python ci/execute.py [NOTEBOOK ...]`; all of notebooks/ by default.

The preset is the environment's INTRIGUING_PRESET, or quick. Executed copies go to build/notebooks/, their figures to
build/figures/. A failing notebook doesn't stop the others; its failing cell is shown at the end, and the exit status is 1.

Where every notebook was executed before under this preset its runs are in the cache, and as many go at once as there are cores:
what is left is start-up and drawing, on one core a notebook. A first time they go one by one, since each trains on all cores.
"""
import base64
import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
QUIET_KERNEL = ["--log-level=CRITICAL"]  # or it warns of its transport, or says how it was stopped, in the middle of a line


def main():
    notebooks = [Path(name).resolve() for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    preset = os.environ.get("INTRIGUING_PRESET") or "quick"
    os.environ["TQDM_DISABLE"] = "1"  # inherited by the kernels: no progress bars in the executed copies
    os.environ["INTRIGUING_STRICT"] = "1"  # under quick, another verdict on a claim than the committed one is a failure
    logging.getLogger("papermill").setLevel(logging.ERROR)
    for folder in ("notebooks", "figures"):
        (BUILD / folder).mkdir(parents=True, exist_ok=True)
    print(f"{len(notebooks)} notebook{'s'[:len(notebooks) > 1]}, preset {preset}", flush=True)
    failures = []
    workers = at_once(notebooks, preset)
    with ThreadPoolExecutor(workers) as pool:
        outcomes = (pool.map if workers > 1 else map)(partial(timed, preset=preset), notebooks)
        for number, notebook in enumerate(notebooks, 1):
            print(f"[{number}/{len(notebooks)}] {notebook.stem} ...", end=" ", flush=True)
            error, seconds = next(outcomes)
            figures = save_figures(notebook)
            print(f"{'failed after ' if error else ''}{seconds:.0f} s, {figures} figures", flush=True)
            if error:
                failures.append((notebook, error))
    for notebook, error in failures:
        print(f"\n{'=' * 20} {notebook.name} failed\n{explain(error)}")
    where = BUILD.relative_to(ROOT)
    print(f"{len(notebooks) - len(failures)} of {len(notebooks)} succeeded; executed copies in {where}/notebooks/, "
          f"figures in {where}/figures/")
    return 1 if failures else 0


def at_once(notebooks, preset):
    """How many of these to execute at a time: as many as there are cores where all were executed before, else one."""
    return os.cpu_count() if all(done_before(path, preset) for path in notebooks) else 1


def done_before(notebook, preset):
    """Whether the last course executed this notebook to its end under this preset."""
    if not executed(notebook).exists():
        return False
    last = nbformat.read(executed(notebook), as_version=4).metadata.get("papermill", {})
    return last.get("parameters") == {"preset": preset} and last.get("exception") is None


def timed(notebook, preset):
    """(what stopped it, or None; seconds)"""
    start = time.monotonic()
    return execute(notebook, preset), time.monotonic() - start


def execute(notebook, preset, copy=None):
    """Execute one notebook in its own folder, to its copy in build/ or to another; returns what stopped it, or None."""
    try:
        papermill.execute_notebook(notebook, copy or executed(notebook), parameters={"preset": preset}, kernel_name="python3",
                                   cwd=notebook.parent, progress_bar=False, request_save_on_cell_execute=False,
                                   extra_arguments=QUIET_KERNEL)
    except Exception as error:  # whatever stops one notebook (a cell, a dead kernel, a bad file), the others still run
        return error


def executed(notebook):
    return BUILD / "notebooks" / notebook.name


def save_figures(notebook):
    """Write the executed copy's figures as PNG and GIF files; returns how many there are."""
    for old in (BUILD / "figures").glob(f"{notebook.stem}_*"):
        old.unlink()
    if not executed(notebook).exists():
        return 0
    cells = nbformat.read(executed(notebook), as_version=4).cells
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    images = [(kind, data[f"image/{kind}"]) for data in outputs for kind in ("png", "gif") if f"image/{kind}" in data]
    for number, (kind, image) in enumerate(images, 1):
        (BUILD / "figures" / f"{notebook.stem}_{number}.{kind}").write_bytes(base64.b64decode(image))
    return len(images)


def explain(error):
    if isinstance(error, PapermillExecutionError):
        return f"in cell {error.exec_count}:\n\n{error.source}\n\n{error.ename}: {error.evalue}"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())

"""Run every check on a folder of students' notebooks: `python ci/grade.py FOLDER`; writes FOLDER/grades.csv and prints a table.

A notebook lies in its student's folder, FOLDER/ada/01_contrastive_learning_from_scratch.ipynb, or in FOLDER itself under the
student's name, FOLDER/ada.ipynb. Each row of the CSV is an exercise: right, wrong with the check's sentence, not solved,
missing (neither function nor check is there), crashed or out of time (the notebook's process ended before it was judged).

Each notebook runs from its first cell to its last under the preset smoke, as many at a time as there are cores, each in a
process of its own with a working folder, a home and a cache of its own, which are deleted; after LIMIT_SECONDS it is ended with
all its children, and what was judged until then counts. What a notebook prints has no say: the library's check is called here.

This keeps accidents from one another. It is no sandbox: a notebook can do what you can, so grade strangers' code in a
container or under another user, and a student who wants to forge a row of their own can.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd
import psutil
from classroom import course, stubs_in

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 300
LIMIT_WRITTEN = 2**30  # bytes in the notebook's own folders
LARGEST_NOTEBOOK = 50 * 2**20
COLUMNS = ["student", "file", "notebook", "exercise", "verdict", "says", "first_failure"]
interrupted = threading.Event()


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("python ci/grade.py FOLDER needs a folder with STUDENT/NOTEBOOK.ipynb or STUDENT.ipynb in it.")
    folder = Path(sys.argv[1]).resolve()
    handed_in = submissions(folder)
    if not handed_in:
        sys.exit(f"There is no notebook in {folder}, nor in a folder in it: STUDENT/NOTEBOOK.ipynb or STUDENT.ipynb.")
    rows = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        waiting = {pool.submit(graded, student, path): path for student, path in handed_in}
        for number, done in enumerate(as_completed(waiting), 1):
            rows += done.result()
            table = pd.DataFrame(rows, columns=COLUMNS).sort_values(["notebook", "student", "file"], kind="stable")
            table.to_csv(folder / "grades.csv", index=False)
            print(f"[{number}/{len(handed_in)}] {waiting[done].relative_to(folder)}: {in_short(done.result())}", flush=True)
    except BaseException:
        interrupted.set()  # and the notebooks that are running are ended
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    for notebook, of_it in table[table["exercise"] != ""].groupby("notebook"):
        print(f"\n{notebook}\n{side_by_side(of_it).to_string()}")
    print(f"\nwith each check's sentence in {folder / 'grades.csv'}")
    return 0


def submissions(folder):
    """(student, path) of every notebook."""
    flat = [(path.stem, path) for path in folder.glob("*.ipynb")]
    nested = [(path.parent.name, path) for path in folder.glob("*/*.ipynb") if not path.parent.name.startswith(".")]
    return sorted(pair for pair in flat + nested if pair[1].is_file())


def graded(student, path):
    """The rows of one notebook, whatever is in it."""
    def row(exercise, verdict, says="", notebook="", first_failure=""):
        return dict(zip(COLUMNS, (student, path.name, notebook, exercise, verdict, says, first_failure), strict=True))

    try:
        notebook = read(path)
    except Exception as error:  # there are many ways not to be a notebook
        return [row("", "not readable", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")]
    name = recognised(path, notebook)
    if not name:
        return [row("", "not of the course", "neither its name nor one of its cells is known.")]
    stubs = course_notebooks()[name]["stubs"]
    if not stubs:
        return [row("", "no exercise", "the course has none in this notebook.", name)]
    events, ended, why = run(path, stubs)
    judged = {event["exercise"]: event["problem"] for event in events if "exercise" in event}
    if ended:
        why += f" That was {last_cell(events)}."
    return [row(exercise, *verdict(judged, exercise, ended, why), name, first_failure(events, ended)) for exercise in stubs]


def read(path):
    if path.stat().st_size > LARGEST_NOTEBOOK:
        raise ValueError(f"it has more than {LARGEST_NOTEBOOK / 2**20:.0f} MB")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


@cache
def course_notebooks():
    """{name: its stubs, and the cells that no other notebook has}"""
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in course()}
    cells = {name: {cell.source for cell in notebook.cells} for name, notebook in notebooks.items()}
    return {name: {"stubs": stubs_in(notebook),
                   "cells": cells[name].difference(*(cells[other] for other in cells if other != name))}
            for name, notebook in notebooks.items()}


def recognised(path, notebook):
    """The course's notebook of this name, or the one with which it has most cells in common; or None."""
    known, sources = course_notebooks(), {cell.source for cell in notebook.cells}
    if path.stem in known:
        return path.stem
    common = {name: len(sources & of["cells"]) for name, of in known.items()}
    nearest = max(common, key=common.get)
    return nearest if common[nearest] else None


def verdict(judged, exercise, ended, why):
    """(in a word or two, the sentence)"""
    if exercise not in judged:
        return ended or "missing", why
    problem = judged[exercise]
    if problem is None:
        return "right", ""
    return ("not solved", "") if problem.startswith("not solved") else ("wrong", problem)


def first_failure(events, ended):
    """The first cell that failed, counted as Jupyter counts when it runs all, or the one in which the process ended."""
    started = {event["cell"]: event["line"] for event in events if "cell" in event}
    failed = next((event for event in events if "failed" in event), None)
    if failed:
        return f"In [{failed['failed']}] {started[failed['failed']]}: {failed['error']}"
    return ended and f"{last_cell(events)}: {ended}"


def last_cell(events):
    """The cell that a process was at when it ended."""
    started = [f"In [{event['cell']}] {event['line']}" for event in events if "cell" in event]
    return started[-1] if started else "before its first cell"


def run(path, stubs):
    """(what ci/judge.py told; if its process didn't come to the end, in a word and in a sentence how it ended)"""
    with tempfile.TemporaryDirectory(prefix="graded-", ignore_cleanup_errors=True) as folder:
        own = {name: Path(folder) / name for name in ("work", "home", "cache", "temporary")}
        for each in own.values():
            each.mkdir()
        with open(Path(folder) / "events", "w+", encoding="utf-8", errors="replace") as events:  # open, if a cell deletes it
            command = [sys.executable, ROOT / "ci" / "judge.py", path, events.name, json.dumps(stubs)]
            silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            process = subprocess.Popen(command, cwd=own["work"], env=environment(own), start_new_session=True, **silent)
            try:
                ended = wait(process, folder, time.monotonic() + LIMIT_SECONDS)
            finally:
                end_with_children(process, own["cache"])
            told = [parsed for line in events.read().splitlines() if (parsed := event(line))]
    return told, *(("", "") if {"ended": True} in told else ended)


def environment(own):
    """Of the teacher's own no more than it takes to start Python: no keys, no home."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "HOME": str(own["home"]), "USERPROFILE": str(own["home"]), "INTRIGUING_CACHE": str(own["cache"]),
        "TMPDIR": str(own["temporary"]), "TEMP": str(own["temporary"]), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1",
        "INTRIGUING_PRESET": "smoke", "MPLBACKEND": "agg", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": ""}


def wait(process, folder, until):
    """Until the process ends, or has to be ended: in a word and in a sentence, how."""
    while process.poll() is None:
        if time.monotonic() > until or interrupted.is_set():
            return "out of time", f"its notebook had not come to the end after {LIMIT_SECONDS} s."
        if written(folder) > LIMIT_WRITTEN:
            return "crashed", f"its notebook wrote more than {LIMIT_WRITTEN / 2**30:.1g} GB."
        time.sleep(0.2)
    return "crashed", f"its notebook's process ended by itself, with status {process.returncode}."


def written(folder):
    """Bytes of all files in a folder, some of which may vanish meanwhile."""
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(Path(where) / name).st_size
    return total


def end_with_children(process, own_cache):
    """The process, its group, and what has left the group: whoever has this notebook's cache in the environment."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for _ in range(10):  # one that forks while it is ended leaves a child
        left = [other for other in psutil.process_iter() if started_by(other, own_cache)]
        for other in left:
            with contextlib.suppress(psutil.Error):
                other.kill()
        if not left:
            return


def started_by(process, own_cache):
    with contextlib.suppress(psutil.Error, OSError):
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("INTRIGUING_CACHE") == str(own_cache)
    return False


def event(line):
    """A line of ci/judge.py's; None where a process that was ended has left half of one."""
    with contextlib.suppress(ValueError):
        return json.loads(line)


def in_short(rows):
    if not rows[0]["exercise"]:
        return f"{rows[0]['verdict']}: {rows[0]['says']}"
    right = sum(row["verdict"] == "right" for row in rows)
    failure = rows[0]["first_failure"]
    return f"{right} of {len(rows)} right" + (f"; first failing cell {failure[:90]}" if failure else "")


def side_by_side(table):
    """A row a student and file, a column an exercise, in the notebook's order."""
    wide = table.pivot(index=["student", "file"], columns="exercise", values="verdict")
    return wide[list(dict.fromkeys(table["exercise"]))].rename_axis(columns=None)


if __name__ == "__main__":
    sys.exit(main())

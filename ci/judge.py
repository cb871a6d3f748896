"""One notebook of a student's, run and judged in this process, which `ci/grade.py` starts and ends:

    python ci/judge.py NOTEBOOK EVENTS '{"nt_xent": "my_nt_xent", ...}'

Adds a line of JSON to EVENTS for each thing that happens, when it happens: a cell begins, a cell has failed, an exercise is
judged, the end. This is no sandbox: what a student writes runs in this very process, and whoever wants to forge an event can.
"""
import contextlib
import json
import os
import sys

import nbformat
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from intriguing_lib.course import checks
from intriguing_lib.course.calls import first_line

LIBRARYS_OWN = "this is the library's own function, handed in as if it were the student's."
MEMORY, FILE, CPU_SECONDS = 8 * 2**30, 2**28, 900  # at most, where the system has limits
problem_with = checks.problem_with  # kept before any cell can put another in its place


def main():
    notebook, events, stubs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells
             if cell.cell_type == "code" and cell.source.strip()]
    tell, judged = teller(events), set()

    def judge(attempt, exercise):
        """In the place of the library's, so that a notebook's own `check(...)` tells what it found."""
        problem = LIBRARYS_OWN if attempt is exercise.answer else problem_with(attempt, exercise)
        name = next(name for name, known in checks.EXERCISES.items() if known is exercise)
        judged.add(name)
        tell(exercise=name, problem=problem)
        return problem

    checks.problem_with = judge
    limit()
    names = run(cells, tell)
    for exercise, stub in stubs.items():
        if exercise not in judged and stub in names:
            judge(names[stub], checks.EXERCISES[exercise])
    tell(ended=True)
    os._exit(0)  # no thread that a cell has left behind is waited for


def teller(events):
    """Writes an event at once, so that it stays if this process is ended; a process that a cell has forked writes none."""
    file, own = os.open(events, os.O_WRONLY | os.O_APPEND), os.getpid()

    def tell(**event):
        if os.getpid() == own:
            os.write(file, json.dumps(event).encode() + b"\n")

    return tell


def limit():
    """What Windows hasn't, it goes without."""
    with contextlib.suppress(ImportError):
        import resource
        for what, most in {"RLIMIT_AS": MEMORY, "RLIMIT_FSIZE": FILE, "RLIMIT_CPU": CPU_SECONDS, "RLIMIT_CORE": 0}.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, what), (most, most))


def run(cells, tell):
    """Run cells one after another, going on after one that fails, always under smoke; returns the names that they leave."""
    HistoryManager.enabled = False
    shell = InteractiveShell.instance()
    for number, source in enumerate(cells, 1):
        tell(cell=number, line=source.strip().splitlines()[0])
        shell.user_ns["preset"] = "smoke"
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error:
            tell(failed=number, error=first_line(error))
    return shell.user_ns


if __name__ == "__main__":
    main()

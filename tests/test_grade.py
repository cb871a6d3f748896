"""`ci/grade.py`: five students who do their best and their worst, and nobody costs anybody else a row."""
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest

from intriguing_lib.course.checks import EXERCISES
from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import classroom  # noqa: E402 (lies in ci/)
import grade  # noqa: E402

NAME = "01_contrastive_learning_from_scratch"
WRONG = {
    "cosine_similarities": "def my_cosine_similarities(z):\n    return z @ z.T",
    "nt_xent": "from intriguing_lib.mistakes import self_kept as my_nt_xent",
    "training_step": "def my_training_step(model, optimizer, x1, x2, temperature):\n    raise SystemExit('enough')",
    "negative_shares": "def my_negative_shares(z1, z2, temperature):\n    return nt_xent(z1, z2, temperature)",
}
ENDLESS = "while True: pass  # for ever"


def exercises(solve):
    """Of the course's notebook the parameters, the set-up, the imports and the exercises' cells alone: their sources."""
    notebook = nbformat.read(CLONE / "notebooks" / f"{NAME}.ipynb", as_version=4)
    stubs = list(classroom.stubs_in(notebook).values())
    kept = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and (
        i in (1, 2, 3) or any(f"def {stub}(" in cell.source or f", {stub})" in cell.source for stub in stubs))]
    if solve:
        notebook = classroom.solved(notebook)
    return [notebook.cells[i].source for i in kept]


def checks_of(exercise):
    return f'check("{exercise}", my_{exercise})'


def hand_in(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)


def five(folder):
    """All right, all wrong, one crashes, one never ends, one deletes cells; and three files that can't be graded."""
    right = exercises(solve=True)
    start, (cosines, check_cosines, loss, check_loss, step, _, _) = right[:3], right[3:]
    hand_in(folder / "ada" / f"{NAME}.ipynb", right)
    hand_in(folder / "bob.ipynb", [*exercises(solve=False)[:3], *(f"{WRONG[e]}\n{checks_of(e)}" for e in WRONG)])
    hand_in(folder / "cyd" / f"{NAME}.ipynb", [
        *start, "no_such_name", "input('your name?')", cosines, check_cosines,
        loss, "import os\nos._exit(3)", check_loss, step])
    hand_in(folder / "dan.ipynb", [
        *start, cosines, check_cosines, "import os, subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\nos.fork()",
        loss, check_loss, ENDLESS, step])
    hand_in(folder / "eve" / f"{NAME}.ipynb", [
        *start, "import os, shutil\nshutil.rmtree(os.path.dirname(os.getcwd()))", cosines,
        "from intriguing_lib.course import checks\nchecks.problem_with = lambda *_: None\n"
        "def check(name, attempt):\n    print(f'✓ {name}: right.')\n    return attempt", WRONG["nt_xent"], check_loss,
        exercises(solve=False)[8]])
    (folder / "fay.ipynb").write_text("{not JSON", encoding="utf-8")
    hand_in(folder / "gil.ipynb", ["print('a notebook of mine')"])
    hand_in(folder / "hal" / "00_start_here.ipynb", ["1"])


@pytest.fixture
def graded(tmp_path, monkeypatch, capsys):
    """The table of the five, in which whoever is in an endless cell is out of time a second later; and what was printed."""
    wait = grade.wait

    def wait_for_the_endless_cell(process, folder, until):
        events = Path(folder) / "events"
        while process.poll() is None and not (events.exists() and ENDLESS in events.read_text(encoding="utf-8")):
            if not events.exists():
                return wait(process, folder, until)
            time.sleep(0.1)
        return wait(process, folder, time.monotonic() + 1)

    five(tmp_path)
    monkeypatch.setattr(grade, "wait", wait_for_the_endless_cell)
    monkeypatch.setattr(sys, "argv", ["grade.py", str(tmp_path)])
    assert grade.main() == 0
    table = pd.read_csv(tmp_path / "grades.csv", keep_default_na=False)
    return {student: of.set_index("exercise") for student, of in table.groupby("student")}, capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "fork"), reason="one of the five forks")
def test_nobody_costs_anybody_else_a_row(graded):
    table, printed = graded
    verdicts = {student: list(of["verdict"]) for student, of in table.items()}
    assert verdicts == {
        "ada": ["right"] * 4,
        "bob": ["wrong"] * 4,
        "cyd": ["right", "crashed", "crashed", "crashed"],
        "dan": ["right", "right", "out of time", "out of time"],
        "eve": ["right", "wrong", "missing", "not solved"],
        "fay": ["not readable"], "gil": ["not of the course"], "hal": ["no exercise"]}
    assert list(table["ada"].index) == list(WRONG), "in the notebook's order"
    dot_products = next(iter(EXERCISES["cosine_similarities"].mistakes))
    assert table["bob"].loc["cosine_similarities", "says"] == f"not yet: {dot_products}", "the check's own sentence"
    for student in ("bob", "eve"):
        assert "row i still competes with itself" in table[student].loc["nt_xent", "says"]
    assert "SystemExit: enough" in table["bob"].loc["training_step", "says"]
    assert table["ada"]["first_failure"].eq("").all()
    assert table["cyd"]["first_failure"].str.startswith("In [4] no_such_name: NameError").all()
    assert "with status 3. That was In [9] import os." in table["cyd"].loc["nt_xent", "says"]
    assert table["dan"]["first_failure"].str.startswith(f"In [9] {ENDLESS}: out of time").all()
    assert f"ada/{NAME}.ipynb: 4 of 4 right" in printed and f"\n{NAME}\n" in printed
    assert not [process for process in psutil.process_iter(["environ"])
                if "graded-" in str((process.info["environ"] or {}).get("HOME"))], "children are ended too"


def test_a_notebook_under_another_name_is_known_by_its_cells():
    right = exercises(solve=True)
    cells = [nbformat.v4.new_code_cell(cell) for cell in right]
    known = nbformat.v4.new_notebook(cells=cells)
    assert grade.recognised(Path("01_homework (2).ipynb"), known) == NAME
    assert grade.recognised(Path("ada.ipynb"), nbformat.v4.new_notebook(cells=cells[:2])) is None, "all have this set-up cell"


def process_that(code, folder):
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, start_new_session=True,
                            env=os.environ | {"INTRIGUING_CACHE": str(folder)})


def test_who_writes_without_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "LIMIT_WRITTEN", 10**6)
    process = process_that("import time\nfor i in range(10**6):\n    open(str(i), 'wb').write(bytes(10**5))\n"
                           "    time.sleep(0.01)", tmp_path)
    verdict, why = grade.wait(process, tmp_path, time.monotonic() + 60)
    grade.end_with_children(process, tmp_path)
    assert verdict == "crashed" and "wrote more than" in why
    assert process.poll() is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_a_child_that_left_the_group_is_ended_with_its_parent(tmp_path):
    process = process_that("import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
                           "        open('pid', 'w').write(str(os.getpid()))\n        time.sleep(600)\n    os._exit(0)\n"
                           "while True: time.sleep(1)", tmp_path)
    pid = tmp_path / "pid"
    while not pid.exists() or not pid.read_text(encoding="utf-8"):
        time.sleep(0.05)
    orphan = psutil.Process(int(pid.read_text(encoding="utf-8")))
    grade.end_with_children(process, tmp_path)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_memory_and_files_have_limits_where_the_system_knows_them(tmp_path):
    pytest.importorskip("resource")
    code = ("import judge\njudge.FILE, judge.MEMORY = 10**5, 3 * 10**10\njudge.limit()\n"
            "try:\n    open('large', 'wb').write(bytes(10**6))\nexcept OSError: print('no larger file')\n"
            "try:\n    bytearray(4 * 10**10)\nexcept MemoryError: print('no more memory')\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8",
                          env=os.environ | {"PYTHONPATH": f"{CLONE}{os.pathsep}{CLONE / 'ci'}"})
    assert done.stdout.split("\n")[:2] == ["no larger file", "no more memory"]


@pytest.mark.parametrize("arguments, says", [([], "needs a folder"), (["none"], "needs a folder"), (["."], "no notebook in")])
def test_a_folder_without_notebooks_is_one_sentence(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["grade.py", *arguments])
    with pytest.raises(SystemExit, match=says):
        grade.main()

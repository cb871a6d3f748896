"""The commands behind the Makefile: what they say when something goes wrong, and that they harm nothing."""
import importlib.util
import os
import subprocess
import sys
import threading

import nbformat
import pandas as pd
import pytest

from intriguing_lib import records
from intriguing_lib.descriptions import settings
from intriguing_lib.measures import measured_on
from intriguing_lib.paths import CLONE
from intriguing_lib.runs import run

sys.path.append(str(CLONE / "ci"))  # a script there may import another

def script(name):
    spec = importlib.util.spec_from_file_location(name, CLONE / "ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(path, *cells):
    code_cell = nbformat.v4.new_code_cell
    cells = [code_cell("preset = None", metadata={"tags": ["parameters"]}), *map(code_cell, cells)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return str(path)


def test_a_failing_notebook_is_explained_at_the_end_and_the_others_run(tmp_path, monkeypatch, capsys):
    execute = script("execute")
    good_cell = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\nassert preset == 'smoke'"
    paths = [notebook(tmp_path / "a_bad.ipynb", "width = 0", "1 / width"), notebook(tmp_path / "b_good.ipynb", good_cell),
             str(tmp_path / "c_missing.ipynb")]
    monkeypatch.setattr(execute, "BUILD", tmp_path / "build")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["execute.py", *paths])
    monkeypatch.setenv("INTRIGUING_PRESET", "smoke")
    assert execute.main() == 1
    progress, *failures = capsys.readouterr().out.split("=" * 20)
    assert "[1/3] a_bad ... failed after" in progress and "[3/3] c_missing ... failed after" in progress
    assert "[2/3] b_good ... " in progress and "1 figures" in progress and "preset smoke" in progress
    assert "a_bad.ipynb failed" in failures[0] and "1 / width" in failures[0] and "ZeroDivisionError" in failures[0]
    assert "c_missing.ipynb failed" in failures[1] and "1 of 3 succeeded" in failures[1]
    assert (tmp_path / "build" / "figures" / "b_good_1.png").exists()


def test_notebooks_whose_last_copies_are_complete_run_side_by_side(tmp_path, monkeypatch, capsys):
    execute = script("execute")
    monkeypatch.setattr(execute, "BUILD", tmp_path / "build")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = [notebook(tmp_path / f"{name}.ipynb", "1") for name in "ab"]
    monkeypatch.setattr(sys, "argv", ["execute.py", *paths])
    both_are_running = threading.Barrier(2, timeout=1)

    def stands_in(path, preset):  # writes what papermill would
        try:
            both_are_running.wait()
        except threading.BrokenBarrierError as error:
            return error
        finally:
            copy = nbformat.read(path, as_version=4)
            copy.metadata["papermill"] = {"parameters": {"preset": preset}, "exception": None}
            nbformat.write(copy, execute.executed(path))

    monkeypatch.setattr(execute, "execute", stands_in)
    monkeypatch.setenv("INTRIGUING_PRESET", "smoke")
    assert execute.main() == 1, "the first time one waits in vain for the other"
    both_are_running.reset()
    assert execute.main() == 0
    monkeypatch.setenv("INTRIGUING_PRESET", "quick")
    both_are_running.reset()
    assert execute.main() == 1, "under another preset nothing is in the cache"
    unfinished = nbformat.read(execute.executed(tmp_path / "b.ipynb"), as_version=4)
    unfinished.metadata.papermill.exception = True
    nbformat.write(unfinished, execute.executed(tmp_path / "b.ipynb"))
    assert not execute.done_before(tmp_path / "b.ipynb", "quick") and execute.done_before(tmp_path / "a.ipynb", "quick")


def test_runs_outside_the_band_of_their_recorded_seeds_are_named(experiment, some_digits, tmp_path, monkeypatch, capsys):
    compare = script("compare")
    value = run(experiment, measured_on(some_digits[1])).metrics["linear"]
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path)
    monkeypatch.setattr(compare, "shipped", lambda folder: tmp_path)
    for shift, status, words in ((0.0, 0, "1 runs compared with recorded ones, 0 outside"), (0.2, 1, "toy (run ")):
        rows = [{"condition": "toy", **settings(experiment), "seed": seed, "linear": value + shift + 0.002 * seed}
                for seed in range(5)]
        records.write("toy", pd.DataFrame(rows), "a notebook")
        assert compare.main() == status
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("flags, encoding", [([], "ascii"), ([], "cp1252"), (["-OO"], "utf-8")])
def test_the_command_line_works_in_any_encoding_and_without_docstrings(flags, encoding):
    command, environment = [sys.executable, *flags, "-m", "intriguing_lib"], os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([*command, "doctor"], cwd=CLONE, env=environment, capture_output=True)
    assert done.returncode == 0 and b"fashion train" in done.stdout and not done.stderr
    done = subprocess.run([*command, "nothing"], cwd=CLONE, env=environment, capture_output=True)
    assert done.returncode == 1 and b"There is no such command" in done.stderr and b"export FILE.csv" in done.stderr
    done = subprocess.run([sys.executable, *flags, "ci/make.py"], cwd=CLONE, env=environment, capture_output=True)
    assert done.returncode == 1 and b"course" in done.stderr


def test_lab_copies_what_is_new_without_our_results_and_never_overwrites(tmp_path, monkeypatch, capsys):
    make = script("make")
    started = []
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "run", lambda *command: started.append(command) or 0)
    (tmp_path / "notebooks").mkdir()
    for name in ("00.ipynb", "01.ipynb"):
        path = notebook(tmp_path / "notebooks" / name, "1 + 1")
        content = nbformat.read(path, as_version=4)
        shown = nbformat.v4.new_output("execute_result", data={"text/plain": "2"})
        content.cells[1] |= {"outputs": [shown], "execution_count": 7}
        nbformat.write(content, path)
    (tmp_path / "my_notebooks").mkdir()
    (tmp_path / "my_notebooks" / "00.ipynb").write_text("mine", encoding="utf-8")
    assert make.lab(["--no-browser"]) == 0
    assert (tmp_path / "my_notebooks" / "00.ipynb").read_text(encoding="utf-8") == "mine"
    copied = nbformat.read(tmp_path / "my_notebooks" / "01.ipynb", as_version=4)
    assert [(c.source, c.outputs, c.execution_count) for c in copied.cells] == [
        ("preset = None", [], None), ("1 + 1", [], None)]
    assert copied.cells[0].metadata.tags == ["parameters"]
    assert "copied 01.ipynb" in capsys.readouterr().out and started[0][-1] == "--no-browser"
    assert "--LabApp.default_url=/lab/tree/my_notebooks/00_start_here.ipynb" in started[0]


def test_the_site_is_built_in_an_environment_of_its_own_which_is_made_once(tmp_path, monkeypatch):
    make, ran = script("make"), []
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "set_up", lambda: pytest.fail("the site needs no .venv"))
    monkeypatch.setattr(make.venv, "create", lambda own, **options: own.mkdir(exist_ok=True))
    monkeypatch.setattr(make.subprocess, "run", lambda command, **options: ran.append(command) or subprocess.CompletedProcess(
        command, int(fails and "pip" in command)))
    monkeypatch.setattr(sys, "argv", ["make.py", "site"])
    (tmp_path / "ci" / "site").mkdir(parents=True)
    wanted = tmp_path / "ci" / "site" / "requirements.txt"
    wanted.write_text("sphinx\n", encoding="utf-8")
    for fails, calls in ((True, ["pip"]), (False, ["pip", "build"]), (False, ["build"])):
        ran.clear()
        with pytest.raises(SystemExit, match="Set-up failed" if fails else "^0$"):
            make.main()
        assert ["pip" if "pip" in command else "build" for command in ran] == calls
        assert all(command[0].is_relative_to(tmp_path / ".venv-site") for command in ran)
    wanted.write_text("sphinx>=8\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        make.main()
    assert "pip" in ran[-2], "other requirements, another environment"


def test_unknown_commands_show_the_help(monkeypatch):
    make = script("make")
    monkeypatch.setattr(sys, "argv", ["make.py", "curse"])
    with pytest.raises(SystemExit, match="(?s)course .*test .*lab"):
        make.main()

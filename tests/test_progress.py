"""What somebody who waits gets to see: a bar that moves within runs, and one line where they interrupt."""
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from intriguing_lib import cache, progress, runs, sweeps
from intriguing_lib.losses import nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.runs import run
from intriguing_lib.sweeps import sweep
from tests.waiting import soon


@pytest.fixture
def watched(monkeypatch, capsys):
    """As in a notebook: what the bar shows now is the last thing on a line that is written over and over."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    return lambda: capsys.readouterr().out.rstrip().split("\r")[-1]


def test_a_sweeps_bar_counts_the_steps_that_are_left(experiment, watched):
    run(experiment, on_report=lambda step, loss: None)
    sweep([experiment, replace(experiment, seed=1), replace(experiment, seed=2), replace(experiment, steps=0)])
    assert f"| {2 * experiment.steps}/{2 * experiment.steps} [" in watched()
    sweep([experiment])
    assert watched() == "1 runs, all loaded from the cache."


def test_the_bar_moves_within_a_run_wherever_it_runs(watched, monkeypatch):
    monkeypatch.setattr(progress, "LOOK_EVERY", 0.02)
    with progress.progress_of([30, 100, 0]) as (first, second, _):
        child = "import pathlib, sys; from intriguing_lib.progress import *; StepsDone(pathlib.Path(sys.argv[1]))(40, 1)"
        subprocess.run([sys.executable, "-c", child, second.file], check=True)
        assert soon(lambda: "| 40/130 [" in watched())
        first(30)
        second.file.write_bytes(b"")  # as it is while the other process writes
        assert soon(lambda: "| 70/130 [" in watched())
        second(500)  # more than announced: an earlier attempt is told again
    assert "| 130/130 [" in watched()
    second(60)  # its folder is gone, as it is on another machine


def test_nobody_watches_no_bar(experiment, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    sweep([experiment])
    assert "step" not in capsys.readouterr().out.replace("steps", "")


def test_what_an_earlier_attempt_has_done_is_told_again(experiment):
    """So that a curve drawn while it trains shows its left part too."""
    e, told, stopped = replace(experiment, steps=45), [], []

    def stop(step, loss):
        stopped.append((step, loss))
        if step == 30:
            raise KeyboardInterrupt

    saving = cache.Checkpoint(e.key)
    with pytest.raises(runs.Interrupted), pytest.MonkeyPatch.context() as patch:
        patch.setattr("intriguing_lib.train.CHECKPOINT_SECONDS", 0)
        patch.setattr("intriguing_lib.train.CHECKPOINT_SHARE", 1e9)
        run(e, on_report=stop)
    assert saving.path.exists()
    run(e, on_report=lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == [10, 20, 30, 40, 45] and told[:2] == stopped[:2]


@pytest.mark.parametrize("how", [run, lambda e: sweep([e])])
def test_an_interruption_is_one_line(how, experiment, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", interrupted)
    monkeypatch.setattr(sweeps, "train", lambda *arguments: None)  # the forecast's
    own = replace(experiment, objective=Contrastive(lambda z1, z2, generator: nt_xent(z1, z2, 0.2)))
    for e, ending in ((experiment, "goes on from there."), (own, "aren't kept and begin again.")):
        shell = InteractiveShell()
        monkeypatch.setattr(sys, "stdout", shown := io.StringIO())
        shell.push({"how": how, "e": e})
        assert isinstance(shell.run_cell("how(e)").error_in_exec, KeyboardInterrupt)
        line = shown.getvalue().strip().split("\n")[-1]
        assert line.startswith("Interrupted. What was trained is kept") and line.endswith(ending)
        assert "Traceback" not in shown.getvalue()


def test_interrupted_workers_leave_no_traceback(tmp_path):
    script = textwrap.dedent("""
        import signal, sys
        from dataclasses import replace
        import joblib
        from intriguing_lib import sweeps
        from intriguing_lib.experiments import Experiment
        from intriguing_lib.images import digits
        from intriguing_lib.views import digit_view
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sweeps.WORKERS_PAY, joblib.cpu_count = 0, lambda: 2
        e = Experiment(digits("train", "cpu"), digit_view(), steps=100_000)
        try:
            sweeps.sweep([replace(e, seed=seed) for seed in range(3)])
        except KeyboardInterrupt as interruption:
            print(interruption)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, encoding="utf-8", stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=os.environ | {"INTRIGUING_CACHE": str(tmp_path)})
    while process.poll() is None and len(list(tmp_path.glob("*.checkpoint"))) < 2:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert said.strip().split("\n")[-1].startswith("Interrupted. What was trained is kept")
    assert "Traceback" not in complained and complained.count("\n") <= 2  # Python's own word on semaphores, as the script ends

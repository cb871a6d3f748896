"""The cache: what is kept, what a damaged or foreign file leads to, and what an interruption or a neighbour costs."""
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
import torch

from intriguing_lib import paths, records, train
from intriguing_lib.composites import RandBits
from intriguing_lib.experiments import run, sweep
from intriguing_lib.objectives import Supervised
from intriguing_lib.paths import CLONE
from intriguing_lib.train import Optimizer

# A process of its own: `python -c CHILD STEPS SEED ...` sweeps a small experiment over these seeds and prints its metrics.
CHILD = """
import sys
from intriguing_lib import train
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment, sweep
from intriguing_lib.images import digits
from intriguing_lib.views import digit_view
train.CHECKPOINT_SECONDS, train.CHECKPOINT_SHARE = 0, 1000
sets = digits("train", "cpu")[:1000], digits("test", "cpu")[:500]
steps, *seeds = map(int, sys.argv[1:])
print("started", flush=True)
table = sweep(Experiment(*sets, digit_view(), SmallConv((4, 8), 16), Head(width=16, out=8), steps=steps, batch_size=32,
                         seed=seed) for seed in seeds)
print(table[["seed", "linear", "knn", "loss"]].to_csv(index=False, float_format="%.17g"))
print("trained", sorted(table["seed"][~table["from_cache"]]))
"""


def child(steps, seeds, cache, **kwargs):
    environment = os.environ | {"INTRIGUING_CACHE": str(cache), "PYTHONPATH": str(CLONE), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(steps), *map(str, seeds)], env=environment, text=True,
                            stdout=subprocess.PIPE, **kwargs)


@pytest.fixture
def often(monkeypatch):
    """A checkpoint at every report."""
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(train, "CHECKPOINT_SHARE", 1000)


def test_a_killed_process_goes_on_where_it_was_and_ends_with_the_same_numbers(tmp_path):
    """SIGKILL (on Windows TerminateProcess) at two random moments of the training, against a run left in peace."""
    undisturbed = child(300, [0], tmp_path / "a").communicate(timeout=300)[0]
    chance = random.Random(0)
    for _ in range(2):
        victim, before = child(300, [0], tmp_path / "b"), checkpoints(tmp_path / "b")
        while checkpoints(tmp_path / "b") == before and victim.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        victim.kill()
        assert "trained" not in victim.communicate()[0]
    disturbed = child(300, [0], tmp_path / "b").communicate(timeout=300)[0]
    assert int(disturbed.partition("going on at step ")[2].split()[0]) >= 20
    assert undisturbed.splitlines()[-4:] == disturbed.splitlines()[-4:]
    assert not checkpoints(tmp_path / "b")


def checkpoints(folder):
    return [(path.name, path.stat().st_mtime_ns) for path in folder.glob("*.checkpoint")]


@pytest.mark.parametrize("optimizer", [Optimizer(warmup=5), Optimizer("adamw", schedule="linear", weight_decay=0.1),
                                       Optimizer("sgd", schedule="constant", lr=0.1)], ids=lambda o: o.name)
@pytest.mark.parametrize("sharing", ["shared", "fresh"])
def test_an_interrupted_run_ends_bit_for_bit_as_if_nothing_had_been(optimizer, sharing, experiment, often, capsys):
    """Interrupted inside the second epoch, after its images were shuffled: all chance must go on from there."""
    data = RandBits(experiment.data, 3, sharing)
    e = replace(experiment, data=data, test=RandBits(experiment.test, 3), optimizer=optimizer, steps=60)
    whole = run(e)
    assert records.remove(e.key) > 0

    def interrupt(step, loss):
        if step == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=interrupt)
    capsys.readouterr()
    rest = run(e)
    assert "going on at step 40" in capsys.readouterr().out
    assert not rest.from_cache and torch.equal(whole.losses, rest.losses) and whole.metrics == rest.metrics
    for a, b in zip(whole.model.state_dict().values(), rest.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_seconds_of_a_run_include_the_attempts_that_were_cut_short(experiment, often):
    e = replace(experiment, steps=30)

    def slow_then_interrupted(step, loss):
        time.sleep(1)
        if step == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=slow_then_interrupted)
    assert run(e).seconds > 1  # of which this attempt took a fraction; the checkpoint at step 10 came after one pause


@pytest.mark.parametrize("harm", [lambda content: content[:-20], lambda content: b"", lambda content: flip(content, -10),
                                  lambda content: flip(content, 3)],
                         ids=["cut short", "empty", "a flipped byte", "a flipped byte in the checksum"])
def test_a_damaged_checkpoint_is_named_and_the_run_begins_again(harm, experiment, often):
    e = replace(experiment, steps=30)
    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=interrupt_at_20)
    path = records.Checkpoint(e.key).path
    path.write_bytes(harm(path.read_bytes()))
    with pytest.warns(UserWarning, match=rf"{path.name} can't be used \(its content .*checksum\): the run begins at step 0"):
        again = run(e)
    assert len(again.losses) == 30 and not path.exists()


def test_a_checkpoint_of_another_version_is_named_and_the_run_begins_again(experiment, often, monkeypatch):
    e = replace(experiment, steps=30)
    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=interrupt_at_20)
    monkeypatch.setattr(records, "FORMAT", records.FORMAT + 1)
    with pytest.warns(UserWarning, match="can't be used .another version of the library wrote it"):
        assert len(run(e).losses) == 30


def interrupt_at_20(step, loss):
    if step == 20:
        raise KeyboardInterrupt


def flip(content, where):
    changed = bytearray(content)
    changed[where] ^= 0x01
    return bytes(changed)


def inside(content, text):
    """Where a digit of the record begins, so that a flip there leaves well-formed JSON with another number."""
    return content.index(text) + len(text)


@pytest.mark.parametrize("harm, why", [
    (lambda content: content[:50], "its file is damaged"),
    (lambda content: content[:-50], "its file is damaged"),
    (lambda content: b"", "its file is damaged"),
    (lambda content: b"<html>quota exceeded</html>", "its file is damaged"),
    (lambda content: flip(content, -7), "does not match its checksum"),
    (lambda content: flip(content, inside(content, b'linear\\": 0.')), "does not match its checksum"),
    (lambda content: content.replace(b'format\\": 2', b'format\\": 1'), "another version of the library wrote it"),
    (lambda content: content.replace(b"__metadata__", b"__meta_data_"), "another version of the library wrote it"),
], ids=["cut in the header", "cut in the weights", "empty", "a web page", "a flipped bit in the weights",
        "a flipped bit in a metric", "another format", "no record"])
def test_a_damaged_record_is_noticed_named_and_redone(harm, why, experiment):
    first = run(experiment)
    (path,) = paths.cache_folder().glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes(harm(content))
    assert path.read_bytes() != content
    with pytest.warns(UserWarning, match=f"cached run {experiment.key} can't be used .*{why}.*: it is trained again") as caught:
        again = run(experiment)
    assert not again.from_cache and again.metrics == first.metrics and "\n" not in str(caught[0].message)
    assert run(experiment).from_cache


def test_four_processes_share_one_sweep(tmp_path):
    """Each run is trained by one of them, and all have the same table."""
    outputs = [p.communicate(timeout=300)[0] for p in [child(40, range(6), tmp_path) for _ in range(4)]]
    trained = [seed for output in outputs for seed in eval(output.strip().rpartition("trained ")[2])]
    tables = {output[output.index("seed,"):output.index("trained")] for output in outputs}
    assert sorted(trained) == list(range(6)) and len(tables) == 1
    assert len(list(tmp_path.glob("*.safetensors"))) == 6


def test_a_run_that_another_process_is_at_is_waited_for(experiment, capsys):
    """The lock is held by another process, which is killed meanwhile: the system lets go of it."""
    hold = ("import sys, time\nfrom intriguing_lib import records\n"
            "with records.lock(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)")
    holder = subprocess.Popen([sys.executable, "-c", hold, experiment.key], stdout=subprocess.PIPE, text=True,
                              env=os.environ | {"PYTHONPATH": str(CLONE)})
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(records.Busy), records.lock(experiment.key, wait=False):
        pass
    kill = f"import os, time; time.sleep(1); os.kill({holder.pid}, {signal.SIGTERM:d})"
    killer = subprocess.Popen([sys.executable, "-c", kill])
    run(experiment)
    assert "Another process is training this run: waiting for it." in capsys.readouterr().out
    assert killer.wait() == 0 and holder.wait() != 0


def test_a_full_disk_costs_nothing_but_the_cache(experiment, often):
    """The system refuses the write half-way, as it does where no room is left (here: where files may not grow further)."""
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    first = sweep([experiment])
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.warns(UserWarning) as caught:
            result = run(replace(experiment, seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = [str(warning.message) for warning in caught]
    assert any(s.startswith("A checkpoint of this run could not be kept in ") and "The run goes on" in s for s in said)
    assert any(s.startswith("This run could not be kept in ") and s.endswith("will be trained again next time.") for s in said)
    assert all(": make room there, or set INTRIGUING_CACHE to a folder" in s and "\n" not in s for s in said)
    assert result.metrics["linear"] > 0
    files = [path for path in paths.cache_folder().iterdir() if path.is_file()]
    assert [path.suffix for path in files] == [".safetensors"]  # nothing half-written
    pd.testing.assert_series_equal(sweep([experiment])["linear"], first["linear"])  # what was there is there


@pytest.fixture
def read_only_cache(experiment):
    """A cache with one run in it that this process may read but not write to, even where it runs as root."""
    if os.name == "nt":
        pytest.skip("Windows has no read-only folders")
    folder = paths.cache_folder()
    run(replace(experiment, seed=7))
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != folder:
            parent.chmod(parent.stat().st_mode | 0o555)
        if parent.name.startswith("pytest-of"):
            break
    for path in (folder, folder / "locks"):
        path.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    for path in (folder, folder / "locks"):
        path.chmod(0o755)


def test_a_read_only_cache_is_read_and_costs_nothing_else(read_only_cache, experiment):
    assert run(replace(experiment, seed=7)).from_cache
    with pytest.warns(UserWarning) as caught:
        result = run(experiment)
    assert re.search("This run could not be kept .*Permission denied.*: .* set INTRIGUING_CACHE", str(caught[-1].message))
    assert result.metrics["linear"] > 0 and not result.from_cache


def test_a_cache_folder_that_cannot_be_made_costs_nothing_but_the_cache(experiment, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be kept .*set INTRIGUING_CACHE"):
        assert run(experiment).metrics["linear"] > 0


def test_a_run_says_where_when_and_with_what_it_was_made(experiment):
    run(experiment)
    record = records.record(experiment.key)
    made = record["circumstances"]
    assert list(made) == ["device", "platform", "python", "torch", "torchvision", "intriguing_lib", "commit", "date"]
    assert all(isinstance(value, str) for value in made.values()) and made["torch"] == torch.__version__
    assert record["experiment"] == repr(experiment) and record["settings"]["seed"] == 0
    assert run(experiment).circumstances == made


def test_the_commit_is_gits_and_marks_changes(monkeypatch):
    if not (CLONE / ".git").exists():
        pytest.skip("not a git clone")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CLONE, capture_output=True, text=True).stdout
    for status, expected in (("", head[:12]), (" M intriguing_lib/losses.py", head[:12] + "+changes")):
        monkeypatch.setattr(records, "_git", lambda *a, status=status: status if a[0] == "status" else head[:12])
        records.commit.cache_clear()
        assert records.commit() == expected
    monkeypatch.setattr(records, "CLONE", None)  # installed, but not from git
    records.commit.cache_clear()
    assert records.commit() == "unknown"
    records.commit.cache_clear()


def test_supervised_runs_are_kept_too(experiment):
    e = replace(experiment, objective=Supervised(), head=replace(experiment.head, layers=1, out=10))
    assert not run(e).from_cache and run(e).from_cache


def test_recorded_runs_are_read_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path)
    pd.DataFrame({"seed": [0, 1], "linear": [0.5, 0.6]}).to_csv(tmp_path / "x.csv", index=False)
    assert records.recorded("x")["linear"].tolist() == [0.5, 0.6]
    with pytest.raises(FileNotFoundError, match="no recorded runs called 'y'; recorded are: x"):
        records.recorded("y")


def test_recorded_runs_are_found_by_their_settings_whatever_the_seed():
    table = pd.DataFrame({"seed": [0, 1, 0], "steps": [3, 3, 4], "loss": ["A", "A", None]})
    assert records.with_settings(table, {"seed": 9, "steps": 3, "loss": "A"}).index.tolist() == [0, 1]
    assert records.with_settings(table, {"steps": 4, "loss": "A"}).empty
    assert records.with_settings(table, {"steps": 3, "another": 1}).empty

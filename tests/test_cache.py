"""The cache: what is kept, what a damaged or foreign file leads to, and what an interruption or a neighbour costs."""
import json
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

from intriguing_lib import cache, paths, train
from intriguing_lib.composites import RandBits
from intriguing_lib.measures import measured_on
from intriguing_lib.paths import CLONE
from intriguing_lib.runs import row, run
from intriguing_lib.sweeps import sweep
from intriguing_lib.train import Optimizer

# A process of its own: `python -c CHILD STEPS SEED ...` sweeps a small experiment over these seeds and prints its metrics.
CHILD = """
import sys
from intriguing_lib import sweeps, train
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits
from intriguing_lib.measures import measured_on
from intriguing_lib.views import digit_view
sweeps.WORKERS_PAY = float("inf")
train.CHECKPOINT_SECONDS, train.CHECKPOINT_SHARE = 0, 1000
data, test = digits("train", "cpu")[:1000], digits("test", "cpu")[:500]
steps, *seeds = map(int, sys.argv[1:])
print("started", flush=True)
table = sweeps.sweep([Experiment(data, digit_view(), SmallConv((4, 8), 16), Head(width=16, out=8), steps=steps, batch_size=32,
                                 seed=seed) for seed in seeds], measured_on(test))
print(table[["seed", "linear", "knn", "loss"]].to_csv(index=False, float_format="%.17g"))
print("trained", sorted(table["seed"][~table["from_cache"]]))
"""


def child(steps, seeds, folder, **kwargs):
    environment = os.environ | {"INTRIGUING_CACHE": str(folder), "PYTHONPATH": str(CLONE), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(steps), *map(str, seeds)], env=environment, encoding="utf-8",
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
def test_an_interrupted_run_ends_bit_for_bit_as_if_nothing_had_been(optimizer, sharing, experiment, some_digits, often, capsys):
    """Interrupted inside the second epoch, after its images were shuffled: all chance must go on from there."""
    measured = measured_on(RandBits(some_digits[1], 3))
    e = replace(experiment, data=RandBits(experiment.data, 3, sharing), optimizer=optimizer, steps=60)
    whole = run(e, measured)
    assert cache.remove(e.key) > 0

    def interrupt(step, loss):
        if step == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(e, measured, on_report=interrupt)
    capsys.readouterr()
    rest = run(e, measured)
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
    path = cache.Checkpoint(e.key).path
    path.write_bytes(harm(path.read_bytes()))
    with pytest.warns(UserWarning, match=rf"{path.name} can't be used \(its content .*checksum\): the run begins at step 0"):
        again = run(e)
    assert len(again.losses) == 30 and not path.exists()


def test_on_a_mounted_drive_only_finished_runs_are_kept(experiment, often, tmp_path, monkeypatch):
    drive, own = tmp_path / "drive", tmp_path / "own"
    monkeypatch.setattr(paths, "COLABS_DRIVE", drive)
    monkeypatch.setattr(paths, "COLABS_OWN", own)
    monkeypatch.setenv("INTRIGUING_CACHE", str(drive / "MyDrive" / "runs"))
    e = replace(experiment, steps=40)
    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=interrupt_at_20)
    assert [path.stem for path in own.iterdir()] == cache.unfinished() == [e.key] and not list(drive.rglob("*.checkpoint"))
    run(e)
    assert cache.finished() == [e.key] and not cache.unfinished() and list(drive.rglob("*.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        run(replace(e, seed=1), on_report=interrupt_at_20)
    assert cache.remove(replace(e, seed=1).key) > 0 and not cache.unfinished()


def test_a_checkpoint_of_another_version_is_named_and_the_run_begins_again(experiment, often, monkeypatch):
    e = replace(experiment, steps=30)
    with pytest.raises(KeyboardInterrupt):
        run(e, on_report=interrupt_at_20)
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    with pytest.warns(UserWarning, match="can't be used .another version of the library wrote it"):
        assert len(run(e).losses) == 30


def interrupt_at_20(step, loss):
    if step == 20:
        raise KeyboardInterrupt


def flip(content, where):
    changed = bytearray(content)
    changed[where] ^= 0x01
    return bytes(changed)


@pytest.fixture
def measured(some_digits):
    return measured_on(some_digits[1])


def file(e, ending, at=0):
    """The run's file in the cache whose name ends so."""
    return sorted(paths.cache_folder().glob(f"{e.key}{ending}"))[at]


@pytest.mark.parametrize("harm, why", [
    (lambda content: content[:50], "its file is damaged"),
    (lambda content: content[:-50], "its file is damaged"),
    (lambda content: b"", "its file is damaged"),
    (lambda content: b"<html>quota exceeded</html>", "its file is damaged"),
    (lambda content: flip(content, -7), "does not match its checksum"),
    (lambda content: content.replace(b'"format":"3"', b'"format":"2"'), "another version of the library wrote it"),
    (lambda content: content.replace(b"__metadata__", b"__meta_data_"), "its file is damaged"),
], ids=["cut in the header", "cut in the weights", "empty", "a web page", "a flipped bit", "another format", "no metadata"])
def test_damaged_weights_are_noticed_named_and_made_again(harm, why, experiment, measured):
    """And the readings, which are files of their own, stay what they were."""
    first = run(experiment, measured)
    path, tensors = file(experiment, ".safetensors"), cache.load(experiment.key)
    content = path.read_bytes()
    path.write_bytes(harm(content))
    assert path.read_bytes() != content
    with pytest.warns(UserWarning, match=f"cached run {experiment.key} can't be used .*{why}.*: it is trained again") as caught:
        again = run(experiment, measured)
    assert not again.from_cache and again.metrics == first.metrics and "\n" not in str(caught[0].message)
    mended = cache.load(experiment.key)
    assert run(experiment).from_cache and list(mended) and all(torch.equal(mended[name], tensors[name]) for name in tensors)


def first_digit(content):
    """Where a metric's first decimal stands, so that a flip there leaves well-formed JSON with another number."""
    return re.search(rb'"(linear|knn|loss)": \d\.', content).end()


@pytest.mark.parametrize("ending", [".json", ".*.json"], ids=["card", "reading"])
@pytest.mark.parametrize("harm, why", [
    (lambda content: content[:50], "its file is damaged"), (lambda content: content[:-1], "its file is damaged"),
    (lambda content: b"", "its file is damaged"), (lambda content: b"\xff\xfe", "its file is damaged"),
    (lambda content: b"[]", "its file is damaged"), (lambda content: b'{"format": 3}', "its file is damaged"),
    (lambda content: flip(content, first_digit(content)), "does not match its checksum"),
    (lambda content: content.replace(b'"format": 3', b'"format": 2'), "another version of the library wrote it"),
], ids=["cut short", "cut by a byte", "empty", "no text", "a list", "no content", "a flipped bit", "another format"])
def test_a_damaged_card_or_reading_is_noticed_named_and_made_again(ending, harm, why, experiment, measured):
    """By a row, which may need no weights, as by a run; a lost reading doesn't cost a training."""
    first = row(experiment, measured)
    for again in (lambda: row(experiment, measured), lambda: run(experiment, measured)):
        path = file(experiment, ending)
        content = path.read_bytes()
        path.write_bytes(harm(content))
        assert path.read_bytes() != content
        with pytest.warns(UserWarning, match=f"{experiment.key}.* can't be used .*{why}.*: it is .* again") as caught:
            again()
        assert not any("\n" in str(warning.message) for warning in caught)
        assert json.loads(path.read_bytes())["format"] == cache.FORMAT
        now = row(experiment, measured)
        assert now["from_cache"] and all(now[name] == first[name] for name in ("linear", "knn", "loss", "first_loss"))
        if ending == ".*.json":
            assert now["date"] == first["date"]  # the training's


def test_four_processes_share_one_sweep(tmp_path):
    """Each run is trained by one of them, and all have the same table."""
    outputs = [p.communicate(timeout=300)[0] for p in [child(40, range(6), tmp_path) for _ in range(4)]]
    trained = [seed for output in outputs for seed in eval(output.strip().rpartition("trained ")[2])]
    tables = {output[output.index("seed,"):output.index("trained")] for output in outputs}
    assert sorted(trained) == list(range(6)) and len(tables) == 1
    assert len(list(tmp_path.glob("*.safetensors"))) == 6


def test_a_run_that_another_process_is_at_is_waited_for(experiment, capsys):
    """The lock is held by another process, which is killed meanwhile: the system lets go of it."""
    hold = ("import sys, time\nfrom intriguing_lib import cache\n"
            "with cache.lock(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)")
    holder = subprocess.Popen([sys.executable, "-c", hold, experiment.key], stdout=subprocess.PIPE, encoding="utf-8",
                              env=os.environ | {"PYTHONPATH": str(CLONE)})
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(cache.Busy), cache.lock(experiment.key, wait=False):
        pass
    kill = f"import os, time; time.sleep(1); os.kill({holder.pid}, {signal.SIGTERM:d})"
    killer = subprocess.Popen([sys.executable, "-c", kill])
    run(experiment)
    assert "Another process is at work on this run: waiting for it." in capsys.readouterr().out
    assert killer.wait() == 0 and holder.wait() != 0


def test_a_full_disk_costs_nothing_but_the_cache(experiment, measured, often):
    """The system refuses the write half-way, as it does where no room is left (here: where files may not grow further)."""
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    first = sweep([experiment], measured)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.warns(UserWarning) as caught:
            result = run(replace(experiment, seed=1), measured)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = [s for s in (str(warning.message) for warning in caught) if "could not be kept" in s]
    assert any(s.startswith("A checkpoint of this run could not be kept in ") and "The run goes on" in s for s in said)
    assert any(s.startswith("This run could not be kept in ") and s.endswith("will be trained again next time.") for s in said)
    assert all(": make room there, or set INTRIGUING_CACHE to a folder" in s and "\n" not in s for s in said)
    assert result.metrics["linear"] > 0
    kept = [path.name.partition(".") for path in paths.cache_folder().iterdir() if path.is_file()]
    assert [key for key, _, ending in kept if ending == "safetensors"] == [experiment.key]  # and of the other
    assert not [ending for _, _, ending in kept if "part" in ending or "checkpoint" in ending]  # nothing half-written
    again = sweep([experiment, replace(experiment, seed=1)], measured)  # what was there is there, the other is trained again
    pd.testing.assert_series_equal(again["linear"][:1], first["linear"])
    assert again["from_cache"].tolist() == [True, False] and again["linear"][1] == result.metrics["linear"]


@pytest.fixture
def read_only_cache(experiment, measured):
    """A cache with one run in it that this process may read but not write to, even where it runs as root."""
    if os.name == "nt":
        pytest.skip("Windows has no read-only folders")
    folder = paths.cache_folder()
    run(replace(experiment, seed=7), measured)
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


def test_a_read_only_cache_is_read_and_costs_nothing_else(read_only_cache, experiment, measured):
    assert run(replace(experiment, seed=7), measured).from_cache
    with pytest.warns(UserWarning) as caught:
        result = run(experiment, measured)
    said = [str(warning.message) for warning in caught]
    for what in ("This run", "This reading"):
        assert any(re.search(f"^{what} could not be kept .*Permission denied.*: .* set INTRIGUING_CACHE", s) for s in said)
    assert result.metrics["linear"] > 0 and not result.from_cache


def test_a_cache_folder_that_cannot_be_made_costs_nothing_but_the_cache(experiment, measured, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("INTRIGUING_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be kept .*set INTRIGUING_CACHE"):
        assert run(experiment, measured).metrics["linear"] > 0


def test_removing_counts_bytes_and_leaves_the_rest(experiment, measured):
    for seed in (0, 1):
        run(replace(experiment, seed=seed), measured)
    assert len(cache.finished()) == 2 and all(len(cache.readings(key)) == 2 for key in cache.finished())
    size = file(experiment, ".safetensors").stat().st_size
    assert cache.remove_weights(experiment.key) == size and cache.remove_weights(experiment.key) == 0
    assert set(cache.finished()) == {experiment.key, replace(experiment, seed=1).key}
    rest = sum(path.stat().st_size for path in paths.cache_folder().glob(f"{experiment.key}.*"))
    assert cache.remove(experiment.key) == rest > 0
    assert cache.finished() == [replace(experiment, seed=1).key] and run(replace(experiment, seed=1), measured).from_cache

"""`python -m intriguing_lib`: the runs in the cache, and what a bug report needs."""
import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from intriguing_lib import cache, paths
from intriguing_lib.__main__ import main
from intriguing_lib.measures import Diagnostics, measured_on
from intriguing_lib.runs import row, run


@pytest.fixture
def measured(some_digits):
    return measured_on(some_digits[1])


@pytest.fixture
def three_runs(experiment, measured, capsys):
    """Two seeds of one experiment, and one that was cut short."""
    runs = [replace(experiment, seed=seed) for seed in (0, 1)]
    for e in runs:
        run(e, measured)
    unfinished = replace(experiment, seed=2)
    cache.Checkpoint(unfinished.key).save({"losses": 0})
    capsys.readouterr()
    return [*runs, unfinished]


def test_list_says_once_what_all_share_and_tells_runs_apart(three_runs, capsys):
    main(["list"])
    shared, table = capsys.readouterr().out.split("\n\n", 1)
    assert "batch_size 32" in shared and "torch" in shared and "commit" in shared and "seed" not in shared
    for e in three_runs[:2]:
        assert e.key[:8] in table
    assert "seed" in table and "linear" in table and "2 runs and 1 unfinished ones in" in table


def test_show_takes_the_beginning_of_a_key(three_runs, capsys):
    main(["show", three_runs[1].key[:6]])
    shown = capsys.readouterr().out
    assert '"seed": 1' in shown and '"linear": 0.' in shown and '"knn": 0.' in shown and '"commit": ' in shown
    card = json.loads(shown)
    assert [list(reading["metrics"]) for reading in card["readings"]] in ([["linear"], ["knn"]], [["knn"], ["linear"]])
    assert card["experiment"] == repr(three_runs[1]) and card["loss"] > 0


def test_export_is_a_table_with_settings_metrics_and_circumstances(three_runs, tmp_path, capsys):
    main(["export", str(tmp_path / "runs.csv")])
    exported = pd.read_csv(tmp_path / "runs.csv")
    assert exported["key"].tolist() == [e.key for e in three_runs[:2]] and exported["seed"].tolist() == [0, 1]
    assert exported["data.size"].tolist() == [1000, 1000] and exported["linear"].between(0, 1).all()
    assert {"linear", "knn", "objective.loss.temperature", "device", "commit", "date"} <= set(exported)


def test_clear_forgets_what_is_named_and_all_forgets_all(three_runs, capsys):
    main(["clear", three_runs[0].key])
    assert "forgot 1 runs" in capsys.readouterr().out
    assert cache.finished() == [three_runs[1].key] and cache.unfinished() == [three_runs[2].key]
    assert not list(paths.cache_folder().glob(f"{three_runs[0].key}*"))
    (paths.cache_folder() / "mine.txt").touch()
    main(["clear", "all"])
    assert [path.name for path in paths.cache_folder().iterdir() if path.is_file()] == ["mine.txt"]


def test_clear_weights_keeps_what_was_read_and_a_new_reading_brings_the_same_weights_back(three_runs, measured, some_digits,
                                                                                          capsys):
    first, second, unfinished = three_runs
    before, weights = row(first, measured), run(first).model.state_dict()
    capsys.readouterr()
    main(["clear", "--weights", first.key[:6]])
    assert "forgot the weights of 1 runs, 0.0 MB" in capsys.readouterr().out
    assert [path.stem for path in paths.cache_folder().glob("*.safetensors")] == [second.key]
    assert set(cache.finished()) == {first.key, second.key} and cache.unfinished() == [unfinished.key]
    assert row(first, measured) == before
    row(first, (Diagnostics(some_digits[1]),))
    assert all(torch.equal(weights[name], tensor) for name, tensor in run(first).model.state_dict().items())
    main(["clear", "--weights", "all"])
    assert not list(paths.cache_folder().glob("*.safetensors")) and len(cache.finished()) == 2
    capsys.readouterr()
    main(["list"])
    assert "2 runs and 1 unfinished ones in" in capsys.readouterr().out
    main(["show", first.key])
    assert '"effective rank"' in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["clear", "--weights"], ["clear", "abc"], ["clear", "--weights", "abc"]], ids=" ".join)
def test_clear_forgets_nothing_where_nothing_of_that_name_is_there(arguments, three_runs):
    with pytest.raises(SystemExit, match="clear|No runs in"):
        main(arguments)
    assert len(cache.finished()) == 2 and cache.has_weights(three_runs[0].key)


@pytest.mark.parametrize("ending", [".json", ".*.json"], ids=["card", "reading"])
def test_a_damaged_run_is_named_and_the_others_are_listed(ending, three_runs, capsys):
    path = next(paths.cache_folder().glob(f"{three_runs[0].key}{ending}"))
    path.write_bytes(path.read_bytes()[:30])
    main(["list"])
    said = capsys.readouterr().out
    assert f"{three_runs[0].key} can't be used (its file is damaged: " in said and "1 runs and 1 unfinished" in said
    with pytest.raises(SystemExit, match="show: its file is damaged"):
        main(["show", three_runs[0].key])


def test_an_empty_cache_and_an_unknown_key_are_one_sentence(capsys):
    main(["list"])
    assert capsys.readouterr().out == f"No run is kept in {paths.cache_folder()}.\n"
    with pytest.raises(SystemExit, match="No runs in .* begins with 'abc': `python -m intriguing_lib list` shows the keys"):
        main(["show", "abc"])


@pytest.mark.parametrize("arguments", [[], ["lsit"], ["show"], ["list", "all"], ["clear"]], ids=" ".join)
def test_other_arguments_show_the_help(arguments):
    with pytest.raises(SystemExit, match="(?s)list .*show KEY .*export FILE.csv .*clear .*doctor"):
        main(arguments)


def test_doctor_prints_what_a_bug_report_needs(monkeypatch, capsys):
    monkeypatch.setenv("INTRIGUING_PRESET", "quick")
    main(["doctor"])
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if not line.startswith("recorded"))
    assert {"device", "platform", "python", "torch", "torchvision", "commit", "installed", "data", "cache"} <= set(lines)
    assert "0 runs" in lines["cache"] and "can be written to" in lines["cache"]
    assert "INTRIGUING_PRESET=quick" in lines["environment"]

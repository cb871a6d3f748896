"""`python -m intriguing_lib`: the runs in the cache, and what a bug report needs."""
from dataclasses import replace

import pandas as pd
import pytest

from intriguing_lib import paths, records
from intriguing_lib.__main__ import main
from intriguing_lib.experiments import run


@pytest.fixture
def three_runs(experiment, capsys):
    """Two seeds of one experiment, and one that was cut short."""
    runs = [replace(experiment, seed=seed) for seed in (0, 1)]
    for e in runs:
        run(e)
    unfinished = replace(experiment, seed=2)
    records.Checkpoint(unfinished.key).save({"losses": 0})
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
    assert '"seed": 1' in shown and '"linear": 0.' in shown and '"commit": ' in shown


def test_export_is_a_table_with_settings_metrics_and_circumstances(three_runs, tmp_path, capsys):
    main(["export", str(tmp_path / "runs.csv")])
    exported = pd.read_csv(tmp_path / "runs.csv")
    assert exported["key"].tolist() == [e.key for e in three_runs[:2]] and exported["seed"].tolist() == [0, 1]
    assert {"linear", "knn", "objective.loss.temperature", "device", "commit", "date"} <= set(exported)


def test_clear_forgets_what_is_named_and_all_forgets_all(three_runs, capsys):
    main(["clear", three_runs[0].key])
    assert "forgot 1 runs" in capsys.readouterr().out
    assert records.finished() == [three_runs[1].key] and records.unfinished() == [three_runs[2].key]
    (paths.cache_folder() / "mine.txt").touch()
    main(["clear", "all"])
    assert [path.name for path in paths.cache_folder().iterdir() if path.is_file()] == ["mine.txt"]


def test_a_damaged_run_is_named_and_the_others_are_listed(three_runs, capsys):
    path = paths.cache_folder() / f"{three_runs[0].key}.safetensors"
    path.write_bytes(path.read_bytes()[:30])
    main(["list"])
    said = capsys.readouterr().out
    assert f"{three_runs[0].key} can't be used (its file is damaged)" in said and "1 runs and 1 unfinished" in said
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

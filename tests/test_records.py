"""Records: what `write` puts into results/ comes back from `recorded`, kind by kind."""
import json

import numpy as np
import pandas as pd
import pytest
import torch

from intriguing_lib import records
from intriguing_lib.descriptions import settings
from intriguing_lib.encoders import PooledConv
from intriguing_lib.records import beside, recorded, recorded_encoder, with_settings, write, write_encoder
from intriguing_lib.sweeps import as_table


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """An empty folder in place of the course's results/."""
    monkeypatch.setattr(records, "shipped", lambda folder: tmp_path)
    return tmp_path


@pytest.fixture
def table(experiment):
    """Three rows as `sweep` makes them; the last has no second head layer's width and a setting of its own."""
    rows = [settings(experiment) | {"condition": c, "source": "here", "seed": seed, "linear": 0.12345678, "loss": 2.0 + seed,
                                    "seconds": 1.26, "from_cache": bool(seed), "key": "0" * 20, "torch": "2.10", "own": None}
            for seed, c in enumerate(("a", "b", "None"))]
    del rows[2]["head.width"]
    rows[2] |= {"extra": 7, "objective.loss.temperature": 0.1 + 0.2, "own": "None", "linear": float("nan")}
    return as_table(rows)


def test_a_table_comes_back_as_it_was_written(table):
    write("toy", table, "03_notebook")
    expected = table.drop(columns=["source", "from_cache", "key"]).round(6).round({"seconds": 1})
    pd.testing.assert_frame_equal(recorded("toy")[list(expected)], expected, check_dtype=False)
    assert set(recorded("toy")) == set(expected)


def test_a_setting_that_some_runs_lack_keeps_its_numbers(table):
    write("toy", table.assign(zone=["None", 16, 8], name=["None", "16", "left"]), "03_notebook")
    assert recorded("toy")["zone"].tolist() == ["None", 16, 8] and recorded("toy")["name"].tolist() == ["None", "16", "left"]
    write("toy", table.assign(size=["(14, 26)", 16, 8]), "03_notebook")
    assert recorded("toy")["size"].tolist() == ["(14, 26)", 16, 8]


def test_whole_numbers_stay_whole_where_some_are_missing_and_missing_ones_stay_missing(table, results):
    write("toy", table, "03_notebook")
    found = recorded("toy")
    assert found["seed"].dtype == found["steps"].dtype == "int64" and str(found["extra"].dtype) == "Int64"
    assert found["extra"].isna().tolist() == [True, True, False] and found["extra"][2] == 7
    assert found["head.width"].tolist()[:2] == [16, 16] and found["head.width"].isna()[2]
    assert found["loss"].dtype == "float64" and found["loss"].tolist() == [2.0, 3.0, 4.0]  # whole, and still no integers
    assert found["linear"].dtype == "float64" and np.isnan(found["linear"][2]) and found["linear"][0] == 0.123457
    assert found["condition"].tolist() == ["a", "b", "None"] and found["own"][2] == "None" and found["own"].isna()[0]
    assert "7.0" not in (results / "toy.csv").read_text(encoding="utf-8")


def test_what_is_the_same_in_all_rows_stands_beside_and_keeps_its_kind(table, results):
    path = write("toy", table, "03_notebook")
    assert path == results / "toy.csv"
    facts = json.loads((results / "toy.json").read_text(encoding="utf-8"))
    assert facts == beside("toy") and facts["notebook"] == "03_notebook" and facts["made by"] == "python ci/record.py toy"
    same = facts["the same in all rows"]
    assert same["steps"] == 3 and type(same["steps"]) is int and same["seconds"] == 1.3 and same["torch"] == "2.10"
    assert same["data"] == "digits train" and same["data.size"] == 1000
    columns = (results / "toy.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"condition", "seed", "linear", "loss", "head.width", "extra", "own"} <= set(columns)
    assert not set(columns) & set(same) and not {"source", "from_cache", "key"} & (set(columns) | set(same))
    assert recorded("toy")["torch"].tolist() == ["2.10"] * 3  # a version is no number


def test_text_that_looks_like_a_number_stays_text(table):
    """A commit or a content is 12 hex digits: in one of 200 there is no letter, or an e alone."""
    contents = ["123456789012", "000000000012", "1234567e8901"]
    write("toy", table.assign(**{"data.content": contents, "commit": contents[::-1], "torch": ["2.9", "2.10", "2.11"]}), "x")
    found = recorded("toy")
    assert found["data.content"].tolist() == contents and found["commit"].tolist() == contents[::-1]
    assert found["torch"].tolist() == ["2.9", "2.10", "2.11"]


def test_a_record_of_one_row_comes_back_too(table):
    write("toy", table[:1], "03_notebook")
    found = recorded("toy")
    assert len(found) == 1 and found["steps"].tolist() == [3] and found["linear"].tolist() == [0.123457]
    assert found["seed"].dtype == "int64" and found["data"].tolist() == ["digits train"]


def test_writing_twice_gives_the_same_files_and_so_does_writing_what_was_read(table, results):
    def files():
        return {path.name: path.read_bytes() for path in results.iterdir()}

    write("toy", table, "03_notebook")
    first = files()
    write("toy", table, "03_notebook")
    assert files() == first
    write("toy", recorded("toy")[[c for c in table if c in recorded("toy")]], "03_notebook")
    assert files() == first


def test_a_record_without_a_companion_is_read_as_it_is(results):
    pd.DataFrame({"seed": [0, 1], "linear": [0.5, 0.6]}).to_csv(results / "x.csv", index=False)
    assert recorded("x")["linear"].tolist() == [0.5, 0.6] and beside("x") == {}


def test_a_record_that_is_not_there_is_named_with_what_is(results):
    with pytest.raises(FileNotFoundError, match="no record called 'y'; there are: none."):
        recorded("y")
    for name in ("b", "a"):
        (results / f"{name}.csv").write_text("seed", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="no record called 'y'; there are: a, b."):
        recorded("y")


def test_rows_are_found_by_their_settings_whatever_the_seed(table, experiment):
    few = pd.DataFrame({"seed": [0, 1, 0], "steps": [3, 3, 4], "loss": ["A", "A", None]})
    assert with_settings(few, {"seed": 9, "steps": 3, "loss": "A"}).index.tolist() == [0, 1]
    assert with_settings(few, {"steps": 4, "loss": "A"}).empty
    assert with_settings(few, {"steps": 3, "another": 1}).empty
    write("toy", table, "03_notebook")
    assert with_settings(recorded("toy"), settings(experiment))["condition"].tolist() == ["a", "b"]


def test_an_encoder_beside_a_record_comes_back_with_its_weights_and_statistics(results):
    encoder = PooledConv((4, 8), (2, 2))
    trained = encoder.build((1, 28, 28))
    trained(torch.rand(8, 1, 28, 28))  # moves batch norm's statistics
    write_encoder("toy", "by labels, long", trained)
    assert [path.name for path in results.iterdir()] == ["toy.by_labels,_long.safetensors"]
    found = recorded_encoder("toy", "by labels, long", encoder, (1, 28, 28))
    assert not found.training and all(torch.equal(a, b) for a, b in zip(
        found.state_dict().values(), trained.state_dict().values(), strict=True))


def test_an_encoder_that_is_missing_damaged_or_another_is_one_sentence(results):
    encoder = PooledConv((4, 8), (2, 2))
    with pytest.raises(FileNotFoundError, match="toy.SimCLR.safetensors is missing: get it again .* ci/record.py toy"):
        recorded_encoder("toy", "SimCLR", encoder, (1, 28, 28))
    write_encoder("toy", "SimCLR", encoder.build((1, 28, 28)))
    with pytest.raises(ValueError, match=r"doesn't fit PooledConv\(channels=\(4, 16\).*get it again"):
        recorded_encoder("toy", "SimCLR", PooledConv((4, 16), (2, 2)), (1, 28, 28))
    path = results / "toy.SimCLR.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="or is damaged .*: get it again from the course's repository."):
        recorded_encoder("toy", "SimCLR", encoder, (1, 28, 28))

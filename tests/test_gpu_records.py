"""The GPU's list and its night: sizes by hand, the whole way on a few images with a narrow network, and what may go wrong."""
import sys
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from intriguing_lib import images, records, runs
from intriguing_lib.descriptions import settings
from intriguing_lib.encoders import ResNet
from intriguing_lib.gpu_records import FOLDER, LIST, TRIED, choice, plan
from intriguing_lib.paths import CLONE, shipped
from intriguing_lib.search import CANDIDATES, MEMBERS
from tests.test_commands import script

sys.path.append(str(CLONE / "ci"))
import forecast  # noqa: E402
import night  # noqa: E402

AUTHORS = [item for item in LIST if item.name == "authors_cells"]
FIRST = {member: losses[0] for member, losses in TRIED.items()}


@pytest.fixture(scope="module")
def few():
    return replace(night.stand_in_sources(), losses=FIRST)


@pytest.fixture(scope="module")
def whole():
    """{item's name: [(condition, experiment)]} at the real sizes."""
    sources = forecast.whole()
    return {item.name: plan(item, sources) for item in LIST}


@pytest.fixture
def trainings(monkeypatch):
    """How many trainings there were, in a list of one number."""
    count, train = [0], runs.train

    def counted(*arguments):
        count[0] += 1
        return train(*arguments)

    monkeypatch.setattr(runs, "train", counted)
    return count


def some_cells(pairs):
    return pairs[:4]


def test_the_list_stands_in_its_order_of_value_and_every_record_enlarges_a_study():
    names = [item.name for item in LIST]
    assert names == ["cifar10_search", "cifar10_heads", "authors_cells", "many_objects", "dominant_alone", "dominant_objects",
                     "random_bits", "digits_on_photographs", "digits_own_pool", "remedies_board"]
    studies = script("record").studies()
    assert all(studies[item.name].stem == item.notebook and item.why for item in LIST)


def test_the_search_and_the_heads_are_what_was_written_down(whole):
    search, heads = ([e for _, e in whole[name]] for name in ("cifar10_search", "cifar10_heads"))
    assert Counter(condition for condition, _ in whole["cifar10_search"]) == dict.fromkeys(MEMBERS, 4)
    assert all(loss in CANDIDATES[member] for member in MEMBERS for loss in TRIED[member])
    assert {e.steps for e in search} == {50 * (40_000 // 512)} and {len(e.data) for e in search} == {40_000}
    assert {e.steps for e in heads} == {0, 100 * (50_000 // 512)} and {e.seed for e in heads} == {0, 1, 2}
    assert Counter(e.head.layers for e in heads if e.steps) == {2: 15, 3: 15}
    assert [e.seed for e in heads] == sorted(e.seed for e in heads), "after a third of the item every loss has a seed"
    assert {e.steps for _, e in whole["authors_cells"]} == {600} and len(whole["authors_cells"]) == 45


def test_a_forecast_is_the_sum_by_hand(whole):
    """ResNet-18 on 32 pixels, layer by layer: multiplications of one image."""
    by_hand = 9 * 3 * 64 * 32**2 + 4 * 9 * 64 * 64 * 32**2
    for width, side in ((128, 16), (256, 8), (512, 4)):
        before = width // 2
        by_hand += (9 * before * width + 3 * 9 * width * width + before * width) * side**2
    by_hand += 512 * 512 + 512 * 128
    _, e = whole["cifar10_heads"][0]
    found = forecast.cost(e)
    views = 2 * 512 * 9700
    assert e.head.layers == 2 and found.steps == 9700 and found.images == views
    assert found.operations == pytest.approx(3 * 2 * by_hand * views)
    assert found.seconds == pytest.approx(6 * by_hand * views / forecast.RATE + forecast.READING)
    assert found.kept == pytest.approx(4 * sum(p.numel() for p in e.untrained().parameters()), rel=0.01)


def test_the_whole_list_takes_about_a_night_and_its_table_says_so(whole):
    costs = forecast.costs(whole)
    hours = sum(cost.seconds for of_item in costs.values() for cost in of_item) / 3600
    assert 8 < hours < 13
    assert {(cost.steps, cost.kept) for cost in costs["digits_own_pool"]} == {(0, 0)}, "its encoders are trained before"
    *_, last = lines = list(forecast.table(costs))
    assert len(lines) == 1 + len(LIST) and last.split()[0] == "remedies_board" and last.endswith(f"{hours:.1f}")


def test_what_was_measured_corrects_what_is_ahead():
    ahead = forecast.Ahead({"a": [10.0, 10.0, 20.0], "b": [100.0]})
    assert ahead.left() == 140 and ahead.share() == 0
    ahead.finish("a", 5.0)
    assert ahead.left("a") == 15 and ahead.left() == 65 and ahead.share() == pytest.approx(5 / 70)
    ahead.finish("a", None)
    assert ahead.left("a") == 10
    ahead.skip("b")
    assert ahead.left() == 10 and ahead.share() == pytest.approx(5 / 15)


def test_what_the_stand_in_leaves_out_differs_in_numbers_alone(few):
    """Each has among the runs that are made one with the same words in its settings, and with zeros where it has zeros."""
    def words(experiment):
        return {name: "".join(c for c in str(value) if not c.isdigit() and c != ".") + " zero" * (str(value) == "0")
                for name, value in settings(experiment).items() if not name.endswith("content") and name != "seed"}
    for item in LIST:
        pairs = plan(item, few)
        tried = [(condition, e.head, words(e)) for condition, e in night.of_each_kind(pairs)]
        assert all((condition, e.head, words(e)) in tried for condition, e in pairs), item.name
        assert len(tried) < len(pairs)


def test_the_whole_list_on_a_few_images_recorded_read_back_and_not_trained_twice(tmp_path, monkeypatch, capsys, trainings, few):
    """With a narrow network in place of the ResNet, which the forecast builds at all of its real sizes."""
    monkeypatch.setattr(ResNet, "features", 16)
    monkeypatch.setattr(ResNet, "build", lambda self, shape: nn.Sequential(
        nn.Conv2d(shape[0], 4, 3, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()))
    before = {path: path.stat().st_mtime_ns for path in shipped("results").iterdir()}
    assert night.night(LIST, replace(few, losses=None), tmp_path, night.of_each_kind) == 0
    said = capsys.readouterr().out
    assert "The list is done." in said and "remedies_board 13 of 13: ten bits: Barlow Twins, seed 0; 100 % of the night" in said
    made = {item.name: records.recorded(item.name, tmp_path) for item in LIST}
    for item in LIST:
        table, pairs = made[item.name], night.of_each_kind(plan(item, few))
        metrics = {name for _, e in pairs for measure in item.measures(few, e) for name in measure.metrics}
        assert table["condition"].tolist() == [condition for condition, _ in pairs] and metrics <= set(table)
        assert table[sorted(metrics)].notna().any().all() and table["loss"].notna().equals(table["steps"] > 0), item.name
        assert records.beside(item.name, tmp_path)["made by"] == f"python ci/record.py --device cuda {item.name}"
    different = {repr(e) for item in LIST for _, e in night.of_each_kind(plan(item, few))}
    assert trainings[0] == len(different) < sum(map(len, made.values())), "digits_own_pool only reads"
    assert night.night(LIST, few, tmp_path, night.of_each_kind) == 0 and trainings[0] == len(different)
    assert all(records.recorded(name, tmp_path).equals(table) for name, table in made.items())
    assert before == {path: path.stat().st_mtime_ns for path in shipped("results").iterdir()}, "no CPU's record was touched"


def test_the_heads_are_raced_with_what_the_searchs_record_chose(tmp_path, few):
    search, heads = LIST[:2]
    rows = [{"condition": condition, "linear": float(e.objective.loss == TRIED[condition][2])} | settings(e)
            for condition, e in plan(search, few)]
    records.write("cifar10_search", night.as_table(rows), "03", tmp_path)
    ready = night.with_choice(heads, replace(few, losses=None), tmp_path)
    assert ready.losses == {member: TRIED[member][2] for member in MEMBERS}
    assert {c: e.objective.loss for c, e in plan(heads, ready) if e.steps} == ready.losses
    with pytest.raises(ValueError, match="no runs of all five losses on 'digits'"):
        choice(records.recorded("cifar10_search", tmp_path), few.mnist[0])


def test_a_run_that_fails_is_named_the_others_follow_and_it_alone_is_made_again(tmp_path, monkeypatch, capsys, trainings, few):
    row = night.row

    def failing(e, measures):
        if e.data.bits == 5:
            raise torch.OutOfMemoryError("CUDA out of memory.\nmore")
        return row(e, measures)

    heads = LIST[1]
    monkeypatch.setattr(night, "row", failing)
    assert night.night([heads, *AUTHORS], few, tmp_path, some_cells) == 1
    said = capsys.readouterr().out
    assert trainings == [3] and not list(tmp_path.glob("*.csv")), "a part of an item is no record"
    *_, before, first, second = said.splitlines()
    assert before == "Missing, and tried again by the same command:" and "no record called 'cifar10_search'" in first
    assert second == "authors_cells 2 of 4: the authors', seed 0: OutOfMemoryError: CUDA out of memory."
    monkeypatch.setattr(night, "row", row)
    assert night.night(AUTHORS, few, tmp_path, some_cells) == 0 and trainings == [4]
    assert records.recorded("authors_cells", tmp_path)["data.bits"].tolist() == [0, 5, 10, 15]


def test_a_night_that_is_killed_goes_on_where_it_was(tmp_path, monkeypatch, trainings, few):
    row = night.row
    monkeypatch.setattr(night, "row", lambda e, measures: row(e, measures) if trainings[0] < 2 else exec("raise SystemExit"))
    with pytest.raises(SystemExit):
        night.night(AUTHORS, few, tmp_path, some_cells)
    monkeypatch.setattr(night, "row", row)
    assert night.night(AUTHORS, few, tmp_path, some_cells) == 0 and trainings == [4]


def test_a_record_of_another_device_is_not_written_over(tmp_path, few):
    night.night(AUTHORS, few, tmp_path, some_cells)
    path = tmp_path / "authors_cells.csv"
    before = path.read_bytes()
    with pytest.raises(night.Refused, match=r"authors_cells.csv was made on CPU .*, and this is NVIDIA X: move it"):
        night.check_record("authors_cells", tmp_path, "NVIDIA X")
    companion = path.with_suffix(".json")
    companion.write_text(companion.read_text(encoding="utf-8").replace('"device": "CPU', '"device": "NVIDIA'), encoding="utf-8")
    with pytest.raises(night.Refused, match="was made on NVIDIA .*, and this is CPU"):
        night.night(AUTHORS, few, tmp_path, some_cells)
    assert path.read_bytes() == before


def test_a_night_that_cannot_begin_is_one_sentence(tmp_path, monkeypatch, capsys, few):
    def said(*names, **settings):
        assert night.main(names, **settings) == 2
        return capsys.readouterr().err

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert said() == night.NO_CUDA + "\n" and "--stand-in" in night.NO_CUDA
    assert said("cifar10_heds").startswith("'cifar10_heds' is not on the GPU's list: cifar10_search, cifar10_heads")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(images, "mnist", lambda split: exec("raise RuntimeError('mnist() could not be downloaded.')"))
    assert said("random_bits") == "mnist() could not be downloaded.\n"
    monkeypatch.setattr(night.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1e5}))
    with pytest.raises(night.Refused, match="The cache needs 0.0 GB, and there are 0.0 GB free .* set INTRIGUING_CACHE"):
        night.night(AUTHORS, few, tmp_path, some_cells)


def test_the_command_hands_over_to_the_night(monkeypatch, capsys):
    record = script("record")
    for arguments, words in (("--device cuda no_such", "is not on the GPU's list"), ("--stand-in", "belong to --device cuda")):
        monkeypatch.setattr(sys, "argv", ["record.py", *arguments.split()])
        with pytest.raises(SystemExit) as ended:
            record.main()
        assert ended.value.code == 2 and words in capsys.readouterr().err
    assert shipped("results") / "cuda" == FOLDER

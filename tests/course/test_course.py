import re
from pathlib import Path

import pytest
import threadpoolctl
import torch

import intriguing_lib
from intriguing_lib.course import by_preset, setup
from intriguing_lib.images import digits


def test_the_preset_comes_from_the_cell_then_the_environment_then_is_quick(monkeypatch, capsys):
    monkeypatch.setenv("INTRIGUING_PRESET", "smoke")
    assert setup("full") == "full" and setup(None) == "smoke"
    monkeypatch.delenv("INTRIGUING_PRESET")
    assert setup() == "quick"
    assert "preset quick · " in capsys.readouterr().out


def test_an_unknown_preset_is_one_sentence_with_the_choices(monkeypatch):
    monkeypatch.setenv("INTRIGUING_PRESET", "fast")
    with pytest.raises(ValueError, match="no preset 'fast': take 'smoke' .*'quick' .*'full' .*INTRIGUING_PRESET") as raised:
        setup()
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the course runs on the GPU here")
def test_on_a_cpu_the_notebooks_own_work_has_one_thread(two_threads, capsys):
    setup("smoke")
    assert torch.get_num_threads() == 1 and "CPU, 1 thread" in capsys.readouterr().out
    assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {1}


@pytest.mark.parametrize("there", [True, False])
def test_a_macs_gpu_is_left_alone_and_the_set_up_says_so(there, monkeypatch, capsys):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)
    setup("smoke")
    assert ("This Mac's GPU is not used: " in capsys.readouterr().out) is there
    assert digits("test").device.type != "mps"


def test_settings_by_preset():
    assert [by_preset(p, smoke=1, quick=2, full=3) for p in ("smoke", "quick", "full")] == [1, 2, 3]


def test_the_core_imports_neither_the_course_nor_the_figures():
    for module in Path(intriguing_lib.__file__).parent.glob("*.py"):
        code = module.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) .*\b(course|figures)\b", code, re.MULTILINE), module.name

"""Where, when and with what a number was made."""
import subprocess

import pytest
import torch

from intriguing_lib import cache, provenance
from intriguing_lib.measures import measured_on
from intriguing_lib.paths import CLONE
from intriguing_lib.runs import run


def test_a_run_and_its_readings_say_where_when_and_with_what_they_were_made(experiment, some_digits):
    run(experiment, measured_on(some_digits[1]))
    card = cache.card(experiment.key)
    made = card["circumstances"]
    assert list(made) == ["device", "platform", "python", "torch", "torchvision", "intriguing_lib", "commit", "date"]
    assert all(isinstance(value, str) for value in made.values()) and made["torch"] == torch.__version__
    assert made["device"].startswith("CPU (") and made["device"].endswith("), 1 thread")
    assert card["experiment"] == repr(experiment) and card["settings"]["seed"] == 0
    assert run(experiment).circumstances == made
    for name in cache.readings(experiment.key):
        reading = cache.card(f"{experiment.key}.{name}")
        assert list(reading["circumstances"]) == list(made) and reading["circumstances"]["date"] >= made["date"]
        assert some_digits[1].content in reading["measure"] and set(reading["metrics"]) < {"linear", "knn"}


def test_the_commit_is_gits_and_marks_changes(monkeypatch):
    if not (CLONE / ".git").exists():
        pytest.skip("not a git clone")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CLONE, capture_output=True, encoding="utf-8").stdout
    for status, expected in (("", head[:12]), (" M intriguing_lib/losses.py", head[:12] + "+changes")):
        monkeypatch.setattr(provenance, "_git", lambda *a, status=status: status if a[0] == "status" else head[:12])
        provenance.commit.cache_clear()
        assert provenance.commit() == expected
    monkeypatch.setattr(provenance, "CLONE", None)  # installed, but not from git
    provenance.commit.cache_clear()
    assert provenance.commit() == "unknown"
    provenance.commit.cache_clear()

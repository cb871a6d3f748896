import pytest

from intriguing_lib.course import check
from intriguing_lib.course.checks import EXERCISES


@pytest.fixture
def said(capsys):
    """A function of an exercise's name and an attempt: what `check` prints, and whether the learner's function comes back."""
    def said(name, attempt):
        used = check(name, attempt)
        out = capsys.readouterr().out.strip()
        assert out.startswith(f"{name}: ") and "\n" not in out
        assert used is attempt or used is EXERCISES[name].answer
        return out, used is attempt
    return said

import pytest

from intriguing_lib.course import check
from intriguing_lib.course.checks import EXERCISES


@pytest.fixture
def said(capsys):
    """A function of an exercise's name and an attempt: what `check` prints, and whether the learner's function comes back."""
    def said(name, attempt):
        used = check(name, attempt)
        lines = capsys.readouterr().out.splitlines()
        assert all(len(line) <= 96 or " " not in line for line in lines), "a notebook would break a word"
        assert lines[0][:2] in (("✓ ",) if used is attempt else ("✗ ", "○ ")) and lines[0][2:].startswith(f"{name}: ")
        out = " ".join(lines)
        assert (used is attempt) == ("Meanwhile the notebook goes on with the library's function." not in out)
        assert used is attempt or used is EXERCISES[name].answer
        return out, used is attempt
    return said

"""`ci/classroom.py`: solutions that the checks call right, handouts without answers, and TEACHING.md true to both."""
import ast
import re
import sys

import nbformat
import pytest

from intriguing_lib.course.checks import EXERCISES, imports_of, problem_with
from intriguing_lib.paths import CLONE
from tests.test_commands import notebook

sys.path.append(str(CLONE / "ci"))
import classroom  # noqa: E402 (lies in ci/)

COURSE = classroom.course()
STUBS = {path.stem: classroom.stubs_in(nbformat.read(path, as_version=4)) for path in COURSE}
TEACHING = (CLONE / "TEACHING.md").read_text(encoding="utf-8")


def cells_of(path, solve=False):
    read = nbformat.read(path, as_version=4)
    return (classroom.solved(read) if solve else read).cells


def code_of(path, solve=False):
    return [ast.parse(cell.source) for cell in cells_of(path, solve) if cell.cell_type == "code"]


def test_every_exercise_is_found_once():
    assert sorted(exercise for stubs in STUBS.values() for exercise in stubs) == sorted(EXERCISES)


@pytest.mark.parametrize("path", [path for path in COURSE if STUBS[path.stem]], ids=lambda path: path.stem[:2])
def test_solved_stubs_pass_their_own_checks_with_what_the_notebook_imports(path):
    wanted, names = {stub: exercise for exercise, stub in STUBS[path.stem].items()}, {}
    for tree in code_of(path, solve=True):
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "name", None) in wanted:
                exec(compile(ast.Module([node], []), path.name, "exec"), names)
            if getattr(node, "name", None) in wanted:
                assert problem_with(names[node.name], EXERCISES[wanted.pop(node.name)]) is None
    assert not wanted


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem[:2])
def test_nothing_but_the_stubs_is_changed(path):
    stubs = set(STUBS[path.stem].values())
    for before, after in zip(cells_of(path), cells_of(path, solve=True), strict=True):
        changed = before.source != after.source
        assert changed == any(f"def {stub}(" in before.source for stub in stubs)
        if changed:
            left = [line for line in before.source.splitlines() if line.startswith(("from ", "#")) or "check(" in line]
            assert set(left) <= set(after.source.splitlines())


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem[:2])
def test_no_name_of_the_notebooks_own_stands_for_one_that_an_answer_needs(path):
    own = {node.id for tree in code_of(path) for node in ast.walk(tree)
           if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    needed = {line.split()[-1] for exercise in STUBS[path.stem]
              for line in re.sub(r"import (.*), ", r"import \1\nimport ", imports_of(EXERCISES[exercise].answer)).splitlines()}
    assert not own & needed


def test_an_exercise_that_is_not_told_right_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classroom, "ROOT", tmp_path)
    monkeypatch.setattr(classroom, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(classroom, "SOLUTIONS", tmp_path / "build" / "solutions")
    notebook(tmp_path / "01.ipynb", 'def my_cosines(z):\n    return ...\n\n\nx = check("cosine_similarities", my_cosines)')
    said = ["✓ cosine_similarities: right. From here on", "✗ cosine_similarities: not yet: these are dot products."]

    def stands_in(path, preset, copy):  # says what the check might say
        executed = nbformat.read(path, as_version=4)
        assert "def my_cosines(z):" in executed.cells[1].source and "return ..." not in executed.cells[1].source
        executed.cells[1].outputs = [nbformat.v4.new_output("stream", text=said[0])]
        nbformat.write(executed, copy)

    monkeypatch.setattr(classroom.execute, "execute", stands_in)
    assert classroom.solutions() == 0
    said.pop(0)
    assert classroom.solutions() == 1
    assert "01: cosine_similarities is not told right" in capsys.readouterr().out


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classroom, "ROOT", folder)
        patch.setattr(classroom, "HANDOUT", folder)
        assert classroom.handout() == 0
    return folder


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem[:2])
def test_a_handout_has_no_results_and_no_answers_and_is_otherwise_the_notebook(path, handout):
    for before, after in zip(cells_of(path), cells_of(handout / path.name), strict=True):
        assert not after.get("outputs") and after.get("execution_count") is None
        assert before.cell_type == after.cell_type and "show_answer" not in after.source
        if "show_answer" not in before.source:
            assert before.source == after.source
        if after.cell_type == "code":
            ast.parse(after.source)
        for link in re.findall(r"\]\(([\w.]+\.ipynb)", after.source):
            assert (handout / link).exists()


def test_the_table_of_mistakes_is_up_to_date():
    assert classroom.TABLE.search(TEACHING)[0] == classroom.table_of_mistakes(), "python ci/classroom.py teaching"


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem[:2])
def test_what_a_notebook_takes_is_what_it_says_itself(path):
    row = next(line for line in TEACHING.splitlines() if f"notebooks/{path.name}) |" in line)
    _, _, _, running, exercises, _, _ = (column.strip() for column in row.split("|"))
    says = "less than a minute" if running == "under 1 min" else f"{running}utes under"
    assert says in cells_of(path)[0].source.replace("\n", " ").replace("the preset ", "")
    minutes = [EXERCISES[exercise].minutes for exercise in STUBS[path.stem]]
    assert exercises == (f"{len(minutes)}, {sum(minutes)} min" if minutes else "none")


def shown_in(cell):
    """Prose, and what a cell has printed: no code, and no image's letters."""
    if cell.cell_type == "markdown":
        return cell.source
    return " ".join(str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
                    for output in cell.get("outputs", []))


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem[:2])
def test_a_model_answer_quotes_no_number_that_its_notebook_does_not_have(path):
    section = re.search(rf"^### {path.stem[:2]} .*?(?=^##)", TEACHING, re.DOTALL | re.MULTILINE)[0]
    there = " ".join(shown_in(cell) for cell in cells_of(path))
    quoted = set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?= %| points| nats| bits)", section))
    assert quoted, "a question without a number"
    assert not {number for number in quoted if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", there)}

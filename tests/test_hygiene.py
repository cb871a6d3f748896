"""Every rule of ci/hygiene.py against a notebook that breaks it and that alone, and the stamp that it rests on."""
import base64
import copy
import os
import re
import shutil
import subprocess
import sys
import tomllib

import nbformat
import pytest

from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import hygiene  # noqa: E402
import stamp  # noqa: E402

FIGURE = base64.b64encode(bytes(1000)).decode()


def output(kind, **fields):
    return nbformat.v4.new_output(kind, **fields)


def figure(image=FIGURE, alt="A curve that falls."):
    page = f'<img alt="{alt}" src="data:image/png;base64,{image}">'
    return output("display_data", data={"image/png": image, "text/html": page})


@pytest.fixture
def good():
    """A notebook without fault: title, parameters, set-up, a picture, a printed line."""
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [markdown("# Title\n\nText with a [link](test_hygiene.py), [another](https://example.org) and [one](#The-end)."),
             code("preset = None", metadata={"tags": ["parameters"]}),
             code(stamp.setup_cell(stamp.repository_url()), outputs=[output("stream", name="stdout", text="preset quick")]),
             code("figures.show(fig, alt='A curve that falls.');", outputs=[figure()]),
             code("print('accuracy / chance')", outputs=[output("stream", name="stdout", text="accuracy / chance")]),
             markdown("## The end")]
    for number, cell in enumerate(cells[1:5], 1):
        cell.execution_count = number
    return nbformat.v4.new_notebook(cells=cells)


def found(notebook, tmp_path):
    (tmp_path / "test_hygiene.py").touch()  # what the good notebook links to
    path = tmp_path / "99_test.ipynb"
    nbformat.write(notebook, path)
    return hygiene.problems(path)


def test_a_good_notebook_has_no_problem(good, tmp_path):
    assert found(good, tmp_path) == []


def change(name, value):
    return lambda cells: setattr(cells[4], name, value)


def source(text, cell=0):
    return lambda cells: setattr(cells[cell], "source", cells[cell].source + text)


def printed(text):
    return lambda cells: cells[4].outputs[0].update(text=text)


BREAKS = {
    "another set-up cell": (source("\nimport os", 2), "its set-up cell or Colab badge is not the course's: .*ci/stamp.py"),
    "a badge of one's own": (source("\n\n[![Open in Colab](https://x.org/b.svg)](https://x.org)"), "Colab badge is not"),
    "no parameters cell": (lambda cells: cells[1].metadata.update(tags=[]), "a title and then a cell tagged `parameters`"),
    "no title": (lambda cells: setattr(cells[0], "source", cells[0].source[2:]), "does not begin with a title"),
    "executed out of order": (change("execution_count", 7), "not executed once from top to bottom: .*ci/refresh.py"),
    "never executed": (change("execution_count", None), "not executed once from top to bottom"),
    "no output": (lambda cells: cells[3].outputs.clear(), "cell 3 prints or shows something, but its output is missing"),
    "an error": (lambda cells: cells[4].outputs.append(output("error", ename="KeyError", evalue="1", traceback=[])),
                 r"cell 4 ends in an error \(KeyError\): mend it"),
    "a warning": (lambda cells: cells[4].outputs.append(output("stream", name="stderr", text="x\nFutureWarning: y\n")),
                  r"cell 4 writes to the standard error \('FutureWarning: y'\)"),
    "a widget": (lambda cells: cells[4].outputs.append(output("display_data", data={hygiene.WIDGET: {"model_id": "1"}})),
                 "holds widget state"),
    "a path in an output": (printed("saved to /home/ada/x.csv"), "cell 4 names a path of one machine .'/home/ada"),
    "an exercise that isn't there": (source("\nfound = check(\"nt_xent\", mine)", 4),
                                       "cell 4 checks 'nt_xent', and its section states no exercise: begin it"),
    "a path in the code": (source("\nopen(r'C:\\data')", 4), "cell 4 names a path of one machine .*C:"),
    "a large figure": (lambda cells: cells[3].outputs.append(figure(base64.b64encode(bytes(200_000)).decode())),
                       "cell 3 has a figure of 200 kB, the limit is 150"),
    "no alternative text": (lambda cells: cells[3].outputs.append(figure(alt=" ")), "cell 3 has a figure without an alt"),
    "an alternative text that no page shows": (
        lambda cells: cells[3].outputs.append(output("display_data", data={"image/png": FIGURE},
                                                     metadata={"image/png": {"alt": "A curve"}})),
        "cell 3 has a figure without an alternative text"),
    "a dead link": (source(" [x](nowhere.ipynb)"), "cell 0 links to nowhere.ipynb, which is not there: mend the link"),
    "a dead anchor": (source(" [x](#No-such-heading)"), "cell 0 links to #No-such-heading, which is not there"),
    "an empty link": (source(" [x]()"), "cell 0 links to nothing"),
    "a missing image": (source(" ![a cat](cat.png)"), "cell 0 links to cat.png"),
    "a missing attachment": (source(" ![a cat](attachment:cat.png)"), "cell 0 links to attachment:cat.png"),
    "an image without words": (source(" ![](test_hygiene.py)"), "cell 0 has an image without an alt"),
    "an image in HTML without words": (source(' <img src="test_hygiene.py">'), "cell 0 has an image without an alt"),
    "a long cell": (source("\npass" * 25, 4), "cell 4 has 26 lines, the limit is 25: divide it"),
    "a long line": (source("\n# " + "a" * 98 + "\n# " + "a" * 99, 4),
                    "cell 4 has 101 characters in line 3, the limit is 100: wrap it"),
}


@pytest.mark.parametrize("harm, message", BREAKS.values(), ids=BREAKS)
def test_each_rule_names_what_breaks_it_and_nothing_else(harm, message, good, tmp_path):
    harm(good.cells)
    (said,) = found(good, tmp_path)
    assert re.search(message, said) and "\n" not in said


def test_widget_state_in_the_metadata_is_named(good, tmp_path):
    good.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    (said,) = found(good, tmp_path)
    assert "holds widget state, for which GitHub refuses to show it" in said


def test_a_notebook_without_outputs_is_named(good, tmp_path):
    for cell in good.cells[1:5]:
        cell.outputs, cell.source = [], cell.source.replace("figures.show", "show").replace("print(", "str(")
    (said,) = found(good, tmp_path)
    assert "has no outputs at all: `python ci/refresh.py`" in said


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text('{"cells": [', encoding="utf-8")
    (said,) = hygiene.problems(path)
    assert "is no valid notebook" in said and "restore it from git" in said


def test_pages_are_checked_for_links_and_code_is_not(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("# A title\n[good](#a-title) `[code](nowhere)`\n```\n[code](nowhere)\n```\n[bad](docs/nowhere.md)",
                    encoding="utf-8")
    (said,) = hygiene.problems(page)
    assert "links to docs/nowhere.md" in said


def test_the_command_exits_with_1_and_says_where(good, tmp_path):
    good.cells[4].execution_count = 9
    path = tmp_path / "99_test.ipynb"
    nbformat.write(good, path)
    (tmp_path / "test_hygiene.py").touch()
    done = subprocess.run([sys.executable, CLONE / "ci" / "hygiene.py", path], capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and f"{path}: was not executed" in done.stdout and "1 problems" in done.stdout


@pytest.mark.parametrize("url", ["https://github.com/someone/a-course", "https://github.com/someone/a-course.git"])
def test_the_stamp_puts_one_badge_under_the_title_and_takes_it_away_again(url, good):
    before = copy.deepcopy(good)
    for _ in range(2):
        stamp.stamp(good, "99_test.ipynb", url)
    title, badge, text = good.cells[0].source.split("\n\n")
    assert title == "# Title" and badge.endswith("/github/someone/a-course/blob/main/notebooks/99_test.ipynb)")
    assert f'source = "git+{url}"' in good.cells[2].source
    stamp.stamp(good, "99_test.ipynb", None)
    assert good == before and "http" not in good.cells[2].source


def test_a_url_is_written_in_one_place_and_what_then_works_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    shutil.copy(CLONE / "pyproject.toml", tmp_path)
    before = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    for url, says in (("https://example.org/a.git", "No notebook has a badge"), ("https://github.com/a/b", "has a badge")):
        stamp.settle(url)
        after = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
        urls = after["project"].pop("urls")
        assert stamp.repository_url() == url == urls.pop("Repository") and after == before
        assert urls == ({"Documentation": "https://a.github.io/b/"} if "github" in url else {})
        told = capsys.readouterr().out
        assert says in told and f"git+{url}" in told


def test_outside_a_clone_the_set_up_cell_says_what_to_do(tmp_path):
    for url, remedy in ((None, "`make lab`"), ("https://github.com/a/b", "%pip install git+https://github.com/a/b")):
        cell = "preset = None\n" + stamp.setup_cell(url)
        # -S: without site-packages, so that intriguing_lib is not installed
        done = subprocess.run([sys.executable, "-S", "-c", cell], cwd=tmp_path, capture_output=True, encoding="utf-8",
                              env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
        last = done.stderr.strip().splitlines()[-1]
        assert "ModuleNotFoundError: intriguing_lib is not here" in last and remedy in last

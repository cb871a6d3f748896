"""The site, as far as it can be told without Sphinx: what is prepared for it, and what looks at the finished pages."""
import ast
import base64
import html
import importlib
import json
import re
import sys

import nbformat
import pytest

from intriguing_lib.paths import CLONE

SITE = CLONE / "ci" / "site"
sys.path[:0] = [str(SITE), str(CLONE / "ci")]
check, hygiene, pages, reference, cells = (
    importlib.import_module(name) for name in ("check", "hygiene", "pages", "reference", "cells"))
NOTEBOOKS = sorted((CLONE / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """(folder, {notebook: how many figures were counted})"""
    folder = tmp_path_factory.mktemp("site")
    names = reference.names_of(CLONE / "intriguing_lib")
    return folder, {path: cells.write_notebook(path, folder, names) for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_arrives_whole_and_with_its_alternative_text(prepared, path):
    folder, counted = prepared
    committed = nbformat.read(path, as_version=4)
    copy = nbformat.read(folder / "notebooks" / path.name, as_version=4)
    tags = [tag for cell in copy.cells for output in cell.get("outputs", [])
            for tag in re.findall(r"<img [^>]*>", output.get("data", {}).get("text/html", ""))]
    figures = hygiene.images(committed)
    assert len(tags) == len(figures) == counted[path]
    for tag, (_, image, alt) in zip(tags, figures, strict=True):
        assert html.unescape(re.search(r'alt="([^"]*)"', tag)[1]) == html.unescape(alt)
        file = folder / "static" / re.search(r'src="\.\./_static/([^"]+)"', tag)[1]
        assert file.read_bytes() == base64.b64decode(image) or file.suffix == ".webp", "a slider shows its frames"
    assert not any(kind.startswith(("image/", "application/")) for cell in copy.cells for output in cell.get("outputs", [])
                   for kind in output.get("data", {}))


def test_each_slider_has_its_frames_and_begins_where_the_notebook_does():
    found = 0
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for name in cells.SLIDERS.findall(cell.source) if cell.cell_type == "code" else []:
                described = json.loads((SITE / "frames" / f"{name}.json").read_text(encoding="utf-8"))
                counts = [len(labels) for labels in described["sliders"].values()]
                first = 0
                for count, at in zip(counts, described["first"], strict=True):
                    first = first * count + at
                (alt,) = [output.data["text/plain"] for output in cell.outputs if "image/png" in output.get("data", {})]
                assert described["frames"][first]["alt"] == alt
                assert all((SITE / "frames" / frame["file"]).exists() for frame in described["frames"])
                assert len({frame["alt"] for frame in described["frames"]}) == len(described["frames"]) > 4
                found += 1
    assert found == 3


def test_every_link_between_the_notebooks_sections_is_spelled_as_the_site_spells_its_headings(prepared):
    folder, _ = prepared
    pages_ = {path.name: nbformat.read(path, as_version=4) for path in (folder / "notebooks").glob("*.ipynb")}
    anchors = {name: {cells.slug(title) for cell in notebook.cells if cell.cell_type == "markdown"
                      for title in re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)} for name, notebook in pages_.items()}
    followed = 0
    for name, notebook in pages_.items():
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        texts += [output.data["text/markdown"] for cell in notebook.cells for output in cell.get("outputs", [])
                  if "text/markdown" in output.get("data", {})]
        for file, anchor in re.findall(r"\]\(([\w.-]+\.(?:ipynb|html))?#([^)]+)\)", "\n".join(texts)):
            assert anchor in anchors[file.replace(".html", ".ipynb") if file else name], (name, file, anchor)
            followed += 1
    assert followed > 80


def test_the_reference_lists_what_python_finds_in_the_library():
    listed = 0
    for module, path in reference.modules(CLONE / "intriguing_lib").items():
        imported, text = importlib.import_module(module), path.read_text(encoding="utf-8")
        page = reference.page(module, ast.parse(text), text)
        for name, thing in vars(imported).items():
            if getattr(thing, "__module__", None) == module and not name.startswith("_") and callable(thing):
                assert f"\n## {name}\n" in page, f"{module}.{name} is missing"
                listed += 1
    assert listed > 500
    names = reference.names_of(CLONE / "intriguing_lib")
    assert names["nt_xent"] == "reference/intriguing_lib.losses.md#intriguing-lib-losses-nt-xent"


def test_signatures_are_shown_whole_and_docstrings_are_no_markup():
    source = 'from x import y\n\n\n@y\ndef f(a,\n      b=lambda: 0):\n    """Of <b> and *c*, `d_e`.\n\n    f"""\n    return a\n'
    node = reference.public(ast.parse(source))[0]
    assert reference.signature(node, source) == "@y\ndef f(a,\n      b=lambda: 0):"
    assert reference.prose(ast.get_docstring(node)) == "Of \\<b\\> and \\*c\\*, `d_e`.\n\nf"
    assert reference.prose("One:\n\n    two = 3") == "One:\n\n```text\n    two = 3\n```"


def test_links_into_the_repository_lead_to_pages_or_else_to_the_repository():
    text = "[a](../SCALING.md#x) [b](../intriguing_lib/losses.py) [c](https://x.org) [d](../notebooks/00_start_here.ipynb)"
    def turned(url):
        return pages.with_links(text, "data", {"SCALING.md": "scaling.md"}, CLONE, url)
    assert turned(None) == "[a](scaling.md#x) b [c](https://x.org) [d](notebooks/00_start_here.ipynb)"
    assert "[b](https://github.com/o/n/blob/main/intriguing_lib/losses.py)" in turned("https://github.com/o/n")


def test_a_finished_site_is_looked_through(tmp_path):
    (tmp_path / "b").mkdir()
    one = '<h1 id="top">T</h1><img class="figure" src="x.png" alt="A curve.">'
    (tmp_path / "b" / "one.html").write_text(one, encoding="utf-8")
    (tmp_path / "b" / "x.png").write_bytes(b"")
    good = '<a href="b/one.html#top">x</a><a href="https://x.org">y</a><a href="#here" id="here">z</a>'
    (tmp_path / "index.html").write_text(good, encoding="utf-8")
    assert check.problems(tmp_path) == [] and check.figures_in(tmp_path / "b" / "one.html") == 1
    for wrong, words in (('<a href="b/two.html">x</a>', "links to b/two.html"),
                         ('<a href="b/one.html#no">x</a>', "links to b/one.html#no"),
                         ('<img class="figure" src="b/x.png" alt=" ">', "without an alternative text"),
                         ('<p id="a"></p><p id="a"></p>', "two places called #a"),
                         ('<script src="gone.js"></script>', "gone.js")):
        (tmp_path / "index.html").write_text(good + wrong, encoding="utf-8")
        (problem,) = check.problems(tmp_path)
        assert words in problem and problem.startswith("index.html")
        assert check.figures_in(tmp_path / "index.html") == 0


def test_the_course_needs_nothing_of_what_builds_the_site():
    def packages(file):
        return {re.split(r"[<>=\[ ]", line)[0].lower() for line in file.read_text(encoding="utf-8").splitlines()
                if line and not line.startswith("#")}
    site = packages(SITE / "requirements.txt") | packages(SITE / "requirements-look.txt")
    assert "sphinx" in site and not site & (packages(CLONE / "requirements.txt") | packages(CLONE / "constraints.txt"))

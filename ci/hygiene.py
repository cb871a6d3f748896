"""Is every notebook fit to be committed, and does every link resolve? `python ci/hygiene.py [FILE ...]`; all by default.

Prints a line for each thing that is wrong, with its remedy, and exits with 1 if there is any. `make test` runs it.
"""
import base64
import re
import sys
from pathlib import Path

import nbformat
from stamp import NOTEBOOKS, PAGES, ROOT, repository_url, stamp

FIGURE_KB = 150
CELL_LINES = 25
LINE_CHARACTERS = 100  # more than that, JupyterLab clips on a screen of 1366 pixels
REFRESH = "`python ci/refresh.py` executes it and mends this"
WIDGET = "application/vnd.jupyter.widget-view+json"
ABSOLUTE = re.compile(r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|usr|var|opt|mnt|work|private)/[\w.]|[A-Z]:\\\w|file://)")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]*)(?:\s+\"[^\"]*\")?\)")
EXERCISE = re.compile(r"### Exercise: .+ \(\d+ minutes, (easy|medium|hard)\)$")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def main():
    files = [Path(name).resolve() for name in sys.argv[1:]]
    files = files or [*sorted(NOTEBOOKS.glob("*.ipynb")), *markdown_files(), ROOT / "CITATION.cff"]
    found = [(path, problem) for path in files for problem in problems(path)]
    for path, problem in found:
        print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {problem}")
    print(f"{len(files)} notebooks and pages looked at, {len(found)} problems")
    return 1 if found else 0


def markdown_files():
    return sorted(path for folder in (ROOT, ROOT / "data", ROOT / ".github") for path in folder.glob("*.md"))


def problems(path):
    """What is wrong with a notebook or a page of Markdown: one sentence each."""
    if path.suffix != ".ipynb":
        text = path.read_text(encoding="utf-8")
        return [*page_as_stamped(text, path), *links(text, path, headings([text]))]
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError) as error:
        return [f"is no valid notebook ({str(error).splitlines()[0]}): restore it from git"]
    return [problem for rule in RULES for problem in rule(notebook, path)]


def code_cells(notebook):
    """(where it is, cell) of every code cell that holds something."""
    return [(f"cell {i}", c) for i, c in enumerate(notebook.cells) if c.cell_type == "code" and c.source.strip()]


def outputs(notebook):
    return [(where, output) for where, cell in code_cells(notebook) for output in cell.outputs]


def images(notebook):
    """(where it is, base64 text, alternative text) of every figure in the outputs."""
    return [(where, output.data[kind], alternative_text(output.data.get("text/html", "")))
            for where, output in outputs(notebook) for kind in ("image/png", "image/gif") if kind in output.get("data", {})]


def alternative_text(page):
    """That of the image in an output's HTML, which is what browsers show."""
    found = re.search(r'<img alt="([^"]*)" src="data:', page)
    return found[1] if found else ""


def set_up_as_stamped(notebook, path):
    stamped = nbformat.from_dict(notebook)
    if len(stamped.cells) < 3:
        yield "does not begin with title, parameters and set-up"
        return
    before = [cell.source for cell in stamped.cells[:3]]
    stamp(stamped, path.name, repository_url())
    after = [cell.source for cell in stamped.cells[:3]]
    if before != after:
        yield "its set-up cell or Colab badge is not the course's: `python ci/stamp.py` puts them there"
    if not before[0].startswith("# ") or "parameters" not in stamped.cells[1].metadata.get("tags", []):
        yield "does not begin with a title and then a cell tagged `parameters`"


def page_as_stamped(text, path):
    stamped = PAGES.get(path.name) if path.parent == ROOT else None
    if stamped and stamped(text, repository_url()) != text:
        yield "does not name the repository as pyproject.toml does: `python ci/stamp.py` mends that"


def executed_in_order(notebook, path):
    counts = [cell.execution_count for _, cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed once from top to bottom: {REFRESH}"


def outputs_present(notebook, path):
    for where, cell in code_cells(notebook):
        if re.search(r"^(figures\.show|print)\(", cell.source, re.MULTILINE) and not cell.outputs:
            yield f"{where} prints or shows something, but its output is missing: {REFRESH}"
    if not outputs(notebook):
        yield f"has no outputs at all: {REFRESH}"


def no_errors(notebook, path):
    for where, output in outputs(notebook):
        if output.output_type == "error":
            yield f"{where} ends in an error ({output.ename}): mend it"
        elif output.get("name") == "stderr":
            yield f"{where} writes to the standard error ({output.text.strip().splitlines()[-1][:60]!r}): mend what it says"


def no_widget_state(notebook, path):
    if "widgets" in notebook.metadata or any(WIDGET in output.get("data", {}) for _, output in outputs(notebook)):
        yield f"holds widget state, for which GitHub refuses to show it: {REFRESH}"


def no_absolute_path(notebook, path):
    texts = [(f"cell {i}", cell.source) for i, cell in enumerate(notebook.cells)]
    for where, output in outputs(notebook):
        shown = output.get("data", {})
        texts.append((where, "".join([output.get("text", ""), *(shown.get(kind, "") for kind in ("text/plain", "text/html"))])))
    for where, text in texts:
        for match in ABSOLUTE.finditer(text):
            yield f"{where} names a path of one machine ({text[match.start():match.end() + 30]!r}): leave it out"


def figure_sizes(notebook, path):
    for where, image, _ in images(notebook):
        size = len(base64.b64decode(image)) / 1000
        if size > FIGURE_KB:
            yield f"{where} has a figure of {size:.0f} kB, the limit is {FIGURE_KB}: make it smaller or its dpi lower"


def alternative_texts(notebook, path):
    for where, _, alt in images(notebook):
        if not alt.strip():
            yield f"{where} has a figure without an alternative text: show it with figures.show(figure, alt=...)"


def links_resolve(notebook, path):
    pages = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    targets = headings([cell.source for _, cell in pages])
    for i, cell in pages:
        for problem in links(cell.source, path, targets, set(cell.get("attachments", {}))):
            yield f"cell {i} {problem}"


def short_cells(notebook, path):
    for where, cell in code_cells(notebook):
        if len(cell.source.splitlines()) > CELL_LINES:
            yield f"{where} has {len(cell.source.splitlines())} lines, the limit is {CELL_LINES}: divide it"


def short_lines(notebook, path):
    for where, cell in code_cells(notebook):
        for number, line in enumerate(cell.source.splitlines(), 1):
            if len(line) > LINE_CHARACTERS:
                yield f"{where} has {len(line)} characters in line {number}, the limit is {LINE_CHARACTERS}: wrap it"


def exercises_stated(notebook, path):
    heading = ""
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#+ .+$", cell.source, re.MULTILINE) or [heading])[-1]
        elif checked := re.search(r"^[^#\n]*\bcheck\(\"(\w+)\"", cell.source, re.MULTILINE):
            if not EXERCISE.match(heading):
                yield (f"cell {i} checks {checked[1]!r}, and its section states no exercise: begin it with the heading "
                       "'### Exercise: what it is about (10 minutes, medium)'")
            heading = ""


RULES = (set_up_as_stamped, executed_in_order, outputs_present, no_errors, no_widget_state, no_absolute_path, figure_sizes,
         alternative_texts, links_resolve, short_cells, short_lines, exercises_stated)


def headings(texts):
    """The anchors of all headings, as JupyterLab and as GitHub spell them."""
    titles = [title.strip() for text in texts for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    github = {re.sub(r"[^\w\- ]", "", title).replace(" ", "-").lower() for title in titles}
    return github | {title.replace(" ", "-") for title in titles}


def links(text, path, anchors, attachments=frozenset()):
    """Problems with the links and images of a Markdown text that lies in the file `path`. Asks no network."""
    for mark, words, target in LINK.findall(CODE.sub("", text)):
        if mark and not words.strip():
            yield f"has an image without an alternative text: {target}"
        if re.match(r"(https?|mailto):", target):
            continue
        file, _, anchor = target.partition("#")
        if target.startswith("attachment:"):
            missing = target.removeprefix("attachment:") not in attachments
        elif file:
            missing = not (path.parent / file).exists()
        else:
            missing = anchor not in anchors
        if missing:
            yield f"links to {target or 'nothing'}, which is not there: mend the link"
    for image in re.findall(r"<img\b[^>]*>", CODE.sub("", text)):
        if not re.search(r'\balt="[^"]+"', image):
            yield f"has an image without an alternative text: {image}"


if __name__ == "__main__":
    sys.exit(main())

"""The library's reference from its docstrings and sources, read without importing it (torch isn't installed for the site)."""
import ast
import re

HIDDEN = ("__init__", "__main__")


def modules(package):
    """{dotted name: path} of the package's modules, the flat core first."""
    paths = [path for path in sorted(package.rglob("*.py")) if path.stem not in HIDDEN]
    paths.sort(key=lambda path: (len(path.parts), path))
    return {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in paths}


def public(tree):
    """The functions and classes of a module that are not private, in its order."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def names_of(package):
    """{name: "reference/MODULE.md#anchor"} of all public functions and classes that only one module has."""
    places = {}
    for module, path in modules(package).items():
        for node in public(ast.parse(path.read_text(encoding="utf-8"))):
            places.setdefault(node.name, []).append(f"reference/{module}.md#{anchor(module, node)}")
    return {name: found[0] for name, found in places.items() if len(found) == 1}


def anchor(module, node):
    """A class and a function may differ by a capital only, which anchors don't see."""
    kind = "class-" if isinstance(node, ast.ClassDef) else ""
    return f"{kind}{module}.{node.name}".lower().replace(".", "-").replace("_", "-")


def write_reference(package, target):
    """Write reference/MODULE.md for every module, and reference/index.md that lists them by their first sentence."""
    folder = target / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# The library", "", "`intriguing_lib`, module by module, from its docstrings. The core is flat; `course` is what "
             "only notebooks need, `figures` what draws.", "", "| module | what it is about |", "| --- | --- |"]
    for module, path in modules(package).items():
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        (folder / f"{module}.md").write_text(page(module, tree, source), encoding="utf-8")
        lines.append(f"| [{module.removeprefix('intriguing_lib.')}]({module}.md) | {first_sentence(ast.get_docstring(tree))} |")
    (folder / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(module, tree, source):
    parts = ["---\norphan: true\n---", f"# {module.removeprefix('intriguing_lib.')}", f"`from {module} import ...`",
             prose(ast.get_docstring(tree) or "")]
    for node in public(tree):
        parts += [f"({anchor(module, node)})=\n## {node.name}", code(signature(node, source)),
                  prose(ast.get_docstring(node) or ""), folded_source(node, source)]
    return "\n\n".join(parts) + "\n"


def signature(node, source):
    """The lines from the first decorator to the colon; of a dataclass its fields too."""
    lines, start = source.splitlines(), first_line(node)
    fields = [one for one in node.body if isinstance(node, ast.ClassDef) and isinstance(one, ast.AnnAssign)]
    end = node.body[0].lineno - 1
    head = lines[start:max(end, start + 1)]
    while head and not head[-1].rstrip().endswith(":"):
        head.pop()
    return "\n".join([*(head or lines[start:start + 1]), *(lines[one.lineno - 1] for one in fields)])


def prose(docstring):
    """A docstring as Markdown: its paragraphs, with indented examples as code and nothing taken for a formula or HTML."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        indented = all(line.startswith("    ") for line in paragraph.splitlines())
        parts.append(f"```text\n{paragraph}\n```" if indented else escaped(paragraph))
    return "\n\n".join(parts)


def escaped(paragraph):
    pieces = re.split(r"(`[^`\n]*`)", paragraph)
    return "".join(piece if piece.startswith("`") else re.sub(r"([<>*_$\[\]{}|#~])", r"\\\1", piece) for piece in pieces)


def code(text):
    return f"```python\n{text}\n```"


def folded_source(node, source):
    whole = code("\n".join(source.splitlines()[first_line(node):node.end_lineno]))
    return f"<details><summary>Source of {node.name}</summary>\n\n{whole}\n\n</details>"


def first_line(node):
    """Where a definition begins, its decorators counted, from 0."""
    return min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1


def first_sentence(docstring):
    return escaped(re.split(r"(?<=[.!?])\s|\n\s*\n", (docstring or "").strip())[0].replace("\n", " "))

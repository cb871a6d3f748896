"""The course's notebooks as the site shows them: from their committed outputs, nothing executed.

Pictures become files of their own with their alternative texts, tables get a box that scrolls, sliders show the frames that
ci/refresh.py wrote, the set-up cell is folded, links between sections are spelled as the site spells them, and the library's
names lead to its reference.
"""
import base64
import html
import json
import re
import struct
from pathlib import Path
from urllib.parse import unquote

import nbformat

FRAMES = Path(__file__).parent / "frames"
LINK = re.compile(r"(?<=\]\()([\w.-]+\.ipynb)?(?:#([^)\s]+))?(?=\))")
ALT = re.compile(r'<img alt="([^"]*)"')
SLIDERS = re.compile(r"^figures\.sliders\((\w+),", re.MULTILINE)
NAME = re.compile(r"(?<![\[`])`([A-Za-z_]\w*)`(?![`\]])")
CODE = re.compile(r"(```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|\[[^\]\n]*\]\([^)\n]*\))", re.DOTALL)


def write_notebook(path, target, names):
    """Write the site's copy of a notebook and its pictures under target; returns how many pictures there are.

    names: {name: link to its place in the reference}, for every name of the library that is the only one of its kind.
    """
    notebook = nbformat.read(path, as_version=4)
    pictures = 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, names)
            continue
        if number == 2:
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        slid = SLIDERS.search(cell.source)
        for i, output in enumerate(cell.outputs):
            cell.outputs[i] = kept(output, target, f"{path.stem}_{pictures + 1}")
            if is_picture(output):
                pictures += 1
                if slid:
                    cell.outputs[i] = with_sliders(slid[1], target)
    folder = target / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / path.name)
    return pictures


def is_picture(output):
    return any(f"image/{kind}" in output.get("data", {}) for kind in ("png", "gif"))


def kept(output, target, name):
    """An output as the site shows it. What no page can show (a claim's data for ci/refresh.py) is left out."""
    output = nbformat.from_dict(output)  # a copy
    data = output.get("data", {})
    kind = next((kind for kind in ("png", "gif") if f"image/{kind}" in data), None)
    if kind:
        alt = html.unescape(ALT.search(data["text/html"])[1])
        content = base64.b64decode(data[f"image/{kind}"])
        output.data = {"text/html": picture(save(content, target, f"{name}.{kind}"), alt, *size(content, kind))}
    elif "text/markdown" in data:
        verdict = any(kind.endswith("verdict+json") for kind in data)
        text = LINK.sub(lambda found: to_section(found).replace(".ipynb", ".html"), data["text/markdown"])  # MyST leaves these
        output.data = {"text/markdown": in_box(text, "verdict") if verdict else text}
    elif "<table" in data.get("text/html", ""):
        table = re.sub(r"<style scoped>.*?</style>", "", data["text/html"], flags=re.DOTALL)
        table = re.sub(r"<th></th>", "<td></td>", table)  # an empty heading heads nothing
        output.data = {"text/html": f'<div class="table-box" tabindex="0" role="region" aria-label="table">{table}</div>'}
    return output


def save(content, target, name):
    folder = target / "static" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return f"../_static/figures/{name}"


def size(content, kind):
    """(width, height) in pixels, so that a page doesn't jump while its pictures arrive."""
    return struct.unpack(">II", content[16:24]) if kind == "png" else struct.unpack("<HH", content[6:10])


def picture(source, alt, width, height):
    return (f'<img class="figure dark-light" src="{source}" alt="{html.escape(alt)}" width="{width}" height="{height}" '
            'loading="lazy">')


def in_box(markdown, kind):
    return f'<div class="{kind}">\n\n{markdown}\n\n</div>'


def with_sliders(name, target):
    """The frames of a figure with sliders: HTML for static/sliders.js, and the first frame without it."""
    described = json.loads((FRAMES / f"{name}.json").read_text(encoding="utf-8"))
    files = [save((FRAMES / frame["file"]).read_bytes(), target, f"{name}_{number}.webp")
             for number, frame in enumerate(described["frames"])]
    counts = [len(labels) for labels in described["sliders"].values()]
    at = 0
    for count, first in zip(counts, described["first"], strict=True):
        at = at * count + first
    frames = [{"src": file, "alt": frame["alt"]} for file, frame in zip(files, described["frames"], strict=True)]
    bars = "".join(
        f'<label>{html.escape(slider)} <input type="range" min="0" max="{len(labels) - 1}" value="{first}" '
        f'data-labels="{html.escape(json.dumps(labels, ensure_ascii=False))}" aria-valuetext="{html.escape(labels[first])}"> '
        f"<output>{html.escape(labels[first])}</output></label>"
        for (slider, labels), first in zip(described["sliders"].items(), described["first"], strict=True))
    page = (f'<div class="sliders" data-frames="{html.escape(json.dumps(frames, ensure_ascii=False))}">'
            f'<img class="figure dark-light" src="{files[at]}" alt="{html.escape(described["frames"][at]["alt"])}">'
            f"{bars}<p>Frames drawn beforehand; in the notebook the sliders move freely.</p></div>")
    return nbformat.v4.new_output("display_data", {"text/html": page})


def linked(text, names):
    """Prose whose links to sections are the site's, and in which each of the library's names leads to the reference once."""
    text = LINK.sub(to_section, text)
    parts, seen = CODE.split(text), set()
    for i in range(0, len(parts), 2):  # every other part is code, a formula or a link already
        parts[i] = NAME.sub(lambda found: to_reference(found, names, seen), parts[i])
    return "".join(parts)


def to_section(found):
    return (found[1] or "") + (f"#{slug(unquote(found[2]))}" if found[2] else "")


def to_reference(found, names, seen):
    if found[1] not in names or found[1] in seen:
        return found[0]
    seen.add(found[1])
    return f"[{found[0]}](../{names[found[1]]})"


def slug(title):
    """The anchor of a heading, as MyST and GitHub spell it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")

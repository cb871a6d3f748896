"""Does every link of a built site resolve, and has every picture its alternative text? Asks no network."""
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What of a page matters here: ids, links, what it loads, and pictures."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.targets, self.pictures = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("href", "src"):
            if attributes.get(name) and tag != "base":
                self.targets.append(attributes[name])
        if tag == "img":
            self.pictures.append(attributes)


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def figures_in(path):
    """How many of the course's figures a page shows with an alternative text."""
    return sum("figure" in picture.get("class", "").split() and bool((picture.get("alt") or "").strip())
               for picture in read(path).pictures)


def problems(site):
    """One sentence for each thing that is wrong in a folder of HTML."""
    pages = {path: read(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}
    return [f"{path.relative_to(site)} {problem}" for path, page in pages.items() for problem in of_page(path, page, pages)]


def of_page(path, page, pages):
    for picture in page.pictures:
        if not (picture.get("alt") or "").strip():
            yield f"has a picture without an alternative text: {picture.get('src', '')[:80]}"
    for double in {name for name in page.ids if page.ids.count(name) > 1}:
        yield f"has two places called #{double}"
    for target in page.targets:
        if not resolves(path, target, pages):
            yield f"links to {target[:100]}, which is not there"


def resolves(path, target, pages):
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or target.startswith("#"):
        return not target.startswith("#") or target in ("#", "#top") or unquote(target[1:]) in pages[path].ids
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    file = file / "index.html" if file.is_dir() else file
    if not file.exists():
        return False
    return not parts.fragment or file not in pages or unquote(parts.fragment) in pages[file].ids

"""The site's other pages: the landing page, speed, and the repository's own Markdown, whose links are turned to the site's."""
import csv
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
MARKED = re.compile(r"(?<=<!-- verdicts -->\n).*?(?=\n<!-- /verdicts -->)", re.DOTALL)
BENCH = re.compile(r"<!-- bench (\w+): (.+?) -->")
LIMITS = re.compile(r"<!-- limits: (.+?) -->")


def write_pages(root, target, repository):
    """Write all pages but the notebooks' and the reference's under target. repository: its URL, or None."""
    own = root / "ci" / "site"
    index = (own / "index.md").read_text(encoding="utf-8")
    verdicts = MARKED.search((root / "README.md").read_text(encoding="utf-8"))[0]
    (target / "index.md").write_text(index.replace("<!-- the README's verdicts -->", verdicts), encoding="utf-8")
    speed = (own / "speed.md").read_text(encoding="utf-8")
    speed = BENCH.sub(lambda found: bench_table(root, *found.groups()), speed)
    speed = LIMITS.sub(lambda found: what_takes_the_time(root, found[1]), speed)
    (target / "speed.md").write_text(speed, encoding="utf-8")
    copies = {"TEACHING.md": "teaching.md", "SCALING.md": "scaling.md", "CONTRIBUTING.md": "contributing.md",
              "CHANGELOG.md": "changelog.md", "data/digits.md": "digits.md", "data/fashion.md": "fashion.md"}
    places = copies | {"README.md": "index.md"}
    for name, page in copies.items():
        text = with_links((root / name).read_text(encoding="utf-8"), Path(name).parent, places, root, repository)
        (target / page).write_text(text, encoding="utf-8")


def with_links(text, folder, places, root, repository):
    """A page's links into the repository: to the page of the site that shows the file, else to the file in the repository.

    While no repository is named, what has no page of its own keeps its words and loses its link.
    """
    def turned(found):
        words, target, anchor = found.groups()
        path = (root / folder / target).resolve().relative_to(root).as_posix()
        if path.startswith("notebooks/") and path.endswith(".ipynb"):
            return f"[{words}]({path}{anchor or ''})"
        if path in places:
            return f"[{words}]({places[path]}{anchor or ''})"
        return f"[{words}]({repository}/blob/main/{path})" if repository else words
    return LINK.sub(turned, text)


def bench_table(root, part, what):
    """A table of results/bench_PART.csv: the rows whose description begins with `what`, ours first, with machine and date."""
    rows = rows_of(root, part, what)
    lines = [f"{rows[0]['what'][0].upper()}{rows[0]['what'][1:]}.", "",
             "| | seconds (fastest to slowest) | ours is so many times as fast | extra memory |", "| --- | --- | --- | --- |"]
    for row in rows:
        kept = f", freed memory {row['freed_memory']}" if len({one["freed_memory"] for one in rows}) > 1 else ""
        median, fastest, slowest = (f"{float(row[name]):.3g}" for name in ("seconds", "fastest", "slowest"))
        ratio, memory = float(row["ours_times_as_fast"]), float(row["peak_mb"])
        lines.append(f"| {row['candidate']}{kept} | {median} ({fastest} to {slowest}) | {ratio:.1f} | {memory:.0f} MB |")
    first = rows[0]
    lines += ["", f"*{first['date'][:10]}, {first['device']}, {first['platform']}, Python {first['python']}, torch "
              f"{first['torch']}; {first['peers']}. Medians of {first['rounds']} rounds, in which the candidates took turns.*"]
    return "\n".join(lines)


def what_takes_the_time(root, what):
    """From results/bench_limits.csv: the operations in which the time goes, with their shares."""
    found = [f"`{row['operation']}` {float(row['share']):.0%}" for row in rows_of(root, "limits", what)]
    return f"Where the time goes (torch's profiler, one thread): {', '.join(found)}."


def rows_of(root, part, what):
    with open(root / "results" / f"bench_{part}.csv", encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["what"].startswith(what)]

"""Stamp the set-up cell into all notebooks, and a Colab badge where it can work: `python ci/stamp.py [URL] [NOTEBOOK ...]`.

The text of the set-up cell stands here, the repository's URL in pyproject.toml ([project.urls], Repository) and nowhere
else. While no URL is set there, no badge and no link to the repository appears; a URL given here is written there first, and
what then works is said. ci/hygiene.py checks what this writes.
"""
import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"

SETUP = '''\
# Set-up, the same in every notebook: find intriguing_lib{or_install}, say what this runs on.
import importlib.util
import pathlib
{imports}import sys
{version}
sys.path += [str(folder) for folder in pathlib.Path.cwd().parents
             if (folder / "intriguing_lib").is_dir()]
if not importlib.util.find_spec("intriguing_lib"):
{otherwise}
from intriguing_lib import course

preset = course.setup(preset)'''

NO_REPOSITORY = '''\
    raise ModuleNotFoundError("intriguing_lib is not here: "
                              "open this notebook in a clone of the course, with `make lab`.")'''

REPOSITORY = '''\
    source = "git+{url}"
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError("intriguing_lib is not here: "
                                  "open this notebook in a clone of the course, with `make lab`, "
                                  f"or install the library with `%pip install {{source}}`.")
    # the session in Colab runs on these
    colabs_own = "torch torchvision numpy ipython ipykernel ipywidgets traitlets tornado pyzmq"
    keep = pathlib.Path("keep.txt")
    keep.write_text("\\n".join(f"{{name}}=={{version(name)}}" for name in colabs_own.split()),
                    encoding="utf-8")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet",
                    "--constraint", keep, source], check=True)'''

BADGE = ("[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
         "(https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name})")
ANY_BADGE = re.compile(r"\n\n\[!\[Open in Colab\][^\n]*")


def repository_url():
    """Where the course's repository can be cloned from, or None while that is not settled."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


def setup_cell(url):
    if url is None:
        return SETUP.format(or_install="", imports="", version="", otherwise=NO_REPOSITORY)
    return SETUP.format(or_install=" (in Colab: get it)", imports="import subprocess\n",
                        version="from importlib.metadata import version\n", otherwise=REPOSITORY.format(url=url))


def on_github(url):
    """"OWNER/NAME" of a repository on GitHub, None for any other URL."""
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", url or "")
    return found and found[1]


def title_cell(source, name, url):
    """The first cell with a badge under its title, if the repository is on GitHub: Colab opens nothing else."""
    title, _, rest = ANY_BADGE.sub("", source).partition("\n")
    repository = on_github(url)
    badge = "\n\n" + BADGE.format(repository=repository, name=name) if repository else ""
    return f"{title}{badge}\n{rest}"


def stamp(notebook, name, url):
    """Change a notebook's first cell (the title) and third (the set-up; the second holds the parameters) in place."""
    title, _, setup = notebook.cells[:3]
    title.source = title_cell(title.source, name, url)
    setup.source = setup_cell(url)


def settle(url):
    """Write the repository's URL into pyproject.toml, and say what then works."""
    file = ROOT / "pyproject.toml"
    text = re.sub(r"\n\[project\.urls\]\nRepository = .*\n", "", file.read_text(encoding="utf-8"))
    before, table, after = text.partition("\n[tool.")
    file.write_text(f'{before}\n[project.urls]\nRepository = "{url}"\n{table}{after}', encoding="utf-8")
    print(f"pyproject.toml names {url} as the repository.\n"
          f"- In Colab the set-up cell installs the library from there (git+{url}), once anybody can clone it.\n"
          f"- Elsewhere a notebook without its clone says how: %pip install git+{url}")
    print("- Each notebook has a badge that opens it in Colab, from the branch main." if on_github(url) else
          "- No notebook has a badge: Colab opens notebooks from GitHub alone (https://github.com/OWNER/NAME).")


if __name__ == "__main__":
    names = sys.argv[1:]
    if names and "://" in names[0]:
        settle(names.pop(0))
    for path in map(Path, names or sorted(NOTEBOOKS.glob("*.ipynb"))):
        notebook = nbformat.read(path, as_version=4)
        stamp(notebook, path.name, repository_url())
        nbformat.write(notebook, path)
        print(f"stamped {path.name}")

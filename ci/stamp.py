"""Stamp the repository's URL, and the set-up cell into all notebooks: `python ci/stamp.py [URL] [NOTEBOOK ...]`.

The URL is settled in pyproject.toml ([project.urls], Repository; for GitHub also Documentation, the address of the course as
pages). From there it goes into the notebooks' set-up cell and Colab badges, the README's badges and CITATION.cff. While none is
set, no badge and no link to the repository appears; one given here takes the place of the last, and what then works is said.
ci/hygiene.py checks what this writes.
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
README_BADGES = """
[![test](https://github.com/{repository}/actions/workflows/test.yml/badge.svg)](https://github.com/{repository}/actions/workflows/test.yml)
[![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/notebooks/{name})
{colab}
[The course as pages]({pages})
"""
MARKED = re.compile(r"(?<=<!-- badges -->\n).*?(?=<!-- /badges -->)", re.DOTALL)


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


def pages_url(url):
    """Where GitHub would publish the course as pages, None for a repository elsewhere."""
    owner, _, name = (on_github(url) or "").partition("/")
    return f"https://{owner.lower()}.github.io/{name}/" if owner else None


def readme(text, url):
    """The README with its badges, between two markers if it has them: none while the repository is not on GitHub."""
    repository, name = on_github(url), "00_start_here.ipynb"
    colab = BADGE.format(repository=repository, name=name)
    badges = README_BADGES.format(repository=repository, name=name, colab=colab, pages=pages_url(url)) if repository else ""
    return MARKED.sub(lambda _: badges.lstrip("\n"), text)


def citation(text, url):
    text = re.sub(r"^repository-code: .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"(?=^license: )", f'repository-code: "{url}"\n', text, flags=re.MULTILINE) if url else text


PAGES = {"README.md": readme, "CITATION.cff": citation}


def settle(url):
    """Write the repository's URL into pyproject.toml, and say what then works."""
    file = ROOT / "pyproject.toml"
    text = re.sub(r"\n\[project\.urls\]\n(?:\w+ = .*\n)+", "", file.read_text(encoding="utf-8"))
    before, table, after = text.partition("\n[tool.")
    pages = f'Documentation = "{pages_url(url)}"\n' if pages_url(url) else ""
    file.write_text(f'{before}\n[project.urls]\nRepository = "{url}"\n{pages}{table}{after}', encoding="utf-8")
    print(f"pyproject.toml names {url} as the repository.\n"
          f"- In Colab the set-up cell installs the library from there (git+{url}), once anybody can clone it.\n"
          f"- Elsewhere a notebook without its clone says how: %pip install git+{url}")
    print(f"- Each notebook has a badge that opens it in Colab, from the branch main; the README also has Binder's.\n"
          f"- The course as pages will be at {pages_url(url)}, once GitHub publishes them." if on_github(url) else
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
    for name, stamped in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        (ROOT / name).write_text(stamped(text, repository_url()), encoding="utf-8")
        print(f"stamped {name}")

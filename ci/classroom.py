"""What a teacher needs beside the notebooks: `python ci/classroom.py solutions`, and so on.

solutions   writes every notebook with its exercises solved by the library's own functions, executed, to build/solutions/; under
            the preset quick (or INTRIGUING_PRESET). It ends with 1 and names what its own check doesn't find right
handout     writes every notebook without our results and without the lines that show an answer, to build/handout/
teaching    rewrites the table of mistakes in TEACHING.md from the exercises' checks
"""
import ast
import inspect
import logging
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import execute
import make
import nbformat

from intriguing_lib.course.checks import EXERCISES, LEVELS, imports_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS, SOLUTIONS, HANDOUT = ROOT / "notebooks", ROOT / "build" / "solutions", ROOT / "build" / "handout"
TEACHING = ROOT / "TEACHING.md"
CHECK = re.compile(r'\bcheck\("(\w+)", (\w+)\)')
SHOWN_ANSWERS = re.compile(r'\n?# show_answer\("\w+"\)|, show_answer\b'
                           r'|;\s`show_answer\("\w+"\)` prints the library\'s own source')
TABLE = re.compile(r"(?<=<!-- mistakes -->\n).*?(?=<!-- /mistakes -->)", re.DOTALL)
MISTAKES = {  # how the two most instructive of each exercise's sentences begin
    "cosine_similarities": ("each column of z was normalised", "these are dot products"),
    "nt_xent": ("row i still competes with itself", "only the other view's images compete"),
    "training_step": ("the views go through the model one after the other", "partners are mixed up"),
    "negative_shares": ("the partner still stands among the negatives", "self and partner were set to 0 after"),
    "sliced_wasserstein": ("nothing is sorted", "this sorts each point's projections"),
    "distance_to_prior": ("h and the prior sample were projected with different W", "h is normalised for every prior"),
    "effective_rank": ("the cloud wasn't centred", "the singular values were squared"),
    "expanded_log_sum_exp": ("log m is missing", "this has the mean of s²"),
    "share_of_pairs": ("both crops show some object here", "this multiplies the crops' own chances"),
    "spherical_kmeans": ("the centres are means and no longer of length 1", "a centre without cells became NaN"),
    "nine_times": ("this adds:", "this puts the digit's square in place"),
    "partner_found": ("the candidates are all other views", "this is how similar partners are on average"),
    "fresh_bits": ("both views carry the same bits", "a bit is one number an image and channel"),
    "loss_left": ("this takes the logarithm of the mean number", "log2 N − k is what would be left"),
    "top1_of": ("the encoder was in training mode", "the encoder's weights have changed"),
    "implicit_feature_modification": ("epsilon comes after the temperature", "partner and negatives are changed alike"),
}


def main():
    commands = {"solutions": solutions, "handout": handout, "teaching": teaching}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__ or f"The commands: {', '.join(commands)}")
    return commands[sys.argv[1]]()


def course():
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def stubs_in(notebook):
    """{exercise: the name under which a learner writes it}, in the notebook's order."""
    return {exercise: stub for cell in notebook.cells if cell.cell_type == "code"
            for exercise, stub in CHECK.findall(cell.source)}


def solutions():
    """As many at once as there are cores where the last course has left their runs in the cache, as ci/execute.py does it."""
    preset = os.environ.get("INTRIGUING_PRESET") or "quick"
    os.environ["TQDM_DISABLE"] = "1"
    logging.getLogger("papermill").setLevel(logging.ERROR)
    SOLUTIONS.mkdir(parents=True, exist_ok=True)
    failed = []
    with ThreadPoolExecutor(execute.at_once(course(), preset)) as pool:
        for path, problems in zip(course(), pool.map(lambda path: solve_and_execute(path, preset), course()), strict=True):
            print(f"{path.stem}: {'; '.join(problems) or 'every exercise right'}", flush=True)
            failed += problems
    print(f"solved and executed under {preset}, in {SOLUTIONS.relative_to(ROOT)}/; {len(failed)} problems")
    return 1 if failed else 0


def solve_and_execute(path, preset):
    """What went wrong, a sentence each: a cell that failed, an exercise that its check doesn't call right."""
    copy, notebook = SOLUTIONS / path.name, nbformat.read(path, as_version=4)
    stubs = stubs_in(notebook)
    nbformat.write(solved(notebook), copy)
    error = execute.execute(copy, preset, copy)
    said = "".join(output.get("text", "") for cell in nbformat.read(copy, as_version=4).cells
                   for output in cell.get("outputs", []))
    return ([f"failed {execute.explain(error)}"] if error else []) + [
        f"{exercise} is not told right" for exercise in stubs if f"✓ {exercise}: right." not in said]


def solved(notebook):
    """The notebook with each stub's function in place of the stub, and nothing else changed."""
    for exercise, stub in stubs_in(notebook).items():
        imported = set()
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            tree = ast.parse(cell.source)
            imported |= {alias.asname or alias.name for node in ast.walk(tree)
                         if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
            found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == stub]
            if found:
                cell.source = with_answer(cell.source, found[0], EXERCISES[exercise].answer, imported)
                break
    return notebook


def with_answer(source, stub, answer, imported):
    """A cell's source with the answer in place of the stub, and above it the imports that the notebook hasn't made yet."""
    lines = source.splitlines()
    written = inspect.getsource(answer).rstrip().replace(f"def {answer.__name__}(", f"def {stub.name}(", 1)
    lines[stub.lineno - 1:stub.end_lineno] = written.splitlines()
    imports = imports_of(answer, known=imported).splitlines()
    if imports and not lines[0].startswith(("import ", "from ")):
        imports += ["", ""]
    return "\n".join(imports + lines)


def handout():
    HANDOUT.mkdir(parents=True, exist_ok=True)
    for path in course():
        make.copy_without_outputs(path, HANDOUT)
        notebook = nbformat.read(HANDOUT / path.name, as_version=4)
        for cell in notebook.cells:
            cell.source = SHOWN_ANSWERS.sub("", cell.source)
        nbformat.write(notebook, HANDOUT / path.name)
    print(f"{len(course())} notebooks without results and answers, in {HANDOUT.relative_to(ROOT)}/")
    return 0


def teaching():
    TEACHING.write_text(TABLE.sub(lambda _: table_of_mistakes(), TEACHING.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def table_of_mistakes():
    """In Markdown, a row an exercise in the course's order: what the checks say to the two mistakes that teach most."""
    rows = ["| notebook | exercise | | where students go wrong |", "| --- | --- | --- | --- |"]
    for path in course():
        for exercise in stubs_in(nbformat.read(path, as_version=4)):
            known = EXERCISES[exercise]
            said = [next(s for s in known.mistakes if s.startswith(begins)) for begins in MISTAKES[exercise]]
            sentences = " ".join(f"({number}) {sentence}" for number, sentence in enumerate(said, 1))
            rows.append(f"| {path.stem[:2]} | `{exercise}` | {known.minutes} min, {LEVELS[known.level]} | {sentences} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())

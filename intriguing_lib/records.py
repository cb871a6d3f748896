"""Records: the runs in results/NAME.csv that came with the course, which `ci/record.py NAME` made from a notebook's study.

A record holds what varies from row to row; what is the same in all stands once, beside it, in results/NAME.json, with
the notebook that the study stands in. `recorded` puts both together again. Some have trained encoders beside them,
results/NAME.CONDITION.safetensors: `recorded_encoder`.
"""
import json

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from intriguing_lib.paths import shipped

# Columns whose text may look like a number, as a commit of digits alone or a version does.
TEXT = ("data.content", "data.images.content", "commit", "python", "torch", "torchvision", "intriguing_lib", "date")


def recorded(name, folder=None):
    """The record `name` as a table: whole numbers as integers, missing values as NaN or <NA>.

    folder: where it lies, by default the records' own. Raises FileNotFoundError that names what there is.
    """
    path = (folder or shipped("results")) / f"{name}.csv"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"There is no record called {name!r}; there are: {there}.")
    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype_backend="numpy_nullable",  # "None" is a setting
                        dtype=dict.fromkeys(TEXT, "string"))
    floating = table.select_dtypes("Float64").columns
    whole = [column for column in table.select_dtypes("Int64") if table[column].notna().all()]
    table = table.astype(dict.fromkeys(floating, "float64") | dict.fromkeys(whole, "int64"))
    for column in table.select_dtypes("string").columns.difference(TEXT):
        table[column] = numbers_beside_none(table[column])
    return table.assign(**beside(name, folder).get("the same in all rows", {}))


def numbers_beside_none(texts):
    """A column of texts as it is; or as numbers, where all are whole numbers but for "None", a setting that some runs lack, and
    for tuples, as some runs have two sizes where others have one.
    """
    numbers = texts.str.fullmatch(r"\d+")
    if not numbers.any() or not (numbers | (texts == "None") | texts.str.fullmatch(r"\(.*\)")).fillna(True).all():
        return texts
    return texts.astype(object).mask(numbers, pd.to_numeric(texts, errors="coerce").astype("Int64").astype(object))


def beside(name, folder=None):
    """What stands beside a record: its notebook, its command, and what is the same in all its rows; {} for the paper's own."""
    path = (folder or shipped("results")) / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(name, table, notebook, folder=None, command="python ci/record.py"):
    """Write a study's table as the record `name`, which `command` makes, into a folder, by default the records' own.

    Measured numbers are rounded to 6 digits, seconds to 1; settings, which have a "." in their names, never.
    """
    table = table.drop(columns=["from_cache", "key", "source"], errors="ignore")
    table = table.round({column: 1 if column == "seconds" else 6 for column in table if "." not in column})
    same = [c for c in table if len(table) > 1 and table[c].notna().all() and table[c].nunique() == 1]
    facts = {"notebook": notebook, "made by": f"{command} {name}",
             "the same in all rows": {column: table[column].tolist()[0] for column in same}}
    folder = folder or shipped("results")
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table.drop(columns=same).to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"


def encoder_file(name, condition):
    return shipped("results") / f"{name}.{condition.replace(' ', '_')}.safetensors"


def write_encoder(name, condition, encoder):
    """Keep a trained encoder's weights beside the record `name`."""
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in encoder.state_dict().items()},
              encoder_file(name, condition))


def recorded_encoder(name, condition, encoder, shape):
    """The module that the first seed of the record `name` left under `condition`, in evaluation mode, on the CPU.

    encoder: its description. shape: (channels, height, width) of the images that it was trained on. Only some studies ship
    weights. Raises FileNotFoundError where there are none, ValueError for a file that is damaged or another encoder's.
    """
    path, module = encoder_file(name, condition), encoder.build(shape)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: get it again from the course's repository, or make it with `python "
                                f"ci/record.py {name}`.")
    try:
        module.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ValueError(f"{path} doesn't fit {encoder!r}, or is damaged ({str(error).splitlines()[0]}): get it again from the "
                         "course's repository.") from None
    return module.eval()


def with_settings(table, settings):
    """The rows of a table that have these settings (`descriptions.settings`), whatever their seed."""
    for name, value in settings.items():
        if name != "seed":
            table = table[(table[name] == value).fillna(False)] if name in table else table[:0]
    return table

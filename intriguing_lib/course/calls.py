"""A learner's function called: given up where it never ends, and what it raised said in words."""
import copy
import ctypes
import inspect
import linecache
import numbers
import re
import threading
import traceback

import numpy as np
import torch

SECONDS_ALLOWED = 10


def copies_of(arguments):
    """Copies, so that nothing that a function does to them is seen by the next; a generator goes on from its state.

    What belongs together stays so: the copy of an optimizer moves the weights of the copy of its model.
    """
    copies, memo = [], {}
    for argument in arguments:
        if isinstance(argument, torch.Generator):
            copies.append(torch.Generator().set_state(argument.get_state()))
        else:
            copies.append(argument.clone() if isinstance(argument, torch.Tensor) else copy.deepcopy(argument, memo))
    return copies


def as_tensor(value):
    """A number as a tensor; what else there is, as it is."""
    plain = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return torch.tensor(float(value)) if plain or isinstance(value, np.ndarray) and value.ndim == 0 else value


class TooSlow(Exception):
    """The learner's function did not return in time."""


class Crashed(Exception):
    """The learner's function raised `error`."""

    def __init__(self, error):
        super().__init__()
        self.error = error


def value_in_time(function, arguments):
    """function(*arguments) in a thread of its own, so that it can be given up. Raises TooSlow or Crashed."""
    outcome = {}

    def work():
        try:
            outcome["value"] = function(*arguments)
        except BaseException as error:  # also exit(): it must not end the notebook
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS_ALLOWED)
    if thread.is_alive():
        # There is no alarm on Windows: raise SystemExit in that thread, which ends a loop of Python's at its next step.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        raise TooSlow
    if "error" in outcome:
        raise Crashed(outcome["error"])
    return outcome["value"]


def crash_in_words(error, attempt):
    """The learner's own line at which it happened, not ours above it or torch's below."""
    message = first_line(error)
    code = getattr(inspect.unwrap(attempt), "__code__", None)  # under @torch.no_grad() too
    if code is None:
        return f"not yet: a check needs your function, and {str(attempt)[:60]!r} can't be called as one ({message})."
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)
              if frame.f_code.co_filename == code.co_filename]
    if not frames:
        return f"your function could not be called: {message}."
    last, line = frames[-1]
    source = linecache.getline(last.co_filename, line).strip()
    within = next((inside for inside, _ in reversed(frames) if not inside.co_name.startswith("<")), last)  # of a comprehension
    whose = "its line {}" if within is code else "line {} of " + f"{within.co_name}()"
    where = whose.format(line - within.co_firstlineno + 1)
    return f"your function raised {message}, in {where}: `{source}`{usual_reason(message, source)}."


def usual_reason(message, source):
    """In brackets, for which reason learners mostly come upon this error; or nothing."""
    reduced = re.search(r"[/-].*?\b(norm|sum|mean|logsumexp)\(", source)
    if "must match the size" in message and reduced and "keepdim" not in source:
        return f" (to divide each row by its own, {reduced[1]} needs keepdim=True)"
    if "could not infer output dtype" in message and "mean(" in source:
        return " (True and False have no mean: say .float() before it)"
    if "does not require grad" in message or "has no attribute 'backward'" in message:
        return " (keep the loss as it is until backward(): no .item(), detach() or no_grad() before it)"
    return ""


def first_line(error):
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]

"""Checks of a learner's code.

    nt_xent_here = check("nt_xent", my_nt_xent)      the learner's function if it is right, else the library's
    hint("nt_xent", 1)                               1 is a nudge, 3 nearly the answer
    show_answer("nt_xent")                           the library's own source

A check runs the learner's function on small inputs whose answers are known. A wrong answer is compared with what the usual
mistakes give on the same inputs: the one that it equals is named. Nothing that a learner writes can stop a notebook.
"""
import ctypes
import inspect
import threading
import traceback

import torch

from intriguing_lib.course import contrastive_exercises, geometry_exercises, wasserstein_exercises

EXERCISES = contrastive_exercises.EXERCISES | wasserstein_exercises.EXERCISES | geometry_exercises.EXERCISES
SECONDS_ALLOWED = 10
LEVELS = {1: "easy", 2: "medium", 3: "hard"}


def check(name, attempt):
    """Print whether `attempt` solves the exercise, and if not, why; return it if it does, else the library's function.

    Raises KeyError for an unknown exercise and for nothing else.
    """
    exercise = exercise_called(name)
    problem = problem_with(attempt, exercise)
    print(f"{name}: {problem or 'right. From here on the notebook runs on your function.'}")
    return exercise.answer if problem else attempt


def hint(name, level=1):
    """Print one of the three hints, 1 to 3."""
    hints = exercise_called(name).hints
    print(hints[level - 1] if level in (1, 2, 3) else f"There are three hints, 1 to 3, got {level!r}.")


def show_answer(name):
    """Print the library's own source."""
    answer = exercise_called(name).answer
    print(f"# {answer.__module__.replace('.', '/')}.py; F is torch.nn.functional\n{inspect.getsource(answer)}")


def exercise_called(name):
    if name not in EXERCISES:
        raise KeyError(f"There is no exercise {name!r}: there are {', '.join(EXERCISES)}.")
    return EXERCISES[name]


def problem_with(attempt, exercise):
    """What is wrong with an attempt, in one sentence, or None."""
    expected = [exercise.answer(*copies_of(arguments)) for arguments in exercise.inputs]
    try:
        values = [value_in_time(attempt, copies_of(arguments)) for arguments in exercise.inputs]
    except TooSlow:
        return f"your function had not returned after {SECONDS_ALLOWED} s on a tiny input: look for a loop that never ends."
    except Crashed as crashed:
        return crash_in_words(crashed.error, attempt)
    if any(value is ... for value in values):
        return (f"not solved yet: it returns `...` ({exercise.minutes} minutes, {LEVELS[exercise.level]}), so the notebook "
                "goes on with the library's function. Write yours in the cell above, run it, then run this one again.")
    if not all(isinstance(value, torch.Tensor) for value in values):
        return no_tensor(values)
    for right in (exercise.answer, *exercise.also_right):
        if gives(right, values, exercise.inputs):
            return wrong_gradient(attempt, right, exercise) if exercise.gradient else None
    for message, mistakes in exercise.mistakes.items():
        for mistake in mistakes if isinstance(mistakes, tuple) else (mistakes,):
            if gives(mistake, values, exercise.inputs):
                return f"not yet: {message}"
    return malformed(values, expected) or unknown_mistake(values, expected, exercise.inputs)


def gives(function, values, inputs):
    """Whether `function` gives these values on the inputs."""
    return all(nearly_equal(value, function(*copies_of(arguments))) for value, arguments in zip(values, inputs, strict=True))


def copies_of(arguments):
    """Copies, so that nothing that a function does to them is seen by the next; a generator goes on from its state."""
    copies = []
    for argument in arguments:
        if isinstance(argument, torch.Generator):
            copies.append(torch.Generator().set_state(argument.get_state()))
        else:
            copies.append(argument.clone() if isinstance(argument, torch.Tensor) else argument)
    return copies


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
    code = getattr(attempt, "__code__", None)
    if code is None:
        return f"not yet: a check needs your function, and {str(attempt)[:60]!r} can't be called as one ({message})."
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == code.co_filename]
    if not frames:
        return f"your function could not be called: {message}."
    line = frames[-1].lineno - code.co_firstlineno + 1
    return f"your function raised {message}, in its line {line}: `{(frames[-1].line or '').strip()}`"


def first_line(error):
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]


def no_tensor(values):
    value = next(value for value in values if not isinstance(value, torch.Tensor))
    if value is None:
        return "your function returns None: does every way through it end in a `return`?"
    return (f"your function returns a {type(value).__name__}, and should return a torch tensor: gradients flow through nothing "
            "else.")


def malformed(values, expected):
    """A wrong shape or wrong numbers, where no known mistake explains them; or None."""
    for value, right in zip(values, expected, strict=True):
        if value.shape != right.shape:
            return f"your function returns a tensor of shape {tuple(value.shape)}, and should return {tuple(right.shape)}."
        if not value.isfinite().all():
            return ("your function returns NaN or infinity on harmless inputs: look for a logarithm of 0, a division by 0, or "
                    "a right answer that points at the diagonal, where -inf stands (the partner of row i is i + n or i − n).")
    return None


def unknown_mistake(values, expected, inputs):
    """Both results on the first input on which they differ."""
    i = next(i for i in range(len(values)) if not nearly_equal(values[i], expected[i]))
    where = " and ".join(argument_in_words(argument) for argument in inputs[i])
    return (f"not yet, and it is none of the mistakes this check knows: on {where} it should give "
            f"{numbers_in_words(expected[i])}, yours gives {numbers_in_words(values[i])}.")


def argument_in_words(argument):
    """An argument of an exercise in a few words."""
    if isinstance(argument, torch.Tensor):
        return f"a tensor of shape {tuple(argument.shape)}"
    if isinstance(argument, torch.Generator):
        return "chance drawn with the generator that is handed in"
    return f"the prior {argument!r}" if isinstance(argument, str) else f"temperature {argument}"


def wrong_gradient(attempt, right, exercise):
    """The values are right: does the gradient reach all inputs, and is it right too? What is wrong, or None."""
    try:
        return compared_gradients(attempt, right, exercise)
    except (Crashed, TooSlow, RuntimeError) as error:
        error = getattr(error, "error", error)
        reason = "a tensor that it needs was changed in place" if "inplace" in str(error) else first_line(error)
        return f"the numbers are right, but no gradient can be computed: {reason}."


def compared_gradients(attempt, right, exercise):
    for arguments in exercise.inputs:
        gradients = []
        for function in (right, attempt):
            inputs = copies_of(arguments)
            leaves = [a.requires_grad_() for a in inputs if isinstance(a, torch.Tensor)][:exercise.gradient]
            value = value_in_time(function, copies_of(inputs))
            if not value.requires_grad:
                return ("the numbers are right, but no gradient reaches the inputs, so nothing would be learned: avoid "
                        "detach(), no_grad() and NumPy.")
            weights = torch.arange(1.0, 1 + value.numel()).view(value.shape)  # so that no two entries' gradients cancel
            found = torch.autograd.grad((value * weights).sum(), leaves, allow_unused=True)
            gradients.append([torch.zeros_like(a) if g is None else g for g, a in zip(found, leaves, strict=True)])
        if not all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(*gradients, strict=True)):
            return "the numbers are right, but the gradient is not: a part of the computation is detached."
    return None


def nearly_equal(a, b):
    return a.shape == b.shape and torch.allclose(a.cpu().float(), b.cpu().float(), rtol=1e-4, atol=1e-5)


def numbers_in_words(value):
    """A tensor's numbers in a sentence."""
    rows = value if value.ndim == 2 else value.view(1, -1)
    text = "; ".join(" ".join(f"{x:.3f}" for x in row) for row in rows[:2].tolist())
    return text + " ..." * (len(rows) > 2)

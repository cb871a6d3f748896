"""Checks of a learner's code.

    nt_xent_here = check("nt_xent", my_nt_xent)      the learner's function if it is right, else the library's
    hint("nt_xent", 1)                               1 is a nudge, 3 nearly the answer
    show_answer("nt_xent")                           the library's own source, to be pasted and run

A check runs the learner's function on small inputs whose answers are known. A wrong answer is compared with what the usual
mistakes give on the same inputs: the one that it equals is named, and where it equals none the function is tried further
(`trials`). Nothing that a learner writes can stop a notebook.
"""
import inspect
import textwrap
import time
import types

import torch

from intriguing_lib.course import (
    bits_exercises,
    calls,
    contrastive_exercises,
    control_exercises,
    geometry_exercises,
    overlay_exercises,
    partner_exercises,
    region_exercises,
    remedy_exercises,
    scene_exercises,
    step_exercises,
    wasserstein_exercises,
)
from intriguing_lib.course.calls import Crashed, TooSlow, as_tensor, copies_of, crash_in_words, first_line, value_in_time
from intriguing_lib.course.trials import alike_on_average, found_by_trial, right_with_64_bits

EXERCISES = (contrastive_exercises.EXERCISES | wasserstein_exercises.EXERCISES | geometry_exercises.EXERCISES
             | scene_exercises.EXERCISES | region_exercises.EXERCISES | bits_exercises.EXERCISES
             | control_exercises.EXERCISES | overlay_exercises.EXERCISES | partner_exercises.EXERCISES
             | step_exercises.EXERCISES | remedy_exercises.EXERCISES)
SLOW = 20  # times as long as the library's function, and more than SLOW_SECONDS: then a right answer is called slow
SLOW_SECONDS = 0.1
LINE = 96  # letters: a notebook breaks longer lines in the middle of a word
UNSOLVED = "not solved yet ({minutes} minutes, {level}): it returns `...`. Write yours in its place, then check again."
LEVELS = {1: "easy", 2: "medium", 3: "hard"}


def check(name, attempt):
    """Print whether `attempt` solves the exercise, and if not, why; return it if it does, else the library's function.

    Raises KeyError for an unknown exercise and for nothing else.
    """
    exercise = exercise_called(name)
    problem = problem_with(attempt, exercise)
    if problem:
        sign = "○" if problem.startswith("not solved") else "✗"
        say(f"{sign} {name}: {problem} Meanwhile the notebook goes on with the library's function.")
        return exercise.answer
    say(f"✓ {name}: right. From here on the cells of this notebook run on your function; an Experiment uses the library's, "
        f"unless you put yours into it.{slowness(attempt, exercise)}")
    return attempt


def say(text):
    print(textwrap.fill(text, LINE, break_long_words=False, break_on_hyphens=False))


def hint(name, level=1):
    """Print one of the three hints, 1 to 3."""
    hints = exercise_called(name).hints
    print(hints[level - 1] if level in (1, 2, 3) else f"There are three hints, 1 to 3, got {level!r}.")


def show_answer(name):
    """Print the library's own source, with the imports that it needs."""
    answer = exercise_called(name).answer
    print(f"# {answer.__module__.replace('.', '/')}.py\n{imports_of(answer)}\n\n{inspect.getsource(answer)}")


def imports_of(function, known=()):
    """What a function takes from its module, as import statements; but for names that are `known` already."""
    lines, taken = [], {}
    for name, value in inspect.getclosurevars(function).globals.items():
        if name in known:
            continue
        if isinstance(value, types.ModuleType):
            alone = f"import {value.__name__}"
            lines.append(alone if name == value.__name__ else f"{alone} as {name}")
        else:
            taken.setdefault(getattr(value, "__module__", function.__module__), []).append(name)
    lines += [f"from {module} import {', '.join(sorted(names))}" for module, names in taken.items()]
    return "\n".join(sorted(lines, key=lambda line: (line.startswith("from intriguing_lib"), line)))


def exercise_called(name):
    if name not in EXERCISES:
        raise KeyError(f"There is no exercise {name!r}: there are {', '.join(EXERCISES)}.")
    return EXERCISES[name]


def problem_with(attempt, exercise):
    """What is wrong with an attempt, in one sentence, or None."""
    expected = [as_tensor(exercise.answer(*copies_of(arguments))) for arguments in exercise.inputs]
    try:
        values = [value_in_time(attempt, copies_of(arguments)) for arguments in exercise.inputs]
    except TooSlow:
        return (f"your function had not returned after {calls.SECONDS_ALLOWED} s on a tiny input: look for a loop that never "
                "ends.")
    except Crashed as crashed:
        return crash_in_words(crashed.error, attempt)
    if any(value is ... for value in values):
        return UNSOLVED.format(minutes=exercise.minutes, level=LEVELS[exercise.level])
    if of_numbers(exercise):
        values = [as_tensor(value) for value in values]
    if not all(isinstance(value, torch.Tensor) for value in values):
        return no_tensor(values, exercise)
    if any(value.dtype in (torch.float16, torch.bfloat16) for value in values):
        return "your function computes with 16 bits, which hold two or three digits: leave the inputs' float32 as it is."
    if values[0].is_floating_point() and not expected[0].is_floating_point():
        return f"your function returns {values[0].dtype}, and should return whole numbers, torch.int64: leave out .float()."
    if exercise.by_trials:
        return (wrong_shape(values, expected) or not_finite(values) or tried(attempt, exercise)
                or changed_inputs(attempt, exercise))
    for right in (exercise.answer, *exercise.also_right):
        if gives(right, values, exercise.inputs):
            return (tried(attempt, exercise) or (wrong_gradient(attempt, right, exercise) if exercise.gradient else None)
                    or changed_inputs(attempt, exercise))
    for message, mistakes in exercise.mistakes.items():
        for mistake in mistakes if isinstance(mistakes, tuple) else (mistakes,):
            if gives(mistake, values, exercise.inputs):
                return f"not yet: {message}"
    return (wrong_shape(values, expected) or rounded(attempt, exercise) or not_finite(values)
            or by_chance(attempt, values, exercise) or unknown_mistake(attempt, values, expected, exercise))


def tried(attempt, exercise):
    """What one of the exercise's trials shows, in a sentence; or None."""
    sentence = found_by_trial(attempt, exercise)
    return sentence and f"not yet: {sentence}"


def rounded(attempt, exercise):
    """Whether only rounding makes it wrong, in a sentence; or None."""
    if not draws(exercise) and right_with_64_bits(attempt, exercise):
        return ("right on paper, and with 64 bits. With 32, rounding eats what is left where a term that is nearly all of a "
                "sum is subtracted, or a probability near 1 from 1: leave such a term out before you sum.")
    return None


def by_chance(attempt, values, exercise):
    """Whether the function gives other numbers the second time, in a sentence; or None."""
    try:
        again = [as_tensor(value_in_time(attempt, copies_of(arguments))) for arguments in exercise.inputs]
    except (TooSlow, Crashed):
        return None
    if all(nearly_equal(a, b) for a, b in zip(values, again, strict=True)):
        return None
    if draws(exercise):
        return ("your function gives other numbers each time: hand the generator to everything that draws, "
                "torch.randn(..., generator=generator) too.")
    return ("your function gives other numbers each time, and here nothing is to be drawn: take what is handed in, "
            f"{', '.join(list(inspect.signature(exercise.answer).parameters)[:len(exercise.inputs[0])])}.")


def of_numbers(exercise):
    """Whether a plain number is as good an answer as a tensor."""
    return isinstance(exercise.answer(*copies_of(exercise.inputs[0])), float)


def draws(exercise):
    """Whether an answer draws random numbers."""
    return any(isinstance(argument, torch.Generator) for argument in exercise.inputs[0])


def slowness(attempt, exercise):
    """A sentence where a right answer would hold the notebook up; else nothing."""
    seconds = {}
    for function in (exercise.answer, attempt):
        start = time.perf_counter()
        try:
            value_in_time(function, copies_of(exercise.large))
        except TooSlow:
            return (f" But on inputs as large as the notebook's it takes more than {calls.SECONDS_ALLOWED} s: replace its "
                    "loops by operations on whole tensors before you go on.")
        except Crashed as crashed:
            return f" But on inputs as large as the notebook's {crash_in_words(crashed.error, attempt)}"
        seconds[function] = time.perf_counter() - start
    ours, theirs = seconds[exercise.answer], seconds[attempt]
    if theirs < SLOW_SECONDS or theirs < SLOW * ours:
        return ""
    return (f" But it is slow: {theirs:.2g} s on inputs as large as the notebook's, where the library's takes {ours:.2g}. "
            "Replace its loops by operations on whole tensors before you go on.")


def gives(function, values, inputs):
    """Whether `function` gives these values on the inputs."""
    return all(nearly_equal(value, as_tensor(function(*copies_of(arguments))))
               for value, arguments in zip(values, inputs, strict=True))


def no_tensor(values, exercise):
    value = next(value for value in values if not isinstance(value, torch.Tensor))
    if value is None:
        return ("your function returns None: does every way through it end in a `return`? (What print() and backward() "
                "give is None itself.)")
    if of_numbers(exercise):
        return f"your function returns a {type(value).__name__}, and should return one number: is a sum or a float() missing?"
    if isinstance(value, tuple):
        return (f"your function returns {len(value)} things, and should return one tensor: of max and sort take .values or "
                ".indices, of your own results the one asked for.")
    if isinstance(value, list) and all(isinstance(part, torch.Tensor) for part in value):
        return f"your function returns a list of {len(value)} tensors, and should return one: torch.stack makes it."
    reason = "gradients flow through nothing else" if exercise.gradient else "torch.as_tensor makes one of it"
    return f"your function returns a {type(value).__name__}, and should return a torch tensor: {reason}."


def wrong_shape(values, expected):
    for value, right in zip(values, expected, strict=True):
        if value.shape != right.shape:
            return f"your function returns a tensor of shape {tuple(value.shape)}, and should return {tuple(right.shape)}."
    return None


def changed_inputs(attempt, exercise):
    """Whether a right answer changes what it is handed, in a sentence; or None."""
    names = inspect.signature(exercise.answer).parameters
    for arguments in exercise.inputs:
        handed = copies_of(arguments)
        value_in_time(attempt, handed)
        for name, before, after in zip(names, arguments, handed, strict=False):
            if isinstance(before, torch.Tensor) and not torch.equal(before, after):
                return (f"the numbers are right, but your function changes {name}, which its caller still needs: in place of "
                        f"{name} /= ... or {name}[i] = ... make a new tensor, or begin with {name} = {name}.clone().")
    return None


def not_finite(values):
    if all(value.isfinite().all() for value in values):
        return None
    return ("your function returns NaN or infinity on harmless inputs: look for a logarithm of 0, a division by 0, an "
            "exponential that is too large for 32 bits, an arccos or a root of what rounding took out of its range.")


def unknown_mistake(attempt, values, expected, exercise):
    """What a trial shows, and both results on the smallest input on which they differ."""
    sentence = tried(attempt, exercise)
    if draws(exercise) and sentence:
        return sentence  # its numbers can't be compared
    if draws(exercise) and alike_on_average(attempt, exercise):
        return ("this check can't tell: your function gives other numbers than the library's, but on average over many "
                "generators the same. It may be right and draw in another way, of which there are many.")
    size = [sum(a.numel() for a in arguments if isinstance(a, torch.Tensor)) for arguments in exercise.inputs]
    wrong = [i for i in range(len(values)) if not nearly_equal(values[i], expected[i])]
    i = min(wrong, key=lambda i: size[i])
    names = inspect.signature(exercise.answer).parameters
    where = ", ".join(argument_in_words(*pair) for pair in zip(names, exercise.inputs[i], strict=False))
    sentence = sentence or "not yet, and it is none of the mistakes this check knows."
    other_draws = (" (Whoever draws in another order, or with another function, gets other numbers, but the same on average; "
                   "yours are others on average, too.)" if draws(exercise) else "")
    return f"{sentence} On {where} it should give {both_in_words(expected[i], values[i])}.{other_draws}"


def argument_in_words(name, argument):
    """An argument of an exercise, with its numbers where they are few."""
    if isinstance(argument, torch.Tensor) and (argument.ndim != 2 or argument.numel() > 12):
        return f"{name} of shape {tuple(argument.shape)}"
    if isinstance(argument, torch.Tensor):
        return f"{name} = {[[round(x, 4) for x in row] for row in argument.tolist()]}"
    if isinstance(argument, torch.Generator):
        return f"{name} = torch.Generator().manual_seed({argument.initial_seed()})"
    if isinstance(argument, torch.nn.Module | torch.optim.Optimizer):
        return f"a small {name}"
    return f"{name} = {argument!r}"


def wrong_gradient(attempt, right, exercise):
    """The values are right: does the gradient reach all inputs, and is it right too? What is wrong, or None."""
    try:
        return compared_gradients(attempt, right, exercise)
    except (Crashed, TooSlow, RuntimeError) as error:
        error = getattr(error, "error", error)
        if "detach().numpy()" in str(error):
            return ("the numbers are right, but your function goes through NumPy, which knows no gradients: write it with "
                    "torch's functions. (The detach() of torch's own message would only hide that nothing can be learned.)")
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
        if not all(gradient.isfinite().all() for gradient in gradients[1]):
            return ("the numbers are right, but the gradient is NaN or infinite: a logarithm and a root are steep without end "
                    "at 0. A softmax is 0 where -inf stands: take log_softmax, logsumexp or cross_entropy in place of its "
                    "log. A point's distance to itself is 0: take no root of it.")
        if not all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(*gradients, strict=True)):
            return "the numbers are right, but the gradient is not: a part of the computation is detached."
    return None


def nearly_equal(a, b):
    return a.shape == b.shape and torch.allclose(a.cpu().float(), b.cpu().float(), rtol=1e-4, atol=1e-5)


def both_in_words(expected, value):
    """What is expected and what was given: the first row that differs, with as many digits as it takes to see it."""
    rows = list(zip(*(x.reshape(-1, x.shape[-1] if x.ndim > 1 else x.numel()) for x in (expected, value)), strict=True))
    i = next(i for i, pair in enumerate(rows) if not nearly_equal(*pair))
    for digits in range(3, 9) if expected.is_floating_point() else (0,):
        right, given = (" ".join(f"{x:.{digits}f}" for x in row) for row in rows[i])
        if right != given:
            break
    return f"{f'in row {i} ' if len(rows) > 1 else ''}{right}, yours gives {given}"

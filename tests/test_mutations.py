"""Mutations: whatever is changed in a loss, an objective or a composite, a golden run gives another number.

Every function in SEEN_BY is changed at one place at a time: a term halved, taken 7 times, with the other sign or left out; a
factor, a call or one side of a choice left out; a mean made a sum; a setting doubled; a condition turned round. The first step
of a golden run that goes through the function must then differ from golden.json, or fail, unless the change alters nothing.
"""
import ast
import inspect
import textwrap
from functools import cached_property

import pytest

from intriguing_lib import composites, generalised, generative, losses, mistakes, objectives, wasserstein
from tests.test_golden import GOLDEN_CLASSES, differing, first_step

SEEN_BY = {
    losses.nt_xent: ["NT-Xent"],
    losses.cosine_similarities: ["NT-Xent"],
    losses.normalised: ["NT-Xent"],
    losses.NTXent.__call__: ["NT-Xent"],
    losses.info_nce: ["InfoNCE"],
    losses.InfoNCE.__call__: ["InfoNCE"],
    losses.nt_xent_in_blocks: ["NT-Xent in blocks"],
    losses.LogSumExp.forward: ["NT-Xent in blocks"],
    losses.LogSumExp.backward: ["NT-Xent in blocks"],
    losses.blocks: ["NT-Xent in blocks"],
    generalised.alignment: ["SWD normal"],
    generalised.partner_similarity: ["decoupled NT-Xent"],
    generalised.log_sum_exp: ["decoupled NT-Xent", "decoupled NT-Xent, authors"],
    generalised.DecoupledNTXent.__call__: ["decoupled NT-Xent", "decoupled NT-Xent, authors"],
    generalised.SlicedWasserstein.__call__: ["SWD normal", "SWD cube"],
    generalised.SlicedWasserstein.given: ["SWD normal", "SWD sphere", "SWD sphere, authors"],
    generalised.MatchedMoments.__call__: ["matched moments"],
    wasserstein.sample_prior: ["SWD sphere", "SWD cube", "SWD normal"],
    wasserstein.random_directions: ["SWD cube"],
    wasserstein.sliced_wasserstein: ["SWD normal", "SWD cube"],
    objectives.Contrastive.__call__: ["NT-Xent"],
    objectives.Supervised.__call__: ["cross-entropy"],
    objectives.SupervisedPresence.__call__: ["presence"],
    objectives.WithClassifier.__call__: ["classifier along"],
    generative.reconstruction: ["autoencoder", "autoencoder, no bits", "VAE"],
    generative.kl_to_normal: ["VAE"],
    generative.Autoencoder.__call__: ["autoencoder"],
    generative.VAE.__call__: ["VAE"],
    mistakes.logits_and_partner: ["self kept", "unnormalised"],
    mistakes.self_kept: ["self kept"],
    mistakes.unnormalised: ["unnormalised"],
    mistakes.SelfKept.__call__: ["self kept"],
    mistakes.Unnormalised.__call__: ["unnormalised"],
    mistakes.SmallGroups.__call__: ["groups together", "groups apart"],
    mistakes.StrangersAsPartners.views: ["strangers"],
    composites.RandBits.codes: ["shared bits", "code", "no bits"],
    composites.RandBits.channels: ["shared bits", "nested bits"],
    composites.RandBits.views: ["shared bits", "bits anew", "fresh bits", "nested bits"],
    composites.RandBits.drawn: ["bits anew", "fresh bits"],
}
# What must stay unnoticed, since it gives the same number.
ALTERS_NOTHING = {
    losses.normalised: [  # the cosine of two vectors is that of their opposites
        "return F.normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1) -> "
        "return -(F.normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1))"],
    losses.NTXent.__call__: [  # in blocks or not, it is the same loss
        "len(z1) >= LARGE -> not len(z1) >= LARGE",
        "self.temperature >= COLDEST -> not self.temperature >= COLDEST",
        "nt_xent_in_blocks if in_blocks else nt_xent -> nt_xent_in_blocks",
        "nt_xent_in_blocks if in_blocks else nt_xent -> nt_xent",
        "self.temperature -> 2 * self.temperature"],  # compared with COLDEST; the loss's own is noticed
    losses.blocks: [  # nor does their size matter
        "BLOCK if z.device.type == 'cpu' else GPU_BLOCK -> BLOCK",
        "BLOCK if z.device.type == 'cpu' else GPU_BLOCK -> GPU_BLOCK",
        "z.device.type == 'cpu' -> not z.device.type == 'cpu'"],
    wasserstein.random_directions: [  # both clouds are projected on the same line, whichever way it points
        "return q * r.diagonal().sign() -> return -(q * r.diagonal().sign())",
        "q * r.diagonal().sign() -> q"],
    mistakes.SmallGroups.__call__: ["-away -> away"],  # half a batch, forwards or back
    composites.RandBits.codes: [  # the highest bits of a hash hardly see the lowest of its factors; no bits are 0 either way
        "torch.randint(-2 ** 63, 2 ** 63 - 1, (pixels,), generator=generator).to(self.device) | 1 -> "
        "torch.randint(-2 ** 63, 2 ** 63 - 1, (pixels,), generator=generator).to(self.device)",
        "torch.arange(len(self), device=self.device).split(1000) -> torch.arange(len(self), device=self.device)",
        "hashes >> 64 - self.bits & 2 ** self.bits - 1 if self.bits else torch.zeros_like(hashes) -> "
        "hashes >> 64 - self.bits & 2 ** self.bits - 1",
        "self.bits -> 2 * self.bits",
        "torch.zeros_like(hashes) -> hashes",
        "2 ** 63 - 1 -> (2 ** 63) - 7 * ((1))"],
    composites.RandBits.drawn: ["self.bits -> 2 * self.bits"],  # the lowest bits of a larger random integer
}

SCALED = ("0.5 * ({})", "7 * ({})", "-({})", "0 * ({})")
NUMBERS = ("temperature", "weight", "directions", "bits")  # settings that can be doubled
LEFT_ALONE = ("torch", "F", "torch.linalg", "math")  # modules: a call of theirs is left out by its first argument
NEUTRAL = ("len", "zip", "slice", "range", "tuple", "to", "float", "long", "round", "promote_types")  # types, devices, loops


def changes(node):
    """What a node of a function's syntax tree is changed to, as source."""
    match node:
        case ast.Return(value=value) if not isinstance(value, ast.Tuple):
            return [f"return {scaled.format(ast.unparse(value))}" for scaled in SCALED]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            left, right, sign = f"({ast.unparse(left)})", f"({ast.unparse(right)})", "+" if isinstance(op, ast.Add) else "-"
            return [f"{scaled.format(left)} {sign} {right}" for scaled in SCALED] + [
                f"{left} {sign} {scaled.format(right)}" for scaled in SCALED]
        case ast.BinOp(left=left, right=right):
            return [ast.unparse(left), ast.unparse(right)]
        case ast.UnaryOp(operand=operand):
            return [ast.unparse(operand)]
        case ast.IfExp(body=body, orelse=orelse):
            return [ast.unparse(body), ast.unparse(orelse)]
        case ast.Compare():
            return [f"not {ast.unparse(node)}"]
        case ast.keyword(arg=name, value=ast.Constant(value=bool() as value)) if name != "strict":
            return [f"{name}={not value}"]
        case ast.Attribute(value=ast.Name("self"), attr=name) if name in NUMBERS:
            return [f"2 * self.{name}"]
        case ast.Attribute(value=ast.Call(func=ast.Attribute(value=value, attr="sort")), attr="values"):
            return [ast.unparse(value)]
        case ast.Call(func=function, args=arguments) if ast.unparse(function).split(".")[-1] not in NEUTRAL:
            return calls_left_out(node, function, arguments)
    return []


def calls_left_out(node, function, arguments):
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) not in LEFT_ALONE:
        summed = [ast.unparse(node).replace(".mean(", ".sum(")] if function.attr == "mean" else []
        return [ast.unparse(function.value), *summed]
    return [ast.unparse(first) for first in arguments[:1] if not isinstance(first, ast.Starred)]


def plain(function):
    """The function itself, of which a property or a decorated function is made."""
    return inspect.unwrap(function.func if isinstance(function, cached_property) else function)


def mutants(function):
    """[(what is changed, the changed function's source)] for all that isn't there to explain or to raise errors."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(plain(function)))).body[0]
    definition.decorator_list = []
    definition.body = [part for part in definition.body if not (
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) or isinstance(part, ast.If)
        and isinstance(part.body[0], ast.Raise) or ast.unparse(part).startswith("check_"))]
    source = ast.unparse(definition)
    return [(f"{ast.unparse(node)} -> {text}", put_in(source, node, text))
            for node in ast.walk(ast.parse(source)) for text in changes(node)]


def put_in(source, node, text):
    """`text` in the place of a node, which `ast.unparse` wrote on one line."""
    lines = source.splitlines()
    line, text = lines[node.lineno - 1], text if isinstance(node, ast.Return | ast.keyword) else f"({text})"
    lines[node.lineno - 1] = line[:node.col_offset] + text + line[node.end_col_offset:]
    return "\n".join(lines)


def noticed(name):
    try:
        return bool(differing(name, first_step))
    except Exception:
        return True


@pytest.mark.parametrize("function", SEEN_BY, ids=lambda function: plain(function).__qualname__)
def test_every_mutation_that_alters_something_is_noticed(function, monkeypatch):
    unnoticed = []
    for what, source in mutants(function):
        names = dict(plain(function).__globals__)
        exec(source, names)
        with monkeypatch.context() as m:  # the code is exchanged, so that it changes for all who imported the function
            m.setattr(plain(function), "__code__", names[plain(function).__name__].__code__)
            if not any(noticed(name) for name in SEEN_BY[function]):
                unnoticed.append(what)
    assert sorted(unnoticed) == sorted(ALTERS_NOTHING.get(function, []))


def test_every_loss_and_objective_is_mutated():
    assert {vars(c)["__call__"] for c in GOLDEN_CLASSES if "__call__" in vars(c)} <= SEEN_BY.keys()

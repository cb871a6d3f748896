"""Descriptions: what is the same setting has one spelling, what is another has another, and what has none is refused."""
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
import torchvision
from torch.utils.data import DataLoader, Subset

from intriguing_lib.composites import RandBits
from intriguing_lib.descriptions import Description, own_code, settings
from intriguing_lib.encoders import Head, SmallConv
from intriguing_lib.generalised import SlicedWasserstein
from intriguing_lib.images import digits
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.measures import LinearTop1, NeighbourTop1, measured_on
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer
from intriguing_lib.views import Chain, Crop, Flip, digit_view

ONE = [1, 1.0, np.float32(1), np.float64(1), np.int64(1), np.array(1.0), torch.tensor(1), torch.tensor(1.0),
       torch.tensor(1.0, dtype=torch.float16), torch.ones((), requires_grad=True)]


@pytest.mark.parametrize("value", ONE, ids=repr)
def test_one_setting_has_one_spelling_and_one_key(value, experiment):
    assert repr(NTXent(value)) == "NTXent(temperature=1.0)" and type(NTXent(value).temperature) is float
    assert replace(experiment, objective=Contrastive(NTXent(value))).key == \
        replace(experiment, objective=Contrastive(NTXent(1.0))).key


@pytest.mark.parametrize("value", [0.1, np.float32(0.1), np.float16(0.1), torch.tensor(0.1), np.array(0.1, np.float32)],
                         ids=repr)
def test_a_tenth_in_single_precision_is_a_tenth(value):
    assert repr(NTXent(value)) == "NTXent(temperature=0.1)"


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.int8(3), np.float32(3), torch.tensor(3)], ids=repr)
def test_whole_numbers_of_any_kind_are_pythons(value, experiment):
    e = replace(experiment, steps=value, seed=value, batch_size=value, data=RandBits(experiment.data, value))
    assert {type(number) for number in (e.steps, e.seed, e.batch_size, e.data.bits)} == {int}
    assert e.key == replace(experiment, steps=3, seed=3, batch_size=3, data=RandBits(experiment.data, 3)).key


@dataclass(frozen=True)
class Described(Description):
    """One field of each kind."""
    names: tuple = ()
    numbers: tuple[float, ...] = ()
    perhaps: float | None = None
    flag: bool = False
    word: str = ""


@pytest.mark.parametrize("values", [[1, 2], (1.0, 2), np.array([1, 2]), np.array([1, 2], np.float32), torch.tensor([1, 2])],
                         ids=repr)
def test_lists_and_arrays_become_tuples_of_the_numbers_asked_for(values):
    found = Described(numbers=values).numbers
    assert found == (1.0, 2.0) and [type(number) for number in found] == [float, float]
    kept = Described(names=values).names
    assert kept == (1, 2) and all(type(number) in (int, float) for number in kept)


def test_lists_become_tuples_in_encoders_and_views(experiment):
    lists = replace(experiment, encoder=SmallConv([4, np.int64(8)], 16), view=Chain([Crop([0.5, 1]), Flip(np.float32(0.5))]))
    tuples = replace(experiment, encoder=SmallConv((4, 8), 16), view=Chain((Crop((0.5, 1.0)), Flip(0.5))))
    assert lists == tuples and repr(lists) == repr(tuples) and lists.key == tuples.key is not None


def test_what_may_be_missing_may_be_none_and_else_is_plain():
    assert Described().perhaps is None and Described(perhaps=None) == Described()
    assert repr(Described(perhaps=np.float32(0.3))).count("perhaps=0.3,") == 1
    assert Described(flag=np.bool_(True)).flag is True and Described(flag=torch.tensor(True)).flag is True
    assert type(Described(word=np.str_("a")).word) is str


WRONG = {"a bool for a float": (lambda: NTXent(True), "NTXent: temperature is a float, got True of type bool."),
         "a torch bool for a float": (lambda: NTXent(torch.tensor(True)), "NTXent: temperature is a float, got tensor(True)"),
         "a str for a float": (lambda: NTXent("0.5"), "NTXent: temperature is a float, got '0.5' of type str."),
         "none for a float": (lambda: NTXent(None), "NTXent: temperature is a float, got None"),
         "several for one": (lambda: NTXent([0.5, 1.0]), "NTXent: temperature is a float, got [0.5, 1.0] of type list."),
         "a complex number": (lambda: Optimizer(lr=1j), "Optimizer: lr is a float, got 1j of type complex."),
         "a half for an int": (lambda: Optimizer(warmup=0.5), "Optimizer: warmup is a int, got 0.5 of type float."),
         "a bool for an int": (lambda: Optimizer(warmup=True), "Optimizer: warmup is a int, got True of type bool."),
         "a str for an int": (lambda: SlicedWasserstein("sphere", "5"), "weight is a float, got '5' of type str."),
         "a number for a str": (lambda: Supervised(3), "Supervised: target is a str, got 3 of type int."),
         "a number for a bool": (lambda: Described(flag=1), "Described: flag is a bool, got 1 of type int."),
         "a str for a tuple": (lambda: Described(names="abc"), "Described: names is a tuple, got 'abc' of type str."),
         "a number for a tuple": (lambda: Described(names=3), "Described: names is a tuple, got 3 of type int."),
         "a str in a tuple": (lambda: Described(numbers=[1, "2"]), "Described: numbers is a float, got '2' of type str."),
         "a str where none may be": (lambda: Described(perhaps="x"), "Described: perhaps is a float, got 'x'")}


@pytest.mark.parametrize("make, said", WRONG.values(), ids=WRONG)
def test_what_has_no_such_form_is_refused_in_a_sentence(make, said):
    with pytest.raises(TypeError) as caught:
        make()
    assert said.replace("is a int", "is an int") in str(caught.value).replace("is a int", "is an int")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [dict(steps=True), dict(steps="300"), dict(batch_size=2.5), dict(seed=None)], ids=str)
def test_an_experiment_refuses_them_too(wrong, experiment):
    (name,) = wrong
    with pytest.raises(TypeError, match=f"Experiment: {name} is an? int, got "):
        replace(experiment, **wrong)


def test_settings_are_flat_and_tell_the_datas_size_and_content(experiment):
    flat = settings(replace(experiment, data=RandBits(experiment.data, 3)))
    assert flat["data"] == "RandBits" and flat["data.images"] == "digits train" and flat["data.bits"] == 3
    assert flat["data.images.size"] == 1000 and flat["data.images.content"] == experiment.data.content
    assert flat["encoder.channels"] == "(4, 8)" and flat["objective.loss"] == "NTXent"
    assert flat["objective.loss.temperature"] == 0.2 and all(isinstance(v, str | int | float) for v in flat.values())
    assert list(settings(NTXent(0.2), "loss.")) == ["loss.temperature"]


def test_500_digits_and_10000_share_no_row_and_no_key(experiment):
    few, many, others = digits("train", "cpu")[:500], digits("train", "cpu"), digits("train", "cpu")[500:1000]
    found = [replace(experiment, data=data) for data in (few, many, others)]
    rows = [settings(e) for e in found]
    assert len({e.key for e in found}) == 3 and rows[0]["data"] == rows[1]["data"] == rows[2]["data"] == "digits train"
    assert [row["data.size"] for row in rows] == [500, 10000, 500]
    assert len({row["data.content"] for row in rows}) == 3


def function(*arguments):
    """A learner's."""


@dataclass(frozen=True)
class Own:
    """A learner's, with a tidy repr."""
    temperature: float

    def __call__(self, *given):
        """Called as whatever is asked for."""


def test_own_code_is_named_wherever_it_stands():
    cases = {"x": [function, Own(1.0), Own, lambda z: z, partial(nt_xent, temperature=0.5), np.mean, torch.nn.Flatten()],
             "x.loss": [Contrastive(function), Contrastive(Own(0.5)), Contrastive(partial(function, 0.5))],
             "x.transforms[1]": [Chain((Crop(), function)), Chain((Crop(), Own(1.0), function))],
             "x.names[0]": [], None: [None, 3, "word", 0.5, digits("test", "cpu"), NTXent(), digit_view(), Head(), SmallConv(),
                                      Supervised(), RandBits(digits("test", "cpu"), 2), *measured_on(digits("test", "cpu"))]}
    for name, values in cases.items():
        for value in values:
            assert own_code(value, "x") == name, value
    assert own_code(Described(), "x") == "x"  # a learner may derive from Description: it stays his own code


def test_a_part_of_the_library_that_tells_no_settings_is_refused_with_the_remedy(experiment):
    remedy = r"doesn't tell its settings: give a description that holds them, as NTXent\(temperature=0.5\) does for nt_xent"
    with pytest.raises(TypeError, match=rf"objective\.loss is nt_xent, which {remedy}"):
        _ = replace(experiment, objective=Contrastive(nt_xent)).key


BUILT = torch.nn.Flatten()


@pytest.mark.parametrize("part, wrong, message", [
    ("data", DataLoader([1]), "is of type DataLoader, which has no shape: give an ImageSet"),
    ("data", Subset([1], [0]), "is of type Subset, which has no shape: give an ImageSet"),
    ("data", torch.rand(300, 1, 28, 28), "is of type Tensor, which has no targets: give an ImageSet"),
    ("data", None, "is of type NoneType, which has no shape: give an ImageSet"),
    ("view", digit_view, r"is digit_view, which isn't called as \(images, generator\): give .* digit_view\(\)"),
    ("view", torchvision.transforms.RandomCrop(20), r"is of type RandomCrop, which isn't called as \(images, generator\)"),
    ("encoder", BUILT, "is of type Flatten, which has no features: give a description whose build.* or a class of your own"),
    ("encoder", SmallConv, r"is SmallConv, which is a class and not yet an object: give .* SmallConv\(\)"),
    ("head", BUILT, r"is of type Flatten, which has no build: give a description whose build.* such as Head\(layers=2\)"),
    ("objective", NTXent(0.2), r"is of type NTXent, which isn't called as \(model, a, b, target, generator\): give Contr"),
    ("optimizer", torch.optim.Adam, r"is Adam: give Optimizer\(\.\.\.\)"),
], ids=lambda value: value if isinstance(value, str) and " " not in value else "")
def test_a_part_of_another_kind_is_refused_with_what_to_give(part, wrong, message, experiment):
    with pytest.raises(TypeError, match=f"Experiment: {part} {message}") as raised:
        replace(experiment, **{part: wrong})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("loss", [NTXent, NTXent(0.5).check, lambda z1, z2: z1.sum(), torch.nn.CrossEntropyLoss(), 0.5,
                                  partial(nt_xent, temperature=0.5)])
def test_a_loss_takes_two_projections_and_a_generator(loss):
    with pytest.raises(TypeError, match=r"Contrastive: loss is .*: give a function of \(z1, z2, generator\), or .*NTXent\("):
        Contrastive(loss)


def test_no_property_is_computed_to_see_that_it_is_there(experiment):
    data = RandBits(experiment.data, 3)
    replace(experiment, data=RandBits(data, 2))
    assert "codes" not in vars(data)


def test_a_learners_own_parts_are_taken():
    """Whatever its names are; also where Python can't tell a signature."""
    for own in (lambda a, b, c: a, lambda *given: 0, lambda z1, z2, generator=None: 0, Own(1.0), max):
        assert Contrastive(own).loss is own


def test_measures_are_descriptions_whose_metrics_say_what_is_unusual():
    test = digits("test", "cpu")[:200]
    assert [m.metrics for m in measured_on(test)] == [("linear",), ("knn",)]
    assert LinearTop1(test, "code", after_head=True).metrics == ("linear code after head",)
    assert repr(NeighbourTop1(test, k=np.int64(5))) == repr(NeighbourTop1(test, k=5))
    assert test.content in repr(LinearTop1(test))
    with pytest.raises(TypeError, match="NeighbourTop1: k is an? int, got '5'"):
        NeighbourTop1(test, k="5")

"""A loss as a Python object: tools that inspect functions work on it."""

import copy
import doctest
import gc
import importlib
import inspect
import pickle
import pydoc
import re
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from arguments import KINDS, LOSSES, arguments, parts

import portable_losses as pl
from portable_losses import neural_network

Loss = pl.Loss[...]
OPTIONS = {"reduction": "mean", "weights": None, "where": None, "axis": None}
CLASS_OPTIONS = OPTIONS | {"class_axis": -1, "class_weights": None, "ignore_index": None}


def without_annotations(signature: inspect.Signature) -> str:
    """Show a signature with names, kinds and defaults only."""
    bare = [
        parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def test_the_signature_as_it_is_shown() -> None:
    """The signature has no `xp` and has every option; the repr leaves out the annotations."""
    shown = "(pred, target, /, *, delta=1.0, reduction='mean', weights=None, where=None, axis=None)"
    assert str(inspect.signature(pl.huber_loss)) == shown
    assert without_annotations(inspect.signature(pl.huber_loss)) == shown
    assert repr(pl.huber_loss) == f"<loss huber_loss{shown}>"


@pytest.mark.parametrize("loss", LOSSES)
def test_the_signature(loss: Loss) -> None:
    """Arrays come first, positional unless optional; all else is keyword-only."""
    signature = inspect.signature(loss)
    parameters = signature.parameters
    hints = get_type_hints(loss.formula, include_extras=True)
    for name, parameter in parameters.items():
        array = name in loss.signature.arguments
        optional = name in loss.signature.optional
        kind = (
            parameter.POSITIONAL_OR_KEYWORD
            if optional
            else parameter.POSITIONAL_ONLY
            if array
            else parameter.KEYWORD_ONLY
        )
        assert parameter.kind is kind
        assert (array and not optional) == (parameter.default is parameter.empty)
        if name in loss.signature.arguments or name in loss.signature.parameters:
            assert parameter.annotation == hints[name]
    assert not {"xp", "options", "device", "dtype"} & set(parameters)
    wanted = CLASS_OPTIONS if "ignore_index" in parameters else OPTIONS
    for name, default in wanted.items():
        if name == "class_axis" and "class" not in loss.signature.core:
            continue  # the class dimension is shared by all rows, with its axes in one order
        # vectors are rows only if the option is given
        vectors = name == "class_axis" and loss.signature.options[name] is None
        assert vectors or parameters[name].default == default
    assert all(f"{dimension}_axis" in parameters for dimension in loss.signature.core)
    given = arguments(loss, 0)
    assert all(x is y for x, y in zip(signature.bind(*given, weights=1.0).args, given, strict=True))
    with pytest.raises(TypeError):
        signature.bind(*given, dleta=1.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_defaults_of_the_signature_are_those_of_the_call(loss: Loss) -> None:
    """Passing all defaults explicitly changes nothing."""
    defaults = {
        name: p.default
        for name, p in inspect.signature(loss).parameters.items()
        if p.default is not p.empty
    }
    given = arguments(loss, 0)[: len(loss.signature.arguments) - len(loss.signature.optional)]
    assert loss(*given, **defaults) == loss(*given)


@pytest.mark.parametrize("loss", LOSSES)
def test_names(loss: Loss) -> None:
    """An object of the module that defines it."""
    module = importlib.import_module(loss.__module__)
    assert loss.__module__.startswith("portable_losses.")
    assert getattr(module, loss.__name__) is getattr(pl, loss.__qualname__) is loss
    assert loss.__name__ in module.__all__
    assert callable(loss)
    assert repr(loss) == f"<loss {loss.__name__}{without_annotations(inspect.signature(loss))}>"
    assert inspect.unwrap(loss) is loss.formula
    assert inspect.getsourcefile(inspect.unwrap(loss)) == module.__file__


@pytest.mark.parametrize("loss", LOSSES)
def test_help(loss: Loss) -> None:
    """`help(loss)` shows its signature and its documentation."""
    text = pydoc.plain(pydoc.render_doc(loss))
    assert f"in module {loss.__module__}" in text.splitlines()[0]
    assert f"\n{loss.__name__}{without_annotations(inspect.signature(loss))}\n" in text
    assert inspect.getdoc(loss) == loss.__doc__
    for line in (loss.__doc__ or "").splitlines():
        assert line.strip() in text


def test_help_on_a_family_shows_functions() -> None:
    text = pydoc.plain(pydoc.render_doc(pl.robust))
    assert "FUNCTIONS\n    arctan_loss(pred, target, /, *, scale=1.0, " in text


def test_a_loss_in_a_class_binds_nothing() -> None:
    class Model:
        loss = pl.mse_loss

    assert Model().loss is Model.loss is pl.mse_loss


def test_completion_of_the_package_offers_what_is_public() -> None:
    names = {name for name in dir(pl) if not name.startswith("__")}
    families = {loss.__module__.split(".")[1] for loss in LOSSES}
    assert names == {*pl.__all__, *families, "neural_network", "objectives", "special", "typing"}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_docstring_documents_each_option_once(loss: Loss) -> None:
    """The section lists the parameters of the signature in order, each with its own text."""
    text = loss.__doc__ or ""
    section = text[text.index("Parameters\n-----") : text.index("Returns\n-----")]
    found = re.findall(r"^(\w+) : .+\n    \S", section, re.MULTILINE)
    assert found == list(inspect.signature(loss).parameters)
    assert [re.findall(rf"^{name} : ", text, re.MULTILINE) for name in found] == [
        [f"{name} : "] for name in found
    ]


@pytest.mark.parametrize("loss", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(loss: Loss, protocol: int) -> None:
    """By name, so that unpickling returns the same object, in another process as well."""
    assert pickle.loads(pickle.dumps(loss, protocol)) is loss
    assert pickle.loads(pickle.dumps(partial(loss, reduction="sum"), protocol)).func is loss


@pytest.mark.parametrize("loss", KINDS)
def test_methods_are_pickled(loss: Loss) -> None:
    """A gradient is handed to a worker like the loss."""
    gradient = pickle.loads(pickle.dumps(loss.grad))
    given = arguments(loss, 0)
    for one, other in zip(parts(gradient(*given)), parts(loss.grad(*given)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("loss", KINDS)
def test_copies_are_the_loss_itself(loss: Loss) -> None:
    """As with functions."""
    assert copy.copy(loss) is loss
    assert copy.deepcopy(loss) is loss
    assert copy.deepcopy({"metric": loss})["metric"] is loss


@pytest.mark.parametrize("loss", KINDS)
def test_a_loss_is_hashable_and_weakly_referable(loss: Loss) -> None:
    """As a function is: it may be the key of a cache."""
    assert {loss: 1}[loss] == 1
    assert weakref.ref(loss)() is loss
    assert loss in set(LOSSES)


@pytest.mark.parametrize("loss", LOSSES)
def test_doctests_are_found(loss: Loss) -> None:
    """By the standard library's doctest, in the module, with the examples of the docstring."""
    module = importlib.import_module(loss.__module__)
    name = f"{loss.__module__}.{loss.__name__}"
    found = [
        test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.name == name
    ]
    assert len(found) == 1
    assert len(found[0].examples) >= 3


def test_pytest_finds_the_doctests(pytester: pytest.Pytester) -> None:
    """pytest finds it as well, in a module of the user."""
    pytester.makepyfile(
        mine='''
        from portable_losses import loss

        @loss
        def my_loss(xp, pred, target, /):
            """Return nothing.

            >>> float(my_loss([1.0], [3.0]))
            2.0
            """
            return xp.abs(pred - target)
        '''
    )
    pytester.runpytest_inprocess("--doctest-modules", "-p", "no:cacheprovider").assert_outcomes(
        passed=1
    )


def test_a_loss_without_a_docstring() -> None:
    """A loss without a docstring has none, and raises no error."""

    @pl.loss
    def bare_loss(xp: Any, pred: Any, target: Any, /) -> Any:
        return pred - target

    assert bare_loss.__doc__ is None
    assert "bare_loss" in repr(bare_loss)
    assert bare_loss([3.0], [1.0]) == 2


def test_public_names_are_sorted_and_exist() -> None:
    """The list has all public names."""
    assert pl.__all__ == sorted(pl.__all__)
    for module in (pl, neural_network):
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_type_checkers_require_no_option(loss: Loss) -> None:
    (options,) = get_args(get_type_hints(loss.formula)["options"])
    assert not options.__required_keys__


SCRIPT = """
import multiprocessing
import portable_losses as pl

@pl.loss
def scaled(xp, pred, target, /, *, scale: float = 2.0):
    return scale * (pred - target) ** 2

@scaled.derivative
def _(xp, pred, target, /, *, scale):
    return 2 * scale * (pred - target)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(scaled, ([1.0], [0.0])), pool.apply(scaled.grad, ([1.0], [0.0])))
"""


def test_a_loss_of_a_script_is_sent_to_processes(tmp_path: Path) -> None:
    """Which import the script under another name."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2.0 [4.]\n", "")


def test_a_loss_of_a_function_is_itself_but_has_no_name() -> None:
    @pl.loss
    def local(xp: Any, pred: Any, target: Any, /) -> Any:
        return xp.abs(pred - target)

    assert copy.copy(local) is local
    assert copy.deepcopy([local])[0] is local
    with pytest.raises((AttributeError, pickle.PicklingError), match="local"):
        pickle.dumps(local)


def test_equal_losses_are_one_key() -> None:
    """So `jax.jit` traces once for a static argument that is made anew in each call."""
    delta = np.asarray([1.0, 2.0])
    same = [
        lambda: pl.huber_loss.bind(delta=2.0),
        lambda: pl.huber_loss.bind(delta=delta),
        lambda: 0.5 * pl.mse_loss + pl.l1_loss,
        lambda: (0.5 * pl.mse_loss + pl.huber_loss).bind(delta=3.0, reduction="sum"),
    ]
    for make in same:
        assert make() == make()
        assert hash(make()) == hash(make())
    assert len({make() for make in same} | {pl.huber_loss, pl.mse_loss}) == 6
    assert pl.huber_loss.bind(delta=delta) != pl.huber_loss.bind(delta=delta.copy())
    assert pl.huber_loss.bind(delta=2.0) != pl.pseudo_huber_loss.bind(delta=2.0)
    assert pl.mse_loss + pl.l1_loss != pl.mse_loss - pl.l1_loss
    assert pl.mse_loss != "mse_loss"
    assert 1.0 * pl.mse_loss == pl.mse_loss


@pytest.mark.backends("jax")
def test_a_static_argument_of_jax(backend: Any) -> None:
    import jax

    traced = []

    def evaluate(loss: Loss, x: Any) -> Any:
        traced.append(loss)
        return loss(x, 0.0)

    compiled = jax.jit(evaluate, static_argnums=0)
    for _ in range(3):
        compiled(pl.huber_loss.bind(delta=2.0), jax.numpy.ones(3))
    assert len(traced) == 1


def local_loss() -> Loss:
    @pl.loss
    def local(xp: Any, pred: Any, target: Any, /) -> Any:
        return xp.abs(pred - target)

    @local.derivative
    def _(xp: Any, pred: Any, target: Any, /) -> Any:
        return xp.sign(pred - target)

    return local


def test_what_comes_back_from_a_worker_is_the_same_loss() -> None:
    """A loss that is sent by its parts: its name stays, and parts of a mean add up."""
    import cloudpickle

    local = local_loss()
    for loss in (local, local.bind(reduction="sum"), 0.5 * local + pl.mse_loss):
        assert cloudpickle.loads(cloudpickle.dumps(loss)) == loss
    parts = [cloudpickle.dumps(local.partial([x], [0.0])) for x in (1.0, 3.0)]
    assert float(sum(map(cloudpickle.loads, parts)).value()) == 2.0
    assert local != local_loss()
    sent = cloudpickle.dumps(local)
    del local, loss, parts
    gc.collect()
    elsewhere = cloudpickle.loads(sent)  # as in a process that does not have it
    with pytest.raises(ValueError, match=r"^local: pred has shape"):
        elsewhere([1.0], [1.0, 2.0])
    assert elsewhere.grad([3.0], [1.0]) == 1.0
    assert cloudpickle.loads(sent) is elsewhere


def test_a_copy_has_what_is_registered_later() -> None:
    import cloudpickle

    local = local_loss()
    cloudpickle.dumps(local)
    local.second_derivative(lambda xp, pred, target, /: 0 * pred)
    assert "second_derivative" in cloudpickle.dumps(local).decode("latin1")


def test_parts_from_processes_add_up_with_equal_parameters() -> None:
    """Each process has its own arrays and its own sum of losses."""
    sums = [
        pickle.loads(pickle.dumps((pl.mse_loss + pl.l1_loss).partial([x], [0.0])))
        for x in (1.0, 2.0)
    ]
    assert float(sum(sums).value()) == 4.0
    deltas = [np.asarray([1.0, 2.0]), np.asarray([1.0, 2.0])]
    parts = [pl.huber_loss.partial([[1.0, 2.0]], [[0.0, 0.0]], delta=delta) for delta in deltas]
    assert float(sum(parts).value()) == 1.25
    other = pl.huber_loss.partial([[1.0, 2.0]], [[0.0, 0.0]], delta=2 * deltas[0])
    with pytest.raises(TypeError, match="do not add up"):
        sum([*parts, other])
    default = pl.huber_loss.partial([1.0], [0.0]) + pl.huber_loss.partial([3.0], [0.0], delta=1.0)
    assert float(default.value()) == 1.5

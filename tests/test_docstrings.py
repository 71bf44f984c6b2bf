"""numpydoc checks the docstrings of the finished objects; pyproject.toml selects the checks."""

import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
import tomllib
from ast import literal_eval
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import ERROR_MSGS, Validator, validate

import portable_losses
from portable_losses.special import Special

CONFIGURATION = Path(__file__).parents[1] / "pyproject.toml"
LOSSES = {
    name
    for name in portable_losses.__all__
    if isinstance(getattr(portable_losses, name), portable_losses.Loss)
}


def public_objects():
    """Return the dotted name of each public function, class, method and loss."""
    modules = [
        f"portable_losses.{module.name}"
        for module in pkgutil.iter_modules(portable_losses.__path__)
    ]
    for module in ["portable_losses", *(name for name in modules if "._" not in name)]:
        for name in importlib.import_module(module).__all__:
            thing = getattr(importlib.import_module(module), name)
            if callable(thing) and getattr(thing, "__module__", "").startswith("portable_losses"):
                yield f"{module}.{name}"
                if inspect.isclass(thing):
                    methods = (
                        key
                        for key, value in vars(thing).items()
                        if not key.startswith("_") and inspect.isfunction(value)
                    )
                    yield from (f"{module}.{name}.{method}" for method in methods)


@functools.cache
def checks():
    configured = set(
        tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["tool"]["numpydoc_validation"][
            "checks"
        ]
    )
    return set(ERROR_MSGS) - configured if "all" in configured else configured


class RunTimeValidator(Validator):
    """Treat a loss as the function that it is for users."""

    def __init__(self, obj_name):
        super().__init__(get_doc_object(self._load_obj(obj_name)))

    @property
    def is_function_or_method(self):
        return isinstance(self.obj, portable_losses.Loss | Special) or super().is_function_or_method

    @property
    def method_source(self):
        return textwrap.dedent(inspect.getsource(self.code_obj))


@pytest.mark.parametrize("name", [*public_objects()])
def test_docstring(name):
    wanted = checks()
    sibling = re.search(r": see `(\w+)`\.$", RunTimeValidator(name).clean_doc)
    if sibling:  # which is validated itself, and documents arguments and result for both
        assert f"{name.rpartition('.')[0]}.{sibling[1]}" in public_objects()
        wanted = wanted - {"PR01", "RT01"}
    errors = validate(name, RunTimeValidator)["errors"]
    assert not [f"{code}: {message}" for code, message in errors if code in wanted]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_docstring_of_a_loss_has_all_sections(name):
    titles = RunTimeValidator(f"portable_losses.{name}").section_titles
    assert titles == [
        "Parameters",
        "Returns",
        "Raises",
        "See Also",
        "Notes",
        "References",
        "Examples",
    ]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_docstring_of_a_loss_documents_every_option(name):
    loss = getattr(portable_losses, name)
    documented = RunTimeValidator(f"portable_losses.{name}").doc_all_parameters
    assert list(documented) == list(inspect.signature(loss).parameters)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_docstring_of_a_loss_states_every_default(name):
    documented = RunTimeValidator(f"portable_losses.{name}")
    for key, parameter in inspect.signature(getattr(portable_losses, name)).parameters.items():
        kind, _, default = documented.parameter_type(key).partition(", default ")
        if parameter.default is None:
            assert kind.endswith(", optional")
        elif parameter.default is not parameter.empty:
            assert default == str(parameter.default) or literal_eval(default) == parameter.default


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_docstring_of_a_loss_says_which_parameters_may_be_arrays(name):
    signature = getattr(portable_losses, name).signature
    documented = RunTimeValidator(f"portable_losses.{name}")
    rows = any(map(any, signature.ways))
    clause = "holds one number, which all rows share." if rows else "broadcasts to the losses."
    for key in signature.parameters:
        kind = documented.parameter_type(key).partition(", default ")[0]
        may_be = key in signature.arrays
        assert kind.removesuffix(", optional").endswith("or array") == may_be, key
        _, lines = documented.doc_all_parameters[key]
        assert (lines[-1:] == [f"An array {clause}"]) == may_be, key

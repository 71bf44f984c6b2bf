"""The type checker reports an error at each deliberate misuse, and no other error."""

import ast
import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy import api

FOLDER = Path(__file__).parent / "typing"
MISUSE = FOLDER / "misuse.py"
RIGHT_USE = FOLDER / "right_use.py"


def check(path: Path, config: pytest.Config) -> list[tuple[int, str]]:
    """Run mypy on one file and return each error's line and code. The cache saves ten seconds."""
    found = getattr(config, "cache", None)
    cache = str(found.mkdir("mypy")) if found else os.devnull
    options = ["--strict", "--config-file=", "--no-error-summary", "--cache-dir", cache]
    output, failure, _ = api.run([*options, str(path)])
    assert not failure
    errors = [
        re.fullmatch(r"(?P<path>.*?):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]", line)
        for line in output.splitlines()
    ]
    assert all(Path(error["path"]).name == path.name for error in errors if error), output
    assert all(
        error or ": note: " in line for error, line in zip(errors, output.splitlines(), strict=True)
    ), output
    return sorted((int(error["line"]), error["code"]) for error in errors if error)


def marked() -> Iterator[tuple[int, str]]:
    """Read the markers of the misuses: the line and the code of each error that is wanted."""
    for number, line in enumerate(MISUSE.read_text(encoding="utf-8").splitlines(), start=1):
        _, _, codes = line.partition("# E: ")
        yield from ((number, code.strip()) for code in codes.split(",") if code)


def test_each_misuse_is_the_error_it_is_marked_with_and_nothing_else_is(
    pytestconfig: pytest.Config,
) -> None:
    """A misspelt option, a wrong reduction, a wrong type: for the call and for every method."""
    wanted = sorted(marked())
    assert len(wanted) > 50
    assert check(MISUSE, pytestconfig) == wanted


def test_right_uses_are_clean(pytestconfig: pytest.Config) -> None:
    """Correct use has no error, and the declared type."""
    assert check(RIGHT_USE, pytestconfig) == []


def test_right_uses_run() -> None:
    """Code that the type checker accepts works."""
    runpy.run_path(str(RIGHT_USE))


def test_misuses_raise_at_run_time() -> None:
    """At run time an error that names the loss reports the same misuse."""
    lines = {number for number, _ in marked()}
    source = MISUSE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "misuse"}
    silent = []
    for statement in ast.parse(source).body:
        message = error_of(statement, namespace)
        if statement.lineno not in lines:
            assert message is None, message
        elif message is None or not re.search("loss|cross_entropy", message):
            silent.append((source.splitlines()[statement.lineno - 1], message))
    assert not silent


def error_of(statement: ast.stmt, namespace: dict[str, Any]) -> str | None:
    """Run one statement of the misuses; return the message of its error, if it raises one."""
    try:
        exec(compile(ast.Module([statement], []), str(MISUSE), "exec"), namespace)  # noqa: S102
    except (TypeError, ValueError) as error:
        return str(error)
    return None

"""Bad calls and what a user reads: the table is `bad_calls.txt`."""

from pathlib import Path

import numpy as np
import pytest
from arguments import LOSSES

import portable_losses as pl

NAMES = vars(pl) | {
    "np": np,
    "ones": np.ones,
    "zeros": np.zeros,
    "ints": lambda *values: np.asarray(values),
    "LOG": np.log(np.ones((2, 4, 3)) / 3),
    "IMAGES": np.zeros((2, 3, 4, 4)),
    "ROWS": np.zeros((3, 2)),
}
ERRORS = {kind.__name__: kind for kind in (TypeError, ValueError, NotImplementedError)}


def table():
    """Return each call with its type of error and its message."""
    text = Path(__file__).with_name("bad_calls.txt").read_text(encoding="utf-8")
    for case in text.strip().split("\n\n")[1:]:
        call, _, error = case.partition("\n")
        kind, _, message = error.partition(": ")
        yield call, ERRORS[kind], message


CASES = list(table())


@pytest.mark.parametrize(("call", "kind", "message"), CASES, ids=[call for call, *_ in CASES])
def test_what_a_user_reads(call, kind, message):
    with pytest.raises(kind) as caught:
        eval(call, dict(NAMES))
    assert type(caught.value) is kind
    found = str(caught.value)
    name = call.partition("(")[0].partition(".")[0]
    assert found.startswith((f"{name}: ", f"{name} "))
    found = found.removeprefix(name).removeprefix(":").strip()
    if message.endswith("..."):
        assert found.startswith(message.removesuffix("..."))
    else:
        assert found == message


def test_the_table_is_about_most_losses():
    assert len(CASES) >= 200
    named = {call.partition("(")[0].partition(".")[0] for call, *_ in CASES}
    assert len(named) >= 60
    assert named <= {loss.__name__ for loss in LOSSES}


@pytest.mark.parametrize(("call", "kind", "message"), CASES, ids=[call for call, *_ in CASES])
def test_plain_words(call, kind, message):
    """One or a few short sentences, about what the user passed and not about how it is done."""
    assert "core" not in message
    assert "ufunc" not in message
    assert len(message) < 300

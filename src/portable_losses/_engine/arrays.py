"""Reading the arrays of a call: one library, one device, real numbers, and dtypes."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, NoReturn

from .._backends import NUMBER, Backend, backend_of, default, validating
from .._backends.labels import unlabelled
from ..typing import Array, Domain
from .signature import Signature


def read(name: str, key: str, value: Any) -> tuple[Backend, Array]:
    """Return an array and its backend; the default backend reads objects of no array library."""
    backend = backend_of(value)
    if backend is None:
        inner = unlabelled(value)
        if inner is not value:
            return read(name, key, inner)
        _refuse_arrays_in_a_list(name, key, value)
    if backend is None or not backend.takes(value):
        return default, default.read(name, key, value)
    array = backend.array_in(value)
    backend.check(name, key, array)
    return backend, array


def check_weight(name: str, number: Any, slack: float) -> None:
    """Refuse a weight of all losses that is negative, but for rounding."""
    if number < -slack:
        raise ValueError(f"{name}: weights must not be negative, but weights is {number!r}")


def visible(backend: Backend, array: Array) -> Any:
    """Return an array as the default backend sees it; None if its values are not to be checked."""
    if backend is default:
        return None if validating() is False else array
    return backend.view(array) if backend.keeps_plans() and validating() else None


def _refuse_arrays_in_a_list(name: str, key: str, value: Any) -> None:
    """Refuse a list of arrays of another library than the default one: it stacks them itself."""
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    backend = None if first is value else backend_of(first)
    if backend not in (None, default):
        assert backend is not None
        raise TypeError(
            f"{name}: {key} is a list of arrays; pass one array, `{backend.name}.stack({key})`"
        )


def read_one(name: str, x: Any, key: str = "x") -> tuple[Backend, Array, Any]:
    """Read the array of a function of one array.

    Return its backend, the array in the dtype of the evaluation, and the dtype of the result.
    """
    backend, x = read(name, key, x)
    dtype, result = floating(name, key, backend, x)
    return backend, backend.xp.astype(x, dtype, copy=False), result


def read_together(name: str, given: Mapping[str, Any]) -> tuple[Backend, list[Array], Any]:
    """Read the arrays of a function of several.

    Return their backend, the arrays in the dtype of the evaluation, and the dtype of the result. A
    Python number takes the dtype of the arrays. If all are numbers, the default library reads them.
    """
    numbers = {key: value for key, value in given.items() if isinstance(value, NUMBER)}
    if len(numbers) == len(given):
        numbers = {}
    found = {key: read_one(name, x, key) for key, x in given.items() if key not in numbers}
    backend = one_library(name, {key: (library, x) for key, (library, x, _) in found.items()})
    first = next(iter(found))
    like = found[first][1]
    dtype = promoted(backend, [array.dtype for _, array, _ in found.values()])
    xp = backend.xp
    arrays = [
        xp.astype(found[key][1], dtype, copy=False)
        if key in found
        else xp.scalar(float(value), dtype, like)
        for key, value in given.items()
    ]
    return backend, arrays, promoted(backend, [result for *_, result in found.values()])


def one_library(name: str, given: Mapping[str, tuple[Backend, Array]]) -> Backend:
    """Return the backend of arrays; raise an error if they have several, or several devices."""
    (first, (backend, like)), *rest = given.items()
    device = backend.device(like)
    for key, (other, array) in rest:
        if other is not backend:
            raise TypeError(
                f"{name}: {first} is {_described(backend)}, but {key} is {_described(other)}: "
                "convert one of them, all arrays of a call belong to one library, "
                f"not to {backend.name} and {other.name}"
            )
        here = backend.device(array)
        if here is not None and device is not None and here != device:
            raise ValueError(
                f"{name}: {first} is on {device}, but {key} is on {here}; "
                "nothing is copied to another device: move or distribute one of them"
            )
        device = here if device is None else device
    return backend


def _described(backend: Backend) -> str:
    if backend is default:
        return "an array of NumPy, or was read by it"
    return f"an array of {backend.name}"


def promoted(backend: Backend, dtypes: Sequence[Any]) -> Any:
    """Return the dtype to which several dtypes are promoted."""
    if all(dtype == dtypes[0] for dtype in dtypes):
        return dtypes[0]
    return backend.xp.result_type(*dtypes)


def refuse_dtype(name: str, key: str, dtype: Any) -> NoReturn:
    """Raise the error of an array that does not hold real numbers."""
    complex_hint = "take abs(x), or x.real and x.imag, first"
    hint = complex_hint if "complex" in str(dtype) else "convert it to numbers first"
    raise TypeError(f"{name}: {key} must hold real numbers, got {dtype}: {hint}")


def is_kind(backend: Backend, dtype: Any, *kinds: str) -> bool:
    """Return whether a dtype is of one of the kinds that the standard names."""
    try:
        return bool(backend.xp.isdtype(dtype, kinds))
    except TypeError:  # a library asked about a dtype that is not its own
        return False


def floating(name: str, key: str, backend: Backend, array: Array) -> tuple[Any, Any]:
    """Return the dtype to evaluate a prediction in, and that of the result."""
    xp, dtype = backend.xp, array.dtype
    if is_kind(backend, dtype, "real floating"):
        dtype = backend.native(dtype)
        return (xp.float32 if xp.finfo(dtype).bits < 32 else dtype), dtype
    if str(dtype) == "bfloat16":  # of ml_dtypes: a real dtype, though isdtype does not know it
        return xp.float32, dtype
    if not is_kind(backend, dtype, "integral", "bool"):
        refuse_dtype(name, key, dtype)
    usual = xp.default_dtype(array, "real floating")
    return usual, usual


def check_real(name: str, key: str, backend: Backend, array: Array) -> None:
    """Refuse an array that does not hold real numbers."""
    kinds = ("real floating", "integral", "bool")
    if not is_kind(backend, array.dtype, *kinds) and str(array.dtype) != "bfloat16":
        refuse_dtype(name, key, array.dtype)


def check_kind(
    signature: Signature, i: int, backend: Backend, array: Array, domain: Domain
) -> None:
    """Refuse a target that does not hold integers for labels, or real numbers otherwise."""
    key = signature.arguments[i]
    if not domain.integer:
        check_real(signature.name, key, backend, array)
    elif not is_kind(backend, array.dtype, "integral", "bool"):
        kind = "labels" if domain.labels else "lengths"
        hint = "; number the classes from 0" if domain.labels else ""
        if is_kind(backend, array.dtype, "real floating"):
            method = hasattr(array, "astype")
            cure = f"pass `{key}.astype(int)`" if method else "convert it to integers"
            if backend is default and backend.xp.any(array != array):
                cure = "some are missing (NaN); drop these rows, or leave them out with `where`"
            rows = any("class" in way[i] for way in signature.ways)
            others = "; probabilities have the class axis as well" if rows else ""
            hint = f"; {cure}{others}"
        raise TypeError(
            f"{signature.name}: {key} has the shape of {kind}, {tuple(array.shape)}, which are "
            f"integers, but its dtype is {array.dtype}{hint}"
        )


def python_number(number: Any) -> int | float:
    """Return a number, which may be a scalar of the default library, as a Python number."""
    whole = isinstance(number, Integral) or default.is_bool(number)
    return int(number) if whole else float(number)


def check_number(signature: Signature, i: int, number: Any, domain: Domain) -> None:
    """Refuse a number that is not an integer where labels or lengths are expected."""
    if domain.integer and not (isinstance(number, Integral) or default.is_bool(number)):
        kind = "label" if domain.labels else "length"
        raise TypeError(
            f"{signature.name}: {signature.arguments[i]} must be an integer {kind}, got {number!r}"
        )

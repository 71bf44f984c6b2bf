"""Arrays with names and coordinates for their axes, as in xarray, around an array of a library."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..typing import Array


class Labels(NamedTuple):
    """The names of the axes of an array, and the coordinates of those that have them."""

    dims: tuple[Any, ...]
    indexes: Mapping[Any, Any]

    def fault(self, place: int, other: "Labels", of_other: int) -> str:
        """Return what two axes that are paired differ in, or nothing."""
        own, name = other.dims[of_other], self.dims[place]
        if own != name:
            return "dimensions"
        index, of_index = self.indexes.get(name), other.indexes.get(own)
        if index is None or of_index is None or index.equals(of_index):
            return ""
        return "coordinates"


def labels_of(value: Any) -> Labels | None:
    """Return the labels of an array that has some; the properties are those of xarray."""
    kind = type(value)
    if not (hasattr(kind, "dims") and hasattr(kind, "data")):
        return None
    return Labels(tuple(value.dims), getattr(value, "xindexes", {}))


def unlabelled(value: Any) -> Array:
    """Return the array inside of labels, or the value itself."""
    return value if labels_of(value) is None else value.data


def with_labels(array: Array, like: Any, dims: Sequence[Any]) -> Any:
    """Return an array with some dimensions of another and their coordinates, which may be lazy."""
    kind = type(like)
    if not hasattr(kind, "coords"):
        return array
    other = [name for name, x in like.coords.items() if not set(dims).issuperset(x.dims)]
    return kind(array, coords=like.coords.drop_vars(other), dims=tuple(dims)).rename(None)


def differing(name: str, first: str, of_first: Labels, key: str, labels: Labels, what: str) -> str:
    """Return the message about two arrays whose axes have different labels."""
    if what == "coordinates":
        return (
            f"{name}: {first} and {key} have different coordinates along their dimensions; pass "
            f'what `xarray.align({first}, {key}, join="inner")` returns, or `{key}.data` to pair '
            "them by position"
        )
    cure = f"rename or add dimensions (`{key}.rename`, `{key}.expand_dims`)"
    if set(labels.dims) == set(of_first.dims):
        cure = f"pass `{key}.transpose(*{first}.dims)`"
    return (
        f"{name}: {first} has the dimensions {of_first.dims} and {key} has {labels.dims}, but axes "
        f"are paired by position; {cure}, or `{key}.data` to pair them by position"
    )

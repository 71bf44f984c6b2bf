"""The figures that the library wants to reach, each with its limit, read from what was measured."""

from collections.abc import Iterable, Iterator
from statistics import geometric_mean
from typing import Any, NamedTuple

from contestants import (
    BOTH,
    LONG,
    OPTAX_CONCRETE,
    OPTAX_JIT,
    OURS,
    OURS_COMPILED,
    OURS_CONCRETE,
    OURS_JIT,
    TEXTBOOK,
    TORCH,
    TORCH_COMPILED,
    VALUE,
)
from machine import NATIVE, NO_AVX512, modes
from measure import JIT_TWO, OPTIONS, PEAK, PLAIN, SMALL, TWO_WORKERS, Record, shown


class Limits(NamedTuple):
    """What each member may have, and their geometric mean; some members by name have their own."""

    each: float | None = None
    mean: float | None = None
    own: dict[str, float] = {}  # noqa: RUF012 - never changed

    def of(self, member: str) -> float:
        """Return the limit of a member."""
        found = [limit for name, limit in self.own.items() if member.startswith(name)]
        return found[0] if found else float("inf") if self.each is None else self.each

    def __str__(self) -> str:
        words = [] if self.each is None else [f"{self.each:g} each"]
        words += [f"{limit:g} {name}" for name, limit in self.own.items()]
        words += [] if self.mean is None else [f"{self.mean:g} mean"]
        return ", ".join(words) or "none"


class Figure(NamedTuple):
    """A figure of one mode: its members are named by loss, dtype and what else tells them apart."""

    what: str
    limits: Limits
    members: dict[str, float]
    unit: str = ""

    @property
    def mean(self) -> float | None:
        """The geometric mean of ratios; differences and bytes have none."""
        return None if self.unit else geometric_mean(self.members.values())

    @property
    def missed(self) -> list[str]:
        """The members above their limit."""
        return [name for name, value in self.members.items() if value > self.limits.of(name)]

    @property
    def largest(self) -> list[str]:
        """The members above their limit, or the largest three where their mean is too large."""
        order = sorted(self.members, key=lambda name: self.members[name], reverse=True)
        return self.missed or ([] if self.met else order[:3])

    @property
    def met(self) -> bool:
        limit, mean = self.limits.mean, self.mean
        return not self.missed and (limit is None or mean is None or mean <= limit)


def figures(records: list[Record], mode: str) -> Iterator[Figure]:
    """Return the figures for which something was measured."""
    for found in _all(records, mode):
        if found.members:
            yield found


def _all(records: list[Record], mode: str) -> Iterator[Figure]:
    def ratio(what: str, limits: Limits, ours: str, rival: str, **where: Any) -> Figure:
        return Figure(what, limits, ratios(records, ours, rival, **where))

    value = {"quantity": VALUE}
    yield ratio("100 numbers / textbook", Limits(2.0), OURS, TEXTBOOK, size=100, **value)
    by_size = (Limits(1.0, 0.75, {"mse_loss": 1.2}),) * 2 + (Limits(mean=0.5),)
    for size, limits in zip(LONG, by_size, strict=True):
        what = f"{shown(size)} numbers / textbook"
        yield ratio(what, limits, OURS, TEXTBOOK, size=size, **value)
    for quantity, limit in ((VALUE, 1.0), (BOTH, 0.75)):
        for size in LONG:
            what = f"{shown(size)} numbers / torch, {quantity}"
            where = {"size": size, "quantity": quantity}
            yield ratio(what, Limits(mean=limit), OURS, TORCH, **where)
    yield Figure("an option, beyond the plain mean", Limits(15.0), added(records), "µs")
    small = f"{SMALL} / torch, forward and backward"
    yield ratio(small, Limits(2.0), f"{OURS}, tensors", TORCH, loss=SMALL, quantity=BOTH)
    for what, limit, ours, rival in (
        ("JAX arrays, no jit / optax", 1.0, OURS_CONCRETE, OPTAX_CONCRETE),
        ("jax.jit / optax under jit", 1.05, OURS_JIT, OPTAX_JIT),
        ("torch.compile / torch compiled", 1.05, OURS_COMPILED, TORCH_COMPILED),
    ):
        for quantity in (VALUE, BOTH):
            name = f"{what}, {quantity}"
            yield ratio(name, Limits(mean=limit), ours, rival, quantity=quantity)
    # Without AVX-512 nothing is wanted of two workers.
    limits = Limits(mean=1.0 if mode == NATIVE and NO_AVX512 in modes() else None)
    yield ratio("2 workers / JAX under jit, 2 threads", limits, TWO_WORKERS, JIT_TWO, **value)
    yield Figure("peak memory a worker", Limits(8.0), peaks(records), "MiB")


def ratios(records: Iterable[Record], ours: str, rival: str, **where: Any) -> dict[str, float]:
    """Return the ratio of two contestants in each case that both have."""
    here = [record for record in records if all(record[key] == where[key] for key in where)]

    def case(record: Record) -> str:
        about = {**record, "size": shown(record["size"])}
        named = (key for key in ("loss", "dtype", "size", "quantity") if key not in where)
        return ", ".join(about[key] for key in named)

    rivals = {case(record): record["value"] for record in here if record["contestant"] == rival}
    return {
        case(record): record["value"] / rivals[case(record)]
        for record in here
        if record["contestant"] == ours and case(record) in rivals
    }


def added(records: Iterable[Record]) -> dict[str, float]:
    """Return how many µs each option takes beyond the plain mean."""
    here = [record for record in records if record["quantity"] == OPTIONS]
    plain = {record["loss"]: record["value"] for record in here if record["contestant"] == PLAIN}
    return {
        f"{record['loss']}, {record['contestant']}": 1e6 * (record["value"] - plain[record["loss"]])
        for record in here
        if record["contestant"] != PLAIN
    }


def peaks(records: Iterable[Record]) -> dict[str, float]:
    """Return the peak memory in MiB."""
    return {
        f"{record['loss']}, {record['contestant']}": record["value"] / 2**20
        for record in records
        if record["quantity"] == PEAK
    }

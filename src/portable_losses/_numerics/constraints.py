"""Constraints of annotated types: whether numbers satisfy them, and how a message shows them."""

from typing import Any

import annotated_types as at

from ..typing import Gap


def holds(constraint: Any, value: Any) -> Any:
    """Return whether a number, or each value of an array, satisfies a constraint.

    An interval takes a number only.
    """
    match constraint:
        case at.Gt(bound):
            return value > bound
        case at.Ge(bound):
            return value >= bound
        case at.Lt(bound):
            return value < bound
        case at.Le(bound):
            return value <= bound
        case at.Interval():
            return all(holds(part, value) for part in constraint)
        case Gap(low, high):
            return (value <= low) | (value >= high)
    return True


def range_of(constraints: tuple[Any, ...]) -> str:
    """Return the range that constraints allow, as in "(0, inf)"."""
    lower, upper, gaps = "(-inf", "inf)", ""
    parts = [
        part
        for constraint in constraints
        for part in (constraint if isinstance(constraint, at.Interval) else (constraint,))
    ]
    for part in parts:
        match part:
            case at.Gt(bound):
                lower = f"({bound:g}"
            case at.Ge(bound):
                lower = f"[{bound:g}"
            case at.Lt(bound):
                upper = f"{bound:g})"
            case at.Le(bound):
                upper = f"{bound:g}]"
            case Gap(low, high):
                gaps += f", outside ({low:g}, {high:g})"
    return f"{lower}, {upper}{gaps}"

"""Settings of the evaluation: for the process, or for a block of code."""

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Setting(Generic[Value]):
    """A value that holds for the process, or in this thread or task for a block of code."""

    def __init__(self, name: str, value: Value) -> None:
        self.of_process = value
        self.of_block: ContextVar[Value] = ContextVar(f"portable_losses.{name}")

    def get(self) -> Value:
        """Return the value that holds here."""
        return self.of_block.get(self.of_process)


class Change(Generic[Value]):
    """A change of a setting: at once for the process, and in a ``with`` for its block instead."""

    def __init__(self, setting: Setting[Value], value: Value) -> None:
        self._setting, self._value, self._before = setting, value, setting.of_process
        self._tokens: list[Token[Value]] = []
        setting.of_process = value

    def __enter__(self) -> None:
        if not self._tokens and self._setting.of_process == self._value:
            self._setting.of_process = self._before
        self._tokens.append(self._setting.of_block.set(self._value))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._setting.of_block.reset(self._tokens.pop())

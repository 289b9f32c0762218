"""Attributes that are checked whenever they are set, also after construction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from optimsche.training.arguments import admitted, admitted_accum_grad

ValueT = TypeVar("ValueT")


class Checked(Generic[ValueT]):
    """An attribute with the range that the argument of the same name has.

    >>> class Example:
    ...     rates = Checked[str]()
    >>> Example().rates = "abs"
    Traceback (most recent call last):
    ValueError: OptimScheduler(rates='abs'): rates must be one of 'absolute', 'relative', got 'abs'.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:
        # Without a __get__, Python finds the value in the instance by itself, as quickly as that of any attribute.
        @overload
        def __get__(self, instance: None, owner: type) -> Checked[ValueT]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> ValueT: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...

    def __set__(self, instance: object, value: Any) -> None:
        """Keep a value, or refuse it and keep the one before."""
        name = self._name
        checked = admitted_accum_grad(value) if name == "accum_grad" else admitted(name, value)
        instance.__dict__[self._name] = checked

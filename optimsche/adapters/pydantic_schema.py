"""What pydantic asks of a type: how a plan is read into a model's field, and how it is written."""

from __future__ import annotations

from typing import Any

from optimsche.schedule import Schedule
from optimsche.text import parse


def core_schema_of_a_plan() -> Any:
    """Take text, a dictionary or a schedule; write text in JSON. In Python, `model_dump` gives the schedule itself."""
    from pydantic_core import core_schema  # pydantic asks, so it is there

    return core_schema.no_info_plain_validator_function(
        _read,
        json_schema_input_schema=core_schema.union_schema([core_schema.str_schema(), core_schema.dict_schema()]),
        serialization=core_schema.plain_serializer_function_ser_schema(
            str, return_schema=core_schema.str_schema(), when_used="json"
        ),
    )


def _read(value: Any) -> Schedule:
    try:
        return parse(value)
    except TypeError as error:  # pydantic shows the words of a ValueError alone
        raise ValueError(str(error)) from None

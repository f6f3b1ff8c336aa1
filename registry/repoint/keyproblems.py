"""What the refusals of ``agent.toml`` and ``repoint.toml`` say alike: wrong types, and the nearest known key.

Imported only where one of the two is refused.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

_TYPES = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "tuple_type": "must be an array",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def worded(kind: str, reason: str) -> str:
    """What pydantic refuses (its ``type`` and ``msg``), in the words of the file."""
    if kind == "literal_error":
        return "must be " + reason.removeprefix("Input should be ")
    return _TYPES.get(kind, reason.replace("Input should be", "must be", 1))


def unknown_key(key: str, table: type[BaseModel]) -> str:
    """That the table has no such key, with the nearest one that it has, or all of them."""
    known = [field.alias or name for name, field in table.model_fields.items()]
    close = difflib.get_close_matches(key, known, n=1)
    return "unknown key" + (f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}")

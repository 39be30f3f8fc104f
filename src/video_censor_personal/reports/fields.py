"""One JSON object of a report, read field by field; a mistake names file, entry and field."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any, TypeVar

from video_censor_personal.errors import ReportError
from video_censor_personal.timeline import format_timecode, parse_timecode

__all__ = ["Fields"]

log = logging.getLogger(__name__)

Value = TypeVar("Value")

# A double holds a time of some hours to 1e-12 s. Frame times are n/24, n·1001/30000 or n/90000:
# the one fraction with a small denominator this near to the double is the time that was written.
_LARGEST_DENOMINATOR = 1_000_000
_CONTRADICTION_S = Fraction(1, 500)  # timecodes are rounded to a millisecond


class Fields:
    """The fields of one object; `where` is its file and its place in it, for messages.

    The methods named after a type give the value of the field, or None where it is missing or
    null, and raise `ReportError` where it is of another type or out of range.
    """

    def __init__(self, value: Any, where: str) -> None:
        self._where = where
        if not isinstance(value, dict):
            raise ReportError(f"{where}: is {_kind(value)}; it must be an object, {{…}}")
        self._fields: dict[str, Any] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def wrong(self, name: str, problem: str) -> ReportError:
        """The error that says what is wrong with the field `name`; `problem` says what to do."""
        return ReportError(f"{self._where}: {name} {problem}")

    def needed(self, name: str, value: Value | None) -> Value:
        """`value`, which must not be None."""
        if value is None:
            raise self.wrong(name, "is missing; add it")
        return value

    def text(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, f'is {_kind(value)}; write text, in "quotes"')
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty where it is missing."""
        items = self._list(name)
        for item in items:
            if not isinstance(item, str):
                raise self.wrong(name, f'holds {_kind(item)}; write a list of texts, ["…", "…"]')
        return tuple(items)

    def boolean(self, name: str) -> bool | None:
        value = self._fields.get(name)
        # Not even "false" will do: taken for true, it would leave a segment uncensored.
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, f"is {value!r}; write true or false, without quotes")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number, not below 0."""
        number = self._number(name)
        if number is not None and (number < 0 or number != int(number)):
            raise self.wrong(name, f"is {number}; write a whole number, not below 0")
        return None if number is None else int(number)

    def number(self, name: str) -> float | None:
        number = self._number(name)
        return None if number is None else float(number)

    def share(self, name: str) -> float | None:
        """A number of 0–1."""
        number = self._number(name)
        if number is not None and not 0 <= number <= 1:
            raise self.wrong(name, f"is {number}; write a number from 0 to 1")
        return None if number is None else float(number)

    def choice(self, name: str, options: Collection[str]) -> Any:
        """One of `options`."""
        value = self.text(name)
        if value is not None and value not in options:
            raise self.wrong(name, f"is {value!r}; write one of {', '.join(options)}")
        return value

    def time(self, name: str) -> Fraction | None:
        """Seconds, from `<name>_seconds`, else from the timecode `<name>`."""
        in_words = self._timecode(name)
        number = self._number(f"{name}_seconds")
        if number is None:
            return in_words
        if number < 0:
            raise self.wrong(f"{name}_seconds", f"is {number}; times begin at 0")
        exact = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
        if in_words is not None and abs(exact - in_words) > _CONTRADICTION_S:
            log.warning(
                "%s: %s is %s, but %s_seconds is %s; the seconds count",
                self._where,
                name,
                format_timecode(in_words),
                name,
                number,
            )
        return exact

    def object(self, name: str) -> Fields:
        """An object; empty where it is missing."""
        value = self._fields.get(name)
        return Fields({} if value is None else value, f"{self._where}: {name}")

    def objects(self, name: str, called: str) -> Iterator[Fields]:
        """The objects of a list, each known as `called` and its number, from 1 on."""
        for number, item in enumerate(self._list(name), 1):
            yield Fields(item, f"{self._where}: {called} {number}")

    def _list(self, name: str) -> list[Any]:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, f"is {_kind(value)}; write a list, […]")
        return value or []

    def _number(self, name: str) -> int | float | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, f"is {_kind(value)}; write a number, without quotes")
        if not math.isfinite(value):  # such as 1e999
            raise self.wrong(name, "is too large a number")
        return value

    def _timecode(self, name: str) -> Fraction | None:
        value = self._fields.get(name)
        if value is None or isinstance(value, int | float):
            # Some tools write plain seconds here.
            return None if value is None else self._plain_seconds(name)
        try:
            return parse_timecode(self.needed(name, self.text(name)))
        except ValueError as error:
            raise self.wrong(name, f"cannot be used: {error}") from None

    def _plain_seconds(self, name: str) -> Fraction:
        number = self.needed(name, self._number(name))
        if number < 0:
            raise self.wrong(name, f"is {number}; times begin at 0")
        return Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")

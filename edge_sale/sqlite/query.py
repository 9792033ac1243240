"""Reading rows from a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import apsw


class Inconsistent(Exception):
    """The contents of a file contradict each other. `connection.faults` reports it as a damaged file."""


def select(db: apsw.Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return all rows that `sql` finds."""
    return cast("list[tuple[Any, ...]]", db.execute(sql, values).fetchall())


def one(db: apsw.Connection, sql: str, *values: Any) -> tuple[Any, ...]:
    """Return the only row that `sql` finds. Raises Inconsistent for none or several."""
    found = select(db, sql, *values)
    if len(found) != 1:
        raise Inconsistent(f"{len(found)} rows where one should be")
    return found[0]

"""What does the public see of what happened? The shapes of a number's history and of the audit trail."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct


class FieldChange(Struct, kw_only=True):
    """What one field was and what it became; null where there was nothing, or is nothing any more."""

    field: Annotated[str, Meta(description="Which field of it.")]
    before: Any
    after: Any


Happened = Annotated[datetime, Meta(description="When it happened.")]
RequestId = Annotated[str, Meta(description="The request in which it happened; it is in our logs by this name.")]


class HistoryRecord(Struct, kw_only=True):
    """One change in a number's life. With the changes of the purchase, which begin with nothing, they make it whole."""

    id: str
    event: str
    changes: list[FieldChange]
    key_id: str | None
    key_name: str | None
    request_id: RequestId
    created_at: Happened


class HistoryPage(Struct, kw_only=True):
    """The life of one number, while this organization holds it or held it."""

    history: list[HistoryRecord]
    total: int
    limit: int
    offset: int
    has_more: bool


class AuditRecord(Struct, kw_only=True):
    """One event of the organization: what changed, who did it, in which request."""

    id: str
    event: str
    subject_id: str
    changes: list[FieldChange]
    key_id: str | None
    key_name: str | None
    request_id: RequestId
    created_at: Happened


class AuditPage(Struct, kw_only=True):
    """The audit trail of the organization in the environment of the key."""

    records: list[AuditRecord]
    total: int
    limit: int
    offset: int
    has_more: bool


def history_record(row: dict[str, Any]) -> HistoryRecord:
    """From a line of the trail, of which all is told but the number's own id."""
    rest = {name: value for name, value in row.items() if name not in {"changes", "subject_id"}}
    return HistoryRecord(changes=_changes(row), **rest)


def audit_record(row: dict[str, Any]) -> AuditRecord:
    return AuditRecord(**{**row, "changes": _changes(row)})


def _changes(row: dict[str, Any]) -> list[FieldChange]:
    return [FieldChange(**each) for each in row["changes"]]

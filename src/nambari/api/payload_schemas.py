"""How does the `data` of each event read as JSON Schema? By the types that the catalogue of events names."""

from collections.abc import Iterable
from typing import Any

import msgspec

from nambari.api.described_webhooks import DATA_FIELDS
from nambari.api.schemas import REF, Schema, tidy_struct
from nambari.domain.events import Event


def name_of(event: Event) -> str:
    """What its schema is called among the components: the record's own name is that of what the API shows."""
    return f"{event.payload.__name__}Data"


def payload_schemas(events: Iterable[Event]) -> Schema:
    """The components: the schema of each payload, and all that those refer to."""
    payloads = {each.payload.__name__: each for each in events}
    _, components = msgspec.json.schema_components([each.payload for each in payloads.values()], ref_template=REF)
    names = {name: name_of(event) for name, event in payloads.items()}
    found = {names.get(name, name): _renamed(schema, names) for name, schema in components.items()}
    return {name: tidy_struct(name, _described(name, schema)) for name, schema in found.items()}


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """With references to the payloads by their names among the components."""
    if isinstance(schema, list):
        return [_renamed(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    references = {REF.format(name=old): REF.format(name=new) for old, new in names.items()}
    return {
        key: references.get(value, value) if key == "$ref" else _renamed(value, names) for key, value in schema.items()
    }


def _described(name: str, schema: Schema) -> Schema:
    """Where a field means something else here than in what is asked and answered."""
    for field, words in DATA_FIELDS.get(name, {}).items():
        schema["properties"][field]["description"] = words
    return schema

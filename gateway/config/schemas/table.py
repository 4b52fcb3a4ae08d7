"""A table whose keys are all known; every other schema is one."""

from collections.abc import Mapping
from typing import Any

from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    validates_schema,
)

from gateway.config.problems import did_you_mean


class Table(Schema):
    """A table whose keys are all known: an unknown one is a slip, and the right one is named."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "must be a table"}

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_keys(self, data: Any, original: Any, **_: Any) -> None:
        """Refuse keys that mean nothing."""
        if isinstance(original, Mapping):
            unknown = [key for key in original if key not in self.fields]
            if unknown:
                raise ValidationError(
                    {
                        key: [f"is not a setting; {did_you_mean(key, self.fields)}"]
                        for key in unknown
                    }
                )

"""The JSON of a tenant and its users: what they prefer."""

from typing import ClassVar

from pydantic import Field, JsonValue

from empla.shapes import SMALL_JSON_BYTES, Shape


class TenantSettings(Shape):
    """What a tenant prefers, for all of its employees."""

    column: ClassVar[str] = "tenants.settings"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    llm: dict[str, JsonValue] | None = Field(default=None, description="Preferences for language models.")
    branding: dict[str, JsonValue] | None = Field(default=None, description="Name, colours, logo.")


class UserSettings(Shape):
    """What a user prefers."""

    column: ClassVar[str] = "users.settings"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    notifications: dict[str, JsonValue] | None = Field(default=None, description="What to be told, and how.")
    ui: dict[str, JsonValue] | None = Field(default=None, description="How the pages look.")

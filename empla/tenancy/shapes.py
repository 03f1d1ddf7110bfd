"""The JSON of a tenant and its users: what they prefer."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from empla.shapes import SMALL_JSON_BYTES, Many, Shape


class NoticeSettings(Shape):
    """Who hears of notices by mail, too."""

    mail_to: Annotated[Many[str], Field(min_length=1, max_length=20)] = Field(description="Addresses of managers.")
    least: Literal["info", "warning", "urgent"] | None = Field(
        default=None, description='What is less severe is shown in the product alone; "warning" when absent.'
    )


class TenantSettings(Shape):
    """What a tenant prefers, for all of its employees."""

    column: ClassVar[str] = "tenants.settings"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    llm: dict[str, JsonValue] | None = Field(default=None, description="Preferences for language models.")
    notices: NoticeSettings | None = Field(default=None, description="Notices by mail; none when absent.")
    branding: dict[str, JsonValue] | None = Field(default=None, description="Name, colours, logo.")


class UserSettings(Shape):
    """What a user prefers."""

    column: ClassVar[str] = "users.settings"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    notifications: dict[str, JsonValue] | None = Field(default=None, description="What to be told, and how.")
    ui: dict[str, JsonValue] | None = Field(default=None, description="How the pages look.")

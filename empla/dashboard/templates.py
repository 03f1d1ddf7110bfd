"""Pages are made of templates, and everything in them is escaped.

A part of a page is a block of its template, by the name that its element has as id.
"""

from datetime import datetime
from functools import cache
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from empla.dashboard import assets, formats
from empla.errors import NotFoundError

# Blocks that hold the parts of a page, and are none.
_AROUND = frozenset({"title", "head", "body", "page", "tab", "memory"})


@cache
def environment() -> Environment:
    """Made once; a name that a template does not have is a defect, not an empty place."""
    made = Environment(
        loader=PackageLoader("empla.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # Jinja types both by what it brings itself.
    filters, names = cast("dict[str, Any]", made.filters), cast("dict[str, Any]", made.globals)
    names["asset"] = assets.address
    filters.update(
        number=formats.number,
        share=formats.share,
        plain=formats.plain,
        indented=formats.indented,
        plainly=formats.plainly,
        lasting=formats.lasting,
        digits=formats.digits,
        browser=formats.browser,
        words=formats.words,
        moment=formats.moment,
        since=_since,
        counted=formats.counted,
        joined=formats.joined,
    )
    # A part that is asked for alone has not gone through the imports of its page.
    names["parts"] = made.get_template("parts.html").module
    return made


@pass_context
def _since(context: Context, value: datetime | None) -> Markup:
    return formats.since(value, context["now"])


def render(name: str, *, block: str | None = None, **shown: Any) -> str:
    """The page; or one block of it alone. Raises `NotFoundError` for one that is no part of it."""
    template = environment().get_template(name)
    if block is None:
        return template.render(**shown)
    if block in _AROUND or block not in template.blocks:
        raise NotFoundError("this page has no such part")
    return "".join(template.blocks[block](template.new_context(shown)))

"""Pages from templates: text from anywhere goes in as text, addresses go through ``url``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette._utils import get_route_path
from starlette.responses import HTMLResponse

from jobrunner.version import __version__
from jobrunner.web import ansi, words
from jobrunner.web.caller import FIELD, Caller
from jobrunner.web.house import house
from jobrunner.web.icons import icon

THEMES = ("system", "light", "dark")
THEME, KEYS = "jobrunner_theme", "jobrunner_keys"
# what a reader of a part asks with: the page without what the reader keeps up to date by itself
PART = "x-jobrunner-part"


def page(
    request: Request, caller: Caller | None, name: str, /, status: int = 200, **context: Any
) -> HTMLResponse:
    """Returns a template as a page; ``caller`` is None where nobody is known."""
    theme, keys = request.cookies.get(THEME), request.cookies.get(KEYS)
    shared = {
        "caller": caller,
        "csrf": "" if caller is None else caller.csrf,
        "may": lambda scope: caller is not None and caller.may(scope),
        "url": lambda path, **query: url(request, path, **query),
        "static": lambda file: url(request, house(request).assets.path(file)),
        "here": get_route_path(request.scope),
        "asked": asked(request),
        "theme": theme if theme in THEMES else THEMES[0],
        "keys": "off" if keys == "off" else "on",
        "number": status,
        "request_base": str(request.base_url).rstrip("/"),
        "csrf_field": lambda: csrf_field(caller),
    }
    text = environment().get_template(name).render(shared | context)
    return HTMLResponse(text, status)


def url(request: Request, path: str, **query: Any) -> str:
    """Returns the address of a path of this application, wherever it is mounted; ``query`` without what is None."""
    root = str(request.scope.get("root_path", ""))
    given = [(key, value) for key, value in query.items() if value not in (None, "", ())]
    return quote(root + path, safe="/:@!$&'()*+,;=~-._") + (
        f"?{urlencode(given, doseq=True)}" if given else ""
    )


def csrf_field(caller: Caller | None) -> Markup:
    """Returns the hidden field that a form of a session brings back."""
    value = "" if caller is None else caller.csrf
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, value) if value else Markup("")


def exact(value: object) -> Markup:
    """Returns text for the value of a form's field: as it is, since it comes back."""
    return escape(str(value))


@lru_cache(maxsize=4096)
def when(moment: str | None) -> Markup:
    """Returns a moment as ``<time>``: UTC here, in the viewer's zone where a script runs."""
    return _time(moment, lambda at: words.utc(at)[:19])


def ago(moment: str | None) -> Markup:
    """Returns how long ago (or how soon) a moment is, as ``<time>`` that goes on where a script runs."""
    return _time(moment, words.ago, "ago")


def since(moment: str | None) -> Markup:
    """Returns how long something goes on already, counted on where a script runs."""
    return _time(moment, lambda at: words.duration(words.age(at)), "since", "since ")


def _time(moment: str | None, told: Callable[[str], str], name: str = "", before: str = "") -> Markup:
    # pages show hundreds of moments, and Markup.format costs five times as much
    if not moment:
        return Markup("–")
    named = f' class="{name}"' if name else ""
    return Markup(
        f'<time{named} datetime="{escape(moment)}" title="{before}{escape(words.utc(moment))}">{escape(told(moment))}</time>'
    )


@cache
def environment() -> Environment:
    """Returns the templates; every value that is put out is made visible, then escaped."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {
        "when": when, "ago": ago, "since": since, "exact": exact, "visible": ansi.visible,
        "duration": words.duration, "number": words.number, "bytes": words.size, "counted": words.counted,
    }  # fmt: skip
    made.globals |= {"icon": icon, "version": __version__, "words": words, "clock": words.now}
    return made


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else ansi.visible(value)


def asked(request: Request) -> str:
    """Returns what is asked for: the path within this application, with its query."""
    query = str(request.scope.get("query_string", b""), "latin-1")
    return get_route_path(request.scope) + (f"?{query}" if query else "")

"""A group of commands that imports a command only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from jobrunner.cli.commands import Entry


class LazyGroup(TyperGroup):
    """Shows its commands from ``table`` without importing one."""

    table: dict[str, Entry]

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns the command of that name, built now; None for a name that is not in the table."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        return group(cmd_name, entry) if entry.group else command(cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the command that was typed; a usage error suggests the nearest name."""
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            from jobrunner import names

            near = names.nearest(name, self.table)
            ctx.fail(f"There is no command {name!r}.{f' Did you mean {near}?' if near else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes names and summaries under the heading of each section."""
        for section in dict.fromkeys(entry.section for entry in self.table.values()):
            with formatter.section(section):
                formatter.write_dl([(n, e.summary) for n, e in self.table.items() if e.section == section])


def command(name: str, entry: Entry) -> Any:
    """Returns the command that the function at ``entry.place`` is."""
    module, _, function = entry.place.partition(":")
    called = getattr(import_module(f"jobrunner.cli.{module}"), function)
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    settings = getattr(called, "settings", {})
    app.command(name, epilog=_epilog(getattr(called, "examples", ())), context_settings=settings)(called)
    return typer.main.get_command(app)


def group(name: str, entry: Entry) -> Any:
    """Returns the group that ``entry`` is."""
    return build(name, entry.summary, entry.group or {}, lambda: None)


def build(name: str, summary: str, table: dict[str, Entry], callback: Any, epilog: str | None = None) -> Any:
    """Returns a group of the commands in ``table``; the options of ``callback`` stand before the command."""
    app = typer.Typer(
        name=name, help=summary, epilog=epilog, cls=LazyGroup, rich_markup_mode=None, add_completion=False,
        no_args_is_help=True,
    )  # fmt: skip
    app.callback()(callback)
    built: Any = typer.main.get_command(app)
    built.table = table
    return built


def _epilog(lines: tuple[str, ...]) -> str | None:
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)]) if lines else None

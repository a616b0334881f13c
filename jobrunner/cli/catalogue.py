"""The commands that show what there is to run and how jobs move: ``types`` and ``machine``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import Json, examples


@examples("jobrunner types", "jobrunner --handlers shop.jobs types --json")
def types(as_json: Json = False) -> None:
    """Lists the job types that are registered here, with their parameters."""
    runner = session.runner(handlers=True)
    found = runner.types()
    failures = runner.import_failures()
    if as_json:
        broken = [{"module": f.module, "error_class": f.error_class, "message": f.message} for f in failures]
        return output.document({"types": found, "import_failures": broken})
    rows = [
        (
            t.type,
            _parameters(t.parameters),
            t.queue,
            "yes" if t.idempotent else "no",
            t.title or t.description,
        )
        for t in found
    ]
    output.table(("type", "parameters", "queue", "idempotent", "title"), rows)
    for failure in failures:
        output.say(
            output.visible(
                f"warning: {failure.module} failed to import: {failure.error_class}: {failure.message}"
            )
        )
    return None


def _parameters(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    return " ".join(name if name in required else f"[{name}]" for name in schema.get("properties", {}))


@examples("jobrunner machine", "jobrunner machine --mermaid > machine.mmd")
def machine(
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid state diagram.")] = False,
    as_json: Json = False,
) -> None:
    """Prints the state machine: every status, and every edge that the database allows."""
    from jobrunner.states import DESCRIPTIONS, EDGES, TERMINAL, Status

    if as_json:
        statuses = [
            {
                "name": s.value,
                "is_active": s.is_active,
                "is_terminal": s in TERMINAL,
                "description": DESCRIPTIONS[s],
            }
            for s in Status
        ]
        rules = [
            {"from_status": e.from_status.value, "trigger_name": e.trigger.value, "to_status": e.to_status.value,
             "actors": list(e.actors), "description": e.description}
            for e in EDGES
        ]  # fmt: skip
        return output.document({"statuses": statuses, "rules": rules})
    if mermaid:
        return output.put(diagram())
    output.table(
        ("from", "trigger", "to", "by", "description"),
        [
            (e.from_status.value, e.trigger.value, e.to_status.value, ",".join(e.actors), e.description)
            for e in EDGES
        ],
    )
    return None


def diagram() -> str:
    """Returns the state machine as a Mermaid state diagram; edges between the same two statuses share an arrow."""
    from jobrunner.states import EDGES, TERMINAL, Status

    arrows: dict[tuple[str, str], list[str]] = {}
    for edge in EDGES:
        begin = "[*]" if edge.from_status is Status.NEW else edge.from_status.value
        arrows.setdefault((begin, edge.to_status.value), []).append(edge.trigger.value)
    lines = [f"    {begin} --> {end}: {', '.join(triggers)}" for (begin, end), triggers in arrows.items()]
    ends = [f"    {status.value} --> [*]" for status in Status if status in TERMINAL]
    return "\n".join(["stateDiagram-v2", *lines, *ends])

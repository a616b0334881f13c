"""The state machine, drawn from its table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner.states import DESCRIPTIONS, EDGES, TERMINAL, Edge, Status
from jobrunner.web.caller import Reader
from jobrunner.web.pages import asking
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
WIDTH, HEIGHT, BOX, TALL = 1180, 620, 136, 34
# where each status stands: from birth at the left to the ends at the right
PLACES = {
    Status.NEW: (74, 310), Status.HELD: (310, 90), Status.SCHEDULED: (310, 530), Status.QUEUED: (310, 310),
    Status.WAITING: (80, 585), Status.RUNNING: (580, 310), Status.CANCEL_REQUESTED: (830, 150),
    Status.PARKED: (640, 530), Status.CANCELLED: (1090, 60), Status.STOPPED: (1090, 185), Status.FAILED: (1090, 330),
    Status.SUCCEEDED: (1090, 455), Status.ABANDONED: (1090, 585),
}  # fmt: skip
# how far an arrow bows out, in shares of its length, where the usual would lead through a box or another arrow
BOWS = {
    (Status.HELD, Status.SCHEDULED): 0.5, (Status.SCHEDULED, Status.HELD): 0.46,
    (Status.HELD, Status.QUEUED): 0.22, (Status.QUEUED, Status.HELD): 0.22,
    (Status.RUNNING, Status.SUCCEEDED): 0.0, (Status.RUNNING, Status.FAILED): 0.0,
    (Status.RUNNING, Status.SCHEDULED): -0.08, (Status.CANCELLED, Status.ABANDONED): -0.22,
    (Status.STOPPED, Status.ABANDONED): -0.2, (Status.FAILED, Status.ABANDONED): -0.24,
}  # fmt: skip
# where on its arrow a label stands, when the middle is taken
LABELS = {(Status.HELD, Status.SCHEDULED): 0.3, (Status.SCHEDULED, Status.HELD): 0.62}
# what leads from many statuses to one is drawn faintly, and named where one status is chosen
FAINT = ("retry", "abandon", "fail_launch")


@dataclass(frozen=True)
class Node:
    """A status as a box; ``x`` and ``y`` are its middle."""

    status: Status
    x: float
    y: float
    description: str

    @property
    def is_terminal(self) -> bool:
        """True for an end."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class Arrow:
    """All edges between two statuses as one arrow, its curve and where its label stands."""

    begin: Status
    end: Status
    path: str
    x: float
    y: float
    label: str
    faint: bool = False


@router.get("/machine")
def machine(request: Request, caller: Reader) -> Response:
    """Shows every status and every edge; ``status`` picks one, with the edges into and out of it."""
    wanted = asking.text(request.query_params, "status")
    chosen = Status(wanted) if wanted in list(Status) else None
    edges = [edge for edge in EDGES if chosen is None or chosen in (edge.from_status, edge.to_status)]
    return page(
        request, caller, "machine.html", nodes=nodes(), arrows=arrows(EDGES), edges=edges, chosen=chosen,
        descriptions=DESCRIPTIONS, size=(WIDTH, HEIGHT, BOX, TALL), whole=len(EDGES),
    )  # fmt: skip


def nodes() -> list[Node]:
    """Returns every status where it stands."""
    return [Node(status, *PLACES[status], DESCRIPTIONS[status]) for status in Status]


def arrows(edges: tuple[Edge, ...]) -> list[Arrow]:
    """Returns the arrows between the statuses, one for each two."""
    groups: dict[tuple[Status, Status], list[str]] = {}
    for edge in edges:
        groups.setdefault((edge.from_status, edge.to_status), []).append(edge.trigger.value)
    return [_arrow(begin, end, triggers, (end, begin) in groups) for (begin, end), triggers in groups.items()]


def _arrow(begin: Status, end: Status, triggers: list[str], both_ways: bool) -> Arrow:
    label = ", ".join(triggers)
    faint = triggers[0] in FAINT or (end is Status.CANCELLED and begin is not Status.CANCEL_REQUESTED)
    if begin is end:
        x, y = PLACES[begin]
        top = y - TALL / 2
        return Arrow(
            begin,
            end,
            f"M{x - 22} {top}C{x - 34} {top - 34} {x + 34} {top - 34} {x + 22} {top - 3}",
            x,
            top - 30,
            label,
        )
    (x1, y1), (x2, y2) = PLACES[begin], PLACES[end]
    length = math.hypot(x2 - x1, y2 - y1)
    # two arrows between the same boxes bow apart
    bow = BOWS.get((begin, end), 0.16 if both_ways else 0.04) * length
    middle_x = (x1 + x2) / 2 + bow * (y2 - y1) / length
    middle_y = (y1 + y2) / 2 - bow * (x2 - x1) / length
    left, right = _edge(x1, y1, middle_x, middle_y, 0), _edge(x2, y2, middle_x, middle_y, 4)
    path = f"M{left[0]:.1f} {left[1]:.1f}Q{middle_x:.1f} {middle_y:.1f} {right[0]:.1f} {right[1]:.1f}"
    share = LABELS.get((begin, end), 0.5)
    label_x = (1 - share) ** 2 * left[0] + 2 * share * (1 - share) * middle_x + share**2 * right[0]
    label_y = (1 - share) ** 2 * left[1] + 2 * share * (1 - share) * middle_y + share**2 * right[1]
    return Arrow(begin, end, path, round(label_x, 1), round(label_y, 1), label, faint)


def _edge(x: float, y: float, toward_x: float, toward_y: float, gap: float) -> tuple[float, float]:
    """Returns where the line from the middle of a box toward a point leaves it."""
    dx, dy = toward_x - x, toward_y - y
    share = min((BOX / 2 + gap) / abs(dx) if dx else math.inf, (TALL / 2 + gap) / abs(dy) if dy else math.inf)
    return x + dx * share, y + dy * share

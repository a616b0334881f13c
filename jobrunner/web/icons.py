"""The few icons: one for each status, so that it is told by shape and word as well as by colour."""

from __future__ import annotations

from markupsafe import Markup

_STROKE = (
    'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
)
_RING = '<circle cx="8" cy="8" r="6"/>'
_SHAPES = {
    "new": _RING,
    "held": f'{_RING}<path d="M6.4 5.8v4.4M9.6 5.8v4.4"/>',
    "waiting": '<path d="M4 2.5h8M4 13.5h8M5 2.5c0 3.5 6 7.5 6 11M11 2.5c0 3.5-6 7.5-6 11"/>',
    "scheduled": f'{_RING}<path d="M8 4.8V8l2.2 1.5"/>',
    "queued": '<path d="M2.5 4h11M2.5 8h11M2.5 12h6.5"/>',
    "running": '<path fill="currentColor" d="M5 3.2v9.6L13 8z"/>',
    "cancel_requested": '<path d="M2 8h7M6.5 5 9.5 8l-3 3"/><path d="M13 3v10"/>',
    "parked": '<path d="M8 2 14.5 13.5h-13zM8 6.5v3M8 11.6v.01"/>',
    "succeeded": f'{_RING}<path d="m5.4 8.2 1.8 1.8 3.4-3.8"/>',
    "failed": f'{_RING}<path d="m6 6 4 4m0-4-4 4"/>',
    "cancelled": f'{_RING}<path d="M5 8h6"/>',
    "stopped": f'{_RING}<path fill="currentColor" d="M6.2 6.2h3.6v3.6H6.2z"/>',
    "abandoned": f'{_RING}<path d="m3.9 12.1 8.2-8.2"/>',
    "stale": '<path d="M1.5 8h3l1.5-4 3 8 1.5-4h4"/>',
    "logo": '<path d="M3 4h7M3 8h10M3 12h4.5"/><path d="m10.5 10.5 2 1.5-2 1.5"/>',
    "person": '<circle cx="8" cy="5" r="2.5"/><path d="M3.5 13.5c.6-3 2.3-4 4.5-4s3.9 1 4.5 4"/>',
}  # fmt: skip


def icon(name: str) -> Markup:
    """Returns an icon as SVG; nothing for a name that has none."""
    shape = _SHAPES.get(name)
    if shape is None:
        return Markup("")
    svg = f'<svg class="i" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {_STROKE}>'
    return Markup(svg + shape + "</svg>")

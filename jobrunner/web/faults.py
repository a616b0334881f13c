"""What the web floor refuses before anybody thinks of a job; the rest are the library's own errors."""

from __future__ import annotations

from collections.abc import Mapping

from jobrunner.errors import JobRunnerError


class WebFault(JobRunnerError):
    """The request cannot be served."""

    code = "bad_request"
    status = 400

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        fields: Mapping[str, str] | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, fields=fields)
        self.status = status or self.status
        self.headers = dict(headers or {})


class HostNotAllowed(WebFault):
    """This server does not answer to that host name."""

    code = "host_not_allowed"
    status = 421
    default_hint = "Name it: jobrunner serve --allow-host NAME, or create_app(allowed_hosts=[…])."


class CrossSite(WebFault):
    """The request comes from another site, or without the page's own mark."""

    code = "cross_site"
    status = 403
    default_hint = "Load the page again and repeat it there; a program sends a token instead of a cookie."


class NoSuchPage(WebFault):
    """There is nothing at this address."""

    code = "not_found"
    status = 404


class MethodNotAllowed(WebFault):
    """This address does not take that method."""

    code = "method_not_allowed"
    status = 405


class TooLarge(WebFault):
    """The request is too large."""

    code = "too_large"
    status = 413


class UnsupportedMediaType(WebFault):
    """The body is of a kind that is not taken here."""

    code = "unsupported_media_type"
    status = 415
    default_hint = "Send JSON, with Content-Type: application/json."


class TooMany(WebFault):
    """Too many requests."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str | None = None, *, retry_after: int = 60, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, headers={"Retry-After": str(retry_after)})


class ClientGone(WebFault):
    """Whoever asked has left before the answer."""

    code = "client_gone"
    status = 499


class Internal(WebFault):
    """Something failed that nobody foresaw."""

    code = "internal"
    status = 500

"""Which requests the demo answers: only those of its own page.

Every web site in the same browser can send requests to the demo's address.
The demo therefore answers only JSON requests from its own origin, sent to an
IP address or a known host name.  A foreign name could come from a foreign name
server (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

__all__ = ["HEADERS", "MAX_BODY", "refused"]

MAX_BODY = 1_000_000
"""Bytes of the largest request."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                               "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def refused(method: str, headers: Mapping[str, str], names: Collection[str]) -> tuple[int, str] | None:
    """Return the HTTP status and the reason why a request is refused; None if it is answered.

    Parameters
    ----------
    method : str
    headers : mapping of str to str
        Names in any case, as in Flask.
    names : collection of str
        Host names that are allowed besides ``localhost`` and IP addresses.

    Returns
    -------
    tuple of (int, str) or None

    Examples
    --------
    >>> refused("GET", {"Host": "127.0.0.1:8765"}, ())
    >>> refused("GET", {"Host": "evil.example"}, ())[0]
    421
    """
    host = headers.get("Host", "")
    if not _is_allowed(host, names):
        return 421, "this host name is not served here; use the address that 'icdbase demo' printed"
    if method not in ("GET", "HEAD", "POST"):
        return 405, "only GET and POST are answered"
    origin = headers.get("Origin")
    elsewhere = (origin and urlsplit(origin).netloc != host) or headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    # A link on another site may open the page, which contains no data until it sends its own requests.
    if elsewhere and (method == "POST" or headers.get("Sec-Fetch-Mode") != "navigate"):
        return 403, "requests from other sites are not answered"
    if method == "POST" and headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        return 415, "send JSON, as application/json"
    return None


def _is_allowed(host: str, names: Collection[str]) -> bool:
    """Return whether a Host header is an IP address or an allowed name."""
    try:
        name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in {known.lower() for known in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

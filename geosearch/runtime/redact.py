"""Masking: storage addresses without their passwords, fit for messages, cards and pages."""

from __future__ import annotations

import re
from urllib.parse import unquote

_QUERY = re.compile(r"([?&;]\w*(?:pass|pwd|secret|token|key)\w*=)([^&;\s]*)", re.IGNORECASE)


def masked(address: str) -> str:
    """An address, or something like one, with its passwords hidden; too much is hidden before too little.

    >>> masked("postgresql://me:secret@host/db?sslpassword=secret")
    'postgresql://me:***@host/db?sslpassword=***'
    """
    head, user, secret, tail = _parts(address)
    return _QUERY.sub(r"\1***", f"{head}{user}:***@{tail}" if secret else address)


def scrubbed(message: str, address: str) -> str:
    """A message about an address, e.g. a driver's, without the passwords that the address holds."""
    message = message.replace(address, masked(address))
    for secret in (_parts(address)[2], *(match[2] for match in _QUERY.finditer(address))):
        for form in {secret, unquote(secret)} - {""}:
            message = message.replace(form, "***")
    return message


def _parts(address: str) -> tuple[str, str, str, str]:
    """(scheme with ://, user, password, rest) of an address that may be mangled."""
    scheme, mark, rest = address.partition("://")
    if not mark or "@" in scheme:
        scheme, mark, rest = "", "", address
    login, at, tail = rest.rpartition("@")
    user, _, secret = login.partition(":")
    if "@" in user and not secret:  # two of them: what stands before the last was meant to be hidden
        user, secret = "", user
    return (scheme + mark, user, secret, tail) if at else (address, "", "", "")

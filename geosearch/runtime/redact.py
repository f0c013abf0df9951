"""Redaction: storage addresses without their passwords, for messages, cards and pages."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

_QUERY = re.compile(r"([?&;]\w*(?:pass|pwd|secret|token|key)\w*=)([^&;\s]*)", re.IGNORECASE)


def mask(address: str) -> str:
    """An address with its passwords hidden; of a malformed address, more may be hidden.

    >>> mask("postgresql://me:secret@host/db?sslpassword=secret")
    'postgresql://me:***@host/db?sslpassword=***'
    """
    head, user, secret, tail = _parts(address)
    return _QUERY.sub(r"\1***", f"{head}{user}:***@{tail}" if secret else address)


def mask_all(value: Any) -> Any:
    """A setting with the passwords of all addresses in it hidden.

    >>> mask_all(["usps", "postgresql://me:secret@host/db"])
    ['usps', 'postgresql://me:***@host/db']
    """
    if isinstance(value, str):
        return mask(value) if "://" in value else value
    if isinstance(value, list | tuple):
        return [mask_all(entry) for entry in value]
    return {key: mask_all(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def scrub(message: str, address: str) -> str:
    """A message about an address, e.g. from a database driver, without the passwords in the address."""
    message = message.replace(address, mask(address))
    for secret in (_parts(address)[2], *(match[2] for match in _QUERY.finditer(address))):
        for form in {secret, unquote(secret)} - {""}:
            message = message.replace(form, "***")
    return message


def _parts(address: str) -> tuple[str, str, str, str]:
    """(scheme with ://, user, password, rest) of an address that may be malformed."""
    scheme, mark, rest = address.partition("://")
    if not mark or "@" in scheme:
        scheme, mark, rest = "", "", address
    login, at, tail = rest.rpartition("@")
    user, _, secret = login.partition(":")
    if "@" in user and not secret:  # two "@": everything before the last one may be a password
        user, secret = "", user
    return (scheme + mark, user, secret, tail) if at else (address, "", "", "")

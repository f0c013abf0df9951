"""Masking: storage addresses without their passwords, fit for messages, cards and pages."""

from __future__ import annotations

import re

_USER = re.compile(r":(?!//).*@", re.DOTALL)  # whatever a mangled address holds: too much is hidden before too little
_QUERY = re.compile(r"([?&;]\w*(?:pass|pwd|secret|token|key)\w*=)[^&;\s]*", re.IGNORECASE)


def masked(address: str) -> str:
    """An address, or something like one, with its passwords hidden; never fails.

    >>> masked("postgresql://me:secret@host/db?sslpassword=secret")
    'postgresql://me:***@host/db?sslpassword=***'
    """
    return _QUERY.sub(r"\1***", _USER.sub(":***@", address))


def scrubbed(message: str, address: str) -> str:
    """A message about an address, e.g. a driver's, without the passwords that the address holds."""
    hidden = masked(address)
    for secret in {*_USER.findall(address), *(match[0] for match in _QUERY.finditer(address))}:
        bare = secret.strip(":@") if secret.startswith(":") else secret.partition("=")[2]
        message = message.replace(bare, "***") if bare else message
    return message.replace(address, hidden)

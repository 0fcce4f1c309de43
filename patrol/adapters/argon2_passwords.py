"""Passwords as argon2id keeps them, by RFC 9106's second recommendation: 64 MiB and three passes for each try."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY


class Argon2Passwords:
    """PasswordHasher. ``quick``: for tests, of which some make hundreds."""

    def __init__(self, *, quick: bool = False) -> None:
        self._hasher = (
            PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            if quick
            else PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        )

    def hash(self, password: str) -> str:
        """See PasswordHasher."""
        return self._hasher.hash(password)

    def is_right(self, kept: str, password: str) -> bool:
        """See PasswordHasher."""
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """See PasswordHasher."""
        return self._hasher.check_needs_rehash(kept)

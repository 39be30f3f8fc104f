"""Who may use the service: one token, and the sessions of browsers that had it."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from video_censor_personal.errors import ConfigError
from video_censor_personal.service.ledger import Ledger
from video_censor_personal.service.state_files import make_state_folder

__all__ = ["SESSION_S", "Sessions", "Token", "find_token"]

SESSION_S = 30 * 24 * 3600
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Token:
    """What clients must send; `is_given` if a person chose it, and nobody needs to be told."""

    text: str = field(repr=False)
    is_given: bool


def find_token(state_dir: Path, environment: Mapping[str, str] = os.environ) -> Token:
    """The token of a service.

    It is what `VIDEO_CENSOR_TOKEN` says, else what lies in the state directory, else a new one,
    which is put there for its owner's eyes only.

    Raises:
        ConfigError: the token is too short to be one, or its file cannot be used.
    """
    given = environment.get("VIDEO_CENSOR_TOKEN", "").strip()
    if given:
        if len(given) < _SHORTEST or not given.isascii() or not given.isprintable():
            raise ConfigError(
                f"VIDEO_CENSOR_TOKEN must have at least {_SHORTEST} printable characters; "
                "unset it to have one made",
                key="VIDEO_CENSOR_TOKEN",
            )
        return Token(given, is_given=True)
    path = state_dir / "token"
    try:
        with contextlib.suppress(FileNotFoundError):
            kept = path.read_text(encoding="ascii").strip()
            if len(kept) >= _SHORTEST:
                path.chmod(0o600)
                return Token(kept, is_given=False)
        token = secrets.token_urlsafe(32)
        make_state_folder(state_dir)
        fresh = path.with_name(f"token.{secrets.token_hex(4)}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        os.replace(fresh, path)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"the token in {path} cannot be used ({exc}); set VIDEO_CENSOR_TOKEN, or name another "
            "folder with --state-dir",
            file=path,
        ) from exc
    return Token(token, is_given=False)


class Sessions:
    """Checks tokens, and gives browsers a session for one. A cookie never holds the token.

    Only digests are kept, in the ledger, so that a restart does not log anyone out. Use it from
    any thread; `is_known` answers from memory.
    """

    def __init__(self, token: str, ledger: Ledger) -> None:
        self._token = token.encode()
        self._ledger = ledger
        self._known: dict[str, float] = {}

    def load(self) -> None:
        """Remember the sessions of earlier processes; those of another token are over."""
        self._ledger.write(
            lambda t: t.execute("DELETE FROM session WHERE expires_s < ?", time.time())
        )
        rows = self._ledger.read("SELECT digest, expires_s FROM session")
        self._known = {row["digest"]: row["expires_s"] for row in rows}

    def is_token(self, candidate: str) -> bool:
        """Whether this is the token; takes as long for any wrong one."""
        return hmac.compare_digest(candidate.encode(), self._token)

    def is_known(self, session: str) -> bool:
        """Whether this is a session that is not over."""
        return self._known.get(self._digest(session), 0.0) > time.time()

    def begin(self) -> str:
        """A new session."""
        session, expires = secrets.token_urlsafe(32), time.time() + SESSION_S
        digest = self._digest(session)
        self._ledger.write(lambda t: t.execute("INSERT INTO session VALUES(?, ?)", digest, expires))
        self._known[digest] = expires
        return session

    def end(self, session: str) -> None:
        """Log out. Idempotent."""
        digest = self._digest(session)
        self._known.pop(digest, None)
        self._ledger.write(lambda t: t.execute("DELETE FROM session WHERE digest = ?", digest))

    def _digest(self, session: str) -> str:
        # Bound to the token: who changes it logs everybody out.
        return hashlib.sha256(self._token + b"\0" + session.encode()).hexdigest()

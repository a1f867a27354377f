"""Sessions in memory, bounded, and the CSRF tokens that are bound to them."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

LIMIT = 2000  # the oldest go first


@dataclass
class Session:
    account: str = ""  # "" until somebody has logged in
    views: int = 0


class Sessions:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, account: str = "") -> str:
        """The id of a new session."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._sessions[name] = Session(account)
            while len(self._sessions) > LIMIT:
                self._sessions.popitem(last=False)
        return name

    def get(self, name: str) -> Session | None:
        with self._lock:
            return self._sessions.get(name)

    def end(self, name: str) -> None:
        with self._lock:
            self._sessions.pop(name, None)

    def token(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    def token_is_good(self, name: str, token: str) -> bool:
        return self.get(name) is not None and hmac.compare_digest(self.token(name).encode(), token.encode())

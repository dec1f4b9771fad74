"""Sessions: the link that lets the owner in once, and the signed cookie that a browser keeps afterwards."""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from orchestrator.web.people import People, Person

COOKIE = "nightcrew"
SESSION_S = 30 * 86_400
_FORM_S = 7 * 86_400
_COOKIE_CHARACTERS = 1_000


class Sessions:
    """Lets people in. Its files lie in `folder`, which only the owner can read: the secret, and the link that is good once."""

    def __init__(self, folder: Path, people: People, owner: str) -> None:
        self._folder = folder
        self._people = people
        self._owner = owner
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        secret = _kept(folder / "secret")
        self._cookies = URLSafeTimedSerializer(secret, salt="session")
        self._forms = URLSafeTimedSerializer(secret, salt="form")

    @property
    def link_file(self) -> Path:
        """Return the file that has the owner's present link."""
        return self._folder / "link"

    def new_link(self, address: str) -> str:
        """Make a link that lets the owner in once, and return it; the one before is good no more."""
        with self._lock:
            token = secrets.token_urlsafe(24)
            link = f"{address}/enter?token={token}"
            _put(self.link_file, link)
            return link

    def enter_by_key(self, key: str) -> str | None:
        """Return a session for whoever has a key; None for anybody else."""
        person = self._people.of_key(key)
        return None if person is None else self._cookie(person.name)

    def enter(self, token: str, address: str) -> str | None:
        """Return a session for whoever comes with the owner's link; None for anybody else. A used link is replaced."""
        with self._lock:
            known = self.link_file.read_text("utf-8").rpartition("token=")[2] if self.link_file.exists() else ""
            if not known or not hmac.compare_digest(known.encode(), token.encode("utf-8", "surrogatepass")):
                return None
            self.link_file.unlink()
        self.new_link(address)
        return self._cookie(self._owner)

    def enter_as(self, person: Person) -> str:
        """Return a session for somebody whom an issuer has signed in."""
        return self._cookie(person.name)

    def person(self, cookie: str) -> Person | None:
        """Return whose session a cookie is; None where it is none, has ended, or is of somebody who may come in no more."""
        if len(cookie) > _COOKIE_CHARACTERS:
            return None
        try:
            said = self._cookies.loads(cookie, max_age=SESSION_S)
        except BadData:
            return None
        person = self._people.person(said["name"]) if isinstance(said, dict) and "name" in said else None
        return person if person is not None and said.get("since") == person.since else None

    def form_token(self, cookie: str) -> str:
        """Return what a form of this session must carry."""
        # No two are alike: each names the one time that its page was drawn.
        return self._forms.dumps([cookie[-16:], secrets.token_hex(8)])

    def checks(self, cookie: str, token: str) -> bool:
        """Say whether a form was made for this session."""
        try:
            said = self._forms.loads(token, max_age=_FORM_S)
        except BadData:
            return False
        return isinstance(said, list) and said[:1] == [cookie[-16:]]

    def _cookie(self, name: str) -> str:
        person = self._people.person(name)
        since = None if person is None else person.since
        return self._cookies.dumps({"name": name, "since": since, "nonce": secrets.token_hex(8)})


def _kept(path: Path) -> str:
    """Return a secret that outlives the process."""
    if not path.exists():
        _put(path, secrets.token_hex(32))
    return path.read_text("utf-8")


def _put(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)

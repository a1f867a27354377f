"""Finds the login form in a page: where it posts to, what it carries hidden, and where name and password go."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

#: As the common frameworks call it: csrf_token, csrfmiddlewaretoken, authenticity_token, _token, _csrf, nonce, …
_TOKEN: Final = re.compile(r"csrf|xsrf|token|authenticity|forgery|nonce", re.IGNORECASE)
_NAME_TYPES: Final = frozenset({"", "text", "email", "tel", "username"})


@dataclass(slots=True)
class Form:
    """`fields`: hidden inputs and the first named submit button, sent back as they are."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = ""
    _submits: bool = False

    @property
    def has_token(self) -> bool:
        return any(_TOKEN.search(name) and value for name, value in self.fields.items())


def login_form(page: str) -> Form | None:
    """The first form with a password field; None if the page has none."""
    finder = _Finder()
    finder.feed(page)
    finder.close()
    return next((form for form in finder.forms if form.password), None)


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").strip().lower() or "get")
            self.forms.append(self._open)
        elif self._open is not None and given.get("name"):
            if tag == "input":
                self._input(self._open, given)
            elif tag == "button" and given.get("type", "submit").lower() == "submit":
                self._submit(self._open, given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    def _input(self, form: Form, given: dict[str, str]) -> None:
        kind, name = given.get("type", "").strip().lower(), given["name"]
        if kind == "hidden":
            form.fields[name] = given.get("value", "")
        elif kind == "password":
            form.password = form.password or name
        elif kind == "submit":
            self._submit(form, given)
        elif kind in _NAME_TYPES and not form.username and not form.password:
            form.username = name

    def _submit(self, form: Form, given: dict[str, str]) -> None:
        if not form._submits:  # a person presses one button
            form._submits = True
            form.fields[given["name"]] = given.get("value", "")

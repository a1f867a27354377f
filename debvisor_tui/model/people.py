"""Who acts: the operator or observer behind a client, as it stands in every decision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Person:
    """`name` as the operating system knows it; `origin` where from: a terminal, an SSH address, "headless".

    `account`: the account that is used, where it is not the person's own ("anna as root").
    """

    name: str
    origin: str = ""
    account: str = ""

    def __str__(self) -> str:
        name = f"{self.name} as {self.account}" if self.account else self.name
        return f"{name} ({self.origin})" if self.origin else name

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(*(str(data.get(key) or "") for key in ("name", "origin", "account")))

"""Who acts: the operator or observer behind a client, as it stands in every decision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Person:
    """`name` as the operating system knows it; `origin` where from: a terminal, an SSH address, "headless"."""

    name: str
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})" if self.origin else self.name

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(name=str(data.get("name", "unknown")), origin=str(data.get("origin", "")))

"""The nodes and their virtual machines, as the database holds them."""

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

COLUMNS = "id, name, address, cpus, memory_gb, status, region"


@dataclass(frozen=True)
class Node:
    id: int
    name: str
    address: str
    cpus: int
    memory_gb: int
    status: str
    region: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def all_nodes(database: sqlite3.Connection) -> list[Node]:
    rows = database.execute(f"SELECT {COLUMNS} FROM node ORDER BY name")  # noqa: S608 - a constant
    return [Node(**dict(row)) for row in rows]


def machines(database: sqlite3.Connection) -> list[sqlite3.Row]:
    return database.execute(
        "SELECT vm.name, vm.cpus, vm.memory_gb, vm.state, node.name AS node "
        "FROM vm JOIN node ON node.id = vm.node_id ORDER BY vm.name"
    ).fetchall()


def probe(database: sqlite3.Connection) -> None:
    """Raises sqlite3.Error if the database is not as this release needs it."""
    database.execute(f"SELECT {COLUMNS} FROM node LIMIT 1").fetchone()  # noqa: S608 - a constant

"""What the sandbox's database holds at first: twelve nodes, sixty machines, the account of the smoke test."""

import hashlib
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

ACCOUNT = "oncall"
ROUNDS = 20_000  # PBKDF2; few, so that a demo on a small machine is not busy with hashing
TWIN = "build-07"  # a machine's name that the fault "migration-fails" gives to a second one
BUSY_TIMEOUT = 5.0  # seconds

NODES = (
    ("node-01", "10.20.0.11", 32, 128, "up", "Rack A1. Fans are loud since the move, vendor knows (case 88121)."),
    ("node-02", "10.20.0.12", 32, 128, "up", "Rack A1. Second PSU replaced in November."),
    ("node-03", "10.20.0.13", 32, 128, "up", "Rack A2. Do not reboot on Mondays: payroll."),
    ("node-04", "10.20.0.14", 64, 256, "up", "Rack A2. Local NVMe, keep databases here."),
    ("node-05", "10.20.0.15", 64, 256, "up", "Rack A3. Local NVMe, keep databases here."),
    ("node-06", "10.20.0.16", 64, 256, "draining", "Rack A3. DIMM B4 corrects errors, swap is planned."),
    ("node-07", "10.20.0.17", 32, 128, "up", "Rack B1. IPMI is on the old VLAN, ask Aiko."),
    ("node-08", "10.20.0.18", 32, 128, "up", "Rack B1. Uplink is 1 Gbit until the switch comes."),
    ("node-09", "10.20.0.19", 32, 192, "up", "Rack B2. Hosts both resolvers: never drain with node-10."),
    ("node-10", "10.20.0.20", 32, 192, "up", "Rack B2. Hosts both resolvers: never drain with node-09."),
    ("node-11", "10.20.0.21", 96, 512, "up", "Rack B3. GPU in slot 2, passed through to render-01."),
    ("node-12", "10.20.0.22", 96, 512, "up", "Rack B3. Warranty ends in June."),
)
ROLES = ("web", "db", "build", "mail", "cache", "queue")
STATES = ("running", "running", "running", "running", "stopped")


def seed(database: Path, password: str) -> None:
    """Fill the freshly migrated `database`; `password` is that of the account."""
    machines = [
        (
            number % len(NODES) + 1,
            f"{ROLES[number % len(ROLES)]}-{number // len(ROLES) + 1:02d}",
            2 + 2 * (number % 3),
            4 * (1 + number % 4),
            STATES[number % len(STATES)],
        )
        for number in range(60)
    ]
    with closing(sqlite3.connect(database, timeout=BUSY_TIMEOUT)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.executemany(
                "INSERT INTO node (name, address, cpus, memory_gb, status, notes) VALUES (?, ?, ?, ?, ?, ?)", NODES
            )
            connection.executemany(
                "INSERT INTO vm (node_id, name, cpus, memory_gb, state) VALUES (?, ?, ?, ?, ?)", machines
            )
            connection.execute("INSERT INTO account (name, password_hash) VALUES (?, ?)", (ACCOUNT, _hash(password)))


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    return (
        f"pbkdf2_sha256${ROUNDS}${salt.hex()}${hashlib.pbkdf2_hmac('sha256', password.encode(), salt, ROUNDS).hex()}"
    )


def plant_twin(database: Path) -> None:
    """A second machine named TWIN, unless there is one or the schema forbids it."""
    _change(
        database,
        "INSERT OR IGNORE INTO vm (node_id, name, cpus, memory_gb, state) SELECT 8, name, 2, 4, 'stopped' FROM vm "
        "WHERE name = ? GROUP BY name HAVING count(*) = 1",
    )


def remove_twin(database: Path) -> None:
    _change(
        database,
        "DELETE FROM vm WHERE name = ?1 AND id > (SELECT min(id) FROM vm WHERE name = ?1)",
    )


def _change(database: Path, statement: str) -> None:
    opened = sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT)
    with closing(opened) as connection, connection:
        connection.execute(statement, (TWIN,))

"""The journal's tables. JSON columns are text. Times (`at`, `started_at`, `ended_at`) are unix seconds, for showing.

Durations (`seconds`) are of clocks that nobody sets. `started_uptime` is where the beginning stands on
CLOCK_BOOTTIME, of the boot `boot_id`: from these a client on the same boot tells how long something has been running,
whatever was done to the wall clock. They are NULL in rows of schema 0001.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("of_run", Integer, ForeignKey("run.id")),
    Column("target", String, nullable=False),
    Column("from_version", String, nullable=False),
    Column("to_version", String, nullable=False),
    Column("state", String, nullable=False),
    Column("operator", String, nullable=False),
    Column("auto", Boolean, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("step", String, nullable=False, default=""),
    Column("gate", JSON(none_as_null=True)),
    Column("started_uptime", Float),
    Column("boot_id", String),
    Column("seconds", Float),
    Column("note", Text, nullable=False, server_default=""),
    Column("from_identity", JSON, nullable=False, server_default="{}"),
    Column("to_identity", JSON, nullable=False, server_default="{}"),
    sqlite_autoincrement=True,
)

step = Table(
    "step",
    metadata,
    Column("run_id", Integer, ForeignKey("run.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("step", String, nullable=False),
    Column("title", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("commands", JSON, nullable=False),
    Column("manual", Boolean, nullable=False),
    Column("usual", Float),
    Column("state", String, nullable=False),
    Column("facts", JSON, nullable=False),
    UniqueConstraint("run_id", "step"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("seconds", Float),
    Column("error", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("started_uptime", Float),
    Column("boot_id", String),
    Index("ix_attempt_run_id", "run_id"),
    sqlite_autoincrement=True,
)

#: `number`: of the line within its attempt, from 1, without a gap. `id`: for the full-text index alone.
log_line = Table(
    "log_line",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("attempt_id", Integer, ForeignKey("attempt.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("stream", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("number", Integer, nullable=False, server_default="0"),
    Index("ix_log_line_attempt_id", "attempt_id", "number", unique=True),
)

change = Table(
    "change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("attempt_id", Integer, ForeignKey("attempt.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("at", Float, nullable=False),
    Column("ended_at", Float),
    Index("ix_change_run_id", "run_id"),
    sqlite_autoincrement=True,
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("attempt_id", Integer, ForeignKey("attempt.id")),
    Column("step", String, nullable=False),
    Column("name", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("value", JSON, nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_evidence_run_id", "run_id"),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_decision_run_id", "run_id"),
)

sample = Table(
    "sample",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("attempt_id", Integer, ForeignKey("attempt.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("elapsed", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("requests", Float, nullable=False),
    Column("errors", Float, nullable=False),
    Column("p50", Float),
    Column("p95", Float),
    Column("p99", Float),
    Column("problem", Text, nullable=False),
    Index("ix_sample_attempt_id", "attempt_id"),
)

event = Table(
    "event",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("step", String, nullable=False),
    Column("data", JSON, nullable=False),
    Index("ix_event_run_id", "run_id"),
    sqlite_autoincrement=True,
)

#: Processes that steps have started: after the runner was killed they are looked for, and ended, by these.
#: The row is there before its process is: who that is (pid, start time, boot) is NULL until it has started.
child = Table(
    "child",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("attempt_id", Integer, ForeignKey("attempt.id"), nullable=False),
    Column("pid", Integer),
    Column("start_ticks", Integer),
    Column("boot_id", String),
    Column("argv", JSON, nullable=False),
    Column("ended_at", Float),
    Column("nonce", Text),
    Index("ix_child_attempt_id", "attempt_id"),
)

#: How far the full-text index over the log lines has come; one row, key "log_index".
mark = Table(
    "mark",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

#: Full-text index over the log lines: it holds the words only, the text stays in log_line.
LOG_INDEX = "CREATE VIRTUAL TABLE log_index USING fts5(text, content='log_line', content_rowid='id')"

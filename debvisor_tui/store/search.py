"""Full-text search over the log lines: indexed after the fact, in chunks; what is not indexed yet is scanned."""

from sqlalchemy import Connection, select, text

from debvisor_tui.model.views import LogLine, SearchHit
from debvisor_tui.store import tables as t

CHUNK = 20_000  # lines indexed in one commit
SCAN_LIMIT = 200_000  # newest lines that are scanned where the index has not come to yet


def index_chunk(connection: Connection) -> bool:
    """Index the next lines; True if there may be more. Triggers would slow the writing of lines by ten times."""
    done = _mark(connection)
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM log_line").scalar_one()
    upto = min(last, done + CHUNK)
    if upto <= done:
        return False
    connection.execute(
        text("INSERT INTO log_index(rowid, text) SELECT id, text FROM log_line WHERE id > :done AND id <= :upto"),
        {"done": done, "upto": upto},
    )
    connection.execute(
        text("INSERT INTO mark(key, value) VALUES ('log_index', :upto) ON CONFLICT(key) DO UPDATE SET value = :upto"),
        {"upto": upto},
    )
    return bool(upto < last)


def search(connection: Connection, words: str, limit: int) -> list[SearchHit]:
    """The newest `limit` lines that contain all `words`."""
    terms = words.split()
    if not terms:
        return []
    done = _mark(connection)
    condition = " AND ".join(f"l.text LIKE :t{i} ESCAPE '\\'" for i in range(len(terms)))
    scan = text(
        f"SELECT l.id FROM log_line l WHERE l.id > :from AND {condition} ORDER BY l.id DESC LIMIT :limit"  # noqa: S608
    )
    values = {f"t{i}": f"%{_escape(term)}%" for i, term in enumerate(terms)}
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM log_line").scalar_one()
    start = max(done, last - SCAN_LIMIT)
    ids = list(connection.execute(scan, {"from": start, "limit": limit, **values}).scalars())
    if len(ids) < limit:
        match = text("SELECT rowid FROM log_index WHERE log_index MATCH :q ORDER BY rowid DESC LIMIT :limit")
        ids += connection.execute(match, {"q": _query(terms), "limit": limit - len(ids)}).scalars()
    rows = connection.execute(
        select(t.log_line, t.attempt.c.run_id, t.attempt.c.step)
        .join(t.attempt, t.attempt.c.id == t.log_line.c.attempt_id)
        .where(t.log_line.c.id.in_(ids))
        .order_by(t.log_line.c.id.desc())
    )
    return [SearchHit(r.run_id, r.step, r.attempt_id, LogLine(r.id, r.at, r.stream, r.text)) for r in rows]


def _mark(connection: Connection) -> int:
    value = connection.execute(select(t.mark.c.value).where(t.mark.c.key == "log_index")).scalar_one_or_none()
    return int(value or 0)


def _query(terms: list[str]) -> str:
    # Each term as a quoted string: nothing that the operator types is FTS5 syntax.
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    return " ".join([*quoted[:-1], quoted[-1] + "*"])


def _escape(term: str) -> str:
    return term.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")

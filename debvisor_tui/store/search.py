"""Full-text search over the log lines: indexed after the fact, in chunks; what is not indexed yet is scanned."""

import re
import unicodedata

from sqlalchemy import Connection, select, text

from debvisor_tui.model.views import LogLine, SearchHit
from debvisor_tui.store import tables as t

CHUNK = 20_000  # lines indexed in one commit
SCAN_LIMIT = 1_000_000  # newest lines that are read where the index has not come to yet
FOREIGN = "*[^\x01-\x7f]*"  # a GLOB: what holds more than ASCII
SCANNED = 5_000  # lines read at once of these


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
    """The newest `limit` lines that hold all `words`; whole words, of the last one the beginning will do."""
    terms = words.split()
    if not terms:
        return []
    ids = _scan(connection, terms, limit)
    if len(ids) < limit:
        match = text("SELECT rowid FROM log_index WHERE log_index MATCH :q ORDER BY rowid DESC LIMIT :limit")
        ids += connection.execute(match, {"q": _query(terms), "limit": limit - len(ids)}).scalars()
    rows = connection.execute(
        select(t.log_line, t.attempt.c.run_id, t.attempt.c.step)
        .join(t.attempt, t.attempt.c.id == t.log_line.c.attempt_id)
        .where(t.log_line.c.id.in_(ids))
        .order_by(t.log_line.c.id.desc())
    )
    return [SearchHit(r.run_id, r.step, r.attempt_id, LogLine(r.number, r.at, r.stream, r.text)) for r in rows]


def unsearched(connection: Connection) -> int:
    """How many lines :func:`search` does not look at: too many have come since they were last indexed."""
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM log_line").scalar_one()
    return max(int(last) - _mark(connection) - SCAN_LIMIT, 0)


def _scan(connection: Connection, terms: list[str], limit: int) -> list[int]:
    """The ids of the lines that the index has not come to yet, by the index's own rules: newest first."""
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM log_line").scalar_one()
    first = max(_mark(connection), last - SCAN_LIMIT)
    *whole, last_term = [_words_of(term) for term in terms]
    # A term without a letter or digit asks for nothing, to FTS5 as well.
    wanted = [(phrase, False) for phrase in whole if phrase] + ([(last_term, True)] if last_term else [])
    if not wanted:
        return []
    longest = max((word for phrase, _ in wanted for word in phrase), key=len)
    # SQLite throws out most of them. LIKE knows case of ASCII alone, and no accents: a line with more is looked at.
    sieve = f"%{_escape(longest)}%" if longest.isascii() else "%"
    query = text(
        "SELECT id, text FROM log_line WHERE id > :first AND id <= :last "
        "AND (text LIKE :sieve ESCAPE '\\' OR text GLOB :foreign) ORDER BY id DESC"
    )
    found: list[int] = []
    while last > first and len(found) < limit:
        start = max(first, last - SCANNED)
        rows = connection.execute(query, {"first": start, "last": last, "sieve": sieve, "foreign": FOREIGN})
        found += [row.id for row in rows if _holds(_words_of(row.text), wanted)]
        last = start
    return found[:limit]


def _words_of(line: str) -> list[str]:
    """As FTS5's tokenizer "unicode61" has them: letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", line)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return re.findall(r"[^\W_]+", plain)


def _holds(line: list[str], wanted: list[tuple[list[str], bool]]) -> bool:
    """Whether each phrase of `wanted` stands in `line`; with True beside it its last word may be a beginning."""
    return all(_has_phrase(line, phrase, open_end=open_end) for phrase, open_end in wanted)


def _has_phrase(line: list[str], phrase: list[str], *, open_end: bool) -> bool:
    *head, tail = phrase
    for at in range(len(line) - len(head)):
        last = line[at + len(head)]
        if line[at : at + len(head)] == head and (last.startswith(tail) if open_end else last == tail):
            return True
    return False


def _mark(connection: Connection) -> int:
    value = connection.execute(select(t.mark.c.value).where(t.mark.c.key == "log_index")).scalar_one_or_none()
    return int(value or 0)


def _query(terms: list[str]) -> str:
    # Each term as a quoted string: nothing that the operator types is FTS5 syntax.
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    return " ".join([*quoted[:-1], quoted[-1] + "*"])


def _escape(term: str) -> str:
    return term.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")

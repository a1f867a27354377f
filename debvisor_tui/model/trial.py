"""What came of trying a release's migrations on a copy of the data: up, down again, and up once more."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from debvisor_tui.model.schema import Loss, Schema


@dataclass(frozen=True, slots=True)
class Way:
    """One revision, one way. `error`: what it failed with; `refused`: what its code asked of the host and did not
    get, so that it was not brought to its end; `left`: what a failure left behind, else what is other than it was to
    be: after going down than before it went up, after the second way up than after the first; `other`: as `left`, but
    the code from before does not notice."""

    seconds: float
    error: str = ""
    refused: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return not self.error and not self.refused

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        other = tuple(data.get("other", ()))  # an older journal has none
        return cls(data["seconds"], data["error"], tuple(data["refused"]), tuple(data["left"]), other)


@dataclass(frozen=True, slots=True)
class Tried:
    """One revision. `losses`: what was there and is not any more; `touched`: the
    tables that it wrote to or changed. `whole`: a failure of it is undone as a whole.

    `cuts`: what the release from before knows and is gone, or holds less; `narrows`: in which ways what it writes may
    be refused now.
    `empty`: the tables and columns that went and held nothing; `changes`: of the schema, in words; `rewrites`: the
    tables and columns whose values its own statements remove or overwrite, whether or not there were any.
    `drops`: the tables and columns that going down took away; `down`, `again`: None where it did not come to that.
    """

    revision: str
    up: Way
    losses: tuple[Loss, ...] = ()
    changes: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    whole: bool = False
    cuts: tuple[str, ...] | None = None  # None: an older journal does not tell
    narrows: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    down: Way | None = None
    again: Way | None = None

    @property
    def only_its_losses_stay(self) -> bool:
        """Going down brings back all but the rows and values that going up had taken."""
        left = self.down.left if self.down else ()
        return bool(left) and set(left) <= set(map(str, self.losses))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        down, again = data["down"], data["again"]
        return cls(
            revision=data["revision"],
            up=Way.from_json(data["up"]),
            losses=tuple(Loss(**loss) for loss in data["losses"]),
            changes=tuple(data["changes"]),
            touched=tuple(data["touched"]),
            empty=tuple(data["empty"]),
            rewrites=tuple(data["rewrites"]),
            whole=data["whole"],
            cuts=tuple(data["cuts"]) if data.get("cuts") is not None else None,
            narrows=tuple(data["narrows"]),
            drops=tuple(data["drops"]),
            down=Way.from_json(down) if down else None,
            again=Way.from_json(again) if again else None,
        )


@dataclass(frozen=True, slots=True)
class Break:
    """What the release that runs now could do before, and cannot on the new schema. `what`: "read" or "write"."""

    table: str
    what: str
    why: str

    def __str__(self) -> str:
        verb = "read" if self.what == "read" else "add a row to"
        return f"it cannot {verb} {self.table}: {self.why}"


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether the release that runs now works on the new schema. `tables`: how many it maps, by the metadata of its
    env.py; `written`: in how many of them a row could be tried. `unknown`: why it could not be asked, or ""."""

    tables: int = 0
    written: int = 0
    breaks: tuple[Break, ...] = ()
    keeps: tuple[str, ...] = ()
    unknown: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        breaks = tuple(Break(**one) for one in data["breaks"])
        return cls(data["tables"], data["written"], breaks, tuple(data["keeps"]), data["unknown"])

    def knows(self, narrowing: str) -> bool:
        """Does it keep to that by itself? `narrowing`: as of :func:`.compatibility.narrowings`."""
        rule = re.sub(r" has got (unique|foreign key) (?:index \S+ )?(\([^)]*\)).*", r" \1 \2", narrowing)
        return rule in self.keeps


@dataclass(frozen=True, slots=True)
class Trial:
    """`of`: what the copy was of, for people: "the backup pre-deploy-v1.2.0"; `rows`: how many were in it, None if
    it was of the schema alone. `tried`: oldest first, up to the one that failed. `unknown`: why there was no trial,
    or why it was not brought to its end, else "".

    `schema`, `before`, `after`: what the upgrade is to leave, and the rows of each table before and after it; None
    where it was not brought to its end. `uncompared`: tables too large for comparing their values one by one.
    `open`: what of the host could not be closed to the release's code, in one sentence, or "".
    """

    of: str
    rows: int | None
    tried: tuple[Tried, ...] = ()
    fit: Fit = field(default_factory=Fit)
    unknown: str = ""
    schema: Schema | None = None
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    uncompared: tuple[str, ...] = ()
    open: str = ""
    seconds: float = 0.0

    def get(self, revision: str) -> Tried | None:
        return next((tried for tried in self.tried if tried.revision == revision), None)

    @property
    def with_rows(self) -> bool:
        return self.rows is not None

    @property
    def failed(self) -> Tried | None:
        """The revision that fails on the way up."""
        return next((tried for tried in self.tried if tried.up.error and not tried.up.refused), None)

    @property
    def refused(self) -> Tried | None:
        """The revision that could not be brought to its end, because its code asked for what a trial may not have."""
        return next((tried for tried in self.tried if tried.up.refused), None)

    def breaks_of(self, revision: str) -> Iterator[Break]:
        """Those that are this revision's doing: it is the last that touched their table, or the last of all."""
        for one in self.fit.breaks:
            by = [tried.revision for tried in self.tried if one.table in tried.touched]
            if revision == (by or [tried.revision for tried in self.tried])[-1]:
                yield one

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "schema": self.schema.to_json() if self.schema else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            of=data["of"],
            rows=data["rows"],
            tried=tuple(map(Tried.from_json, data["tried"])),
            fit=Fit.from_json(data["fit"]),
            unknown=data["unknown"],
            schema=Schema.from_json(data["schema"]) if data["schema"] else None,
            before=data["before"],
            after=data["after"],
            uncompared=tuple(data["uncompared"]),
            open=data["open"],
            seconds=data["seconds"],
        )

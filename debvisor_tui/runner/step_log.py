"""One attempt's log: lines from children and tasks, in batches to the journal, bounded, clean, in order."""

import asyncio
import time
from collections.abc import Callable

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.text import LineAssembler, Redactor
from debvisor_tui.runner.recorder import Recorder
from debvisor_tui.store.journal import Line

HIGH_WATER = 20_000  # lines waiting for the journal; a child that writes faster is held back
SILENCE = 60.0  # seconds without output after which the log says so
BATCH_DELAY = 0.02  # seconds in which lines gather for one commit

#: Gets the numbers of the first and the last of the lines that are in the journal now.
OnWritten = Callable[[int, int], None]


class StepLog:
    def __init__(self, recorder: Recorder, attempt: int, redact: Redactor, on_written: OnWritten) -> None:
        self._recorder = recorder
        self._attempt = attempt
        self._redact = redact
        self._on_written = on_written
        self._waiting: list[Line] = []
        self._room = asyncio.Event()
        self._room.set()
        self._work = asyncio.Event()
        self._closing = False
        self._gone = False  # the writer has ended: what comes now is in nobody's journal
        self._writer = asyncio.create_task(self._write(), name=f"log of attempt {attempt}")
        self._last_output = time.monotonic()

    def add(self, text: str, stream: str) -> None:
        """Add text that a task wrote; it may hold foreign words and newlines."""
        assembler = LineAssembler(self._redact)
        self._append([*assembler.feed(text.encode("utf-8", "replace")), *assembler.close()], stream)

    def sink(self, stream: str) -> "ChildOutput":
        """A sink for one pipe of one child."""
        return ChildOutput(self, LineAssembler(self._redact), stream)

    async def append(self, lines: list[str], stream: str) -> None:
        self._append(lines, stream)
        if len(self._waiting) >= HIGH_WATER and not self._gone:
            self._room.clear()
        await self._room.wait()

    def _append(self, lines: list[str], stream: str, *, own: bool = False) -> None:
        if self._gone:
            return
        now = time.time()
        self._waiting += [(now, stream, line) for line in lines]
        if not own:
            self._last_output = time.monotonic()
        self._work.set()

    async def watch_silence(self, name: str, after: float = SILENCE) -> None:
        """Say in the log that command `name` wrote nothing for `after` seconds, and again when that has doubled."""
        limit = after
        while True:
            silent = time.monotonic() - self._last_output
            if silent < limit:
                limit = after if silent < after else limit
                await asyncio.sleep(limit - silent)
                continue
            self._append([f"{name}: no output for {format_duration(silent)}; it still runs"], "note", own=True)
            limit *= 2

    async def _write(self) -> None:
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                batch, self._waiting = self._waiting, []
                self._room.set()
                if batch:
                    last = await self._recorder.do(self._recorder.journal.add_lines, self._attempt, batch)
                    self._on_written(last - len(batch) + 1, last)
                if self._closing and not self._waiting:
                    return
                if not self._closing and len(batch) < HIGH_WATER // 2:
                    await asyncio.sleep(BATCH_DELAY)
        finally:
            # Nobody may wait for a writer that is gone: a child that goes on writing is only to be ended.
            self._gone = True
            self._waiting.clear()
            self._room.set()

    async def close(self) -> None:
        """Until every line is in the journal; JournalError if it cannot be."""
        self._closing = True
        self._work.set()
        await self._writer


class ChildOutput:
    """The output of one pipe: awaiting it holds the child back while the journal is behind."""

    def __init__(self, log: StepLog, assembler: LineAssembler, stream: str) -> None:
        self._log = log
        self._assembler = assembler
        self._stream = stream

    async def __call__(self, chunk: bytes) -> None:
        await self._log.append(self._assembler.feed(chunk), self._stream)

    async def close(self) -> None:
        await self._log.append(self._assembler.close(), self._stream)

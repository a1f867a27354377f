"""The program on real terminals: its TUI and its commands, and every byte that each of them wrote to its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from foreign import intruders
from release_host import Host
from terminal import PATIENCE, Terminal


def program(host: Host, *words: str) -> list[str]:
    sandbox = host.sandbox
    options = ["--config", str(sandbox.config_path), "--state-dir", str(sandbox.state_dir)]
    return [sys.executable, "-m", "debvisor_tui", *options, *words]


@dataclass
class Screenings:
    """Programs on terminals, and what each of them wrote to its own."""

    host: Host
    written: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def tui(self, name: str, *words: str) -> Iterator[Terminal]:
        terminal = Terminal(program(self.host, *words))
        try:
            yield terminal
            terminal.type(b"\x11")  # ctrl+q
            assert terminal.wait() == 0
        finally:
            terminal.close()
            self.written[name] = terminal.output

    def command(self, *words: str, code: int = 0) -> str:
        """A command's whole output, as its terminal gets it."""
        terminal = Terminal(program(self.host, *words))
        try:
            terminal.process.wait(PATIENCE)
            terminal.drain()
            assert terminal.wait() == code, terminal.output.decode("utf-8", "replace")
        finally:
            terminal.close()
            self.written[" ".join(words)] = terminal.output
        return terminal.output.decode("utf-8")

    def hold(self) -> None:
        """Nothing foreign has acted."""
        found = {name: intruders(output)[:5] for name, output in self.written.items()}
        assert {name: what for name, what in found.items() if what} == {}


def see(terminal: Terminal, *words: str, gone: str = "") -> None:
    """Wait until all `words` are on the screen, and `gone` is not."""

    def seen(text: str) -> bool:
        return all(word in text for word in words) and not (gone and gone in text)

    terminal.until(seen, " and ".join([*words, *([f"no {gone}"] if gone else [])]))


def decide(terminal: Terminal, key: bytes, *words: str) -> None:
    """Answer with `key`, and wait until all `words` are on the screen."""
    terminal.decide(key, lambda text: all(word in text for word in words), " and ".join(words))


def paste(terminal: Terminal, text: str) -> None:
    terminal.type(b"\x1b[200~" + text.encode() + b"\x1b[201~")

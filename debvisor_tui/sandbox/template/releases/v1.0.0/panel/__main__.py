"""Start the panel; TERM or INT end it gracefully."""

import os
import signal
import sys
import threading

from panel.cache import Cache
from panel.config import VERSION, Config
from panel.faults import Faults
from panel.server import Server
from panel.sessions import Sessions
from panel.web import Panel

GRACE = 3.0  # seconds for running requests
WATCH = 2.0  # seconds between two looks at the data folder


def main() -> int:
    config = Config.from_environment()
    print(f"panel {VERSION}: starting on 127.0.0.1:{config.port}, pid {os.getpid()}", flush=True)
    panel = Panel(config, Cache(config.cache), Sessions(), Faults(config.faults))
    if panel.faults.active("crash"):
        print('error: cannot load plugin "quota": undefined symbol: dv_quota_open_v2', file=sys.stderr)
        return 1
    try:
        server = Server(panel)
    except OSError as error:
        print(f"error: cannot listen on 127.0.0.1:{config.port}: {error.strerror}", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    if config.notify_fd is not None:
        os.write(config.notify_fd, b"ready\n")
        os.close(config.notify_fd)
    print(f"panel {VERSION}: ready for requests", flush=True)
    while not stop.wait(WATCH):
        if not config.database.parent.is_dir():  # without its data it has nothing to serve
            break
    print(f"panel {VERSION}: ending", flush=True)
    server.finish(GRACE)
    return 0


if __name__ == "__main__":
    sys.exit(main())

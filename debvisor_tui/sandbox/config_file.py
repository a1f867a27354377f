"""The sandbox's debvisor.toml: a complete example that a newcomer can read."""

import sys

from debvisor_tui.model.durations import parse_duration
from debvisor_tui.sandbox.layout import Layout, write_atomically
from debvisor_tui.sandbox.seed import ACCOUNT


def write_config(layout: Layout, port: int, monitor: str) -> None:
    """`monitor`: how long the watch after a release lasts, as a duration ("30s")."""
    import tomlkit

    web = f"http://127.0.0.1:{port}"
    run = str(layout.run)
    document = tomlkit.document()
    document.add(tomlkit.comment("The target of this sandbox: one deployment of Debvisor, all of it in this folder."))
    document.add(tomlkit.comment("A real target differs in its paths, its URLs and `production = true`."))
    document.add("name", tomlkit.item("sandbox"))
    document.add("production", tomlkit.item(False))

    def table(name: str, comment: str, **values: object) -> None:
        part = tomlkit.table()
        part.add(tomlkit.comment(comment))
        for key, value in values.items():
            item = tomlkit.item(value)
            part.add(key, item)
        document.add(tomlkit.nl())
        document.add(name, part)

    def reference(**where: str) -> object:
        inline = tomlkit.inline_table()
        inline.update(where)
        return inline

    table(
        "platform",
        "What runs the service: here a command that stops the old process and starts the new one.",
        kind="process",
        restart=[sys.executable, str(layout.panelctl), "restart"],
        pid_file=f"{run}/panel.pid",
        log_file=f"{run}/panel.log",
        cwd=str(layout.dir),
        settle="500ms",
    )
    table(
        "source",
        "Where releases come from: tags on a branch, pulled into this checkout.",
        kind="git",
        checkout=str(layout.checkout),
        remote="origin",
        branch="main",
    )
    table(
        "database",
        "A URL with a password would be a reference: { env = … }, { file = … } or { command = […] }.",
        url=layout.database_url,
        alembic_ini=str(layout.checkout / "alembic.ini"),
        python=sys.executable,
        environment={
            "DATABASE_URL": layout.database_url,
            "PANEL_FAULTS": str(layout.faults),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    table(
        "backup",
        "Each backup is restored into a scratch database before it counts.",
        dir=str(layout.backups),
        keep=10,
        verify="restore",
    )
    table(
        "health",
        "Both must answer 200 so many times in a row, before the time is up.",
        live=f"{web}/health/live",
        ready=f"{web}/health/ready",
        successes=3,
        interval="200ms",
        timeout="15s",
    )
    table(
        "smoke",
        "Log in as a person would. The password stands in a file that only its owner can read.",
        login_url=f"{web}/login",
        username=ACCOUNT,
        password=reference(file=str(layout.password)),
        dashboard_url=f"{web}/dashboard",
        dashboard_contains="Nodes",
    )
    table(
        "monitor",
        "The watch after the release. In production: 15 minutes, every 5 seconds.",
        metrics=f"{web}/metrics",
        duration=monitor,
        interval=_interval(monitor),
        max_error_rate=0.02,
        max_p95_ms=250.0,
        min_requests=10,
    )
    table(
        "ci",
        "What stands for the pipeline here: one file a commit.",
        status_file=str(layout.ci / "{commit}.json"),
        required=["unit", "integration", "e2e"],
    )
    write_atomically(layout.config, tomlkit.dumps(document))


def _interval(monitor: str) -> str:
    """A second; less for a watch so short that it would take too few samples to judge by."""
    seconds = parse_duration(monitor)
    return "1s" if seconds >= 10 else f"{max(100, round(seconds * 100))}ms"

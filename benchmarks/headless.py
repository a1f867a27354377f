"""A headless release in the sandbox against a shell script of the same bare commands, both without fixed waits.

The release is timed with and without the trial of its migrations on a copy, which no script has. The script is timed
twice, too: with all that the steps do else, the SQL preview of the migrations as well, and without that.
"""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomlkit

from debvisor_tui.sandbox.host import Sandbox

ROUNDS = 7
PREVIEW = "{python} -m alembic -c alembic.ini upgrade 7e20b4d8f1a6:head --sql"
LIMIT = 120.0  # seconds that one release may take

SCRIPT = """set -e
wait_for() {{
  for _ in $(seq 200); do curl -fsS "$1" >/dev/null 2>&1 && break; done
  curl -fsS "$1"; curl -fsS "$1"
}}
cd {checkout}
git fetch --quiet --tags origin
git log --oneline v1.0.0..v1.1.0
cat {ci}/$(git rev-parse 'v1.1.0^{{commit}}').json
{python} - <<'COPY'
import hashlib, sqlite3
source, copy = sqlite3.connect({database!r}), sqlite3.connect({backup!r})
source.backup(copy)
assert copy.execute('PRAGMA integrity_check').fetchone() == ('ok',)
copy.close()
print(hashlib.sha256(open({backup!r}, 'rb').read()).hexdigest())
COPY
git merge --quiet --ff-only v1.1.0
export DATABASE_URL={url}
{python} -m alembic -c alembic.ini current
{python} -m alembic -c alembic.ini history -r current:head
{preview}
{python} -m alembic -c alembic.ini upgrade head
{panelctl} restart
wait_for {live}
wait_for {ready}
token=$(curl -fsS -c {jar} {login} | sed -n 's/.*name="csrf_token" value="\\([^"]*\\)".*/\\1/p')
curl -fsS -L -b {jar} -c {jar} -d "csrf_token=$token" -d username=oncall -d "password=$(cat {password})" {login} \\
  | grep -q Nodes
"""


def without_waits(sandbox: Sandbox, trial: str) -> Path:
    """The sandbox's config with every fixed wait as short as it goes, and no monitor."""
    document = tomlkit.parse(sandbox.config_path.read_text(encoding="utf-8"))
    document["platform"]["settle"] = "1ms"
    document["health"]["interval"] = "1ms"
    document["backup"]["verify"] = "read"
    document["database"]["trial"] = trial
    document["steps"] = {"monitor": {"command": ["true"]}}
    path = sandbox.dir / "bench.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def tried_release(sandbox: Sandbox) -> float:
    """Seconds of wall time of one headless release, its migrations tried on a copy."""
    return release(sandbox, "copy")


def release(sandbox: Sandbox, trial: str = "none") -> float:
    """Seconds of wall time of one headless release, its migrations only read."""
    command = [sys.executable, "-m", "debvisor_tui", "--config", str(without_waits(sandbox, trial))]
    command += ["--state-dir", str(sandbox.state_dir), "release", "v1.1.0", "--headless", "--auto", "--yes"]
    command += ["--accept-data-loss"]  # without a trial a new unique index is asked about
    return timed(command)


def whole_script(sandbox: Sandbox) -> float:
    """Seconds of wall time of the bare commands for all that the steps do."""
    return script(sandbox, PREVIEW.format(python=shlex.quote(sys.executable)))


def script(sandbox: Sandbox, preview: str = "") -> float:
    """Seconds of wall time of the bare commands, without the SQL preview unless `preview` makes one."""
    document = tomlkit.parse(sandbox.config_path.read_text(encoding="utf-8")).unwrap()
    url = document["database"]["url"]
    backup = sandbox.dir / "backups" / "bare.db"
    backup.parent.mkdir(exist_ok=True)
    text = SCRIPT.format(
        preview=preview,
        checkout=shlex.quote(document["source"]["checkout"]),
        ci=sandbox.dir / "ci",
        python=shlex.quote(sys.executable),
        database=url.removeprefix("sqlite:///"),
        backup=str(backup),
        url=shlex.quote(url),
        panelctl=shlex.join(document["platform"]["restart"][:-1]),
        live=document["health"]["live"],
        ready=document["health"]["ready"],
        login=document["smoke"]["login_url"],
        password=document["smoke"]["password"]["file"],
        jar=sandbox.dir / "jar",
    )
    return timed(["bash", "-c", text])


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, timeout=LIMIT, check=False)
    took = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command[:6])} … failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return took


def main() -> None:
    measures = (release, tried_release, whole_script, script)
    times: dict[str, list[float]] = {measure.__name__: [] for measure in measures}
    with tempfile.TemporaryDirectory(prefix="debvisor-bench-") as folder:
        for number in range(ROUNDS):
            for measure in measures:
                sandbox = Sandbox.create(Path(folder) / f"{measure.__name__}-{number}")
                sandbox.start()
                try:
                    times[measure.__name__].append(measure(sandbox))
                finally:
                    sandbox.destroy()
    ours = times["release"]
    print(f"headless release, without a trial   {statistics.median(ours):6.2f} s   (median of {ROUNDS})")
    print(f"… its migrations tried on a copy    {statistics.median(times['tried_release']):6.2f} s")
    for name, words in (("whole_script", "the same bare commands"), ("script", "… without SQL preview")):
        ratio = statistics.median(a / b for a, b in zip(ours, times[name], strict=True))
        print(f"{words:35} {statistics.median(times[name]):6.2f} s   ratio {ratio:.2f}   (limit 1.3)")

"""A release whose migrations live in a package of its venv, with real venvs and wheels; nothing is fetched."""

import base64
import hashlib
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrating import ENV, NODE, Release, make_release

INI = "[alembic]\nscript_location = acme_schema:migrations\nsqlalchemy.url = sqlite:////nowhere/else.db\n"
WANTS = "this-host\n-r more/pins.txt\nacme-schema=={}\n"
REVISION = """\"\"\"make {revision}\"\"\"
import sqlalchemy as sa
from alembic import op
revision = {revision!r}
down_revision = {down!r}
def upgrade():
    {up}
def downgrade():
    {back}
"""


@dataclass
class VenvHost:
    """`link` leads to the environment in use, which `venvs` holds with the others; `wheels` is a wheelhouse."""

    release: Release
    link: Path
    venvs: Path
    wheels: Path

    def schema(self, version: str, revisions: Mapping[str, tuple[str | None, str, str]]) -> None:
        """A wheel of acme_schema with these `revisions`: {revision: (down_revision, up, down)}."""
        files = {"acme_schema/__init__.py": "", "acme_schema/migrations/env.py": ENV.replace("fileConfig(", "str(")}
        for revision, (down, up, back) in revisions.items():
            name = f"acme_schema/migrations/versions/{revision}.py"
            files[name] = REVISION.format(revision=revision, down=down, up=up, back=back)
        wheel(self.wheels, "acme_schema", version, files)

    def in_use(self) -> str:
        """The version of acme_schema that the environment in use holds."""
        asks = "from importlib.metadata import version as of; print(of('acme_schema'))"
        argv = [str(self.link / "bin" / "python"), "-c", asks]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def wants(self, version: str, schema: str) -> None:
        """The release `version` wants `schema`; the checkout stays where it is."""
        here = self.release.git("rev-parse", "HEAD")
        (self.release.checkout / "requirements.txt").write_text(
            f"this-host\n-r more/pins.txt\nacme-schema=={schema}\n"
        )
        self.release.tag(version)
        self.release.git("push", "-q", "--tags", "origin", "main")
        self.release.git("reset", "-q", "--hard", here)


def wheel(folder: Path, name: str, version: str, files: Mapping[str, str]) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        record = ""
        for path, text in files.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text.encode())}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


def make_venv_host(folder: Path, **venv: object) -> VenvHost:
    """v1.0.0 is in place with acme-schema 1.0, whose revision a1 is applied; v1.1.0 wants 2.0, which has b2, too."""
    link, venvs, wheels = folder / "venv", folder / "venv-releases", folder / "wheels"
    wheels.mkdir()
    release = make_release(
        folder,
        database={"python": str(link / "bin" / "python")},
        venv={"link": str(link), "python": sys.executable, "wheels": str(wheels), **venv},
    )
    host = VenvHost(release, link, venvs, wheels)
    # alembic and what it needs are this interpreter's own: no index is asked.
    wheel(wheels, "this_host", "1", {"this_host.pth": sysconfig.get_path("purelib") + "\n"})
    first = {"a1": (None, NODE, 'op.drop_table("node")')}
    host.schema("1.0", first)
    add = 'op.add_column("node", sa.Column("rack", sa.Integer))', 'op.drop_column("node", "rack")'
    host.schema("2.0", {**first, "b2": ("a1", *add)})
    checkout = release.checkout
    (checkout / "alembic.ini").write_text(INI)
    (checkout / "migrations" / "env.py").unlink()
    (checkout / "migrations" / "versions" / "a1.py").unlink()
    (checkout / "more").mkdir()
    (checkout / "more" / "pins.txt").write_text("# nothing is pinned\n")
    (checkout / "requirements.txt").write_text(WANTS.format("1.0"))
    release.git("tag", "-d", "v1.0.0")
    release.tag("v1.0.0")
    origin = folder / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(checkout), str(origin)], check=True)
    release.git("remote", "add", "origin", str(origin))
    release.git("fetch", "-q", "origin")
    host.wants("v1.1.0", "2.0")
    return host


def with_first(host: VenvHost) -> VenvHost:
    """The environment that runs now, made by hand in its time, and the link to it."""
    first = host.venvs / "first"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(first)], check=True)
    [packages] = first.glob("lib/python3*/site-packages")
    for name in ("this_host-1", "acme_schema-1.0"):
        with zipfile.ZipFile(host.wheels / f"{name}-py3-none-any.whl") as archive:
            archive.extractall(packages)
    host.link.symlink_to(first)
    return host


def with_stubs(folder: Path, **venv: object) -> VenvHost:
    """A host whose environments hold nothing: made in no time, where what they hold does not matter."""
    stub = folder / "python3"
    stub.write_text('#!/bin/sh\nmkdir -p "$4/bin" && ln -s /bin/true "$4/bin/python"\n')
    stub.chmod(0o755)
    host = make_venv_host(folder, **{"python": str(stub), "install": [["true", "{venv}", "{tree}"]], **venv})
    first = host.venvs / "first"
    subprocess.run([str(stub), "-I", "-m", "venv", str(first)], check=True)
    host.link.symlink_to(first)
    return host

"""What is to go wrong with the migrations in a rehearsal (see panel/faults.py); nothing where no fault is set."""

import os
import subprocess
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from panel.faults import Faults

REGION, WINDOWS = "b1f0a7c3d2e4", "c48d9e6a1b70"  # the revisions that are hit
TWIN = (
    "INSERT INTO vm (node_id, name, cpus, memory_gb, state) SELECT 8, name, 2, 4, 'stopped' FROM vm "
    "WHERE name = 'build-07' GROUP BY name HAVING count(*) = 1"
)


class Rehearsal:
    def __init__(self, database: str) -> None:
        path = os.environ.get("PANEL_FAULTS")
        faults = Faults(Path(path) if path else None)
        live = str(Path(path).parent / "data" / "panel.db") if path else ""
        self.cascades = faults.active("cascade")
        # Only where it counts: on the copy that the check tries them on, all is well.
        self.stops_half_way = faults.active("half-migrated") and database == live
        self._way_down_is_broken = faults.active("way-down-broken")
        self._is_unknown = faults.active("unknown-sql")

    def after(self, ctx: Any, step: Any, **_: Any) -> None:
        """Called by alembic after each revision, before it is committed."""
        if step.is_upgrade and step.up_revision_id == REGION:
            if self.cascades:
                with Operations(ctx).batch_alter_table("node", recreate="always") as node:
                    node.alter_column("status", type_=sa.String(32), existing_type=sa.String(16))
            if self.stops_half_way:
                ctx.connection.exec_driver_sql(TWIN)
            if self._is_unknown:
                subprocess.run(["true"], check=True)
        if not step.is_upgrade and step.up_revision_id == WINDOWS and self._way_down_is_broken:
            raise RuntimeError("the index ix_vm_names is not there: its name is ix_vm_name")

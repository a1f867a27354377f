"""Which body draws which step, by the step's id."""

from collections.abc import Mapping

from debvisor_tui.ui.widgets.bodies import changes_in, database, service
from debvisor_tui.ui.widgets.bodies.common import Body, plain

BODIES: Mapping[str, Body] = {
    "review": changes_in.review,
    "ci": changes_in.ci,
    "backup": database.backup,
    "migration-check": database.migrations,
    "pull": service.code,
    "upgrade": database.revisions,
    "restart": service.restart,
    "health": service.health,
    "smoke": service.smoke,
    "monitor": service.monitor,
    "revert-database": database.revisions,
    "revert-release": service.code,
    "restore-backup": database.restored,
}


def body_of(step: str) -> Body:
    return BODIES.get(step, plain)

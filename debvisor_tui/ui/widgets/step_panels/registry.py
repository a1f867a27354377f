"""Which body draws which step: the one that the playbook names, else each fact in its own words."""

import importlib
from typing import cast

from debvisor_tui.model.playbook import STANDARD
from debvisor_tui.ui.widgets.step_panels.common import Body, plain

BODIES = {spec.id: spec.body for spec in (*STANDARD.release, *STANDARD.rollback)}


def body_of(step: str) -> Body:
    module, _, name = BODIES.get(step, "").partition(".")
    if not name:
        return plain
    return cast(Body, getattr(importlib.import_module(f"debvisor_tui.ui.widgets.step_panels.{module}"), name))

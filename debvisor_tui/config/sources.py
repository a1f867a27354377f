"""Where releases come from: the settings of each kind of source."""

from typing import Literal

from pydantic import Field

from debvisor_tui.config.parts import Kind, KindPart
from debvisor_tui.config.secrets import AnyPath, NonEmpty


class GitSettings(KindPart):
    kind: Literal["git"] = Field(description="where releases come from: git")
    checkout: AnyPath = Field(description="the git checkout that the service runs from", examples=["/srv/debvisor"])
    remote: NonEmpty = Field(default="origin", description="the remote that releases are fetched from")
    branch: NonEmpty = Field(default="main", description="the branch that every release must be merged to")
    tags: NonEmpty = Field(default="v*", description="a glob: which tags are versions on offer")


SOURCES: dict[str, Kind] = {
    "git": Kind(GitSettings, "debvisor_tui.adapters.sources.git.source:GitCheckout"),
}

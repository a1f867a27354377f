"""The watch after a release: what is common to all, and the settings of each kind of metrics source."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from debvisor_tui.config.parts import Count, Duration, HttpUrl, Kind, KindPart, Number
from debvisor_tui.model.verdict import Thresholds


class Monitor(KindPart):
    duration: Duration = Field(default=900.0, description="how long the service is watched after a release")
    interval: Duration = Field(default=5.0, description="time between two scrapes")
    max_error_rate: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.01, description="the share of requests that may fail (answered 5xx), 0 to 1"
    )
    max_p95_ms: Annotated[Number, Field(gt=0)] = Field(
        default=500.0, description="the 95th percentile of the latency may be that high, in milliseconds"
    )
    breaches: Count = Field(default=3, description="so many scrapes in a row over a limit fail the watch")
    min_requests: Count = Field(default=30, description="fewer requests than that in all are too few to judge")

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(self.max_error_rate, self.max_p95_ms, self.breaches, self.min_requests)

    @model_validator(mode="after")
    def _two_scrapes(self) -> "Monitor":
        if self.interval > self.duration:
            raise ValueError("interval must not be longer than duration, or there is nothing to compare")
        return self


class ScrapeSettings(Monitor):
    kind: Literal["scrape"] = Field(
        default="scrape", description="where the numbers come from: scrape, the service's own metrics"
    )
    metrics: HttpUrl = Field(
        description="the service's metrics in Prometheus' text format", examples=["http://127.0.0.1:8080/metrics"]
    )


METRICS: dict[str, Kind] = {
    "scrape": Kind(ScrapeSettings, "debvisor_tui.adapters.metrics.scrape:ScrapedMetrics"),
}

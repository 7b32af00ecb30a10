"""What /metrics counts, over all processes (PROMETHEUS_MULTIPROC_DIR). No label names an account or a person."""

import os

if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # set, but empty, the library would write where it stands

from prometheus_client import Counter, Histogram  # noqa: E402

requests = Counter("segmenthub_requests_total", "Requests to the API.", ["endpoint", "status"])
seconds = Histogram(
    "segmenthub_request_seconds",
    "Time to answer.",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
crashes = Counter("segmenthub_crashes_total", "Requests that ended in an unexpected error.")
recorded = Counter("segmenthub_events_total", "Events recorded by requests.")
tracked = Counter("segmenthub_tracked_total", "What became of tracking calls.", ["kind", "result"])
warnings = Counter("segmenthub_identity_warnings_total", "Assertions that an identity limit refused.", ["limit"])


def observe(endpoint: str, status: int, duration: float) -> None:
    """Counts one answered request; `duration` in seconds."""
    requests.labels(endpoint, status).inc()
    seconds.labels(endpoint).observe(duration)

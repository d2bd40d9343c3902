"""How Celery carries runs: the same for who hands them over and for who takes them.

Add here: an option that both sides share. Not here: the broker's address (`settings`).
"""

from typing import Any

STREAM_QUEUE, OTHER_QUEUE = "stream", "dagster"
"""The stream has a queue of its own, so that a worker can be kept for it; the other name is dagster-celery's."""

OPTIONS: dict[str, Any] = {
    # A run is taken when a place is free, not before: one that waited inside a worker would be lost with it.
    "worker_disable_prefetch": True,
    "task_acks_late": False,
    # A run lowers its process's priority, and its code is that of its start: none follows another in a process.
    "worker_max_tasks_per_child": 1,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"socket_timeout": 10, "socket_connect_timeout": 10},
    # Dagster ends a run after two hours.
    "result_expires": 86_400,
    "task_default_queue": OTHER_QUEUE,
    # A run's output goes where its worker's goes, as it is.
    "worker_redirect_stdouts": False,
    "worker_hijack_root_logger": False,
}

"""What a worker loads: dagster-celery's tasks, with the broker that the environment names.

Celery finds `app` by its name. Add here: nothing that a run needs. Not here: options (`celery_options`).
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.workers.celery_options import OPTIONS

_broker = load_settings().celery

app = make_app({"broker": _broker, "backend": _broker})
app.conf.update(OPTIONS)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)

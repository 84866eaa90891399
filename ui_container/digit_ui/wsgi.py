"""The application as gunicorn runs it: `gunicorn digit_ui.wsgi:app`."""

import logging
import os

from digit_ui import create_app, metrics

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
metrics.count_at(int(os.environ["WORKER_PLACE"]))
app = create_app()
app.extensions["model"].watch()
app.extensions["feedback"].prepare()

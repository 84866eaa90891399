"""The application as gunicorn runs it by gunicorn.conf.py."""

import os

from digit_ui import access, create_app, metrics

access.name_lines()
metrics.count_at(int(os.environ["WORKER_PLACE"]))
app = create_app()
app.extensions["model"].watch()
app.extensions["feedback"].prepare()
if app.extensions["retention"] is not None:
    app.extensions["retention"].watch()

"""The application as gunicorn runs it by gunicorn.conf.py."""

import os

from digit_ui import access, create_app, metrics

access.name_lines()
metrics.count_at(int(os.environ["WORKER_PLACE"]))
app = create_app()
store_watch = app.extensions["store_watch"]
if store_watch is not None:
    store_watch.watch()
app.extensions["model"].watch(after=None if store_watch is None else store_watch.wait_for_a_look)
app.extensions["feedback"].prepare()
if app.extensions["retention"] is not None:
    app.extensions["retention"].watch()

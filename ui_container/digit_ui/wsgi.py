"""The application as gunicorn runs it: `gunicorn digit_ui.wsgi:app`."""

import logging

from digit_ui import create_app

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
app = create_app()
app.extensions["model"].watch()
app.extensions["feedback"].prepare()

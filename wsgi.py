"""The web application for any WSGI server: settings → wiring → app.

`gunicorn --config python:gateway.gunicorn_conf wsgi:app`
"""

from gateway.app import create_from_environment

app = create_from_environment()

"""Let pytest re-run the book's chapters: `pytest --chapters book`."""

pytest_plugins = ["tests.notebooks.plugin"]

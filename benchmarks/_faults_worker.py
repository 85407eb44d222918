"""A Celery worker with the points of `_faults_points`; its pool is forked with them.

    python -m benchmarks._faults_worker FOLDER CELERY-ARGUMENT …

FOLDER is where the orders are.
"""

import os
import sys
from pathlib import Path

import django
from celery.__main__ import main as celery


def main(arguments: list[str]) -> None:
    """Run Celery with these arguments after the folder."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from benchmarks._faults_points import Points

    Points(Path(arguments[0])).install()
    sys.argv = ["celery", *arguments[1:]]
    celery()


if __name__ == "__main__":
    main(sys.argv[1:])

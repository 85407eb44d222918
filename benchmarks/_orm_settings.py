"""The peer's settings: Drumbeat's without middleware, which only makes the peer faster."""

from config.settings import *  # noqa: F403
from config.settings import MIDDLEWARE

ROOT_URLCONF = "benchmarks._orm_pixel"
MIDDLEWARE.clear()

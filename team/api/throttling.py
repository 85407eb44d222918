"""How many requests a token may make, counted in Redis so that all web processes share one count."""

import logging
from typing import TYPE_CHECKING

import redis
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from core import clock
from core.redis import client
from team.models import ApiToken

if TYPE_CHECKING:  # REST framework's views read their settings, which name this module
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# A leaky bucket (GCRA, ITU-T I.371): one number a caller, the time at which its bucket is empty again. Answers 0 when
# the request fits, else the milliseconds until it would.
_TAKE = """
local empty_at = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local next_at = math.max(empty_at, now) + interval
if next_at - now > burst then return math.ceil(next_at - burst - now) end
redis.call('SET', KEYS[1], string.format('%.3f', next_at), 'PX', math.ceil(next_at - now) + 1)
return 0
"""


def parse_rate(rate: str) -> tuple[int, float]:
    """Turn "600/min" into (600, 60.0): how many in how many seconds."""
    number, _, period = rate.partition("/")
    return int(number), float(PERIODS[period[0]])


class TokenRateThrottle(BaseThrottle):
    """Limits a token, or a member's session, to DEFAULT_THROTTLE_RATES["token"]; 429 says when to come back.

    Without Redis nobody is limited: losing it must not close the API.
    """

    wait_seconds: float | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not request.auth:
            return True  # open pages such as the schema; everything else has refused the request before
        number, seconds = parse_rate(str(api_settings.DEFAULT_THROTTLE_RATES["token"]))
        burst = seconds * 1000
        caller = f"token:{request.auth.pk}" if isinstance(request.auth, ApiToken) else f"user:{request.user.pk}"
        now = clock.now().timestamp() * 1000
        try:
            taken = client().eval(_TAKE, 1, f"throttle:{caller}", f"{now:.3f}", f"{burst / number:.3f}", f"{burst:.3f}")
        except redis.RedisError:
            logger.warning("No Redis: the API is not throttled.")
            return True
        self.wait_seconds = int(taken) / 1000
        return self.wait_seconds == 0

    def wait(self) -> float | None:
        return self.wait_seconds

"""The pacing bucket of a mailbox in Redis: a GCRA with a burst of one, and today's count, in one script.

GCRA (ITU-T I.371, the "generic cell rate algorithm") keeps one number, the theoretical arrival time (TAT): the next slot. A
reservation takes slots from there on, `interval` apart, and moves it. Slots in the past are lost, so a pause never becomes a
burst. All moments are microseconds since 1970 by `core.clock`: machines need clocks that agree (NTP).

What Redis forgets is seeded by the caller from PostgreSQL (`Seed`), never by an empty bucket. After a restart Redis may also
hold what was true a second before it died. It then has no scripts any more: whoever notices starts a new epoch, and a bucket
of an older one is asked to seed as well; the later slot and the larger count win.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import uuid4

from redis.exceptions import NoScriptError

from core import redis

# A bucket that nobody asked for so long is forgotten, in seconds.
_KEPT_SECONDS: Final = 3 * 86_400
NO_CAP: Final = -1
_EPOCH: Final = "pace:epoch"

# Numbers are written by "%.0f": Lua would shorten them to 14 digits. A day that is over leaves its count behind; a day that
# is not yet here (a machine's clock is behind) counts to the newer one.
_RESERVE: Final = """
local key = KEYS[1]
local now, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local horizon, reach, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local today, cap, counted = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local epoch = redis.call('GET', KEYS[2]) or ''
local tat = tonumber(redis.call('HGET', key, 'tat') or '')
local day = redis.call('HGET', key, 'day')
local used = tonumber(redis.call('HGET', key, 'used') or '0')
local known = tat and redis.call('HGET', key, 'epoch') == epoch
if not known and ARGV[10] == '' then return {-1, 0, 0, 0} end
if not day or day < today then day, used = today, 0 end
if not known then
    tat = math.max(tat or 0, tonumber(ARGV[10]))
    used = math.max(used, tonumber(ARGV[11]))
end
if used < counted then used = counted end
local first = math.max(tat, now - tolerance)
local count = 0
local full = 0
if interval == 0 then
    count = want
elseif first <= now + horizon then
    count = math.min(want, math.max(math.floor((now + reach - first) / interval) + 1, 1))
end
if cap >= 0 and used + count > cap then
    count = math.max(cap - used, 0)
    if count == 0 then full = 1 end
end
if count > 0 then
    tat = first + count * interval
    used = used + count
end
redis.call('HSET', key, 'tat', string.format('%.0f', math.max(tat, first)), 'day', day, 'used', string.format('%.0f', used),
    'epoch', epoch)
redis.call('EXPIRE', key, ARGV[12])
return {count, first, full, used}
"""

# Slots that were reserved last and not used go back; others may have reserved behind them, then only the count does.
_RETURN: Final = """
local key = KEYS[1]
if redis.call('HGET', key, 'tat') == ARGV[1] then redis.call('HSET', key, 'tat', ARGV[2]) end
if redis.call('HGET', key, 'day') == ARGV[3] then
    local used = tonumber(redis.call('HGET', key, 'used') or '0') - tonumber(ARGV[4])
    redis.call('HSET', key, 'used', string.format('%.0f', math.max(used, 0)))
end
return 0
"""

_CORRECT: Final = """
local key = KEYS[1]
if redis.call('HGET', key, 'day') == ARGV[1] and redis.call('HGET', key, 'used') == ARGV[2] then
    redis.call('HSET', key, 'used', ARGV[3])
    return 1
end
return 0
"""


class ForgottenError(Exception):
    """Redis knows nothing of this bucket: a seed is needed."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What a forgotten bucket starts from: the first free slot (µs) and how many count as sent today."""

    tat: int
    used: int


class Reserved(NamedTuple):
    """`slots` slots (perhaps none) from `first` on, in µs; with none, `first` is the next slot there is.

    `full` says that the day's cap, not the interval, left none; `used` is the day's count after this reservation.
    """

    slots: int
    first: int
    full: bool
    used: int


class Bucket:
    """The bucket called `name` (a mailbox, or a mailbox's receiving domain), shared by all workers."""

    def __init__(self, name: str) -> None:
        self._key = f"pace:{name}"

    def reserve(
        self,
        *,
        now: int,
        interval: int,
        tolerance: int,
        horizon: int,
        reach: int,
        want: int,
        day: date,
        cap: int = NO_CAP,
        counted: int = 0,
        seed: Seed | None = None,
    ) -> Reserved:
        """Take up to `want` slots in one call: the first within `horizon` µs, the others within `reach`.

        `counted` is what PostgreSQL has counted today: the bucket never believes less.
        Raises ForgottenError if the bucket is unknown and no seed is given, redis.RedisError when Redis can't be used.
        """
        start = ("", "") if seed is None else (seed.tat, seed.used)
        values = (now, interval, tolerance, horizon, reach, want, day.isoformat(), cap, counted, *start, _KEPT_SECONDS)
        count, first, full, used = _run(_RESERVE, self._key, *values)
        if count < 0:
            raise ForgottenError
        return Reserved(count, first, bool(full), used)

    def give_back(self, *, first: int, count: int, interval: int, day: date, missed: int = 0) -> None:
        """Return the last `count` slots of a reservation, from `first` on; `missed` more were lost and don't count."""
        _run(_RETURN, self._key, first + count * interval, first, day.isoformat(), count + missed)

    def correct(self, *, day: date, believed: int, used: int) -> bool:
        """Replace the day's count by the truth, if it is still what was believed."""
        return bool(_run(_CORRECT, self._key, day.isoformat(), believed, used))

    def forget(self) -> None:
        """Drop the bucket."""
        redis.impatient_client().delete(self._key)


def _run(script: str, key: str, *values: object) -> Any:
    client = redis.impatient_client()
    arguments = [str(value) for value in values]
    digest = _digest(script)
    try:
        return client.evalsha(digest, 2, key, _EPOCH, *arguments)
    except NoScriptError:
        # Redis has started again (or this is its first time): what its buckets say may be a second old.
        for each in (_RESERVE, _RETURN, _CORRECT):
            client.script_load(each)
        client.set(_EPOCH, uuid4().hex)
        return client.evalsha(digest, 2, key, _EPOCH, *arguments)


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()

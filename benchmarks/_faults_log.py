"""What the sink of the proof of faults has seen, read from its log while it is written."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SinkLog:
    """`taken` counts complete messages by recipient, `arrivals` holds their times, `on_the_wire` what was offered and not answered.

    `offers` are the connections on which each recipient's content was asked for, with the time, in order.
    """

    path: Path
    taken: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    arrivals: list[float] = field(default_factory=list)
    on_the_wire: dict[str, str] = field(default_factory=dict)
    offers: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    _place: int = 0

    def read(self) -> int:
        """Take in what is new; return how many messages have arrived."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.decode().splitlines():
            letter, connection, recipient, time = line.split()
            self._take(letter, connection, recipient, float(time))
        return len(self.arrivals)

    def forget_connections(self) -> None:
        """The sink was killed: nothing is on the wire."""
        self.read()
        self.on_the_wire.clear()

    def arrived_after(self, moment: float) -> float | None:
        """Return when the first message after `moment` (seconds since 1970) arrived."""
        place = bisect_right(self.arrivals, moment)
        return self.arrivals[place] if place < len(self.arrivals) else None

    def connection_of(self, recipient: str, before: float) -> str | None:
        """Return the connection on which the recipient's message was offered last before `before`."""
        return next((name for time, name in reversed(self.offers[recipient]) if time <= before), None)

    def _take(self, letter: str, connection: str, recipient: str, time: float) -> None:
        match letter:
            case "O":
                self.offers[recipient].append((time, connection))
                self.on_the_wire[connection] = recipient
            case "T":
                self.taken[recipient] += 1
                self.arrivals.append(time)
            case "X":
                self.refused.add(recipient)
            case "R" | "C":
                self.on_the_wire.pop(connection, None)

"""What happened on the wire as the journal's numbers, and back as receipts."""

from datetime import UTC, datetime
from typing import Final

from delivery import reasons, receipts
from delivery.journal import Outcome
from delivery.receipts import Receipt
from delivery.smtp import Refusal, Reply, Stage

_STAGES: Final = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT)
_NUMBERS: Final = {stage: number for number, stage in enumerate(_STAGES, start=1)}
_CONTENT: Final = _NUMBERS[Stage.CONTENT]
REFUSED: Final = 10
BROKEN: Final = 11
LOST: Final = 12


def number_of(stage: Stage) -> int:
    """Return the number of a stage at which a message can be answered (0 is a start)."""
    return _CONTENT if stage is Stage.CONTENT else _NUMBERS[stage]


def receipt_of(outcome: Outcome, *, attempts: int, resend: bool) -> Receipt:
    """Return the receipt for what the journal says; `attempts` includes this one."""
    at = datetime.fromtimestamp(outcome.at, UTC)
    message_id = outcome.message_id
    match outcome.stage:
        case number if number == REFUSED:
            return receipts.refused(message_id, Refusal(outcome.reply), at=at)
        case number if number == BROKEN:
            return receipts.broken(message_id, outcome.reply, attempts=attempts, at=at)
        case number if number == LOST:
            return receipts.in_doubt(
                message_id, reasons.REPLY_LOST, text=outcome.reply, attempts=attempts, resend=resend, at=at
            )
        case number:
            code, _, text = outcome.reply.partition(" ")
            reply = Reply(int(code), [text.encode()])
            return receipts.answered(message_id, _STAGES[number - 1], reply, attempts=attempts, at=at)

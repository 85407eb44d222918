"""Every write of sequences: the draft's steps, the life of a sequence, and who is on the way."""

from sequences.kinds.reading import LONGEST_WAIT
from sequences.services.checking import content_of, problems_of
from sequences.services.drafts import (
    add_step,
    copy_steps,
    create_sequence,
    remove_step,
    rename_sequence,
    reorder_steps,
    replace_steps,
    update_step,
)
from sequences.services.enrolments import (
    advance_due,
    enrol_contacts,
    forget_contacts,
    hand_over_mailbox,
    note_accepted,
    note_finished,
    stop_suppressed,
    wake_by_messages,
    wake_engaged,
)
from sequences.services.lifecycle import close, pause, publish, resume, sweep_closed
from sequences.services.references import let_list_go, let_segment_go
from sequences.services.stopping import note_custom_events, stop_enrolment, stop_enrolments

__all__ = [
    "LONGEST_WAIT",
    "add_step",
    "advance_due",
    "close",
    "content_of",
    "copy_steps",
    "create_sequence",
    "enrol_contacts",
    "forget_contacts",
    "hand_over_mailbox",
    "let_list_go",
    "let_segment_go",
    "note_accepted",
    "note_custom_events",
    "note_finished",
    "pause",
    "problems_of",
    "publish",
    "remove_step",
    "rename_sequence",
    "reorder_steps",
    "replace_steps",
    "resume",
    "stop_enrolment",
    "stop_enrolments",
    "stop_suppressed",
    "sweep_closed",
    "update_step",
    "wake_by_messages",
    "wake_engaged",
]

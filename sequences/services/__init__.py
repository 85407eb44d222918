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
from sequences.services.gestures import (
    change_step,
    delete_step,
    drag_step,
    empty_lane,
    paste_steps,
    place_step,
    redo,
    replace_draft,
    shift_step,
    undo,
)
from sequences.services.lifecycle import close, pause, publish, resume, sweep_closed
from sequences.services.references import let_list_go, let_segment_go
from sequences.services.stopping import note_custom_events, stop_enrolment, stop_enrolments

__all__ = [
    "LONGEST_WAIT",
    "add_step",
    "advance_due",
    "change_step",
    "close",
    "content_of",
    "copy_steps",
    "create_sequence",
    "delete_step",
    "drag_step",
    "empty_lane",
    "enrol_contacts",
    "forget_contacts",
    "hand_over_mailbox",
    "let_list_go",
    "let_segment_go",
    "note_accepted",
    "note_custom_events",
    "note_finished",
    "paste_steps",
    "pause",
    "place_step",
    "problems_of",
    "publish",
    "redo",
    "remove_step",
    "rename_sequence",
    "reorder_steps",
    "replace_draft",
    "replace_steps",
    "resume",
    "shift_step",
    "stop_enrolment",
    "stop_enrolments",
    "stop_suppressed",
    "sweep_closed",
    "undo",
    "update_step",
    "wake_by_messages",
    "wake_engaged",
]

"""Every write of campaigns."""

from campaigns.conditions import campaign_subject
from campaigns.services.audiences import let_list_go, let_segment_go
from campaigns.services.checks import check_campaign, require_checked, run_check, start_check
from campaigns.services.drafts import (
    choose_template,
    create_campaign,
    create_from_template,
    create_sequence_campaign,
    delete_campaign,
    duplicate_campaign,
    email_of,
    update_campaign,
)
from campaigns.services.entries import admit_due
from campaigns.services.experiments import add_test, remove_test, update_test
from campaigns.services.forgetting import forget_contacts
from campaigns.services.holding import renew_due_groups, renew_holdout_group, renews_at, set_holdout_group
from campaigns.services.launching import resume_stalled, run_launch
from campaigns.services.lifecycle import (
    cancel_campaign,
    close_entry,
    complete_finished_campaigns,
    launch_campaign,
    launch_due_campaigns,
    let_sequence_be_edited,
    pause_campaign,
    resume_campaign,
    schedule_campaign,
    unschedule_campaign,
)
from campaigns.services.mailboxes import hand_over_mailbox
from campaigns.services.parts import note_batch_released, note_experiment_decided
from campaigns.services.previews import render_preview, send_test
from campaigns.services.sign_ups import (
    confirm_sign_up,
    delete_form,
    field_choices,
    find_sign_up,
    save_form,
    sign_up,
)
from campaigns.services.starting import start_or_stop
from campaigns.services.steps import add_step, let_draft_change, order_steps, remove_step
from campaigns.services.triggers import (
    look_at_triggers,
    note_custom_events,
    note_hits,
    note_list_entered,
    note_ways_ended,
)

__all__ = [
    "add_step",
    "add_test",
    "admit_due",
    "campaign_subject",
    "cancel_campaign",
    "check_campaign",
    "choose_template",
    "close_entry",
    "complete_finished_campaigns",
    "confirm_sign_up",
    "create_campaign",
    "create_from_template",
    "create_sequence_campaign",
    "delete_campaign",
    "delete_form",
    "duplicate_campaign",
    "email_of",
    "field_choices",
    "find_sign_up",
    "forget_contacts",
    "hand_over_mailbox",
    "launch_campaign",
    "launch_due_campaigns",
    "let_draft_change",
    "let_list_go",
    "let_segment_go",
    "let_sequence_be_edited",
    "look_at_triggers",
    "note_batch_released",
    "note_custom_events",
    "note_experiment_decided",
    "note_hits",
    "note_list_entered",
    "note_ways_ended",
    "order_steps",
    "pause_campaign",
    "remove_step",
    "remove_test",
    "render_preview",
    "renew_due_groups",
    "renew_holdout_group",
    "renews_at",
    "require_checked",
    "resume_campaign",
    "resume_stalled",
    "run_check",
    "run_launch",
    "save_form",
    "schedule_campaign",
    "send_test",
    "set_holdout_group",
    "sign_up",
    "start_check",
    "start_or_stop",
    "unschedule_campaign",
    "update_campaign",
    "update_test",
]

"""Every event and every handler on one page.

`on_decision` handlers run in the transaction that announces; `on_fact` handlers run afterwards, in their own.
"""

from core.bus import on_decision, on_fact


def subscribe() -> None:
    """Wire the apps together; called once when Django is ready."""
    from abtests import services as abtests
    from abtests.events import BatchReleased, ExperimentDecided
    from abtests.selectors import register_places
    from campaigns import services as campaigns
    from campaigns.selectors import places_of_tests
    from config.preview_people import CONTACTS
    from contacts.events import AddressesSuppressed, ContactsDeleted, ListDeleted, ListEntered, SegmentDeleted
    from contacts.selectors import register_condition
    from delivery import services as delivery
    from delivery.events import MailboxRemoved, MessagesAccepted, MessagesFinished
    from integrations import services as integrations
    from sequences import services as sequences
    from sequences.events import DraftChanging, EditOpened, OthersAsked, WaysEnded
    from templates_lib.selectors import register_people
    from tracking import services as tracking
    from tracking.events import CustomEventsRecorded, HitsRecorded

    on_decision(AddressesSuppressed, sequences.stop_suppressed)
    on_decision(
        ContactsDeleted,
        sequences.forget_contacts,
        abtests.forget_contacts,
        delivery.forget_contacts,
        tracking.forget_contacts,
        campaigns.forget_contacts,
    )
    on_decision(ExperimentDecided, sequences.wake_decided)
    on_decision(ListEntered, campaigns.note_list_entered)
    on_decision(WaysEnded, campaigns.note_ways_ended)
    on_decision(ListDeleted, sequences.let_list_go, campaigns.let_list_go)
    on_decision(SegmentDeleted, sequences.let_segment_go, campaigns.let_segment_go)
    on_decision(MailboxRemoved, campaigns.hand_over_mailbox)
    on_decision(EditOpened, campaigns.let_sequence_be_edited)
    on_decision(DraftChanging, campaigns.let_draft_change)
    on_decision(BatchReleased, campaigns.note_batch_released)
    on_decision(ExperimentDecided, campaigns.note_experiment_decided, integrations.note_experiment_decided)

    on_fact(MessagesAccepted, sequences.note_accepted, delivery.record_contacts_sent)
    on_fact(MessagesFinished, sequences.note_finished)
    on_fact(HitsRecorded, sequences.wake_engaged, campaigns.note_hits)
    # Who is on the way hears of an event before it lets anybody in.
    on_fact(
        CustomEventsRecorded, sequences.note_custom_events, campaigns.note_custom_events, abtests.note_custom_events
    )

    on_fact(OthersAsked, campaigns.start_or_stop)

    register_people(CONTACTS)
    register_places(places_of_tests)
    register_condition("campaign", campaigns.campaign_subject)

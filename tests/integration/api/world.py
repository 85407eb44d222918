"""A workspace that has one of everything the API shows."""

from campaigns.services import email_of, save_form
from contacts import services as contacts
from contacts.models import Suppression, SuppressionReason
from delivery.models import Message
from delivery.services import add_domain
from integrations.services import save_endpoint, save_source
from sequences.models import Enrolment
from sequences.services import add_experiment
from team.models import Workspace
from templates_lib.services import create_category
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.contacts import run_file
from tests.factories.delivery import make_mailing, queue
from tests.factories.sequences import enrol, make_contacts, make_mailbox, make_sequence
from tests.factories.team import MembershipFactory
from tests.factories.templates_lib import make_asset, make_template
from tracking.services import take_events


def furnish(workspace: Workspace) -> dict[str, int]:
    """Put one of everything into the workspace; return the ids by the resources' names."""
    people = make_contacts(workspace, 3, prefix=f"{workspace.slug}-")
    list_ = make_list(workspace, people, name=f"List of {workspace.slug}")
    mailbox = make_mailbox(workspace, name=workspace.slug)
    template = make_template(workspace, name=f"Template of {workspace.slug}")
    sequence = make_sequence(workspace, ["Hello"])
    enrol(sequence, people[:1], mailbox)
    campaign = make_campaign(workspace, lists=[list_], mailbox=mailbox, template=template)
    tested = make_campaign(workspace, lists=[list_], mailbox=mailbox, template=template, name="Tested")
    experiment = add_experiment(tested.sequence, key=email_of(tested).key)
    queue(make_mailing(workspace), mailbox, people)
    gone = f"gone@{workspace.slug}.example"
    contacts.suppress(workspace_id=workspace.pk, email=gone, reason=SuppressionReason.MANUAL)
    definition = {"match": "all", "conditions": [{"field": "first_name", "operator": "is", "value": "Given0"}]}
    field = contacts.create_field(workspace=workspace, label="Plan")
    event = {"name": "order.paid", "contact": people[0]}
    source = run_file(workspace, b"email,plan\nnew@example.com,pro\nnobody,pro\n")
    return {
        "contacts": people[0],
        "contact-fields": field.pk,
        "lists": list_.pk,
        "segments": contacts.create_segment(workspace=workspace, name="Some", definition=definition).pk,
        "imports": source.pk,
        "suppressions": Suppression.objects.get(workspace=workspace, email_key=gone).pk,
        "templates": template.pk,
        "template-categories": create_category(workspace=workspace, name=f"Of {workspace.slug}").pk,
        "assets": make_asset(workspace).pk,
        "mailboxes": mailbox.pk,
        "domains": add_domain(workspace=workspace, name=f"{workspace.slug}.example").pk,
        "campaigns": campaign.pk,
        "experiments": experiment.pk,
        "sequences": sequence.pk,
        "sign-up-forms": save_form(workspace=workspace, name="News", title="News", double_opt_in=False).pk,
        "event-sources": save_source(workspace=workspace, name="Shop")[0].pk,
        "webhooks": save_endpoint(workspace=workspace, url=f"https://{workspace.slug}.example/hook")[0].pk,
        "events": take_events(workspace_id=workspace.pk, given=[event]).ids[0],
        "enrolments": Enrolment.objects.get(sequence=sequence).pk,
        "messages": Message.objects.filter(workspace=workspace).order_by("pk")[0].pk,
        "members": MembershipFactory(workspace=workspace).pk,
    }

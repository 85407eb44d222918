"""Sign-up forms, and the people who fill them in."""

import struct
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.html import escape

from campaigns.exceptions import CampaignError, InvalidCampaign
from campaigns.models import SIGNED_UP, SignUp, SignUpForm, Trigger
from campaigns.sign_up_fields import CUSTOM, STANDARD
from contacts import selectors as contact_reads
from contacts import services as contacts
from contacts.models import Contact, ContactField, List, Suppression, SuppressionReason
from core import clock
from core.exceptions import NotFound
from core.sealing import BadToken, seal, unseal
from delivery import selectors as delivery_reads
from delivery import services as delivery
from delivery.models import Mailing
from team.models import Workspace
from tracking.services import NewEvent, record_custom_events

PURPOSE = b"sign-up"
MAX_FIELDS = 12
CONFIRM_WITHIN = timedelta(days=7)


@transaction.atomic
def save_form(*, workspace: Workspace, form: SignUpForm | None = None, **changes: Any) -> SignUpForm:
    """Make a form, or change one; `lists` and `mailbox` are objects of the workspace, `fields` keys as in `field_choices`.

    Raises InvalidCampaign, whose `fields` name what can't be.
    """
    made = form or SignUpForm(workspace=workspace)
    lists: Collection[List] | None = changes.pop("lists", None)
    for name, value in changes.items():
        setattr(made, name, value.strip() if isinstance(value, str) else value)
    _check(made, lists)
    made.updated_at = clock.now()
    made.mailing = None  # written anew when it is needed
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise InvalidCampaign(
            "Another form has this name.", fields={"name": ["Another form has this name."]}
        ) from error
    if lists is not None:
        made.lists.set(lists)
    return made


def _check(form: SignUpForm, lists: Collection[List] | None) -> None:
    errors: dict[str, list[str]] = {}
    if not form.name or len(form.name) > 120:
        errors["name"] = ["Give a name of up to 120 letters."]
    if not form.title or len(form.title) > 200:
        errors["title"] = ["Give a title of up to 200 letters."]
    choices = field_choices(form.workspace)
    if not isinstance(form.fields, list) or len(form.fields) > MAX_FIELDS or not set(form.fields) <= set(choices):
        errors["fields"] = [f"Choose at most {MAX_FIELDS} fields of this workspace."]
    if lists is not None and any(list_.workspace_id != form.workspace_id for list_ in lists):
        errors["lists"] = ["There is no such list."]
    if form.double_opt_in:
        own = delivery_reads.mailboxes_in(form.workspace)
        if form.mailbox_id is None or not own.filter(pk=form.mailbox_id).exists():
            errors["mailbox"] = ["Choose the mailbox that sends the confirmation."]
        if not form.mail_subject:
            errors["mail_subject"] = ["The confirmation needs a subject."]
    if form.redirect_url and not form.redirect_url.startswith(("https://", "http://")):
        errors["redirect_url"] = ["This must be an address like https://example.com/thanks."]
    if errors:
        name, messages = next(iter(errors.items()))
        raise InvalidCampaign(f"{name}: {messages[0]}", fields=errors)


@transaction.atomic
def delete_form(form: SignUpForm) -> None:
    """Delete a form with the record of who filled it in; contacts stay.  Raises CampaignError while a live trigger needs it."""
    if Trigger.objects.filter(form=form, is_live=True).exists():
        raise CampaignError("A running campaign is started by this form; close that first.", code="in_use")
    form.delete()


def field_choices(workspace: Workspace) -> dict[str, str]:
    """Return what a form can ask for beside the address: labels by keys."""
    custom = ContactField.objects.filter(workspace=workspace).exclude(type="list")
    return {**STANDARD, **{f"{CUSTOM}{field.key}": field.label for field in custom}}


@transaction.atomic
def sign_up(form: SignUpForm, *, email: str, values: Mapping[str, str], agreed: bool, ip: str | None) -> SignUp:
    """Take what somebody has filled in: with double opt-in a mail asks them to confirm, else they are signed up at once.

    Raises CampaignError when the form is closed, InvalidCampaign or InvalidContact with field errors.
    """
    if not form.is_open:
        raise CampaignError("This form takes no sign-ups any more.")
    if form.consent_text and not agreed:
        raise InvalidCampaign("Please tick the box.", fields={"agreed": ["Please tick the box to go on."]})
    given = {key: values.get(key, "").strip()[:1_000] for key in form.fields if values.get(key, "").strip()}
    checked = contacts.check_columns(form.workspace_id, {"email": email, **_columns(given)}, known={})
    now = clock.now()
    made = SignUp.objects.create(
        form=form, email=checked["email"], values=given, consent_text=form.consent_text, ip=ip, submitted_at=now
    )
    if form.double_opt_in:
        _ask_to_confirm(made)
    else:
        _complete(made, ip)
    return made


def _columns(given: Mapping[str, str]) -> dict[str, Any]:
    custom = {key.removeprefix(CUSTOM): value for key, value in given.items() if key.startswith(CUSTOM)}
    plain = {key: value for key, value in given.items() if not key.startswith(CUSTOM)}
    return {**plain, **({"attributes": custom} if custom else {})}


def find_sign_up(token: str) -> SignUp:
    """Return the sign-up that a confirmation's link names.  Raises NotFound for a token that isn't ours."""
    try:
        (pk,) = struct.unpack(">q", unseal(PURPOSE, token))
    except (BadToken, struct.error) as error:
        raise NotFound("This link leads nowhere.") from error
    found = SignUp.objects.select_related("form__workspace").filter(pk=pk).first()
    if found is None:
        raise NotFound("This link leads nowhere.")
    return found


def confirmation_token(sign_up_id: int) -> str:
    """Return the token of a confirmation's link."""
    return seal(PURPOSE, struct.pack(">q", sign_up_id))


@transaction.atomic
def confirm_sign_up(made: SignUp, *, ip: str | None) -> bool:
    """Sign somebody up who has pressed the button; False if they had before.  Raises CampaignError after a week."""
    locked = SignUp.objects.select_for_update(of=("self",)).select_related("form__workspace").get(pk=made.pk)
    if locked.confirmed_at is not None:
        return False
    if locked.submitted_at < clock.now() - CONFIRM_WITHIN:
        raise CampaignError("This link is more than a week old. Please fill in the form again.", code="expired")
    _complete(locked, ip)
    made.refresh_from_db()
    return True


def _complete(made: SignUp, ip: str | None) -> None:
    """Make or complete the contact, put it into the lists, and tell of the event that campaigns start by."""
    form, now = made.form, clock.now()
    ids = contacts.ensure_contacts(workspace_id=form.workspace_id, emails=[made.email])
    contact = Contact.objects.get(pk=ids[contact_reads.email_key(made.email)])
    # Their own will lifts their own unsubscription, and nothing else.
    own = Suppression.objects.filter(
        workspace=form.workspace_id, email_key=contact.email_key, reason=SuppressionReason.UNSUBSCRIBED
    )
    if own.exists():
        contacts.lift_suppression(workspace_id=form.workspace_id, email=contact.email)
    if columns := _columns(made.values):
        contacts.update_contact(contact, **columns)
    for list_ in form.lists.all():
        contacts.add_members(list_=list_, contact_ids=[contact.pk])
    SignUp.objects.filter(pk=made.pk).update(confirmed_at=now, confirmed_ip=ip, contact_id=contact.pk)
    answers = {key.removeprefix(CUSTOM): value for key, value in made.values.items()}
    properties = {**answers, "form": form.name, "form_id": form.pk}
    event = NewEvent(contact.pk, SIGNED_UP, now, properties, key=f"sign-up:{made.pk}")
    record_custom_events(form.workspace_id, [event])


def _ask_to_confirm(made: SignUp) -> None:
    form = made.form
    mailbox = form.mailbox
    if mailbox is None or mailbox.archived_at is not None:
        raise CampaignError("This form can't send its confirmation at the moment.", code="no_mailbox")
    url = f"{settings.BASE_URL}/f/confirm/{confirmation_token(made.pk)}/"
    delivery.send_single(
        mailing=_mailing(form),
        mailbox=mailbox,
        to=made.email,
        key=f"sign-up:{made.pk}",
        fields={"event": {"confirmUrl": url}},
    )


def _mailing(form: SignUpForm) -> Mailing:
    known: Mailing | None = form.mailing
    if known is not None:
        return known
    # What people wrote is text: braces in it are no Liquid.
    words = "{% raw %}" + form.mail_text.replace("{%", "{ %") + "{% endraw %}"
    paragraphs = escape(words).replace("\n", "<br>")
    mailing = delivery.create_mailing(
        workspace=form.workspace,
        name=f"Confirmation of “{form.name}”"[:200],
        format="html",
        subject="{% raw %}" + form.mail_subject.replace("{%", "{ %") + "{% endraw %}",
        source=f'<p>{paragraphs}</p><p><a href="{{{{ event.confirmUrl }}}}">Confirm</a></p>'
        "<p>If you did not ask for this, do nothing: nobody will write to you.</p>",
        text_source=f"{words}\n\n{{{{ event.confirmUrl }}}}\n\nIf you did not ask for this, do nothing.",
        track_opens=False,
        track_clicks=False,
    )
    mailing.is_test = True
    mailing.save(update_fields=["is_test"])
    SignUpForm.objects.filter(pk=form.pk).update(mailing=mailing)
    form.mailing = mailing
    return mailing

"""Making and editing drafts."""

from collections.abc import Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.formats import date_format

from campaigns import selectors
from campaigns.exceptions import CampaignError, InvalidCampaign, StaleCampaignError
from campaigns.holdouts import checked_holdout
from campaigns.models import Campaign, Edit, Kind, Status, Trigger
from campaigns.schedule import require_future, require_zone
from campaigns.triggers import checked_trigger, trigger_document
from contacts.models import List, Segment
from core import clock
from delivery import selectors as delivery
from delivery.models import Mailbox
from sequences import selectors as sequence_reads
from sequences import services as sequences
from sequences.models import Step, StepKind
from team import services as team
from team.models import User, Workspace
from templates_lib.models import Template, TemplateVersion

HOLDOUT_FIELDS = ("holdout_share", "holdout_event", "holdout_days", "is_necessary")
PLAIN_FIELDS = ("name", "track_opens", "track_clicks", "send_at", "time_zone", "window", *HOLDOUT_FIELDS)
RELATIONS: dict[str, type[List] | type[Segment] | type[Mailbox]] = {
    "lists": List,
    "segments": Segment,
    "excluded_lists": List,
    "excluded_segments": Segment,
    "mailboxes": Mailbox,
}
EMAIL_FIELDS = ("template", "template_version", "subject", "preheader", "format", "source", "text_source")
AUDIENCE = ("lists", "segments", "excluded_lists", "excluded_segments")
PARTS = {
    "name": "the name",
    "track_opens": "tracking",
    "track_clicks": "tracking",
    "send_at": "the schedule",
    "time_zone": "the schedule",
    "window": "the sending hours",
    **dict.fromkeys(HOLDOUT_FIELDS, "who is held out"),
    "lists": "the audience",
    "segments": "the audience",
    "excluded_lists": "the audience",
    "excluded_segments": "the audience",
    "lost_audience": "the audience",
    "mailboxes": "the sender",
    "trigger": "the trigger",
    "subject": "the subject",
    "preheader": "the preheader",
    "template": "the email",
    "template_version": "the email",
    "format": "the email",
    "source": "the email",
    "text_source": "the email",
    "steps": "the steps",
    "step_changes": "the steps",
}


@transaction.atomic
def create_campaign(
    *,
    workspace: Workspace,
    name: str = "",
    kind: str = Kind.BROADCAST,
    created_by: User | None = None,
    template: Template | None = None,
    steps: Collection[Mapping[str, Any]] | None = None,
    **changes: Any,
) -> Campaign:
    """Create a draft with one empty email, or the given steps; `changes` are those of `update_campaign`.

    Without mailboxes it takes the one that the last campaign used, or the only one.  Raises InvalidCampaign.
    """
    if kind not in Kind.values:
        message = f"Choose one of {', '.join(Kind.values)}."
        raise InvalidCampaign(message, fields={"kind": [message]})
    title = " ".join(name.split())[:200] or _name_for(workspace)
    sequence = sequences.create_sequence(workspace=workspace, name=title)
    sequences.add_step(sequence, kind=StepKind.EMAIL)
    campaign = Campaign.objects.create(
        workspace=workspace,
        name=title,
        kind=kind,
        sequence=sequence,
        time_zone=changes.pop("time_zone", None) or workspace.time_zone,
        created_by=created_by,
    )
    if kind == Kind.TRIGGERED:
        Trigger.objects.create(campaign=campaign, workspace=workspace)
    if "mailboxes" not in changes:
        changes["mailboxes"] = _usual_mailboxes(workspace, campaign)
    if template is not None:
        changes["template"] = template
    if steps is not None:
        changes["steps"] = steps
    _apply(campaign, changes)
    return campaign


@transaction.atomic
def update_campaign(
    campaign: Campaign, *, changes: Mapping[str, Any], version: int | None = None, actor: str = ""
) -> bool:
    """Change a draft and return whether anything is different now.

    `changes` holds any of: name, lists, segments, excluded_lists, excluded_segments, mailboxes (collections of objects or
    ids of the workspace), track_opens, track_clicks, send_at (aware, or None for at once), time_zone, window (sending hours
    by the recipient's clock: {"weekdays": [0, …], "start": "09:00", "end": "17:00"}, or {}), holdout_share (0 … 0.5),
    holdout_event, holdout_days, is_necessary (also to the workspace's held-out group); for the email of a
    broadcast template (its current version), template_version, subject, preheader, or format, source and text_source;
    `trigger` of a triggered campaign as `campaigns.triggers` reads it;
    `lost_audience` may only be emptied, which goes on without what was deleted (as does any change of the audience);
    `steps` replaces all steps, `step_changes` gives fields of some of them by their keys.  `version` is the one that the editor saw: raises StaleCampaignError when somebody has changed
    the draft since.  Raises CampaignError unless it is a draft, InvalidCampaign or StepError with field errors.
    """
    locked = lock_draft(campaign)
    require_version(locked, version)
    changed = _apply(locked, changes)
    if changed:
        locked.problem = ""
        note_edit(locked, ", ".join(dict.fromkeys(PARTS[name] for name in changed)), actor=actor)
    campaign.refresh_from_db()
    return bool(changed)


def lock_draft(campaign: Campaign) -> Campaign:
    """Lock and return the campaign's row.  Raises CampaignError unless it is a draft."""
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.status != Status.DRAFT:
        raise CampaignError(f"Only a draft can be changed; this campaign is {locked.get_status_display().lower()}.")
    return locked


def require_version(locked: Campaign, version: int | None) -> None:
    """Raise StaleCampaignError, saying what was changed and by whom, unless the editor saw the campaign as it is."""
    if version is not None and locked.version != version:
        raise StaleCampaignError(_what_changed(locked, version))


def note_edit(draft: Campaign, what: str, *, actor: str = "") -> None:
    """Give a locked draft its next version, so that stale tabs and checks are told; `what` names the parts for people."""
    draft.version += 1
    draft.updated_at = clock.now()
    draft.save(update_fields=["version", "updated_at", "problem", "lost_audience"])
    Edit.objects.create(campaign=draft, version=draft.version, what=what[:200], actor=actor[:200])


@transaction.atomic
def create_from_template(*, workspace: Workspace, template: Template, created_by: User | None = None) -> Campaign:
    """Create a draft with a template's email, subject and preheader, named after the template."""
    campaign = create_campaign(workspace=workspace, name=template.name, created_by=created_by)
    choose_template(campaign, template=template)
    return campaign


@transaction.atomic
def create_sequence_campaign(*, workspace: Workspace, preset: str = "", created_by: User | None = None) -> Campaign:
    """Create a drip to be built: without steps, or with those of a sequence of our own.  Raises InvalidInput."""
    found = sequence_reads.preset_called(preset) if preset else None
    name = found.name if found else ""
    campaign = create_campaign(workspace=workspace, name=name, kind=Kind.DRIP, created_by=created_by, steps=[])
    if found is not None:
        sequences.use_preset(campaign.sequence, slug=found.slug)
    return campaign


@transaction.atomic
def choose_template(campaign: Campaign, *, template: Template, step_key: str = "", actor: str = "") -> None:
    """Take a template's email for a step (the first email if no key is given), its subject and preheader too where the
    step has none of its own.

    Raises CampaignError unless it is a draft, InvalidCampaign when the template has no content.
    """
    version = template.current_version
    if version is None:
        raise InvalidCampaign("This template has no content yet.", fields={"template": ["It has no content yet."]})
    step = email_of(campaign, step_key)
    changes = {
        "template": template,
        "subject": step.subject or version.subject,
        "preheader": step.preheader or version.preheader,
    }
    update_campaign(campaign, changes={"step_changes": {step.key: changes}}, actor=actor)


@transaction.atomic
def duplicate_campaign(campaign: Campaign, *, created_by: User | None = None) -> Campaign:
    """Return a new draft with the same audience, mailboxes and steps, to be sent at once when launched."""
    workspace = campaign.workspace
    name = _copy_name(campaign)
    sequence = sequences.create_sequence(workspace=workspace, name=name)
    sequences.copy_steps(campaign.sequence, to=sequence)
    copy = Campaign.objects.create(
        workspace=workspace,
        name=name,
        kind=campaign.kind,
        sequence=sequence,
        track_opens=campaign.track_opens,
        window=campaign.window,
        **{name: getattr(campaign, name) for name in HOLDOUT_FIELDS},
        track_clicks=campaign.track_clicks,
        time_zone=campaign.time_zone,
        lost_audience=campaign.lost_audience,
        created_by=created_by,
    )
    for relation in RELATIONS:
        getattr(copy, relation).set(getattr(campaign, relation).all())
    copy.mailboxes.set(selectors.mailboxes_of(campaign))
    if trigger := selectors.trigger_of(campaign):
        # Once more through the checks: what it names may be gone.
        columns = checked_trigger(workspace, trigger_document(trigger))
        Trigger.objects.create(campaign=copy, workspace=workspace, **columns)
    return copy


@transaction.atomic
def delete_campaign(campaign: Campaign) -> None:
    """Delete a draft for good, with the tests planned for its emails.  Raises CampaignError when it was launched or scheduled: its mail needs it."""
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.status != Status.DRAFT:
        raise CampaignError("Only a draft can be deleted; the report of a launched campaign stays.")
    team.end_shares(locked)
    locked.delete()
    sequences.delete_sequence(campaign.sequence)


def email_of(campaign: Campaign, key: str = "") -> Step:
    """Return the campaign's email with the key, or its first one.  Raises CampaignError when it has none."""
    emails = [step for step in selectors.emails_of(campaign) if not key or step.key == key]
    if not emails:
        raise CampaignError("This email was removed meanwhile." if key else "This campaign has no email yet.")
    return emails[0]


def _apply(campaign: Campaign, changes: Mapping[str, Any]) -> list[str]:
    """Write what differs and return the names of the changed parts."""
    unknown = set(changes) - set(PARTS)
    if unknown:
        raise InvalidCampaign(f"A campaign has no {min(unknown)}.", fields={name: ["Unknown."] for name in unknown})
    changed = _apply_plain(campaign, {name: changes[name] for name in PLAIN_FIELDS if name in changes})
    for relation, model in RELATIONS.items():
        if relation in changes:
            wanted = _own(campaign.workspace, relation, model, changes[relation])
            if wanted != set(getattr(campaign, relation).values_list("pk", flat=True)):
                getattr(campaign, relation).set(wanted)
                changed.append(relation)
    if campaign.lost_audience and ("lost_audience" in changes or set(changed) & set(AUDIENCE)):
        campaign.lost_audience = []
        changed.append("lost_audience")
    if "trigger" in changes:
        changed += _apply_trigger(campaign, changes["trigger"])
    if "steps" in changes:
        changed += _apply_steps(campaign, changes["steps"])
    if "step_changes" in changes:
        changed += _apply_step_changes(campaign, changes["step_changes"])
    email = {name: changes[name] for name in EMAIL_FIELDS if name in changes}
    if email:
        changed += _apply_to_step(email_of(campaign), email)
    return changed


def _apply_plain(campaign: Campaign, changes: dict[str, Any]) -> list[str]:
    if "name" in changes:
        changes["name"] = " ".join(changes["name"].split())
        if not changes["name"] or len(changes["name"]) > 200:
            raise InvalidCampaign("Give the campaign a name.", fields={"name": ["Give a name of up to 200 letters."]})
    if "time_zone" in changes:
        require_zone(changes["time_zone"])
    if "window" in changes:
        changes["window"] = delivery.checked_window(changes["window"])
    changes |= checked_holdout({name: changes[name] for name in HOLDOUT_FIELDS if name in changes})
    changed = [name for name, value in changes.items() if getattr(campaign, name) != value]
    if "send_at" in changed and changes["send_at"] is not None:
        require_future(changes["send_at"])
    for name in changed:
        setattr(campaign, name, changes[name])
    if changed:
        campaign.save(update_fields=changed)
    if "name" in changed:
        sequences.rename_sequence(campaign.sequence, name=campaign.name)
    return changed


def _own(workspace: Workspace, relation: str, model: type[Any], given: Collection[Any]) -> set[int]:
    """Return the ids, all of which must be the workspace's own."""
    ids = {item if isinstance(item, int) else item.pk for item in given}
    known = (
        delivery.mailboxes_in(workspace) if model is Mailbox else model.objects.filter(workspace=workspace)
    ).filter(pk__in=ids)
    missing = ids - set(known.values_list("pk", flat=True))
    if missing:
        message = f"This workspace has no {model._meta.verbose_name} {min(missing)}."
        raise InvalidCampaign(message, fields={relation: [message]})
    return ids


def _apply_trigger(campaign: Campaign, given: object) -> list[str]:
    trigger = selectors.trigger_of(campaign)
    if trigger is None:
        message = "Only a triggered campaign has a trigger."
        raise InvalidCampaign(message, fields={"trigger": [message]})
    columns = checked_trigger(campaign.workspace, given)
    changed = [name for name, value in columns.items() if getattr(trigger, name) != value]
    for name in changed:
        setattr(trigger, name, columns[name])
    if changed:
        trigger.save(update_fields=changed)
    return ["trigger"] if changed else []


def _apply_steps(campaign: Campaign, steps: Collection[Mapping[str, Any]]) -> list[str]:
    given = [_with_versions(step) for step in steps]
    if campaign.kind == Kind.BROADCAST and [step["kind"] for step in given] != [StepKind.EMAIL]:
        message = "A broadcast has exactly one step, an email; a drip can have more."
        raise InvalidCampaign(message, fields={"steps": [message]})
    sequences.replace_steps(campaign.sequence, steps=given)
    return ["steps"]


def _apply_step_changes(campaign: Campaign, by_key: Mapping[str, Mapping[str, Any]]) -> list[str]:
    steps = {step.key: step for step in selectors.steps_of(campaign)}
    gone = set(by_key) - set(steps)
    if gone:
        raise StaleCampaignError("A step was removed meanwhile. Reload to see it; your last change was not saved.")
    single = len(steps) == 1
    changed: list[str] = []
    for key, fields in by_key.items():
        parts = _apply_to_step(steps[key], fields)
        changed += parts if single else ["step_changes"] * bool(parts)
    return changed


def _apply_to_step(step: Step, changes: Mapping[str, Any]) -> list[str]:
    wanted = _with_version(changes)
    changed = [name for name, value in wanted.items() if _differs(getattr(step, name), value)]
    if changed:
        sequences.update_step(step, **{name: wanted[name] for name in changed})
    return changed


def _with_version(step: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a step's `template` by the template's current version: what is checked is what is sent."""
    wanted = dict(step)
    if "template" in wanted:
        template: Template | None = wanted.pop("template")
        wanted["template_version"] = template.current_version if template else None
    return wanted


def _with_versions(step: Mapping[str, Any]) -> dict[str, Any]:
    """Do so for a step and for those in its lanes."""
    wanted = _with_version(step)
    if lanes := wanted.get("lanes"):
        wanted["lanes"] = {outcome: [_with_versions(inside) for inside in steps] for outcome, steps in lanes.items()}
    return wanted


def _differs(before: Any, after: Any) -> bool:
    if isinstance(after, str):
        return bool(before != after)
    if isinstance(after, TemplateVersion) or after is None:
        return (before.pk if before else None) != (after.pk if after else None)
    return bool(before != after)


def _what_changed(campaign: Campaign, version: int) -> str:
    edits = list(selectors.edits_since(campaign, version))
    parts = list(dict.fromkeys(part for edit in edits for part in edit.what.split(", ")))
    people = list(dict.fromkeys(edit.actor for edit in edits if edit.actor))
    who = " and ".join(people) if people else "Somebody"
    what = ", ".join(parts) if parts else "the campaign"
    return f"{who} changed {what} meanwhile. Reload to see it; your last change was not saved."


def _name_for(workspace: Workspace) -> str:
    today = clock.now().astimezone(ZoneInfo(workspace.time_zone)).date()
    return f"Campaign of {date_format(today, 'j F Y')}"


def _copy_name(campaign: Campaign) -> str:
    base = campaign.name.removesuffix(" (copy)")
    return f"{base[:190]} (copy)"


def _usual_mailboxes(workspace: Workspace, campaign: Campaign) -> list[int]:
    """The mailboxes of the last campaign that has any; else the only mailbox there is."""
    own = set(delivery.mailboxes_in(workspace).values_list("pk", flat=True))
    if len(own) <= 1:
        return list(own)
    last = Campaign.objects.filter(workspace=workspace, mailboxes__in=own).exclude(pk=campaign.pk).first()
    return list(set(last.mailboxes.values_list("pk", flat=True)) & own) if last else []

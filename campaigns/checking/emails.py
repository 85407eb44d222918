"""Looks at each email of a campaign: as written, and as it becomes for one recipient after the other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from campaigns.checking.findings import Findings, Level
from campaigns.models import Campaign
from contacts.selectors import merge_fields
from delivery.models import Mailbox
from sequences.models import Step
from sequences.services import content_of
from templates_lib.rendering import CompiledEmail, RenderError, TemplateError, compile_email, lint_email

# Lint codes that stop a launch; all others are warnings.
BLOCKING = {"subject-empty", "no-unsubscribe-link"}
# What the user finds in the subject's section of the checklist.
SUBJECT_PARTS = {"subject", "preheader"}
CLIPPED_BYTES = 102 * 1024
# Links and sizes are looked at for this many recipients; merge fields and errors for all.
SAMPLE = 200
HREF = re.compile(r"""<a\b[^>]*?\shref=["']([^"']*)["']""", re.IGNORECASE)


@dataclass(frozen=True)
class Email:
    """One compiled email of the campaign; `label` tells the emails of a longer sequence apart."""

    compiled: CompiledEmail
    label: str

    @cached_property
    def static_links(self) -> list[str]:
        """The links that are the same for everybody."""
        return [href for href in self.compiled.links if "{{" not in href and "{%" not in href]


def compile_emails(campaign: Campaign, steps: list[Step], findings: Findings) -> list[Email]:
    """Return the emails that compile; note what is missing or broken in them as written."""
    emails: list[Email] = []
    known = known_fields(campaign)
    for number, step in enumerate(steps, start=1):
        label = f"Email {number}: " if len(steps) > 1 else ""
        content = content_of(step)
        if not content["source"].strip():
            findings.add("no_content", "error", f"{label}Choose a template or write the email.", subject=label)
            continue
        try:
            compiled = compile_email(**content)
        except TemplateError as error:
            for problem in error.problems[:10]:
                findings.add("template_error", "error", f"{label}{problem}", subject=f"{label}{problem}", count=1)
            continue
        emails.append(Email(compiled, label))
        _lint(compiled, label, known, findings)
    for email in emails:
        for href in email.static_links:
            note_odd_link(href, email.label, findings)
    return emails


def known_fields(campaign: Campaign) -> set[str]:
    """Return the merge fields that contacts of the workspace have."""
    return {field.key for field in merge_fields(campaign.workspace)}


def _lint(compiled: CompiledEmail, label: str, known: set[str], findings: Findings) -> None:
    for problem in lint_email(compiled, known_fields=known):
        level: Level = "error" if problem.code in BLOCKING else "warning"
        section = "subject" if problem.part in SUBJECT_PARTS else "email"
        code = problem.code.replace("-", "_")
        # One line for ten images without a text, not ten.
        findings.add(
            code, level, f"{label}{problem.message}", subject=f"{label}{problem.message}", section=section, count=1
        )


def inspect_recipient(
    email: Email, contact_id: int, context: Mapping[str, Any], findings: Findings, *, thorough: bool
) -> bool:
    """Render the email for one recipient and note what is wrong; tell whether it could be rendered.

    `thorough` also looks at the links, the subject and the size as they became.
    """
    address = str(context["email"])
    try:
        empty = email.compiled.empty_fields(context)
    except RenderError as error:
        example = {"contact": contact_id, "email": address, "detail": error.message}
        findings.add(
            "render_error",
            "warning",
            f"{email.label}The email can't be filled in for some recipients; they are skipped.",
            subject=email.label,
            count=1,
            example=example,
        )
        return False
    for field in sorted(empty):
        findings.add(
            "empty_field",
            "warning",
            f"{email.label}{{{{ {field} }}}} is empty for some recipients and has no default.",
            subject=f"{email.label}{field}",
            count=1,
            example={"contact": contact_id, "email": address, "detail": ""},
        )
    if thorough:
        _inspect_rendered(email, contact_id, context, findings)
    return True


def _inspect_rendered(email: Email, contact_id: int, context: Mapping[str, Any], findings: Findings) -> None:
    rendered = email.compiled.render(context)
    example = {"contact": contact_id, "email": str(context["email"]), "detail": ""}
    if not rendered.subject and email.compiled.subject.strip():
        message = f"{email.label}The subject comes out empty for some recipients."
        findings.add(
            "subject_empty_for", "error", message, subject=email.label, section="subject", count=1, example=example
        )
    size = len(rendered.html.encode())
    if size > CLIPPED_BYTES and email.compiled.html_size <= CLIPPED_BYTES:
        message = f"{email.label}For some recipients the HTML is over 102 kB; Gmail cuts mail off there."
        findings.add("too_large", "warning", message, subject=f"{email.label}rendered", count=1, example=example)
    for url in sorted({unescape(href) for href in HREF.findall(rendered.html)}.difference(email.static_links)):
        note_odd_link(url, email.label, findings, example={**example, "detail": url})


def note_odd_link(url: str, label: str, findings: Findings, *, example: dict[str, Any] | None = None) -> None:
    """Note a link that goes nowhere."""
    fault = link_fault(url)
    if fault:
        subject = f"{label}{fault}" if example else f"{label}{url}"
        message = f"{label}A link {fault}." if example else f"{label}The link “{url[:120]}” {fault}."
        findings.add("broken_link", "warning", message, subject=subject, count=1, example=example)


def link_fault(url: str) -> str:
    """Return what is wrong with a rendered URL, as the end of a sentence; empty if it looks right."""
    text = url.strip()
    if not text:
        return "is empty"
    if text.startswith(("#", "mailto:", "tel:", "sms:")):
        return ""
    if any(character.isspace() for character in text):
        return "has a space in it"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "can't be read"
    if parts.scheme not in ("http", "https"):
        return "doesn't start with https://" if parts.scheme else "has no https:// in front"
    if not host:
        return "names no site"
    if host != "localhost" and "." not in host and ":" not in host:
        return f"goes to “{host}”, which is no public site"
    return ""


def shared_context(campaign: Campaign, mailbox: Mailbox | None) -> dict[str, Any]:
    """Return the merge fields that don't depend on the contact, as delivery fills them; the links are stand-ins."""
    workspace = campaign.workspace
    return {
        "sender": {"name": mailbox.from_name if mailbox else "", "email": mailbox.from_email if mailbox else ""},
        "workspace": {
            "name": workspace.name,
            "company": workspace.company,
            "address": workspace.postal_address,
            "website": workspace.website,
        },
        "campaign": {"name": campaign.name},
        "unsubscribeUrl": f"{settings.BASE_URL}/u/preview",
        "preferencesUrl": f"{settings.BASE_URL}/p/preview",
        "viewUrl": f"{settings.BASE_URL}/v/preview",
    }

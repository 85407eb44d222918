"""Templates of our own to start from; a workspace copies one only when it uses it."""

from dataclasses import dataclass
from pathlib import Path

from templates_lib.content import Content

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Starter:
    """A template to start from."""

    slug: str
    name: str
    description: str
    content: Content


def _starter(slug: str, *, name: str, description: str, subject: str, preheader: str) -> Starter:
    source = (FOLDER / f"{slug}.mjml").read_text(encoding="utf-8")
    return Starter(slug, name, description, Content("mjml", subject, source, preheader))


STARTERS: dict[str, Starter] = {
    starter.slug: starter
    for starter in (
        _starter(
            "newsletter",
            name="Newsletter",
            description="A lead story, two short ones and a closing note, for mail that comes regularly.",
            subject="{{ workspace.name }}: what we’ve been up to",
            preheader="Three short reads for {{ firstName | default: 'you' }}, five minutes in all.",
        ),
        _starter(
            "announcement",
            name="Product announcement",
            description="One piece of news, three reasons to care and one button.",
            subject="{{ firstName | default: 'Hello' }}, meet the new {{ workspace.name }}",
            preheader="Faster, calmer, and made with what you told us.",
        ),
        _starter(
            "note",
            name="Personal note",
            description="Plain and short, like a mail from one person to another.",
            subject="A quick question, {{ firstName | default: 'if I may' }}",
            preheader="",
        ),
    )
}

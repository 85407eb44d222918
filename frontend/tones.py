"""The colours of states. A tone says how a state feels; the word says what it is, so colour is never the only sign."""

from typing import Literal

Tone = Literal["ok", "info", "warn", "bad", "mute", "purple"]

# The words for states across the product. A word that is missing is shown muted.
TONES: dict[str, Tone] = {
    **dict.fromkeys(("accepted", "active", "delivered", "healthy", "ok", "open", "ready", "running"), "ok"),
    **dict.fromkeys(("sent", "subscribed", "verified", "opened", "clicked", "replied", "connected", "published"), "ok"),
    **dict.fromkeys(("completed", "done", "finished", "processing", "queued", "scheduled", "sending", "info"), "info"),
    **dict.fromkeys(
        (
            "deferred",
            "held",
            "paused",
            "pending",
            "unknown",
            "waiting",
            "warning",
            "warming",
            "unconfirmed",
            "uploaded",
        ),
        "warn",
    ),
    **dict.fromkeys(
        ("bounced", "complained", "error", "failed", "refused", "rejected", "suppressed", "blocked"), "bad"
    ),
    **dict.fromkeys(("testing", "experiment", "review", "awaiting_approval"), "purple"),
    **dict.fromkeys(
        ("archived", "cancelled", "closed", "disabled", "draft", "expired", "skipped", "unsubscribed", "revoked"),
        "mute",
    ),
}
LIVE = frozenset({"running", "sending", "processing"})


def tone_of(state: str) -> Tone:
    """Returns the tone of a state's machine name, e.g. ``running`` → ``ok``."""
    return TONES.get(state, "mute")

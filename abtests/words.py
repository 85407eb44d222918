"""A test's results in plain sentences: what is known, how sure it is, and what happens next and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from abtests.limits import FEWEST_EVENTS
from abtests.maturing import counts_at
from abtests.models import Design, Dimension, Experiment, Metric, Rule, WithoutProof
from abtests.results import ArmResult, Results
from abtests.selectors import NEEDS_SOMEBODY
from frontend.templatetags.formats import number, percent

Tone = Literal["ok", "info", "warn", "bad", "mute"]

# What the people did who responded, what it is called as a share, and one of it.
DID: Final[dict[str, str]] = {
    Metric.CLICK: "clicked",
    Metric.OPEN: "opened",
    Metric.REPLY: "replied",
    Metric.LINK: "clicked on the link",
    Metric.CONVERSION: "converted",
}
RATES: Final[dict[str, str]] = {
    Metric.CLICK: "Click rate",
    Metric.OPEN: "Open rate",
    Metric.REPLY: "Reply rate",
    Metric.LINK: "Click rate of the link",
    Metric.CONVERSION: "Conversion rate",
}
RESPONSES: Final[dict[str, str]] = {
    Metric.CLICK: "click",
    Metric.OPEN: "open",
    Metric.REPLY: "reply",
    Metric.LINK: "click",
    Metric.CONVERSION: "conversion",
}
VERDICTS: Final[dict[str, str]] = {
    "CONTINUE": "Go on",
    "WINNER": "Proven",
    "LEADER_NOT_PROVEN": "Leads, not proven",
    "NO_MEANINGFUL_DIFFERENCE": "No difference that matters",
    "INSUFFICIENT_DATA": "Too few responses",
    "INVALID_SRM": "The split is broken",
    "ALL_BLOCKED": "All did harm",
    "ONLY_SAFE_ARM": "The only one that did no harm",
    "by_hand": "Chosen by hand",
    "bandit": "Everybody has got it",
}
SUBJECTS: Final[dict[str, str]] = {
    Dimension.SUBJECT: "subject",
    Dimension.PREHEADER: "preheader",
    Dimension.CONTENT: "content",
    Dimension.FROM_NAME: "sender's name",
    Dimension.SEND_TIME: "send time",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """What stands on top: the verdict in a sentence, what it rests on, and what happens next (and when, if that is known)."""

    tone: Tone
    icon: str
    title: str
    text: str
    then: str = ""
    at: datetime | None = None


def headline(found: Results, *, rest: int | None) -> Headline:
    """Say what a test has found.  `rest` is how many people wait for its outcome; None where they come one by one."""
    state = found.experiment.state
    if state == Experiment.State.PLANNED:
        return Headline("mute", "clock", "This test has not begun", "It begins when its campaign is launched.")
    if state == Experiment.State.STOPPED:
        text = "Nobody won, and nothing was proven. What it had found until then stays here."
        if found.experiment.outcome == "too_few":
            text = "There were fewer people than versions, so there was nothing to compare."
        return Headline("mute", "player-stop", "This test was stopped", text, _goes_on(found.arms[0], rest))
    if state == Experiment.State.DECIDED:
        return _decided(found, rest)
    if state == Experiment.State.PAUSED:
        text = _so_far(found) or "Nobody's time was over yet when it was paused."
        then = "No more parts go out and nothing is decided until you resume it. Whoever comes by gets A, uncounted."
        return Headline("warn", "player-pause", "This test is paused", text, then)
    if found.is_bandit:
        return _optimising(found)
    return _running(found)


def points(share: float | None) -> str:
    """Return a difference of rates in percentage points: 0.021 as ``2.1 points``."""
    if share is None:
        return "—"
    amount = f"{abs(share) * 100:.{1 if abs(share) >= 0.0005 or abs(share) < 0.00005 else 2}f}"
    return f"{'−' if share < 0 and float(amount) else ''}{amount} {'point' if amount == '1.0' else 'points'}"


def hours(amount: int) -> str:
    """Return hours as people say them: ``24 hours``, ``1 hour``, ``3 days``."""
    if amount > 24 and amount % 24 == 0:
        return f"{amount // 24} days"
    return "1 hour" if amount == 1 else f"{amount} hours"


def chance_sentence(found: Results) -> str:
    """Say how likely the leader is the best, and what it costs if it isn't."""
    leader = found.leader
    if leader is None or leader.chance is None:
        return ""
    loss = (
        f"If it isn't and you send it all the same, you lose {points(leader.loss)} on average." if leader.loss else ""
    )
    return f"The chance that {leader.letter} is really the best is {sure(leader.chance)}. {loss}".strip()


def rates_sentence(found: Results) -> str:
    """Say how many responded to the leader, and to the next one."""
    leader, other = found.leader, found.runner_up
    if leader is None:
        return ""
    did = DID[found.experiment.metric]
    own = f"{percent(leader.rate)} of those who got {leader.letter} {did}"
    return f"{own}, against {percent(other.rate)} of those who got {other.letter}." if other else f"{own}."


def split_sentence(found: Results) -> tuple[bool | None, str]:
    """Tell whether the versions got the numbers they should have got (None: not known), and say so."""
    if found.is_bandit:
        return None, "The parts are split unequally on purpose here, so there is nothing to check."
    p = found.sample_ratio_p
    if p is None or not found.sent:
        return None, "Checked as soon as the first part has left."
    if p < 0.001:
        return False, f"The versions got different numbers of people than they should have ({p_is(p)})."
    return True, f"The versions got the numbers of people they should have got ({p_is(p)})."


def interaction_sentence(found: Results) -> str:
    """Say whether the things that are tested at once depend on each other."""
    p = found.interaction_p
    if p is None:
        return "Whether they depend on each other can’t be told yet."
    if p < 0.05:
        return f"They depend on each other ({p_is(p)}): look at the combinations rather than at these averages."
    return f"There is no sign that they depend on each other ({p_is(p)})."


def harmful_sentence(found: Results) -> str:
    """Name the versions that did harm; empty where none did."""
    return " and ".join(arm.letter for arm in found.arms if arm.is_blocked)


def p_is(p: float) -> str:
    """Return what p is: ``p = 0.42``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p_value(p)}"


def p_value(p: float) -> str:
    """Return a p as it is written: two digits, or below what matters."""
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.095 else f"{p:.3f}"


def sure(chance: float) -> str:
    """Return a chance without false precision."""
    if chance < 0.001:
        return "less than 0.1%"
    if chance > 0.999:
        return "more than 99.9%"
    return percent(chance, 0) if chance < 0.99 else percent(chance)


def _so_far(found: Results) -> str:
    if not found.counted:
        return ""
    if found.leader is None:
        return f"None of the {number(found.counted)} people who count so far has {DID[found.experiment.metric]}."
    return rates_sentence(found)


def _running(found: Results) -> Headline:
    experiment = found.experiment
    then, at = _next_look(found)
    then = then if at else f"{then.rstrip(':')}."
    if not found.counted:
        window = hours(experiment.window_hours)
        text = f"A person counts once {window} have passed since their own email left, and nobody's have yet."
        if experiment.window_hours == 1:
            text = "A person counts once an hour has passed since their own email left, and nobody's has yet."
        return Headline("info", "hourglass", "Too early to say", text, then, at)
    leader, other = found.leader, found.runner_up
    if leader is None or other is None:
        return Headline("info", "hourglass", "Too early to say", _so_far(found), then, at)
    if leader.counted.responded + other.counted.responded < FEWEST_EVENTS:
        few = f"The two best versions have fewer than {FEWEST_EVENTS} {RESPONSES[experiment.metric]}s together: that can't prove anything."
        return Headline("info", "hourglass", "Too early to say", f"{few} {rates_sentence(found)}", then, at)
    title = f"Not proven yet: {leader.letter} leads" if leader.lead else "Not proven yet: no version leads"
    last = found.last_look
    chance = "Chance alone could still make such a lead."
    if last is None:
        chance = "The first look has not been taken."
    return Headline("info", "hourglass", title, f"{rates_sentence(found)} {chance}", then, at)


def _next_look(found: Results) -> tuple[str, datetime | None]:
    """Say when the test is looked at next, and what then happens at the latest."""
    experiment = found.experiment
    if experiment.design == Design.SEND_TIME or experiment.rule == Rule.FIXED or not experiment.spacing_minutes:
        return "It is decided once, when everybody's time is over:", experiment.deadline_at or experiment.look_at
    upcoming = [
        counts_at(part.released_at or part.release_at, window=timedelta(hours=experiment.window_hours))
        for part in found.parts
        if part.matured_at is None
    ]
    at = min((moment for moment in upcoming if moment > found.at), default=experiment.look_at)
    if experiment.design == Design.CONTINUOUS:
        return "It is looked at as people come by. Next look:", experiment.look_at
    return "Next look, when the time of the next part is over:", at


def _optimising(found: Results) -> Headline:
    leader = found.leader
    drawn = [part.weights for part in found.parts if part.weights]
    text = "Each part goes in larger share to what has worked so far. That finds more responses and proves nothing."
    if found.looks:
        text = f"The test proved nothing, so what you chose for that case began. {text}"
    if leader is None or not drawn:
        return Headline(
            "info",
            "trending-up",
            "More of what works",
            f"{text} All versions still get equal parts: too few have responded.",
        )
    share = drawn[-1][found.arms.index(leader)]
    return Headline(
        "info",
        "trending-up",
        f"{leader.letter} works best so far",
        f"{text} {leader.letter} now gets {percent(share, 0)} of each part.",
    )


def _decided(found: Results, rest: int | None) -> Headline:
    experiment, winner = found.experiment, found.winner
    then = _goes_on(winner, rest) if winner else _without_winner(experiment)
    if experiment.outcome == "bandit":
        then = "Whoever still comes by gets the versions in equal parts, uncounted." if rest is None else ""
    say = _SAID.get(experiment.outcome, _not_proven)
    tone, icon, title, text = say(found)
    return Headline(tone, icon, title, text, then)


type Said = tuple[Tone, str, str, str]


def _by_hand(found: Results) -> Said:
    winner, by = found.winner, found.experiment.decided_by
    who = (by.get_full_name() or by.email) if by else "Somebody"
    letter = winner.letter if winner else "A version"
    text = f"{who} chose it. That is a decision, not a proof. {rates_sentence(found)}"
    return "info", "user-check", f"{letter} was chosen by hand", text.strip()


def _optimised(found: Results) -> Said:
    leader = found.leader
    title = f"{leader.letter} worked best, which proves nothing" if leader else "Everybody has got a version"
    text = f"Each part went in larger share to what had worked so far. {rates_sentence(found)}"
    return "info", "trending-up", title, text.strip()


def _won(found: Results) -> Said:
    leader = found.winner or found.leader
    if leader is None:
        return "ok", "circle-check", "Proven (95%)", ""
    did = DID[found.experiment.metric]
    other = max((arm for arm in found.arms if arm is not leader), key=lambda arm: arm.rate or 0.0, default=None)
    text = f"{percent(leader.rate)} of those who got {leader.letter} {did}"
    if other is not None:
        text += f", against {percent(other.rate)} for {other.letter}"
        if leader.gap is not None and leader.gap.low > 0:
            text += f": between {leader.gap.low * 100:.1f} and {points(leader.gap.high)} more"
    best = "better" if len(found.arms) == 2 else "the best"
    return "ok", "circle-check", f"{leader.letter} is {best}, proven (95%)", f"{text}."


def _not_proven(found: Results) -> Said:
    leader = found.leader
    title = f"{leader.letter} leads, but it is not proven" if leader else "Nothing is proven"
    return (
        "warn",
        "alert-triangle",
        title,
        f"{rates_sentence(found)} Chance alone could have done that. {chance_sentence(found)}".strip(),
    )


def _no_difference(found: Results) -> Said:
    lead = points(found.experiment.lead)
    text = (
        f"Whichever is better, it is by less than {lead}, which is what you said would matter. {rates_sentence(found)}"
    )
    return "info", "circle-dashed", "No difference that matters", text.strip()


def _too_few(found: Results) -> Said:
    one = RESPONSES[found.experiment.metric]
    text = f"The two best versions have fewer than {FEWEST_EVENTS} {one}s together. {rates_sentence(found)}"
    return "warn", "alert-triangle", "Too few responses to tell", text.strip()


def _broken(_: Results) -> Said:
    text = (
        "The versions did not get the numbers of people they should have got, and chance does that once in a thousand tests. "
        "Something treats them differently, a filter or a mailbox for example, so nothing can be concluded from their rates."
    )
    return "bad", "alert-triangle", "These numbers can’t be trusted", text


def _all_blocked(_: Results) -> Said:
    text = "Too many people complained about each version, or left because of it. None of them goes on by itself."
    return "bad", "ban", "Every version did harm", text


def _only_safe(found: Results) -> Said:
    winner = found.winner
    letter = winner.letter if winner else "One version"
    text = "The others made people complain or unsubscribe. That is about harm; which one works best was not proven."
    return "warn", "shield-check", f"{letter} is the only version that did no harm", text


_SAID: Final[dict[str, Callable[[Results], Said]]] = {
    "by_hand": _by_hand,
    "bandit": _optimised,
    "WINNER": _won,
    "LEADER_NOT_PROVEN": _not_proven,
    "NO_MEANINGFUL_DIFFERENCE": _no_difference,
    "INSUFFICIENT_DATA": _too_few,
    "INVALID_SRM": _broken,
    "ALL_BLOCKED": _all_blocked,
    "ONLY_SAFE_ARM": _only_safe,
}


def _goes_on(arm: ArmResult, rest: int | None) -> str:
    if rest is None:
        return f"Everybody who comes by from now on gets {arm.letter}."
    return (
        f"{arm.letter} goes to the other {people(rest)}."
        if rest
        else "Everybody had got the test, so nobody is left to send it to."
    )


def people(count: int) -> str:
    """Return how many people: ``1 person``, ``12,480 people``."""
    return "1 person" if count == 1 else f"{number(count)} people"


def _without_winner(experiment: Experiment) -> str:
    if experiment.outcome not in NEEDS_SOMEBODY:
        if experiment.without_proof == WithoutProof.EQUAL:
            return "As you chose beforehand, everybody else gets the versions in equal parts. They don't count."
        if experiment.without_proof == WithoutProof.BANDIT:
            return "As you chose beforehand, everybody else gets more of what works, batch by batch."
    return "Everybody else waits until somebody chooses what they get."

"""Sound documents, drawn by hypothesis: nothing unreachable, every loop with a wait."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.factories.sequences import SOURCE

DEEPEST = 3
# A step or two more may come to end lanes; the product's own limit is 50.
MOST_STEPS = 30

events = st.sampled_from(["seen", "bought"])
waits = st.integers(1, 8).map(lambda units: units * timedelta(minutes=7))


class Writer:
    """Draws a sound document: nothing unreachable, every loop with a wait, engagement asked of emails sent before."""

    def __init__(self, draw, list_id):
        self.draw, self.list_id = draw, list_id
        self.keys: list[str] = []

    def step(self, kind, **settings):
        key = f"s{len(self.keys)}"
        self.keys.append(key)
        return {"key": key, "kind": kind, **settings}

    def email(self):
        step = self.step("email", source=SOURCE)
        return {**step, "subject": f"Mail {step['key']}"}

    def document(self):
        steps, _ = self.lane(0, [], may_end=False)
        return [*steps, {**self.email(), "key": "last", "subject": "Last"}]

    def lane(self, depth, emails, *, may_end):
        """Return steps, and the emails that whoever leaves the lane may have been sent."""
        steps: list[dict[str, Any]] = []
        emails = list(emails)
        kinds = ["email", "email", "wait", "wait", "until", "action", "goal_event", "branch", "split", "wait_for"]
        for _ in range(self.draw(st.integers(0, 3))):
            if len(self.keys) >= MOST_STEPS:
                return steps, emails
            kind = self.draw(st.sampled_from(kinds[: 7 if depth >= DEEPEST else 10]))
            step = getattr(self, kind)(depth, emails) if kind != "email" else self.email()
            if kind == "email":
                emails.append(step["key"])
            steps.append(step)
        if may_end and len(self.keys) < MOST_STEPS:
            match self.draw(st.sampled_from(["", "", "", "exit", "goal", "skip", "back"])):
                case "exit" | "goal" as end:
                    return [*steps, self.step(end)], []
                case "skip":
                    return [*steps, self.step("jump", to="last")], []
                case "back":
                    target = self.draw(st.sampled_from(self.keys))
                    return [*steps, self.step("wait", wait=self.draw(waits)), self.step("jump", to=target)], []
        return steps, emails

    def wait(self, depth, emails):
        return self.step("wait", wait=self.draw(waits))

    def until(self, depth, emails):
        hour, minute = self.draw(st.integers(8, 16)), self.draw(st.sampled_from([0, 20, 45]))
        days = self.draw(st.sampled_from([[0], [1], [0, 3]]))
        return self.step("wait", until={"weekdays": days, "time": f"{hour:02}:{minute:02}"})

    def action(self, depth, emails):
        if self.draw(st.booleans()):
            return self.step("action", do="set_field", field="plan", value=self.draw(st.sampled_from(["pro", "free"])))
        return self.step(
            "action", do=self.draw(st.sampled_from(["add_to_list", "remove_from_list"])), list=self.list_id
        )

    def goal_event(self, depth, emails):
        return self.step("goal", event=self.draw(st.sampled_from(["paid", "rare", "rare"])))

    def wait_for(self, depth, emails):
        step = self.step("wait_for", event=self.draw(events), timeout=self.draw(waits))
        return {**step, "lanes": self.lanes(depth, emails, ["happened", "timeout"])}

    def branch(self, depth, emails):
        on = self.draw(st.sampled_from(["list", "field", "event", *["engagement"] * 2]))
        if on == "engagement" and emails:
            settings = {"step": self.draw(st.sampled_from(emails)), "window": self.draw(waits)}
            outcomes = ["yes", "no", "undelivered"]
        elif on == "event":
            settings = {
                "event": self.draw(events),
                "at_least": self.draw(st.integers(1, 2)),
                "within": self.draw(waits),
            }
            outcomes = ["yes", "no"]
        elif on == "field":
            settings, outcomes = {"field": "custom.plan", "operator": "is", "value": "pro"}, ["yes", "no"]
        else:
            on, settings, outcomes = "list", {"list": self.list_id}, ["yes", "no"]
        step = self.step("branch", on=on, **settings)
        return {**step, "lanes": self.lanes(depth, emails, outcomes)}

    def split(self, depth, emails):
        step = self.step("split", split_key=self.draw(st.sampled_from("uvw")), shares={"a": 40, "b": 35, "c": 25})
        return {**step, "lanes": self.lanes(depth, emails, ["a", "b", "c"])}

    def lanes(self, depth, emails, outcomes):
        """Write the lanes; the first never ends, so that what follows can be reached."""
        before, lanes = list(emails), {}
        for number, outcome in enumerate(outcomes):
            lanes[outcome], seen = self.lane(depth + 1, before, may_end=number > 0)
            emails += [key for key in seen if key not in emails]
        return lanes

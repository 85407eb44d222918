"""The builder's form: a tree of fields in, a definition out, and back.

Every node has a path ("r" is the root, "r.1" its second child); a hidden input `node` names each in the order of the page, and
its parts are named by the path: `r.match`, `r.0.field`, `r.0.operator`, `r.0.value`, `r.0.days`. Buttons send `action`, as in
"add-condition:r.1". The server owns the tree: each gesture is one POST of the whole form.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.http import QueryDict

from contacts.segments.definition import MATCHES, MAX_CONDITIONS, MAX_DEPTH, Definition
from contacts.segments.subjects import Option, Subject, ValueKind

ROOT = "r"
FIRST_SUBJECT = "first_name"


@dataclasses.dataclass(slots=True)
class Node:
    """A group or a condition as the page shows it."""

    path: str
    is_group: bool
    match: str = "all"
    children: list["Node"] = dataclasses.field(default_factory=list)
    subject: Subject | None = None
    field: str = ""
    operator: str = ""
    takes: str = ""
    value: Any = ""
    days: Any = ""
    errors: list[str] = dataclasses.field(default_factory=list)
    is_new: bool = False

    @property
    def anchor(self) -> str:
        """The path as an id."""
        return self.path.replace(".", "-")

    @property
    def can_nest(self) -> bool:
        """Whether another group fits inside."""
        return self.path.count(".") + 1 < MAX_DEPTH

    @property
    def number(self) -> int:
        """The place among its siblings, counted from 1."""
        return int(self.path.rpartition(".")[2]) + 1 if self.path != ROOT else 1

    @property
    def values(self) -> list[str]:
        """The chosen values as text."""
        chosen = self.value if isinstance(self.value, list) else [self.value]
        return [str(each) for each in chosen]

    @property
    def matches(self) -> Iterable[tuple[str, str]]:
        """What a group can ask for."""
        return MATCHES.items()


def read_definition(data: QueryDict) -> Definition:
    """Return the (unchecked) definition that the form holds."""
    root: Definition = {"match": data.get(f"{ROOT}.match", "all"), "conditions": []}
    groups: dict[str, Definition] = {ROOT: root}
    for path in data.getlist("node")[: MAX_CONDITIONS * 3]:
        parent = groups.get(path.rpartition(".")[0])
        if parent is None:
            continue
        if f"{path}.match" in data:
            node: Definition = {"match": data[f"{path}.match"], "conditions": []}
            groups[path] = node
        else:
            node = {"field": data.get(f"{path}.field", ""), "operator": data.get(f"{path}.operator", "")}
            values = data.getlist(f"{path}.value")
            if f"{path}.days" in data:
                node["value"] = {"option": values[0] if values else "", "days": data[f"{path}.days"]}
            elif values:
                node["value"] = values if len(values) > 1 else values[0]
        parent["conditions"].append(node)
    return root


def apply_action(definition: Definition, action: str, subjects: Mapping[str, Subject]) -> str:
    """Do what a button asks, in place; return the path of what is new, "" if nothing is.  Unknown actions change nothing."""
    verb, _, path = action.partition(":")
    steps = [int(step) for step in path.split(".")[1:] if step.isdigit()]
    try:
        if verb == "remove" and steps:
            del _walk(definition, steps[:-1])["conditions"][steps[-1]]
            return ""
        if verb not in {"add-condition", "add-group"}:
            return ""
        conditions = _walk(definition, steps)["conditions"]
    except (IndexError, KeyError):
        return ""
    first = subjects.get(FIRST_SUBJECT) or next(iter(subjects.values()))
    condition = {"field": first.key, "operator": first.operators[0].key}
    conditions.append({"match": "any", "conditions": [condition]} if verb == "add-group" else condition)
    added = f"{path}.{len(conditions) - 1}"
    return f"{added}.0" if verb == "add-group" else added


def _walk(definition: Definition, steps: Sequence[int]) -> Definition:
    node = definition
    for step in steps:
        node = node["conditions"][step]
    return node


def build_tree(
    definition: Mapping[str, Any],
    subjects: Mapping[str, Subject],
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    new: str = "",
) -> Node:
    """Return the nodes to draw; `errors` are those of `check_definition`, `new` is the path that takes the focus."""
    return _group(definition, subjects, ROOT, "", errors or {}, new)


def _group(
    node: Mapping[str, Any],
    subjects: Mapping[str, Subject],
    path: str,
    where: str,
    errors: Mapping[str, Sequence[str]],
    new: str,
) -> Node:
    group = Node(path, is_group=True, match=str(node.get("match", "all")))
    group.errors = _errors_at(where, errors, ("match", "conditions"))
    for index, child in enumerate(node.get("conditions", [])):
        inner = f"{where}.conditions.{index}" if where else f"conditions.{index}"
        draw = _group if "conditions" in child else _condition
        group.children.append(draw(child, subjects, f"{path}.{index}", inner, errors, new))
    return group


def _condition(
    node: Mapping[str, Any],
    subjects: Mapping[str, Subject],
    path: str,
    where: str,
    errors: Mapping[str, Sequence[str]],
    new: str,
) -> Node:
    shown = Node(
        path, is_group=False, field=str(node.get("field", "")), value=node.get("value", ""), is_new=path == new
    )
    shown.errors = _errors_at(where, errors, ("field", "operator", "value"))
    shown.subject = subjects.get(shown.field)
    if shown.subject is not None:
        operator = shown.subject.operator(node.get("operator")) or shown.subject.operators[0]
        shown.operator, shown.takes = operator.key, operator.takes.value
        if operator.takes in {ValueKind.ONE, ValueKind.SEVERAL}:
            if isinstance(shown.value, dict):
                shown.value = shown.value.get("option", "")
            known = {str(option.value) for option in shown.subject.options}
            shown.value = [value for value in shown.values if value in known]
        elif operator.takes is ValueKind.ONE_WITHIN:
            given = shown.value if isinstance(shown.value, dict) else {"option": shown.value}
            known = {str(option.value) for option in shown.subject.options}
            option = str(given.get("option", ""))
            shown.value, shown.days = option if option in known else "", given.get("days", "")
        elif isinstance(shown.value, list | dict):
            shown.value = ""
    return shown


def _errors_at(where: str, errors: Mapping[str, Sequence[str]], parts: Sequence[str]) -> list[str]:
    paths = [where, *(f"{where}.{part}" if where else part for part in parts)]
    return [message for path in paths for message in errors.get(path, [])]


def grouped_subjects(subjects: Mapping[str, Subject]) -> list[tuple[str, list[Option]]]:
    """Return the menu of subjects, group by group."""
    return [
        (group, [Option(subject.key, subject.label) for subject in members])
        for group, members in groupby(subjects.values(), key=lambda subject: subject.group)
    ]


def settle(definition: Definition, subjects: Mapping[str, Subject]) -> Definition:
    """Return the definition with an operator for every condition: one that its subject doesn't have gives way to the first.

    So a change of the subject in the builder never leaves a condition that can't be asked. A typed value is kept.
    """
    if "conditions" in definition:
        return {**definition, "conditions": [settle(child, subjects) for child in definition["conditions"]]}
    subject = subjects.get(definition.get("field", ""))
    if subject is None or subject.operator(definition.get("operator")):
        return definition
    return {**definition, "operator": subject.operators[0].key}

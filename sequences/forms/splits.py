"""The form of a random split: up to ten lanes whose percents make 100."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from sequences.forms.around import Around
from sequences.forms.base import StepForm
from sequences.kinds.splits import MOST_LANES, PERCENT
from sequences.models import Step, StepKind

NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


class SplitForm(StepForm):
    slug, kind, label, icon, group = "split", StepKind.SPLIT, "Random split", "switch-horizontal", "Decide"
    hint = "By chance, in percents that you choose"
    starts_with = {"shares": {"a": 50, "b": 50}}
    manages = ("shares",)
    optional = ("split_key",)
    template = "sequences/forms/split.html"

    split_key = forms.CharField(
        label="Split key",
        max_length=60,
        required=False,
        help_text="Splits with the same key send a contact the same way. Empty: this split decides alone.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, step: Step, around: Around, **kwargs: Any) -> None:
        super().__init__(data, step=step, around=around, **kwargs)
        shares = list(self.before.get("shares", {}).items())
        for row in range(MOST_LANES):
            name, share = shares[row] if row < len(shares) else ("", None)
            self.fields[f"was_{row}"] = forms.CharField(required=False, widget=forms.HiddenInput, initial=name)
            self.fields[f"name_{row}"] = forms.CharField(
                label=f"Name of lane {row + 1}", max_length=20, required=False, initial=name.replace("_", " ")
            )
            self.fields[f"share_{row}"] = forms.IntegerField(
                label=f"Percent of lane {row + 1}", min_value=1, max_value=PERCENT - 1, required=False, initial=share,
                widget=forms.NumberInput({"data-share": "", "inputmode": "numeric"}),
            )  # fmt: skip

    @classmethod
    def title(cls, step: Step, around: Around) -> str:
        shares = cls.settings_of(step).get("shares", {})
        return "Split " + " / ".join(str(share) for share in shares.values()) if shares else "Random split"

    @property
    def rows(self) -> Iterator[tuple[BoundField, BoundField, BoundField, bool]]:
        """The lanes as fields (the name before, name, percent), and whether the lane is in use."""
        for row in range(MOST_LANES):
            name, share = self[f"name_{row}"], self[f"share_{row}"]
            yield self[f"was_{row}"], name, share, bool(name.value() or share.value())

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        shares: dict[str, int] = {}
        self._names: dict[str, str] = {}
        for row in range(MOST_LANES):
            name, share, was = found.get(f"name_{row}") or "", found.get(f"share_{row}"), found.get(f"was_{row}")
            if not name and share is None:
                continue
            key = NOT_IN_A_NAME.sub("_", name.strip().lower()).strip("_")
            if not key:
                self.add_error(f"name_{row}", "Give the lane a name of letters and digits.")
            elif key in shares:
                self.add_error(f"name_{row}", "Another lane has this name.")
            elif share is None and f"share_{row}" not in self.errors:
                self.add_error(f"share_{row}", "How many percent?")
            else:
                shares[key] = share or 0
                if was and was != key:
                    self._names[was] = key
        if not self.errors:
            if len(shares) < 2:
                self.add_error(None, "A split has at least two lanes.")
            elif (total := sum(shares.values())) != PERCENT:
                self.add_error(None, f"The percents make {total}, not 100.")
        found["shares"] = shares
        return found

    def read(self) -> dict[str, Any]:
        key = self.cleaned_data.get("split_key")
        return {"shares": self.cleaned_data["shares"]} | ({"split_key": key} if key else {})

    def lane_names(self) -> dict[str, str]:
        return self._names

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WORDS = {"error": "Error", "warning": "Warning", "info": "Note"}


def findings_list(findings: list[dict[str, Any]]) -> SafeString:
    """Return the findings of a check as a list, with examples of contacts."""
    if not findings:
        return format_html("{}", "No findings.")
    rows = [
        (
            WORDS[finding["level"]],
            finding["message"],
            f" {finding['count']}×" if finding["count"] > 1 else "",
            _examples(finding["examples"]),
        )
        for finding in findings
    ]
    items = format_html_join("", "<li><strong>{}:</strong> {}{}{}</li>", rows)
    return format_html("<ul class='findings'>{}</ul>", items)


def _examples(examples: list[dict[str, Any]]) -> SafeString | str:
    if not examples:
        return ""
    shown = ", ".join(f"{row['email']} ({row['detail']})" if row["detail"] else row["email"] for row in examples)
    return format_html("<div class='help'>For example {}</div>", shown)

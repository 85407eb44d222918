"""Checks that block tags are closed in the order in which they were opened."""

from collections.abc import Iterator

from templates_lib.rendering.scanner import Span

_BLOCKS = frozenset({"if", "unless", "for", "case", "tablerow", "capture", "ifchanged"})
_MIDDLES = {
    "else": frozenset({"if", "unless", "for", "case"}),
    "elsif": frozenset({"if", "unless"}),
    "when": frozenset({"case"}),
}


def unbalanced(spans: list[Span]) -> Iterator[tuple[int, str]]:
    """Yield the offset and the fault of each block tag that doesn't match; python-liquid only says "end of file"."""
    stack: list[Span] = []
    for span in spans:
        if span.kind != "tag":
            continue
        if span.name in _BLOCKS:
            stack.append(span)
        elif span.name in _MIDDLES:
            if not stack or stack[-1].name not in _MIDDLES[span.name]:
                yield span.start, f"{{% {span.name} %}} stands outside its block."
        elif span.name.startswith("end") and span.name[3:] in _BLOCKS:
            if stack and stack[-1].name == span.name[3:]:
                stack.pop()
            else:
                yield span.start, _stray(span, stack)
                return
    for span in stack:
        yield span.start, f"{{% {span.name} %}} is never closed by {{% end{span.name} %}}."


def _stray(span: Span, stack: list[Span]) -> str:
    if stack:
        return f"{{% {span.name} %}} stands where {{% end{stack[-1].name} %}} is expected."
    return f"{{% {span.name} %}} closes nothing: there is no open {{% {span.name[3:]} %}}."

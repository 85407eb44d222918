"""The Liquid of subjects and preheaders: what keeps a line from being sent."""

from functools import lru_cache

from templates_lib.rendering import TemplateError, compile_email


def line_faults(*, subject: str = "", preheader: str = "") -> dict[str, list[str]]:
    """Return what is wrong with each line, as sentences that name the column; empty when both can be sent."""
    return {name: list(sentences) for name, sentences in _faults(subject, preheader)}


@lru_cache(maxsize=512)
def _faults(subject: str, preheader: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    try:
        compile_email(format="text", subject=subject, preheader=preheader, source="-")
    except TemplateError as error:
        found: dict[str, list[str]] = {}
        for problem in error.problems:
            where = f"Line {problem.line}, column" if problem.line > 1 else "Column"
            found.setdefault(problem.part, []).append(f"{where} {problem.column}: {problem.message}")
        return tuple((part, tuple(sentences)) for part, sentences in found.items())
    return ()

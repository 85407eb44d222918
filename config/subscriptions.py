"""Every event and every handler on one page.

`on_decision` handlers run in the transaction that announces; `on_fact` handlers run afterwards, in their own.
"""


def subscribe() -> None:
    """Wire the apps together; called once when Django is ready."""

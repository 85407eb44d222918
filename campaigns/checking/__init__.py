"""The pre-flight check's parts: what was found, and who looks for it."""

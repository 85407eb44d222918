"""Telling others what happened: how a request is signed, and how it is made without harm to anybody."""

"""Sending domains: what the DNS says of them, and which keys sign for them."""

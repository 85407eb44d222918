"""A workspace that looks lived in, made through the same services as real ones."""

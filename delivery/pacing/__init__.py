"""How fast and when mail may leave: limits, warm-up, windows and what learns from servers.

Pure planning and the pacing buckets in Redis; the facts are in PostgreSQL.
"""

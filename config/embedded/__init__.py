"""PostgreSQL and Valkey run from the programs inside their Python wheels; nothing to install on the machine."""

"""The embedded PostgreSQL's settings."""

from config.embedded.machine import memory_bytes

_MB = 1 << 20


def postgres_settings(*, socket_folder: str, durable: bool) -> str:
    """Return the text of postgresql.conf.

    Sizes follow the machine's memory: an eighth for shared buffers (128 MB to 1 GB), so that a laptop or a small server
    keeps room for the workers. With `durable` off a crash of the machine loses the cluster: for throw-away data alone.
    """
    memory = memory_bytes()
    shared_buffers = min(max(memory // 8, 128 * _MB), 1024 * _MB) if durable else 128 * _MB
    settings: dict[str, object] = {
        "listen_addresses": "",
        "port": 5432,
        "unix_socket_directories": socket_folder,
        "unix_socket_permissions": "0700",
        "max_connections": 100,
        "shared_buffers": _megabytes(shared_buffers),
        "effective_cache_size": _megabytes(memory // 2),
        "work_mem": _megabytes(min(max(memory // 512, 4 * _MB), 32 * _MB)),
        "maintenance_work_mem": _megabytes(min(max(memory // 32, 64 * _MB), 512 * _MB)),
        "synchronous_commit": "on",
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "4GB" if durable else "1GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": 1.1,
        # Compiling a plan costs more than it saves on queries of milliseconds.
        "jit": "off",
        # The ledger is updated in place: dead rows have to go before they push live ones apart.
        "autovacuum_naptime": "15s",
        "autovacuum_vacuum_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.02,
        "autovacuum_vacuum_cost_limit": 2000,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "iso, ymd",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
        "log_min_duration_statement": "1s",
        "log_lock_waits": "on",
    }
    if not durable:
        settings |= {
            "fsync": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "log_min_duration_statement": -1,
        }
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "# Written anew at each start.\n" + "\n".join(lines) + "\n"


def _megabytes(size: int) -> str:
    return f"{size // _MB}MB"


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"

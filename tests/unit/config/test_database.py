"""Database URLs turned into Django's settings."""

import pytest

from config.database import database_settings


def test_every_part_of_a_url_arrives() -> None:
    settings = database_settings("postgresql://us%40er:p%2Fw@db.example.com:5433/drum%20beat?sslmode=require")
    assert settings["USER"] == "us@er"
    assert settings["PASSWORD"] == "p/w"
    assert settings["HOST"] == "db.example.com"
    assert settings["PORT"] == "5433"
    assert settings["NAME"] == "drum beat"
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_a_socket_folder_is_a_host() -> None:
    settings = database_settings("postgresql://drumbeat@/drumbeat?host=%2Frun%2Fpostgres")
    assert settings["HOST"] == "/run/postgres"
    assert settings["PORT"] == ""
    assert "host" not in settings["OPTIONS"]


def test_a_lost_network_fails_a_connection_in_bounded_time() -> None:
    assert database_settings("postgres://localhost/a")["OPTIONS"]["connect_timeout"] == 10
    assert database_settings("postgres://localhost/a?connect_timeout=3")["OPTIONS"]["connect_timeout"] == "3"


@pytest.mark.parametrize(
    "url", ["", "drumbeat", "sqlite:///x", "postgres://h", "postgres://h/", "postgres://h/a/b", "postgres://[/a"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) "):
        database_settings(url)

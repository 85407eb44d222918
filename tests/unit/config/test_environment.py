"""Settings from the environment: typed values, and one sentence for each fault."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.environment import ConfigurationError, Environment, load_environment

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
REAL = {
    "DATABASE_URL": "postgresql://drumbeat:secret@db.example.com/drumbeat",
    "REDIS_URL": "redis://cache.example.com/0",
    "SECRET_KEY": "s" * 50,
    "ENCRYPTION_KEYS": KEY,
}


def load(root: Path, **values: str) -> Environment:
    return load_environment({**REAL, **values}, root)


def test_nothing_set_means_embedded_services_and_secrets_of_its_own(tmp_path: Path) -> None:
    environment = load_environment({}, tmp_path)
    assert environment.embedded_database
    assert environment.embedded_redis
    assert environment.database_url.startswith("postgresql://drumbeat@/drumbeat?host=/")
    assert environment.redis_url.startswith("unix:///")
    assert environment.base_url == "http://localhost:8000"
    assert environment.tracking_url == "http://localhost:8001"
    assert environment.email_sandbox == ("127.0.0.1", 8002)
    assert environment.sandbox_inbox
    assert environment.demo


def test_the_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = load_environment({}, tmp_path), load_environment({}, tmp_path)
    assert first.secret_key == second.secret_key
    assert first.encryption_keys == second.encryption_keys
    assert stat.S_IMODE((tmp_path / "var" / "secrets.env").stat().st_mode) == 0o600


def test_a_given_secret_wins_over_the_kept_one(tmp_path: Path) -> None:
    load_environment({}, tmp_path)
    assert load_environment({"SECRET_KEY": "g" * 40}, tmp_path).secret_key == "g" * 40


def test_real_servers_get_no_secrets_made_up_for_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^SECRET_KEY is missing: "):
        load_environment({name: REAL[name] for name in ("DATABASE_URL", "REDIS_URL")}, tmp_path)
    assert not (tmp_path / "var").exists()


def test_real_servers_send_real_mail_and_load_no_demo_unless_told(tmp_path: Path) -> None:
    assert load(tmp_path).email_sandbox is None
    assert not load(tmp_path).demo
    assert load(tmp_path, EMAIL_SANDBOX="on").email_sandbox == ("127.0.0.1", 8002)
    assert load(tmp_path, DEMO="on").demo


def test_mail_can_go_to_a_sandbox_elsewhere(tmp_path: Path) -> None:
    environment = load(tmp_path, EMAIL_SANDBOX="[::1]:1025")
    assert environment.email_sandbox == ("::1", 1025)
    assert not environment.sandbox_inbox


def test_the_other_ports_follow_the_web_port(tmp_path: Path) -> None:
    environment = load(tmp_path, PORT="9000")
    assert (environment.port, environment.tracking_port) == (9000, 9001)
    assert (environment.sandbox_port, environment.sandbox_web_port) == (9002, 9003)
    assert environment.tracking_url == "http://localhost:9001"


def test_hosts_follow_the_urls(tmp_path: Path) -> None:
    environment = load(tmp_path, BASE_URL="https://mail.example.com/", TRACKING_URL="https://t.example.com")
    assert environment.base_url == "https://mail.example.com"
    assert {"mail.example.com", "t.example.com", "localhost"} <= set(environment.allowed_hosts)
    assert load(tmp_path, ALLOWED_HOSTS="a.example.com, b.example.com").allowed_hosts == (
        "a.example.com",
        "b.example.com",
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ours\nexport PORT=9000\nLOG_LEVEL='debug'  # loud\n")
    assert load(tmp_path).port == 9000
    assert load(tmp_path).log_level == "DEBUG"
    assert load(tmp_path, PORT="9500").port == 9500


def test_another_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9000\n")
    assert load(tmp_path, ENV_FILE="/dev/null").port == 8000


def test_an_empty_value_is_an_absent_one(tmp_path: Path) -> None:
    assert load(tmp_path, PORT="", SENTRY_DSN="  ").port == 8000


def test_redis_is_the_broker_unless_a_rabbitmq_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, REDIS_URL="redis://queue:6379/0").broker_url == "redis://queue:6379/0"
    assert load(tmp_path, BROKER_URL="amqp://rabbit:5672/drumbeat").broker_url == "amqp://rabbit:5672/drumbeat"


def test_secret_keys_rotate(tmp_path: Path) -> None:
    assert load(tmp_path, SECRET_KEY_FALLBACKS="old, older").secret_key_fallbacks == ("old", "older")
    assert load(tmp_path, ENCRYPTION_KEYS=f"{KEY},{KEY}").encryption_keys == (KEY, KEY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/drumbeat"),
        ("DATABASE_URL", "postgresql://localhost"),
        ("DATABASE_URL", "postgresql://localhost:port/drumbeat"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://"),
        ("SECRET_KEY", "short"),
        ("ENCRYPTION_KEYS", "not-a-key"),
        ("ENCRYPTION_KEYS", f"{KEY},AAAA"),
        ("BASE_URL", "mail.example.com"),
        ("BASE_URL", "ftp://mail.example.com"),
        ("TRACKING_URL", "https://"),
        ("EMAIL_SANDBOX", "localhost"),
        ("EMAIL_SANDBOX", "localhost:99999"),
        ("SYSTEM_EMAIL_URL", "mail.example.com:587"),
        ("SYSTEM_EMAIL_URL", "imap://mail.example.com"),
        ("SYSTEM_EMAIL_URL", "smtps://"),
        ("SYSTEM_EMAIL_URL", "smtps://user:secret@mail.example.com:port"),
        ("SYSTEM_EMAIL_URL", "smtps://mail.example.com:0"),
        ("SYSTEM_EMAIL_URL", "smtps://user@mail.example.com"),
        ("SYSTEM_EMAIL_URL", "smtp://user:secret@mail.example.com"),
        ("SYSTEM_EMAIL_URL", "smtps://user:sec/ret@mail.example.com"),
        ("SYSTEM_EMAIL_FROM", "Drumbeat"),
        ("SYSTEM_EMAIL_FROM", "a@b@c"),
        ("SENTRY_DSN", "sentry"),
        ("AI_BASE_URL", "http://localhost:11434/v1"),
        ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "two"),
        ("WORKERS", "-1"),
        ("LOG_LEVEL", "chatty"),
        ("LOG_FORMAT", "xml"),
        ("BROKER_URL", "redis://localhost"),
        ("BROKER_URL", "amqp://"),
        ("DEBUG", "maybe"),
        ("DEMO", "2"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("PORT", "65535"),
    ],
)
def test_a_malformed_value_is_one_sentence_that_names_the_setting(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, **{name: value})
    text = str(caught.value)
    named = {"AI_BASE_URL": "AI_MODEL"}.get(name, name)
    assert text.startswith(("TRACKING_PORT" if value == "65535" else named) + " ")
    assert text.endswith(".")
    assert "\n" not in text


def test_an_error_never_shows_the_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, DATABASE_URL="mysql://user:hunter2@localhost/drumbeat")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["smtp://u:hunter2@h", "smtps://u:hun/hunter2@h", "x://u:hunter2@h", "smtps://u:hunter2@h:x"]
)
def test_an_error_of_the_mail_server_never_shows_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SYSTEM_EMAIL_URL=url)
    assert "hunter2" not in str(caught.value)


def test_the_system_s_mail_goes_to_its_own_server_with_tls_and_login(tmp_path: Path) -> None:
    server = load(tmp_path, SYSTEM_EMAIL_URL="smtp+starttls://post%40example.com:s%2Fcret@mail.example.com").system_mail
    assert server.mailer()["OPTIONS"] == {
        "host": "mail.example.com",
        "port": 587,
        "username": "post@example.com",
        "password": "s/cret",
        "use_tls": True,
        "use_ssl": False,
        "timeout": 20,
    }
    assert server.address == "smtp+starttls://post@example.com@mail.example.com:587"
    assert "s/cret" not in repr(server)
    assert load(tmp_path, SYSTEM_EMAIL_URL="smtps://[2001:db8::1]").system_mail.address == "smtps://[2001:db8::1]:465"


def test_the_sandbox_takes_the_system_s_mail_too(tmp_path: Path) -> None:
    environment = load(tmp_path, SYSTEM_EMAIL_URL="smtps://u:p@mail.example.com", EMAIL_SANDBOX="127.0.0.1:2525")
    assert environment.system_mail.address == "smtp://127.0.0.1:2525"


def test_the_system_s_mail_comes_from_the_host_that_people_know(tmp_path: Path) -> None:
    assert load(tmp_path, BASE_URL="https://mail.example.com").system_sender == "Drumbeat <drumbeat@mail.example.com>"
    named = load(tmp_path, SYSTEM_EMAIL_FROM='"Müller, Post" <post@example.com>').system_sender
    assert named == '"Müller, Post" <post@example.com>'


def test_a_broken_file_is_one_sentence_that_names_the_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nnonsense\n")
    with pytest.raises(ConfigurationError, match=r"^The settings file cannot be read: \.env line 2 is not"):
        load(tmp_path)


@given(name=st.sampled_from([*sorted(REAL), "PORT", "BASE_URL", "EMAIL_SANDBOX", "WORKERS"]), value=st.text())
def test_no_value_whatever_makes_it_crash(tmp_path_factory: pytest.TempPathFactory, name: str, value: str) -> None:
    root = tmp_path_factory.getbasetemp()
    try:
        load(root, **{name: value}, DATA_DIR=str(root / "var"))
    except ConfigurationError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        ("", ()),
        ("192.0.2.53", (("192.0.2.53", 53),)),
        ("127.0.0.1:5353, [::1]:54,2001:db8::1", (("127.0.0.1", 5353), ("::1", 54), ("2001:db8::1", 53))),
    ],
)
def test_name_servers_are_addresses_with_or_without_a_port(
    tmp_path: Path, given: str, servers: tuple[tuple[str, int], ...]
) -> None:
    assert load(tmp_path, DNS_RESOLVERS=given).dns_resolvers == servers


@pytest.mark.parametrize("given", ["ns.example.com", "127.0.0.1:0", "127.0.0.1:99999", "300.1.1.1", "[::1", "::1:x"])
def test_a_name_server_that_is_no_address_stops_the_start(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigurationError, match="DNS_RESOLVERS must list servers"):
        load(tmp_path, DNS_RESOLVERS=given)

"""The environment chooses; a value that cannot be used is named."""

import pytest
from digit_ui.settings import Settings


def test_the_feedback_store_is_in_a_folder_of_its_own_under_the_shared_folder(tmp_path):
    settings = Settings.from_environment({"SHARED_DIR": str(tmp_path)})
    assert settings.database_url.render_as_string() == f"sqlite:///{tmp_path}/feedback/feedback.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://me:s3cret@host/digits", "DATABASE_URL begins with 'postgres', expected one of sqlite, postgresql"),
        ("mysql://me:s3cret@host/digits", "DATABASE_URL begins with 'mysql'"),
        ("me:s3cret@host", "DATABASE_URL is no database's URL, such as postgresql://"),
        ("postgresql://me:s3cret@host:port/digits", "DATABASE_URL is no database's URL"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url, said):
    with pytest.raises(ValueError, match=said) as refused:
        Settings.from_environment({"DATABASE_URL": url})
    assert "s3cret" not in str(refused.value) and refused.value.__cause__ is None


def test_a_postgresql_is_asked_by_the_driver_that_is_installed():
    url = Settings.from_environment({"DATABASE_URL": "postgresql://me:s3cret@host/digits"}).database_url
    assert url.get_driver_name() == "psycopg" and "s3cret" not in repr(url)


def test_a_folder_with_odd_characters_is_taken_as_it_is(tmp_path):
    settings = Settings.from_environment({"SHARED_DIR": str(tmp_path / "why?x=1")})
    assert settings.database_url.database == str(tmp_path / "why?x=1" / "feedback" / "feedback.db")


def test_a_relative_cache_folder_is_the_same_one_for_every_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"CACHE_DIR": "cache"}).cache_dir == tmp_path / "cache"


@pytest.mark.parametrize("name", ["MAX_BODY_BYTES", "READ_TIMEOUT_S", "POLL_INTERVAL_S"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "inf", "nan"])
def test_a_bad_number_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


def test_the_training_is_public_unless_it_is_said_otherwise():
    assert Settings.from_environment({}).training_public
    assert Settings.from_environment({"TRAINING_PUBLIC": ""}).training_public
    assert Settings.from_environment({"TRAINING_PUBLIC": "1"}).training_public
    assert not Settings.from_environment({"TRAINING_PUBLIC": "0"}).training_public


@pytest.mark.parametrize("value", ["no", "false", "2", "00", " "])
def test_a_bad_switch_is_refused_by_name(value):
    with pytest.raises(ValueError, match=f"TRAINING_PUBLIC is '{value}'"):
        Settings.from_environment({"TRAINING_PUBLIC": value})


def test_a_token_is_taken_without_the_line_end_that_a_file_of_it_has():
    taken = Settings.from_environment({"ADMIN_TOKEN": " a secret\n"}).admin_token
    assert taken == "a secret"
    assert Settings.from_environment({"ADMIN_TOKEN": " \n"}).admin_token is None
    assert Settings.from_environment({}).admin_token is None


@pytest.mark.parametrize("value", ["clé", "ключ", "two\nlines", "a\tb", "\x7f"])
def test_a_token_that_no_browser_can_send_is_refused_by_name_and_not_shown(value):
    with pytest.raises(ValueError, match="ADMIN_TOKEN has") as refused:
        Settings.from_environment({"ADMIN_TOKEN": value})
    assert value not in str(refused.value)


def test_a_token_does_not_stand_in_what_is_logged_of_the_settings():
    assert "s3cret" not in repr(Settings.from_environment({"ADMIN_TOKEN": "s3cret"}))


def test_a_token_may_be_in_a_file_of_its_own(tmp_path):
    secret = tmp_path / "admin_token"
    secret.write_text("a secret\n")
    taken = Settings.from_environment({"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": str(secret)}).admin_token
    assert taken == "a secret"


def test_a_tokens_file_that_gives_none_is_named(tmp_path):
    """Nobody shall run without a token who meant to have one."""
    with pytest.raises(ValueError, match="ADMIN_TOKEN_FILE is .*which cannot be read"):
        Settings.from_environment({"ADMIN_TOKEN_FILE": str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ValueError, match="ADMIN_TOKEN_FILE is .*which is empty"):
        Settings.from_environment({"ADMIN_TOKEN_FILE": str(tmp_path / "empty")})
    with pytest.raises(ValueError, match="ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set"):
        Settings.from_environment({"ADMIN_TOKEN": "one", "ADMIN_TOKEN_FILE": str(tmp_path / "empty")})

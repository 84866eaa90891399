"""The environment chooses; a value that cannot be used is named."""

import pytest
from digit_ui.settings import Settings


def test_the_feedback_store_is_in_a_folder_of_its_own_under_the_shared_folder(tmp_path):
    settings = Settings.from_environment({"SHARED_DIR": str(tmp_path)})
    assert settings.database_url.render_as_string() == f"sqlite:///{tmp_path}/feedback/feedback.db"


def test_a_folder_with_odd_characters_is_taken_as_it_is(tmp_path):
    settings = Settings.from_environment({"SHARED_DIR": str(tmp_path / "why?x=1")})
    assert settings.database_url.database == str(tmp_path / "why?x=1" / "feedback" / "feedback.db")


def test_a_relative_cache_folder_is_the_same_one_for_every_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"CACHE_DIR": "cache"}).cache_dir == tmp_path / "cache"


@pytest.mark.parametrize("value", ["0", "-1", "many", "inf", "nan"])
def test_a_bad_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=f"MAX_BODY_BYTES is '{value}'"):
        Settings.from_environment({"MAX_BODY_BYTES": value})

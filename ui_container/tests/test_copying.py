"""A store is copied as a whole into an empty one of either database, and the trainer takes it for the same."""

import pytest
from digit_ui.copying import main
from digit_ui.database import Base, FeedbackStore
from digit_ui.gallery import Gallery
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool
from test_old_store import new_drawing


def rows(url: URL) -> list[tuple]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [
            tuple(str(value.replace(tzinfo=None)) if hasattr(value, "tzinfo") else value for value in row)
            for table in ("feedback", "actions")
            for row in connection.execute(Base.metadata.tables[table].select().order_by(text("number")))
        ]


@pytest.fixture
def urls(tmp_path, request) -> tuple[URL, URL]:
    """A store with something in it, and where an empty one is to be."""
    sqlite = URL.create("sqlite", database=str(tmp_path / "a" / "feedback.db"))
    postgresql = make_url(request.getfixturevalue("postgresql_url"))
    source, target = (sqlite, postgresql) if request.param == "to postgresql" else (postgresql, sqlite)
    store, gallery = FeedbackStore(source), Gallery(FeedbackStore(source))
    accepted, _, corrected, deleted = (store.add(new_drawing(label)) for label in (1, 2, 3, 4))
    gallery.accept(accepted)
    gallery.correct(corrected, 9)
    gallery.delete(deleted)
    return source, target


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


both_ways = pytest.mark.parametrize("urls", ["to postgresql", "to sqlite"], indirect=True)


@both_ways
def test_all_rows_are_copied_as_they_are_and_no_number_comes_back(urls, capsys):
    source, target = urls
    assert main([text_of(source), text_of(target)]) == 0
    assert capsys.readouterr().out == "3 drawings were copied\n"
    assert rows(source) == rows(target) and len(rows(target)) == 6
    store = FeedbackStore(target)
    store.add(new_drawing())
    Gallery(store).request("retrain")
    assert Gallery(store).newest() == (5, 4)


@both_ways
def test_nothing_is_copied_into_a_store_that_has_something(urls, capsys):
    source, target = urls
    FeedbackStore(target).add(new_drawing())
    before = rows(target)
    assert main([text_of(source), text_of(target)]) == 1
    assert "has feedback already, expected an empty one" in capsys.readouterr().out
    assert rows(target) == before


def test_what_cannot_be_copied_is_said(tmp_path, capsys):
    assert main([f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/new.db"]) == 1
    assert "none.db: there is no such file" in capsys.readouterr().out
    assert main([f"sqlite:///{tmp_path}/none.db"]) == main(["x", "y"]) == 2
    assert list(tmp_path.iterdir()) == []

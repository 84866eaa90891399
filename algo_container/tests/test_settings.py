"""Options come from the command line, else from the environment, else from their defaults."""

from pathlib import Path

import pytest
from trainer.settings import PROJECT_SHARED_DIR, read_settings


def test_the_defaults_train_30_epochs_on_the_shared_folder():
    settings = read_settings([], {})
    assert (settings.epochs, settings.batch_size, settings.min_accuracy) == (30, 128, 0.98)
    assert settings.strokes is None
    assert settings.data_dir == settings.shared_dir == PROJECT_SHARED_DIR


def test_the_command_line_wins_over_the_environment():
    environment = {
        "DATA_DIR": "/data",
        "SHARED_DIR": "/out",
        "STROKES": "uci",
        "EPOCHS": "3",
        "SEED": "7",
        "MIN_ACCURACY": "",
    }
    settings = read_settings(["--epochs", "4"], environment)
    assert (settings.epochs, settings.seed, settings.min_accuracy) == (4, 7, 0.98)
    assert (settings.data_dir, settings.shared_dir) == (Path("/data"), Path("/out"))
    assert settings.strokes == Path("uci")


@pytest.mark.parametrize(("arguments", "environment"), [(["--quick"], {}), ([], {"QUICK": "1"})])
def test_a_quick_training_has_few_epochs_unless_their_number_is_said(arguments, environment):
    settings = read_settings(arguments, environment)
    assert (settings.quick, settings.epochs) == (True, 2)
    settings = read_settings([*arguments, "--epochs", "7"], environment)
    assert (settings.quick, settings.epochs) == (True, 7)


def test_data_are_looked_for_where_the_model_goes_unless_said_otherwise():
    assert read_settings(["--out", "/out"], {}).data_dir == Path("/out")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--seed", str(2**31)], {}, "expected a whole number from 0 to 2147483647"),
        (["--epochs", "0"], {}, "--epochs: '0', expected a whole number of 1 or more"),
        ([], {"EPOCHS": "many"}, "--epochs: 'many', expected a whole number"),
        (["--min-accuracy", "98"], {}, "--min-accuracy: '98', expected a number from 0 to 1.0"),
        (["--validation-share", "nan"], {}, "--validation-share: 'nan', expected a number from 0 to 0.5"),
    ],
)
def test_a_bad_value_is_named(capsys, arguments, environment, message):
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, environment)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_help_shows_every_option_with_its_variable_and_default(capsys):
    with pytest.raises(SystemExit):
        read_settings(["--help"], {})
    words = " ".join(capsys.readouterr().out.split())
    for variable, default in (
        ("EPOCHS", "30; 2 with --quick"),
        ("BATCH_SIZE", "128"),
        ("SEED", "1"),
        ("MIN_ACCURACY", "0.98"),
    ):
        assert f"[{variable}] (default: {default})" in words
    assert "[DATA_DIR]" in words and "[STROKES]" in words and "[SHARED_DIR]" in words

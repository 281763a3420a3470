"""Tests of the configuration: sources and their order, limits, and what an error says."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path

import pytest
from cotton_server.config import (
    FILE_BYTES_MAX,
    OTHER_VARIABLES,
    Address,
    Config,
    ConfigError,
    FieldDescription,
    describe_fields,
    is_loopback,
    load_config,
    split_listen,
)
from cotton_server.errors import StartError
from hypothesis import given
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parent.parent / "cotton.example.toml"


def refusal(**settings: object) -> ConfigError:
    """The error that a Config with these settings raises."""
    with pytest.raises(ConfigError) as caught:
        Config(**settings)  # type: ignore[arg-type]  # wrong values are the point
    return caught.value


def written(directory: Path, text: str) -> Path:
    """A configuration file with this text."""
    file = directory / "cotton.toml"
    file.write_text(text, "utf-8")
    return file


def test_nothing_given_is_the_defaults() -> None:
    """A server starts without any configuration, reachable from its own machine only."""
    config = load_config(file=None, environ={}, flags={})
    assert config == Config()
    assert config.data_dir == Path("cotton-data")
    assert is_loopback(config.listen)
    assert is_loopback(config.metrics_listen)
    assert config.message_bytes_max == 4 * 1024 * 1024


def test_each_source_outweighs_the_one_before(tmp_path: Path) -> None:
    """A flag beats the environment, the environment beats the file, the file the default."""
    file = written(tmp_path, "lots_max = 2\nbales_max = 2\nreader_threads = 2\n")
    config = load_config(
        file=file,
        environ={"COTTON_BALES_MAX": "3", "COTTON_READER_THREADS": "3"},
        flags={"reader_threads": 4},
    )
    assert (config.lots_max, config.bales_max, config.reader_threads) == (2, 3, 4)
    assert config.summary_rows_max == Config().summary_rows_max


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    """None stands for a flag left out."""
    config = load_config(
        file=None, environ={"COTTON_LOG_LEVEL": "error"}, flags={"log_level": None}
    )
    assert config.log_level == "error"


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    """COTTON_CONFIG counts where no file is given, and only there."""
    named = written(tmp_path, "lots_max = 7\n")
    environ = {"COTTON_CONFIG": str(named)}
    assert load_config(file=None, environ=environ, flags={}).lots_max == 7
    other = tmp_path / "other.toml"
    other.write_text("lots_max = 8\n", "utf-8")
    assert load_config(file=other, environ=environ, flags={}).lots_max == 8


def test_variables_of_others_are_left_alone() -> None:
    """What belongs to the client or to another program is no error."""
    environ = {"COTTON_SERVER": "service.example:7410", "PATH": os.defpath, "cotton_listen": "x"}
    assert load_config(file=None, environ=environ, flags={}) == Config()


@pytest.mark.parametrize("described", describe_fields(), ids=lambda described: described.name)
def test_every_setting_can_come_from_the_environment(described: FieldDescription) -> None:
    """Each default, given as a text in its variable, is the default again."""
    text = str(tomllib.loads(f"value = {described.default}")["value"])
    text = text.lower() if text in ("True", "False") else text
    environ = {described.variable: text}
    assert load_config(file=None, environ=environ, flags={}) == Config()


def test_the_example_with_every_line_in_force_is_the_defaults(tmp_path: Path) -> None:
    """The example file names every setting, and loads."""
    lines = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
        for line in EXAMPLE.read_text("utf-8").splitlines()
    ]
    file = written(tmp_path, "\n".join(lines))
    assert set(tomllib.loads(file.read_text("utf-8"))) == {each.name for each in describe_fields()}
    assert load_config(file=file, environ={}, flags={}) == Config()


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("data_dir", "var/cotton", Path("var/cotton")),
        ("listen", "[::1]:7410", "[::1]:7410"),
        ("listen", "127.0.0.1:0", "127.0.0.1:0"),
        ("listen", "localhost:65535", "localhost:65535"),
        ("metrics_listen", "", ""),
        ("metrics_listen", "off", ""),
        ("allow_plaintext", "true", True),
        ("reflection", "false", False),
        ("message_bytes_max", "64 KiB", 65_536),
        ("message_bytes_max", "64KiB", 65_536),
        ("message_bytes_max", "65536", 65_536),
        ("message_bytes_max", 65_536, 65_536),
        ("queued_bytes_max", "1 GiB", 1 << 30),
        ("message_bytes_max", 1_024, 1_024),
        ("batch_bales_max", 1, 1),
        ("batch_bales_max", 65_536, 65_536),
        ("drain_grace_s", 0, 0),
        ("sqlite_page_bytes", 512, 512),
        ("sqlite_page_bytes", 65_536, 65_536),
        ("log_format", "json", "json"),
    ],
)
def test_allowed_values(name: str, value: object, stored: object) -> None:
    """A value inside the limits, at either end, and in each form that is taken."""
    config = Config(**{name: value})  # type: ignore[arg-type]  # texts are taken as well
    assert getattr(config, name) == stored
    assert type(getattr(config, name)) is type(stored) or isinstance(stored, Path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_dir", ""),
        ("data_dir", "a\0b"),
        ("data_dir", 7),
        ("data_dir", __file__),
        ("data_dir", "x" * 5_000),
        ("listen", ""),
        ("listen", "off"),
        ("listen", "7410"),
        ("listen", ":7410"),
        ("listen", "127.0.0.1"),
        ("listen", "127.0.0.1:"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "127.0.0.1:-1"),
        ("listen", "127.0.0.1:٧"),
        ("listen", "127.0.0:7410"),
        ("listen", "::1:7410"),
        ("listen", "[127.0.0.1]:7410"),
        ("listen", "[localhost]:7410"),
        ("listen", "local host:7410"),
        ("listen", 7410),
        ("metrics_listen", None),
        ("allow_plaintext", "yes"),
        ("allow_plaintext", 1),
        ("reflection", "True"),
        ("message_bytes_max", 1_023),
        ("message_bytes_max", (256 << 20) + 1),
        ("message_bytes_max", "4 MB"),
        ("message_bytes_max", "-4 MiB"),
        ("message_bytes_max", 4.0),
        ("batch_bales_max", 0),
        ("batch_bales_max", 65_537),
        ("batch_bales_max", "16 KiB"),
        ("batch_bales_max", True),
        ("batch_bales_max", "1e3"),
        ("batch_bales_max", "9" * 5_000),
        ("drain_grace_s", -1),
        ("sqlite_page_bytes", 1_000),
        ("sqlite_page_bytes", 131_072),
        ("log_format", "xml"),
        ("log_level", "INFO"),
        ("log_level", ["info"]),
    ],
)
def test_values_that_are_not_allowed(name: str, value: object) -> None:
    """A value outside the limits or of another form is refused by name."""
    error = refusal(**{name: value})
    assert error.source == f"setting {name}"
    assert error.value == value
    assert error.allowed in {each.allowed for each in describe_fields() if each.name == name}


def test_the_error_names_the_key_of_the_file(tmp_path: Path) -> None:
    """A bad value in the file: file and key, value, and what is allowed."""
    file = written(tmp_path, "reader_threads = 65\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file=file, environ={}, flags={})
    assert str(caught.value) == (
        f"{file}, key reader_threads: 65 is not allowed; allowed: a whole number from 1 to 64."
    )


def test_the_error_names_the_variable() -> None:
    """A bad value in the environment is told by its variable."""
    with pytest.raises(ConfigError) as caught:
        load_config(file=None, environ={"COTTON_LOG_FORMAT": "xml"}, flags={})
    assert str(caught.value) == (
        "environment variable COTTON_LOG_FORMAT: 'xml' is not allowed; "
        'allowed: "console" or "json".'
    )


def test_the_error_names_the_flag() -> None:
    """A bad value of a flag is told by the flag, also when a weaker source is fine."""
    with pytest.raises(ConfigError) as caught:
        load_config(
            file=None, environ={"COTTON_DRAIN_GRACE_S": "5"}, flags={"drain_grace_s": "soon"}
        )
    assert caught.value.source == "flag --drain-grace-s"
    assert caught.value.value == "soon"


@pytest.mark.parametrize(
    ("text", "source", "nearest"),
    [
        ("listn = '127.0.0.1:1'", "key listn", "listen"),
        ("[server]\nlisten = '127.0.0.1:1'", "key server", "data_dir"),
    ],
)
def test_an_unknown_key_is_refused(tmp_path: Path, text: str, source: str, nearest: str) -> None:
    """A misspelt key is told with the nearest name, a table with all that there are."""
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(file=file, environ={}, flags={})
    assert caught.value.source == f"{file}, {source}"
    assert nearest in caught.value.allowed


def test_an_unknown_variable_is_refused() -> None:
    """A misspelt variable is not passed over in silence."""
    with pytest.raises(ConfigError) as caught:
        load_config(file=None, environ={"COTTON_DATA_DIRECTORY": "x"}, flags={})
    assert str(caught.value) == (
        "environment variable COTTON_DATA_DIRECTORY: 'x' is given to no setting that exists; "
        "allowed: COTTON_DATA_DIR."
    )


def test_an_unknown_flag_is_refused() -> None:
    """A flag that no setting has is refused as well."""
    with pytest.raises(ConfigError, match="flag --colour"):
        load_config(file=None, environ={}, flags={"colour": "31"})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"listen = ", "is no TOML"),
        (b"listen = '\xff'", "is no TOML"),
        (b"a = " + b"[" * 100_000, "is"),
        (b"#" * (FILE_BYTES_MAX + 1), "is larger than 1 MiB"),
    ],
    ids=["cut off", "not UTF-8", "nested", "large"],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, problem: str) -> None:
    """Whatever lies in the file, the answer is one typed error that names it."""
    file = tmp_path / "cotton.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(file=file, environ={}, flags={})
    assert caught.value.value == file
    assert caught.value.problem.startswith(problem)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is not there, and a directory, are told apart."""
    for file, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=reason):
            load_config(file=file, environ={}, flags={})


def test_a_byte_order_mark_is_taken(tmp_path: Path) -> None:
    """An editor's byte order mark before the first key is no error."""
    file = tmp_path / "cotton.toml"
    file.write_bytes(b"\xef\xbb\xbflots_max = 9\n")
    assert load_config(file=file, environ={}, flags={}).lots_max == 9


@pytest.mark.parametrize("name", ["listen", "metrics_listen"])
@pytest.mark.parametrize("listen", ["0.0.0.0:9000", "[::]:9000", "10.0.0.1:9000", "host:9000"])
def test_other_machines_are_let_in_on_purpose_only(name: str, listen: str) -> None:
    """An address that others reach is refused without allow_plaintext, and taken with it."""
    assert "allow_plaintext" in refusal(**{name: listen}).allowed
    config = Config(**{name: listen, "allow_plaintext": True})  # type: ignore[arg-type]
    assert getattr(config, name) == listen


def test_the_refused_address_is_told_by_its_source() -> None:
    """Checks over several settings name the source of the one at fault, too."""
    with pytest.raises(ConfigError) as caught:
        load_config(file=None, environ={"COTTON_LISTEN": "0.0.0.0:7410"}, flags={})
    assert caught.value.source == "environment variable COTTON_LISTEN"


def test_services_and_metrics_need_two_addresses() -> None:
    """One address for both is refused, except port 0, which gives each its own."""
    assert refusal(metrics_listen="127.0.0.1:7410").source == "setting metrics_listen"
    assert Config(listen="127.0.0.1:0", metrics_listen="127.0.0.1:0").listen == "127.0.0.1:0"


def test_a_message_fits_into_the_queue() -> None:
    """A message that could never be queued is refused at start, not in service."""
    assert refusal(queued_bytes_max="1 MiB").source == "setting message_bytes_max"
    assert Config(queued_bytes_max=4 << 20).queued_bytes_max == 4 << 20


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.255.0.9:1", True),
        ("[::1]:1", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("localhost:1", True),
        ("LOCALHOST:1", True),
        ("128.0.0.1:1", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("[::ffff:10.0.0.1]:1", False),
        ("localhost.example:1", False),
    ],
)
def test_is_loopback(listen: str, expected: bool) -> None:
    """Addresses of this machine alone, and others."""
    assert is_loopback(listen) is expected


def test_split_listen() -> None:
    """The brackets of an IPv6 address belong to the form, not to the host."""
    assert split_listen("[::1]:7410") == Address("::1", 7410)
    assert split_listen("localhost:0") == Address("localhost", 0)
    with pytest.raises(ValueError, match="no HOST:PORT"):
        split_listen("7410")


def loaded(file: Path | None, environ: dict[str, str]) -> Config | ConfigError:
    """The configuration, or the error; any other exception fails the test."""
    try:
        return load_config(file=file, environ=environ, flags={})
    except ConfigError as error:
        return error


@given(st.dictionaries(st.sampled_from([each.variable for each in describe_fields()]), st.text()))
def test_any_text_in_the_environment_is_a_configuration_or_a_typed_error(
    environ: dict[str, str],
) -> None:
    """No text in a variable ends in any other exception, and the error names a variable given."""
    result = loaded(None, environ)
    if isinstance(result, ConfigError):
        assert result.source.removeprefix("environment variable ") in environ
        assert isinstance(result, StartError)


@given(st.binary(max_size=200))
def test_any_bytes_in_the_file_are_a_configuration_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """No content of the file ends in any other exception, and the error names the file."""
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    result = loaded(file, {})
    assert isinstance(result, Config) or str(file) in str(result)


def test_every_field_is_declared() -> None:
    """Each setting says what it is for, why its default, and its unit where it is an amount."""
    described = {each.name: each for each in describe_fields()}
    assert list(described) == [field.name for field in dataclasses.fields(Config)]
    for each in described.values():
        assert each.summary.endswith(".")
        assert each.reason.endswith(".")
        amount = type(getattr(Config(), each.name)) is int
        assert bool(each.unit) is amount
        assert each.variable not in OTHER_VARIABLES


def test_a_configuration_does_not_change() -> None:
    """Config is frozen and has no room for names that it does not declare."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().lots_max = 1  # type: ignore[misc]  # the point of the test
    assert not hasattr(Config(), "__dict__")

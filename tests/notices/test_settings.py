from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.notices.settings import load_settings
from labctl.telemetry.messages import Severity

GOOD = """\
recipients:
  phone: {url: "ntfys://ntfy.example.org/cells"}
  mail: {url_from: mail.url, quiet: "22:00-07:00"}
rules:
  - {severity: alarm, to: [phone, mail], repeat: 15 min}
  - {to: mail}
  - {kinds: [run_ended], cells: "na*", to: [phone]}
"""


def _write(tmp_path: Path, text: str) -> str:
    secret = tmp_path / "mail.url"
    secret.write_text("mailtos://user:hidden@mail.example.org\n")
    secret.chmod(0o600)
    path = tmp_path / "notices.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_says_who_is_told_what(tmp_path: Path) -> None:
    settings = load_settings(_write(tmp_path, GOOD))
    alarm, warning, ended = settings.rules
    assert (alarm.severity, alarm.to, alarm.repeat_s) == (Severity.ALARM, ("phone", "mail"), 900.0)
    assert (warning.severity, warning.to, warning.repeat_s) == (Severity.WARNING, ("mail",), None)
    assert (ended.severity, ended.cells) == (Severity.INFO, "na*")
    quiet = settings.recipients["mail"].quiet
    assert quiet is not None
    hours = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (21, 22, 3, 7)]
    assert [quiet.holds(hour) for hour in hours] == [False, True, True, False]


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    settings = load_settings(_write(tmp_path, GOOD))
    assert settings.recipients["mail"].url == "mailtos://user:hidden@mail.example.org"
    assert "hidden" not in repr(settings)


def test_an_address_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PHONE", "json://127.0.0.1:1")
    path = _write(tmp_path, "recipients: {a: {url_from: $MY_PHONE}}\nrules: [{to: a}]\n")
    assert load_settings(path).recipients["a"].url == "json://127.0.0.1:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipients: {a: {url: x, uri: y}}\nrules: [{to: a}]\n", r":1:26: unknown key 'uri'; did you mean"),
        ("recipients: {a: {}}\nrules: [{to: a}]\n", r":1:17: a needs either a url or a url_from"),
        ("recipients: {a: {url: x}}\nrules: [{to: b}]\n", r":2:14: 'b' is none of a"),
        ("recipients: {a: {url: x}}\nrules: [{severity: high, to: a}]\n", r"'high' is none of info, notice"),
        (
            "recipients: {a: {url: x}}\nrules: [{severity: alarm}]\n",
            r":2:9: this rule tells nobody; write `to: \[a\]`",
        ),
        ("recipients: {a: {url: x}}\nrules: [{to: a, repeat: 1 s}]\n", "nobody reads that often"),
        ("recipients: {a: {url: x, quiet: 22-7}}\nrules: [{to: a}]\n", "no part of a day"),
        ("recipients: {a: {url_from: $NO_SUCH}}\nrules: [{to: a}]\n", "the environment has no NO_SUCH"),
        ("recipients: {a: {url_from: nowhere}}\nrules: [{to: a}]\n", "write the address into it"),
        ("recipients: {a: {url: x}}\n", "nobody would be told anything"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabctlError, match=message):
        load_settings(_write(tmp_path, text))


def test_an_address_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD)
    (tmp_path / "mail.url").chmod(0o644)
    with pytest.raises(LabctlError, match=r"can be read by others; chmod 600"):
        load_settings(path)


def test_a_file_that_is_not_there_is_no_protocol() -> None:
    with pytest.raises(LabctlError, match=r"^nowhere\.yaml: there is no such file$"):
        load_settings("nowhere.yaml")

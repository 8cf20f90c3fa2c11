import pytest

from labctl.errors import UserError
from labctl.exchange.protocols.files import protocol_name, read_text, two_voltages
from labctl.protocol import load
from tests.exchange.protocols.test_unicycler import WHOLE
from tests.system.command_line import CommandLine


def test_nothing_is_written_before_the_loss_is_accepted(tmp_path):
    labctl = CommandLine(tmp_path)
    (tmp_path / "p.yaml").write_text(WHOLE + "stop_rules: [short_circuit]\n")
    refused = labctl("protocol", "export", "p.yaml", "--to", "unicycler", "--out", "p.json")
    assert (refused.code, refused.out) == (2, "")
    assert "lost    stop_rules.short_circuit" in refused.err
    assert "--accept-loss" in refused.err.splitlines()[-1]
    assert not (tmp_path / "p.json").exists()
    accepted = labctl("protocol", "export", "p.yaml", "--to", "unicycler", "--out", "p.json", "--accept-loss")
    assert (accepted.code, accepted.out) == (0, "wrote p.json\n")
    again = labctl("protocol", "import", "p.json", "--out", "again.yaml")
    assert (again.code, again.err) == (0, "")
    assert load(tmp_path / "again.yaml").cell.name == "cell 7"


def test_faulty_files_are_one_line_and_exit_2(tmp_path):
    labctl = CommandLine(tmp_path)
    (tmp_path / "noise.json").write_bytes(bytes(range(256)))
    for arguments in (
        ("import", "noise.json"),
        ("export", "na-symmetric", "--to", "maccor"),
    ):
        refused = labctl("protocol", *arguments)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)


def test_what_the_command_line_says_is_checked(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        read_text(str(tmp_path / "nowhere.json"))
    with pytest.raises(UserError, match="give the lowest and the highest"):
        two_voltages("low")
    assert two_voltages("-1 V, 1.5 V") == ("-1 V", "1.5 V")
    assert protocol_name("/tmp/=cmd|x.v2.json") == "cmd_x"

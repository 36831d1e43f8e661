"""Who may look into the state directory. wine turns an access list into a mode of Linux and back: for whom else
than everybody an entry is, and that files inherit it, is lost there."""

from pathlib import Path

from agent import files


def test_a_state_directory_is_for_the_system_the_administrators_and_its_maker(tmp_path: Path) -> None:
    files.make_private_directory(tmp_path / "state")
    assert not files.open_to_others(tmp_path / "state")


def test_a_directory_everybody_may_read_is_found(tmp_path: Path) -> None:
    import win32security

    everybody = "D:P(A;OICI;FA;;;SY)(A;OICI;FR;;;WD)"
    wanted = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(everybody, 1)
    win32security.SetFileSecurity(str(tmp_path), win32security.DACL_SECURITY_INFORMATION, wanted)
    assert files.open_to_others(tmp_path)

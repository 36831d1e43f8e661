"""Becoming known, and staying so, against a fake enrolment service over real TLS."""

import hashlib
import json
import os
from datetime import timedelta

import pytest

from agent import enrol, files, identity
from agent.exits import Exit, Stop
from agent.probe import Place
from tests.agent.certificates import authority


@pytest.fixture
def become_known(collector, tmp_path):
    def call(**changes):
        options = {"token": collector.token, "place": Place(), "state_dir": tmp_path / "state", **changes}
        token = options.pop("token")
        return enrol.enrol(enrol.Address("127.0.0.1", collector.enrolment_port), token, **options)

    return call


def test_a_device_becomes_known_and_keeps_its_key_to_itself(become_known, collector, tmp_path):
    device = become_known()
    state = tmp_path / "state"
    assert identity.load(state) == device
    assert (device.device_id, device.intake_port) == ("device-1", collector.port)
    credential = identity.read_credential(state, device)
    assert credential.ca == collector.authority.pem
    key = state / device.credential / "key.pem"
    assert not files.open_to_others(key)
    assert not files.open_to_others(state)
    (request,) = collector.enrolment.requests
    assert b"PRIVATE" not in request.SerializeToString()
    assert request.machine.host_name
    assert request.machine.agent_version
    assert identity.load_policy(state).sample_seconds == 30


def test_the_dates_are_kept_so_that_the_agent_need_not_parse_certificates(become_known):
    device = become_known()
    assert timedelta(days=30) <= device.not_after - device.not_before <= timedelta(days=30, minutes=2)
    assert device.not_before < device.renew_at < device.not_after


def test_a_collector_with_another_ca_is_not_enrolled_with(become_known, collector):
    other = authority()
    with pytest.raises(Stop) as stop:
        become_known(token=f"tocsin1.secret.{other.pin}")
    assert stop.value.code == Exit.CREDENTIAL
    assert "is not the collector this token is from" in str(stop.value)
    assert collector.enrolment.requests == [], "the token was not shown to it"


def test_showing_the_right_ca_without_holding_its_key_is_not_enough(become_known, collector):
    """A man in the middle can copy the CA certificate into his chain, but not sign with it."""
    mallory = authority()
    genuine = collector.authority
    collector.stop()
    key, chain = mallory.server()
    mallory.server = lambda: (key, chain + genuine.pem)  # type: ignore[method-assign]
    collector.authority = mallory
    collector.start()
    with pytest.raises(Stop) as stop:
        become_known(token=f"tocsin1.secret.{genuine.pin}")
    assert stop.value.code == Exit.UNREACHABLE
    assert collector.enrolment.requests == []


def test_a_fingerprint_told_otherwise_is_checked_too(become_known, collector):
    full = hashlib.sha256(enrol._root_from_network(
        enrol.Address("127.0.0.1", collector.enrolment_port), [collector.authority.pin]
    ).public_bytes(enrol.serialization.Encoding.DER)).hexdigest()  # fmt: skip
    with pytest.raises(Stop) as stop:
        become_known(fingerprint="0" * 64)
    assert stop.value.code == Exit.CREDENTIAL
    become_known(fingerprint=":".join(full[i : i + 2].upper() for i in range(0, 64, 2)))


def test_the_ca_may_be_brought_as_a_file(become_known, collector, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(authority().pem)
    with pytest.raises(Stop) as stop:
        become_known(ca_file=path)
    assert stop.value.code == Exit.CREDENTIAL
    path.write_bytes(collector.authority.pem)
    become_known(ca_file=path)


def test_a_refused_token_is_a_credential_problem(become_known, collector, tmp_path):
    with pytest.raises(Stop) as stop:
        become_known(token=f"tocsin1.other.{collector.authority.pin}")
    assert stop.value.code == Exit.CREDENTIAL
    assert "this token was used, expired or never made" in str(stop.value)
    assert not (tmp_path / "state" / "device.json").exists()


@pytest.mark.parametrize("token", ["", "tocsin1.x", "tocsin2.x." + "0" * 32, "tocsin1.x.123", "a.b.c.d"])
def test_a_token_cut_short_is_a_usage_problem(become_known, token):
    with pytest.raises(Stop) as stop:
        become_known(token=token)
    assert stop.value.code == Exit.USAGE


def test_a_collector_that_is_away_is_unreachable(become_known, collector):
    collector.stop()
    with pytest.raises(Stop) as stop:
        become_known()
    assert stop.value.code == Exit.UNREACHABLE
    collector.start()


def test_a_credential_is_not_overwritten_by_accident(become_known):
    first = become_known()
    with pytest.raises(Stop) as stop:
        become_known()
    assert stop.value.code == Exit.CREDENTIAL
    assert "--again" in str(stop.value)
    assert become_known(again=True).credential != first.credential


def test_renewal_replaces_key_and_certificate_together(become_known, collector, tmp_path):
    state = tmp_path / "state"
    old = identity.read_credential(state, become_known())
    device = enrol.renew(state)
    new = identity.read_credential(state, device)
    assert collector.enrolment.renewals == 1
    assert new.key != old.key
    assert new.certificate != old.certificate
    assert [path.name for path in state.glob("credential-*")] == [device.credential]


def test_an_expired_certificate_is_renewed(become_known, collector, tmp_path):
    collector.enrolment.life = timedelta(seconds=-5)
    expired = become_known()
    collector.enrolment.life = timedelta(days=30)
    assert enrol.renew(tmp_path / "state").not_after > expired.not_after


def test_a_kill_at_any_moment_of_a_renewal_leaves_a_pair_that_fits(become_known, tmp_path, monkeypatch):
    state = tmp_path / "state"
    first = become_known()
    before = identity.read_credential(state, first)
    real = identity.write_whole

    for moment in range(4):
        calls = iter(range(10))

        def killed(path, data, moment=moment, calls=calls):
            if next(calls) == moment:
                raise KeyboardInterrupt
            real(path, data)

        monkeypatch.setattr(identity, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            enrol.renew(state)
        assert identity.read_credential(state, identity.load(state)) == before
    monkeypatch.setattr(identity, "write_whole", real)
    after = enrol.renew(state)
    assert len(list(state.glob("credential-*"))) == 1
    assert identity.load(state) == after


def test_a_renewal_that_fails_discards_nothing(become_known, collector, tmp_path):
    device = become_known()
    collector.stop()
    with pytest.raises(Stop):
        enrol.renew(tmp_path / "state")
    assert identity.load(tmp_path / "state") == device
    collector.start()


def test_a_damaged_device_file_says_what_to_do(tmp_path):
    (tmp_path / "device.json").write_text(json.dumps({"device_id": 5}))
    with pytest.raises(identity.NoCredential, match="enrol --again"):
        identity.load(tmp_path)


def test_the_credential_never_shows_in_a_traceback():
    assert "secret" not in repr(identity.Credential(b"secret", b"", b""))


@pytest.mark.parametrize(
    ("text", "host"), [("pc:1", "pc"), ("10.0.0.1:7443", "10.0.0.1"), ("[::1]:5", "[::1]")]
)
def test_addresses(text, host):
    assert enrol.parse_address(text).host == host


@pytest.mark.parametrize("text", ["pc", "pc:", ":1", "pc:99999", "pc:x"])
def test_wrong_addresses_are_a_usage_problem(text):
    with pytest.raises(Stop) as stop:
        enrol.parse_address(text)
    assert stop.value.code == Exit.USAGE


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_directory_without_rights_is_told(become_known, tmp_path):
    (tmp_path / "state").mkdir(mode=0o500)
    with pytest.raises(Stop) as stop:
        become_known()
    assert stop.value.code == Exit.CONFIGURATION

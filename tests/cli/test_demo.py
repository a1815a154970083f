"""Is the demo a world of its own, whatever the shell that it is started in is set up for?"""

from pathlib import Path

from nambari.cli.demo import own_settings
from nambari.settings import Settings, read

OF_PRODUCTION = {
    "NAMBARI_DATABASE_URL": "postgresql://db.example.com/nambari",
    "NAMBARI_POOLER_URL": "postgresql://pooler.example.com/nambari",
    "NAMBARI_REPLICA_URL": "postgresql://replica.example.com/nambari",
    "NAMBARI_RATE_LIMIT_URL": "valkey://counts.example.com",
    "NAMBARI_TRACES_URL": "https://traces.example.com/v1/traces",
    "NAMBARI_TELNYX_API_KEY": "KEY0123_abc",
    "NAMBARI_TELNYX_CONNECTION_ID": "1",
    "NAMBARI_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "NAMBARI_TWILIO_AUTH_TOKEN": "0" * 32,
    "NAMBARI_TWILIO_TRUNK_SID": "TK" + "0" * 32,
    "NAMBARI_CARRIER_MARKUP_PERCENT": "20",
    "NAMBARI_TRUSTED_PROXIES": "10.0.0.0/8",
    "NAMBARI_CURRENCY": "EUR",
}


def test_nothing_of_production_is_taken_over(tmp_path: Path) -> None:
    settings = own_settings(read(OF_PRODUCTION | {"NAMBARI_DATA_DIR": str(tmp_path)}))
    assert settings == Settings(data_dir=tmp_path / "demo")


def test_what_a_trial_on_this_machine_wants_is(tmp_path: Path) -> None:
    wanted = {
        "NAMBARI_DATA_DIR": str(tmp_path),
        "NAMBARI_LOG_LEVEL": "debug",
        "NAMBARI_SIP_DOMAIN": "sip.example.com",
        "NAMBARI_SUSPENDED_INBOUND": "route",
        "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1",
        "NAMBARI_WEBHOOK_RETRY_SECONDS": "0,1",
        "NAMBARI_WEBHOOK_ANSWERS": "all",
    }
    assert own_settings(read(wanted)) == Settings(
        data_dir=tmp_path / "demo",
        log_level="debug",
        sip_domain="sip.example.com",
        suspended_inbound="route",
        webhook_allowed_networks=("127.0.0.1",),
        webhook_retry_seconds=("0", "1"),
        webhook_answers="all",
    )

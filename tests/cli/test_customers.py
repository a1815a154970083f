"""What a customer types: nambari numbers, endpoints and credits, on a real service, with an API key."""

import os
import pty
import re
import select
import signal
import subprocess
import sys

import msgspec
import psycopg
import pytest
from tests.cli.conftest import refused
from tests.cli.serving import in_a_thread
from tests.cli.shop import NUMBERS, Run, Shop
from tests.receiver import answer, receiving

from nambari.api.described import EXAMPLES
from nambari.cli import program


def test_a_number_from_search_to_restore(shop: Shop) -> None:
    nambari = shop.nambari
    told = nambari("numbers", "search", "--country", "gb", "--type", "local", "--area-code", "20", "--limit", "3")
    assert (told.code, told.err) == (0, "")
    titles, *rows = told.out.splitlines()
    assert titles.split() == ["INVENTORY_ID", "NUMBER", "TYPE", "AREA", "LOCALITY", "SET-UP", "MONTHLY", "MISSING"]
    assert len(rows) == 3
    assert "1.00 USD" in rows[0]
    inventory_id = rows[0].split()[0]
    agent = nambari(
        "endpoints", "create", "--name", "Desk", "--type", "agent", "--url", "sip:a@sip.example.com", "--json"
    )
    endpoint = agent.json["id"]
    bought = nambari("numbers", "buy", inventory_id, "--label", "Front", "--tag", "a", "--tag", "b", "--yes")
    id_ = re.search(r"pn_\w+", bought.out)
    assert id_ is not None
    assert re.fullmatch(r"Bought \+44\d+ for 3\.50 USD: pn_\w+", bought.out.splitlines()[0])
    assert f"nambari numbers set {id_[0]} --endpoint EP_ID" in bought.out
    [number] = nambari("numbers", "list", "--json").lines
    assert (number["label"], number["tags"], number["id"]) == ("Front", ["a", "b"], id_[0])
    assert number["number"] in nambari("numbers", "list", "--tag", "b").out
    shown = nambari("numbers", "set", number["number"], "--endpoint", endpoint, "--no-outbound", "--no-tags")
    assert f"Endpoint       {endpoint}" in shown.out.splitlines()
    assert "Outbound       no" in shown.out.splitlines()
    assert f"Endpoint       Desk ({endpoint})" in nambari("numbers", "show", id_[0]).out.splitlines()
    one = nambari("numbers", "show", number["number"], "--json").json
    assert (one["tags"], one["endpoint"]["name"], one["sip"]["username"]) == ([], "Desk", id_[0])
    assert nambari("numbers", "set", id_[0], "--no-endpoint", "--no-label", "--json").json["endpoint_id"] is None
    assert nambari("numbers", "release", number["number"], "--yes", "--json").json["status"] == "released"
    assert nambari("numbers", "list").out == "You have no such numbers. `nambari numbers search` finds some.\n"
    assert nambari("numbers", "list", "--status", "released", "--json").json["id"] == id_[0]
    assert nambari("numbers", "restore", number["number"], "--yes").out == (
        f"Restored {number['number']}: {id_[0]}, active.\n"
    )
    assert nambari("credits", "balance").out == "You have 16.50 USD.\n"
    assert [each["amount_cents"] for each in nambari("credits", "transactions", "--json").lines][-1] == 2000
    assert len(nambari("credits", "transactions", "--limit", "1").out.splitlines()) == 2


def test_the_port_out_pin(shop: Shop) -> None:
    done = shop.nambari("numbers", "port-out-pin", "--pin", "204175", "--json")
    assert done.json["is_set"] is True
    again = shop.nambari("numbers", "port-out-pin", "--pin", "204175")
    assert (again.code, "204175" in again.out) == (0, False)
    assert "must be 6 to 10 digits" in refused(shop.nambari("numbers", "port-out-pin", "--pin", "12"), 2)


def test_endpoints(shop: Shop) -> None:
    nambari = shop.nambari
    assert nambari("endpoints", "list").out.startswith("You have no endpoints yet.")
    made = nambari(
        *("endpoints", "create", "--name", "Sales", "--type", "elevenlabs"),
        *("--config", "elevenlabs_agent_id=agent_01", "--json"),
    ).json
    assert (made["provider"], made["provider_config"]) == ("elevenlabs", {"elevenlabs_agent_id": "agent_01"})
    assert "secret" not in made
    assert (
        nambari("endpoints", "set", made["id"], "--inactive", "--name", "Night", "--json").json["status"] == "inactive"
    )
    assert "Night" in nambari("endpoints", "show", made["id"]).out
    assert nambari("endpoints", "list", "--json").json["id"] == made["id"]
    assert nambari("endpoints", "delete", made["id"], "--yes").out == f"Deleted {made['id']}.\n"
    hook = ("endpoints", "create", "--name", "Hook", "--type", "webhook", "--url", "https://example.com/calls")
    assert "(shown this once)" in nambari(*hook).out
    for wrong in (("--config", "x"), ("--config", "=x")):
        assert "--config takes KEY=VALUE" in refused(nambari(*hook, *wrong), 2)
    assert "Say what to change" in refused(nambari("endpoints", "set", made["id"]), 2)


def test_nothing_is_bought_unasked(shop: Shop) -> None:
    """Where nobody can be asked, the price is told all the same."""
    told = refused(shop.nambari("numbers", "buy", shop.inventory_id()), 2)
    assert re.fullmatch(
        r"Buy \+44\d+ for 3\.50 USD now, and 2\.50 USD every month\? Nobody can be asked here: add --yes to say so\.",
        told,
    )
    number = shop.bought()
    assert "add --yes" in refused(shop.nambari("numbers", "release", number["id"]), 2)
    assert shop.nambari("numbers", "show", number["id"], "--json").json["status"] == "active"
    assert "add --yes" in refused(shop.nambari("endpoints", "delete", "ep_none"), 2)
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 1650


CTRL_C = "ctrl-c"


def typed(said: str, *arguments: str) -> tuple[int, str]:
    """What a person sees on a terminal, who says this when asked; and the exit code."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nambari", *arguments],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
        start_new_session=True,
    )
    os.close(inner)
    seen, patience = b"", 60
    try:
        while True:
            if not select.select([outer], [], [], patience)[0]:
                assert patience < 60, seen
                # One that comes just before it waits is seen when a line comes; a second one while it ends, as a fault.
                process.send_signal(signal.SIGINT)
                patience = 30
                continue
            try:
                read = os.read(outer, 65536)
            except OSError:  # the other side is closed
                break
            if not read:
                break
            seen += read
            if said and b"[y/N]" in seen:
                if said == CTRL_C:
                    patience = 1
                else:
                    os.write(outer, said.encode())
                said = ""
        return process.wait(60), seen.decode()
    finally:
        os.close(outer)
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_person_is_asked_and_their_answer_counts(shop: Shop) -> None:
    item = shop.inventory_id()
    code, seen = typed("n\n", "numbers", "buy", item)
    assert "for 3.50 USD now, and 2.50 USD every month? [y/N]" in seen
    assert (code, seen.splitlines()[-1].strip()) == (1, "nambari: Nothing was done.")
    code, _ = typed(CTRL_C, "numbers", "buy", item)
    assert code == 130
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 2000
    code, seen = typed("y\n", "numbers", "buy", item)
    assert (code, "Bought +44" in seen) == (0, True), seen
    code, seen = typed("", "numbers", "list")
    assert "Monthly" in seen
    assert "2.50 USD" in seen


@pytest.mark.parametrize(
    ("status", "reason", "code", "told"),
    [
        ("active", None, 0, "Bought {number} for 3.50 USD: {id}"),
        ("pending", None, 0, "Ordered {number}: {id}. 3.50 USD are held until its carrier has decided:"),
        ("released", "taken", 1, "The carrier did not give {number} (taken): {id}. Nothing was paid."),
    ],
)
def test_a_carrier_decides_of_its_number(
    nambari: Run, monkeypatch: pytest.MonkeyPatch, status: str, reason: str | None, code: int, told: str
) -> None:
    """Sooner than the command ends, or later, or against it."""
    prices = {"setup_cost_cents": 100, "monthly_cost_cents": 250, "currency": "USD"}
    number = EXAMPLES["PhoneNumber"] | prices | {"status": status, "status_reason": reason}
    monkeypatch.setenv("NAMBARI_API_KEY", "kros_live_x")
    with in_a_thread(lambda: receiving(lambda _: answer(201, msgspec.json.encode(number)))) as server:
        monkeypatch.setenv("NAMBARI_BASE_URL", server.url(""))
        done = nambari("numbers", "buy", "inv_1", "--yes")
    assert (done.code, done.out.splitlines()[0]) == (code, told.format_map(number))
    assert (f"nambari numbers show {number['id']}" in done.out) == (status == "pending")
    [asked] = server.received
    assert asked.headers["prefer"] == "wait=20"


def test_a_month_that_is_paid_for_costs_nothing_to_take_back(shop: Shop) -> None:
    number = shop.bought()
    shop.nambari("numbers", "release", number["id"], "--yes")
    assert (
        shop.nambari("numbers", "restore", number["id"]).out
        == f"Restored {number['number']}: {number['id']}, active.\n"
    )
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 1650


def test_another_month_is_asked_for_by_its_price(shop: Shop, dsn: str) -> None:
    number = shop.bought()
    shop.nambari("numbers", "release", number["id"], "--yes")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE phone_numbers SET paid_until = now()")
    restore = ("numbers", "restore", number["id"])
    question = f"Restore {number['number']} for 2.50 USD? The month that was paid is over; this pays another."
    assert refused(shop.nambari(*restore), 2) == f"{question} Nobody can be asked here: add --yes to say so."
    for options in (("--max-total", "249"), ("--max-total", "249", "--yes"), ("--max-total", "0", "--yes")):
        assert "costs 2.50 USD" in refused(shop.nambari(*restore, *options)), options
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 1650
    code, seen = typed("y\n", *restore)
    assert f"{question} [y/N]" in seen
    assert (code, f"Restored {number['number']}" in seen) == (0, True), seen
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 1400


def test_a_key_that_may_not_read_is_told_what_it_has_done(shop: Shop) -> None:
    number = shop.bought()
    shop.sign_in(shop.key("--scopes", "numbers:write"))
    changed = shop.nambari("numbers", "set", number["id"], "--label", "Night")
    assert (changed.code, changed.err) == (0, "")
    assert "Label          Night" in changed.out.splitlines()
    assert shop.nambari("numbers", "set", number["id"], "--no-label", "--json").json["label"] is None
    assert shop.nambari("numbers", "release", number["id"], "--yes", "--json").json["status"] == "released"
    assert shop.nambari("numbers", "restore", number["id"], "--json").json["status"] == "active"


def test_a_retried_script_buys_once(shop: Shop) -> None:
    buy = ("numbers", "buy", shop.inventory_id(), "--yes", "--idempotency-key", "order-1", "--json")
    assert shop.nambari(*buy).json["id"] == shop.nambari(*buy).json["id"]
    assert shop.nambari("credits", "balance", "--json").json["balance_cents"] == 1650


def test_refusals_say_why_and_what_next(shop: Shop) -> None:
    nambari = shop.nambari
    item = shop.inventory_id()
    told = refused(nambari("numbers", "buy", "inv_none", "--yes"))
    assert re.fullmatch(r".+ Search again: `nambari numbers search`\. \(NUMBER_NOT_AVAILABLE, req_\w+\)", told)
    assert "PRICE_CHANGED" in refused(nambari("numbers", "buy", item, "--max-total", "300", "--yes"))
    assert "PRICE_CHANGED" in refused(nambari("numbers", "buy", item, "--max-total", "300"))
    assert "`nambari endpoints list`" in refused(nambari("numbers", "buy", item, "--endpoint", "ep_none", "--yes"))
    assert "`nambari numbers list`" in refused(nambari("numbers", "show", "pn_none"))
    assert refused(nambari("numbers", "show", NUMBERS[0])).startswith(f"You own no number {NUMBERS[0]}.")
    assert refused(nambari("numbers", "restore", NUMBERS[0], "--yes")).startswith(
        f"No released number of yours is {NUMBERS[0]}."
    )
    number = shop.bought()
    nambari("numbers", "set", number["id"], "--deletion-lock")
    assert "--no-deletion-lock" in refused(nambari("numbers", "release", number["id"], "--yes"))
    shop.sign_in(shop.key("--scopes", "numbers:read"))
    assert "INSUFFICIENT_SCOPE" in refused(nambari("credits", "balance"))
    shop.sign_in("kros_live_" + "x" * 32)
    assert "Check NAMBARI_API_KEY" in refused(nambari("numbers", "list"))


def test_short_of_credits(shop: Shop) -> None:
    shop.bought()
    shop.sign_in(shop.nambari("key", "create", "--org", poor(shop), "--json").json["api_key"])
    told = refused(shop.nambari("numbers", "buy", shop.inventory_id(), "--yes"))
    assert told.startswith("You need 3.50 USD of credits for this number and have 1.00 USD.")
    assert "INSUFFICIENT_BALANCE" in told


def poor(shop: Shop) -> str:
    made: str = shop.nambari("org", "create", "--name", "Poor", "--json").json["organization_id"]
    shop.nambari("kyc", "submit", "--org", made, "--legal-name", "Poor Ltd", "--country", "GB")
    shop.nambari("kyc", "approve", "--org", made)
    shop.nambari("credits", "add", "--org", made, "--cents", "100")
    return made


def test_wrong_usage(shop: Shop) -> None:
    nambari = shop.nambari
    for arguments, says in (
        (("numbers", "search", "--country", "XX"), "no country code"),
        (("numbers", "search"), "--country"),
        (("numbers", "list", "--status", "sleeping"), "--status"),
        (("numbers", "list", "--base-url", "example.com"), "is no base URL"),
        (("numbers", "show", ""), "no id"),
        (("numbers", "set", "pn_1"), "Say what to change"),
        (("numbers", "set", "pn_1", "--label", "a", "--no-label"), "do not go together"),
        (("numbers", "set", "pn_1", "--endpoint", "ep_1", "--no-endpoint"), "do not go together"),
        (("numbers", "buy", "inv_1", "--yes", "--max-total", "-5"), "--max-total"),
        (("numbers", "buy", "inv_1", "--yes", "--idempotency-key", "é"), "printable"),
        (("numbers", "buy", "inv_1", "--yes", "--label", "x" * 1000), "VALIDATION_ERROR"),
        (("numbers", "list", "--contains", "\udcff"), "half a letter"),
    ):
        assert says in refused(nambari(*arguments), 2), arguments
    shop.monkeypatch.delenv("NAMBARI_API_KEY")
    assert "Set NAMBARI_API_KEY" in refused(nambari("numbers", "list"), 2)
    shop.sign_in("kröß")
    assert "letters that no key has" in refused(nambari("numbers", "list"), 2)


def test_a_server_that_is_not_there_or_another(shop: Shop) -> None:
    assert "cannot be reached" in refused(shop.nambari("numbers", "list", "--base-url", "http://127.0.0.1:1"), 3)
    assert "--base-url" in refused(shop.nambari("numbers", "list", "--base-url", f"{shop.url}/docs"))


def test_ids_and_prices_are_whole_in_a_pipe(shop: Shop) -> None:
    number = shop.bought("--label", "Überlang " + "x" * 60)
    [_, row] = shop.nambari("numbers", "list").out.splitlines()
    assert number["id"] in row
    assert row.endswith("x" * 60)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("nambari num", {"numbers"}),
        ("nambari numbers re", {"release", "restore"}),
        ("nambari numbers list --st", {"--status"}),
        ("nambari numbers search --type to", {"toll_free"}),
    ],
)
def test_the_shell_completes(
    words: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_NAMBARI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit) as ended:
        program.run([])
    assert ended.value.code == 0
    assert set(capsys.readouterr().out.split()) == offered

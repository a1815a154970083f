"""Is what operators type to set up a machine right? It is typed on a copy of this one, whose first process is systemd.

As it stands in docs/operations.md, calls.md, scale.md and README.md; what a line says to fill in is filled in.
"""

import json
import re
from collections.abc import Iterator

import pytest
from tests.calls.scenarios import Calling
from tests.docs.blocks import PAGES, ROOT, blocks
from tests.machine import PASSWORD, URL, Machine, machine
from tests.story.processes import away_from_midnight

BLOCKS = [block for page in PAGES for block in blocks(page) if block.why == "tests/deploy/test_machine.py"]
SETTINGS = "set -a; . /etc/nambari/nambari.env; set +a\n"


def the(page: str, containing: str) -> str:
    [found] = [each for each in BLOCKS if each.page == page and containing in each.text]
    return found.text


def filled(text: str, filling: dict[str, str]) -> str:
    """With what is done after the line that says so."""
    lines = []
    for line in text.splitlines():
        lines += [line, *(then for said, then in filling.items() if said in line)]
    assert len(lines) == len(text.splitlines()) + len(filling), "each is said once"
    return "\n".join(lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as copy:
        copy.make_database()
        yield copy


@pytest.fixture(scope="module")
def installed(made: Machine) -> Machine:
    """As the page says, which begins with packages from the index."""
    packages, _, units = the("docs/operations.md", "systemctl enable").partition("install -d")
    made.typed(packages, beside=True, seconds=600)
    own = f"sed -i -e 's,^\\(NAMBARI_DATABASE_URL\\)=.*,\\1={URL},' /etc/nambari/nambari.env"
    made.typed(filled(f"install -d{units}", {"write your own": own}))
    made.wait_for("http://127.0.0.1:8000/readyz")
    return made


def customers_key(installed: Machine) -> str:
    organization = "$(nambari org create --name Somebody --json | grep -o 'org_[0-9a-z]*')"
    [secret] = re.findall(r"kros_live_\w+", installed.typed(f"{SETTINGS}nambari key create --org {organization}"))
    return str(secret)


def test_the_service_runs_and_so_does_the_worker(installed: Machine) -> None:
    states = installed.typed(
        "systemctl is-active nambari-serve.socket nambari-serve nambari-worker nambari-backup.timer"
    )
    assert states.split() == ["active"] * 4
    for port in (9464, 9465):
        assert "nambari_database_up 1" in installed.typed(f"curl -sSf http://127.0.0.1:{port}/metrics")
    users = installed.typed("ps -C nambari -o user= | sort -u").split()
    assert "root" not in users
    assert users


def test_commands_read_its_settings(installed: Machine) -> None:
    assert URL.rpartition("@")[2] in installed.typed(the("docs/operations.md", "nambari doctor"))


def test_a_request_is_found_in_the_journal(installed: Machine) -> None:
    """One that failed, as the database was away: what went well is told of with NAMBARI_LOG_LEVEL=debug alone."""
    asked = f"curl -sS http://127.0.0.1:8000/v1/credits -H 'x-api-key: {customers_key(installed)}'"
    answer = installed.typed(f"systemctl stop postgresql@15-nambari\n{asked}\nsystemctl start postgresql@15-nambari")
    assert "SERVICE_UNAVAILABLE" in answer
    [request] = set(re.findall(r"req_[0-9a-z]{26}", answer))
    asked = the("docs/operations.md", "journalctl")
    [shown] = re.findall(r"req_[0-9a-z]{26}", asked)
    found = installed.typed(f"journalctl --sync\n{asked.replace(shown, request)}")
    assert json.loads(found.splitlines()[0])["request_id"] == request


def test_what_the_timer_starts_is_a_backup(installed: Machine) -> None:
    installed.typed(SETTINGS + "nambari org create --name Acme\nsystemctl start nambari-backup")
    [dump] = installed.typed("ls /var/lib/private/nambari-backup/*.dump").split()
    assert "-rw-------" in installed.typed(f"ls -l {dump}")
    restored = f"runuser -u postgres -- createdb --owner nambari again\n{SETTINGS}"
    restored += f"NAMBARI_DATABASE_URL={URL.removesuffix('nambari')}again\nnambari restore {dump}\nnambari org list"
    assert "Acme" in installed.typed(restored)


def test_no_request_is_lost_while_it_is_restarted(installed: Machine) -> None:
    """The socket is systemd's, and stays."""
    asking = """
    ask() { curl -sSf http://127.0.0.1:8000/healthz; }
    restarted() { systemctl restart nambari-serve; touch /tmp/restarted; }
    ask
    restarted &
    while [ ! -e /tmp/restarted ]; do ask; done  # on a busy machine the first may take as long as the restart
    wait
    ask
    """
    assert installed.typed(asking).count("ok") > 2


TRUNK, PROXY = "198.51.100.10", "203.0.113.5"
"""The carrier and the proxy of the examples; both are this machine, too."""


def test_the_proxy_asks_the_service(installed: Machine) -> None:
    """docs/calls.md: what a carrier calls is refused by Nambari, as nobody has it; the example names the carrier."""
    installed.typed(f"ip addr add {TRUNK}/32 dev lo; ip addr add {PROXY}/32 dev lo")
    key = "nambari key create --operator --scopes routing:read --name proxy"
    assert key in (ROOT / "docs" / "calls.md").read_text(encoding="utf-8")
    [secret] = re.findall(r"kros_live_\w+", installed.typed(f"{SETTINGS}{key}"))
    route = f"-e '/ROUTE_SECRET/s,##!,#!,' -e '/ROUTE_SECRET/s,…,{PASSWORD},'"
    own = f"sed -i -e 's,kros_live_…,{secret},' {route} settings.cfg"
    installed.typed(
        filled(
            the("docs/calls.md", "/etc/kamailio"), {"example.cfg settings.cfg": own, "if you want TLS": "rm tls.cfg"}
        )
    )
    scenario = Calling("sip:+2348000000000@sip.example.com", f"<sip:+2348012345678@{TRUNK}>").is_rejected(404)
    installed.typed(f"cat > /tmp/call.xml <<'END'\n{scenario}\nEND")
    installed.typed(
        f"cd /tmp; sipp -sf call.xml -i {TRUNK} -m 1 -nostdin -timeout 20 -timeout_error "
        f"-trace_msg -message_file said {PROXY}:5060"
    )
    said = installed.typed("cat /tmp/said")
    assert "number_unknown" in said
    [call_id] = set(re.findall(r"^Call-ID: (\S+)", said, re.MULTILINE))
    [line] = re.findall(
        rf".*{re.escape(call_id)}.*", installed.typed("journalctl --sync; journalctl -u kamailio -o cat")
    )
    assert "rejected: 404 number_unknown" in line


@pytest.fixture
def without_units(installed: Machine) -> Iterator[Machine]:
    """Their ports are free."""
    units = "nambari-serve.socket nambari-serve nambari-worker"
    installed.typed(f"systemctl stop {units}")
    yield installed
    installed.typed(f"systemctl start {units}")


def test_two_processes_count_together(without_units: Machine) -> None:
    """docs/scale.md: what is counted is in the Redis of this machine."""
    secret = customers_key(without_units)
    asked = [
        f"curl -sSf -o /dev/null http://127.0.0.1:{port}/v1/credits -H 'x-api-key: {secret}'\n" for port in (8000, 8001)
    ]
    ready = [
        f"until curl -sf -o /dev/null http://127.0.0.1:{port}/readyz; do sleep 0.1; done\n" for port in (8000, 8001)
    ]
    block = the("docs/scale.md", "nambari serve --port 8001")
    counted = "redis-cli get $(redis-cli --scan --pattern '*/requests_per_day/*')\n"
    away_from_midnight()
    told = without_units.typed(
        "".join(["systemctl start redis-server\n", block, *ready, *asked, "kill %1 %2\nwait\n", counted])
    )
    assert told.splitlines()[-1] == "2"


def test_what_the_tests_need_is_what_ci_installs(made: Machine) -> None:
    """README.md and calls.md: all is there already, so that nothing is fetched. Some nodejs bring npm along."""
    made.typed("""echo 'APT::Get::Upgrade "false";' > /etc/apt/apt.conf.d/as-it-is""")
    text = the("README.md", "apt-get install")
    for each in (text, the("docs/calls.md", "apt-get install")):
        assert "0 newly installed" in made.typed(each)
    named = set(re.findall(r"[a-z0-9-]+", text.partition("--no-install-recommends")[2])) | {"npm"}
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert named == set(re.findall(r"\w:([a-z][a-z0-9-]+)", script) + re.findall(r'\$missing ([a-z0-9-]+)"', script))

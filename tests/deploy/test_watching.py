"""Do alerts, dashboard and runbook speak of what there is? Read by Prometheus itself, held against a real service."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.story.processes import HOST, database, free_port, service, until
from typer.testing import CliRunner

from nambari.cli.program import app
from nambari.db import measures
from nambari.domain.events import Event

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RULES_TEST = DEPLOY / "prometheus" / "alerts.test.yml"
DASHBOARD = DEPLOY / "grafana" / "nambari.json"
RUNBOOK = ROOT / "docs" / "operations.md"
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$environment": "live"}
NEEDED = "Alerts are read by Prometheus' own tool: apt-get install --no-install-recommends prometheus"


def promtool(*what: str) -> "subprocess.CompletedProcess[str]":
    assert shutil.which("promtool"), NEEDED
    return subprocess.run(["promtool", *what], capture_output=True, text=True, check=False, timeout=120)


def alerts() -> dict[str, str]:
    """Each alert's name, and where its runbook is."""
    text = ALERTS.read_text(encoding="utf-8")
    names = re.findall(r"^      - alert: (\w+)$", text, re.MULTILINE)
    runbooks = re.findall(r"^          runbook: docs/operations\.md#(\S+)$", text, re.MULTILINE)
    assert len(names) == len(runbooks) == text.count("expr:") > 10
    return dict(zip(names, runbooks, strict=True))


def asked_for() -> dict[str, str]:
    """What each alert asks, as it is written there."""
    text = ALERTS.read_text(encoding="utf-8")
    found = re.findall(r"- alert: (\w+)\n +expr: (?:>-\n +)?(.+?)\n +for:", text, re.DOTALL)
    return dict(found)


def expressions(found: Any) -> list[str]:
    """All that the dashboard asks, with its variables filled in."""
    if isinstance(found, list):
        return [one for each in found for one in expressions(each)]
    if not isinstance(found, dict):
        return []
    own = [found["expr"]] if "expr" in found else []
    for name, value in VARIABLES.items():
        own = [each.replace(name, value) for each in own]
    return own + [one for each in found.values() for one in expressions(each)]


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:nambari|process)_[a-z_]+\b", text))


def test_prometheus_takes_the_alerts() -> None:
    told = promtool("check", "rules", str(ALERTS))
    assert told.returncode == 0, told.stdout + told.stderr


def test_each_alert_fires_for_what_it_says_and_lets_the_rest_pass() -> None:
    told = promtool("test", "rules", str(RULES_TEST))
    assert told.returncode == 0, told.stdout + told.stderr
    tried = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", RULES_TEST.read_text(encoding="utf-8")))
    assert tried == set(alerts()) == set(asked_for()), "each alert has been seen to fire"


@pytest.mark.parametrize("alert", [name for name, expression in asked_for().items() if " > " in expression])
def test_no_alerts_bound_may_move(tmp_path: Path, alert: str) -> None:
    """By a hundredth up or down, or where it is 0, to 1 or to what is 0 too."""
    expression = asked_for()[alert]
    before, _, bound = expression.rpartition(" > ")
    moved = (f"> {float(bound) * 1.01}", f"> {float(bound) * 0.99}") if float(bound) else ("> 1", ">= 0")
    shutil.copy(RULES_TEST, tmp_path)
    text = ALERTS.read_text(encoding="utf-8")
    assert text.count(expression) == 1
    for each in moved:
        (tmp_path / ALERTS.name).write_text(text.replace(expression, f"{before} {each}"), encoding="utf-8")
        told = promtool("test", "rules", str(tmp_path / RULES_TEST.name))
        assert told.returncode == 1, each
        assert alert in told.stdout + told.stderr


def test_prometheus_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = expressions(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    assert len(asked) > 20
    rules = tmp_path / "asked.yml"
    recorded = [{"record": f"asked:{place}", "expr": each} for place, each in enumerate(asked)]
    rules.write_text(json.dumps({"groups": [{"name": "asked", "rules": recorded}]}), encoding="utf-8")  # JSON is YAML
    told = promtool("check", "rules", str(rules))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "$" not in "".join(asked), "a variable that the test does not know"


async def test_all_that_is_asked_is_told_by_a_service_and_scraped(tmp_path: Path) -> None:
    """By a real Prometheus, which finds the target up and takes each of its samples."""
    assert shutil.which("prometheus"), NEEDED
    port, web = free_port(), free_port()
    with service(tmp_path / "home", "--metrics", f"{HOST}:{port}") as made:
        made.start()
        async with database(made.home) as world, world.services.database.writing() as connection:
            await measures.write_comparison_of_all(connection, "acme", 0, world.services.clock())
        assert httpx2.get(f"{made.url}/v1/credits", timeout=60).status_code == 401
        until(lambda: "nambari_database_connections{" in told(port), what="a look at the pool")
        families = {
            name
            for family in text_string_to_metric_families(told(port))
            for name in (family.name, *(sample.name for sample in family.samples))
        }
        asked = metric_names(ALERTS.read_text(encoding="utf-8")) | metric_names(
            "\n".join(expressions(json.loads(DASHBOARD.read_text(encoding="utf-8"))))
        )
        assert asked
        assert asked <= families
        page = metric_names((ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
        assert {each for each in page if each.startswith("nambari_")} <= families
        scraped(tmp_path, port, web)
        assert made.stop() == 0, made.output


def told(port: int) -> str:
    text: str = httpx2.get(f"http://{HOST}:{port}/metrics", timeout=60).text
    return text


def scraped(home: Path, port: int, web: int) -> None:
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "nambari", "static_configs": [{"targets": [f"{HOST}:{port}"]}]}],
    }
    (home / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
    options = (f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/tsdb")
    with (home / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *options, f"--web.listen-address={HOST}:{web}"], stdout=log, stderr=log
        )
    try:
        until(lambda: value(web, 'up{job="nambari"}') == "1", 90, "a scrape that succeeds")
        until(lambda: value(web, "nambari_database_up") == "1", 90, "a figure")
        until(lambda: value(web, 'nambari_requests_total{status="401"}') == "1", 90, "a count")
        names = {rule["name"] for group in asked_of(web, "rules")["groups"] for rule in group["rules"]}
        assert names == set(alerts())
    finally:
        process.terminate()
        process.wait(60)


def asked_of(web: int, what: str, **query: str) -> Any:
    answer = httpx2.get(f"http://{HOST}:{web}/api/v1/{what}", params=query, timeout=60)
    return answer.raise_for_status().json()["data"]


def value(web: int, query: str) -> str | None:
    try:
        found = asked_of(web, "query", query=query)["result"]
    except (httpx2.TransportError, httpx2.HTTPStatusError):
        return None  # it still starts
    return str(found[0]["value"][1]) if found else None


def test_each_event_that_is_watched_is_one() -> None:
    text = ALERTS.read_text(encoding="utf-8") + DASHBOARD.read_text(encoding="utf-8")
    watched = set(re.findall(r"phone_number\.[a-z]+", text))
    assert watched
    assert watched <= {event.value for event in Event}


# ── The runbook ──────────────────────────────────────────────────────────────────────────────────────────────────


def anchors() -> set[str]:
    titles = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_each_alert_has_its_section() -> None:
    assert set(alerts().values()) <= anchors()
    assert {name.lower() for name in alerts()} == set(alerts().values())


def test_what_the_runbook_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", RUNBOOK.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        assert not path or (RUNBOOK.parent / path).exists(), target
        assert path or anchor in anchors(), target


def commands() -> list[str]:
    """Each that it names, in a line or in a block: words and options, as far as they are none of the reader's."""
    text = RUNBOOK.read_text(encoding="utf-8")
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    inline = re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    one = r"(?<![\w/.-])nambari((?: (?:--)?[a-z][a-z-]*(?=[\s`]))+)"
    return sorted({each.strip() for where in (*blocks, *inline) for each in re.findall(one, where)})


def test_the_runbook_names_commands_that_there_are() -> None:
    named = commands()
    assert len(named) > 12
    for each in named:
        words = each.split()
        options = [word for word in words if word.startswith("--")]
        told = CliRunner().invoke(app, [*(word for word in words if word not in options), "--help"])
        assert told.exit_code == 0, f"nambari {each}: {told.output}"
        for option in options:
            assert option in told.output, f"nambari {each}"


def test_settings_that_it_names_are_settings() -> None:
    named = set(re.findall(r"NAMBARI_[A-Z_]+", RUNBOOK.read_text(encoding="utf-8")))
    known = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert named
    assert {each for each in named if f"`{each}`" not in known} == set()

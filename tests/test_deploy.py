"""What `deploy/` promises, compared with the code: parts, settings, health."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from connections.retention import RETENTIONS
from console.service import Part
from deploy import healthcheck
from orchestration.publish import ABOUT
from tests.dbt_project.contracts import promised

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"

_VARIABLE = r"(?:DASHTRAY|STRIPE)_[A-Z_]+|DATABASE_URL"


def settings_of_the_code() -> set[str]:
    """The variables that the two modules of settings read, and how long things are kept."""
    found = {retention.setting for retention in RETENTIONS}
    for module in ("settings.py", "web_settings.py"):
        source = (ROOT / "connections" / module).read_text()
        found |= set(re.findall(rf'(?:text|secret|base|number)\(\s*"({_VARIABLE})"', source))
        found |= set(re.findall(rf'^\s+"({_VARIABLE})",$', source, re.MULTILINE))
    # Composed from its beginning there.
    return found | {"DASHTRAY_ENCRYPTION_KEY"}


def test_the_environment_table_has_every_setting_and_no_other() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text()
    table = page.partition("## Environment")[2].partition("\n## ")[0]
    documented = set(re.findall(rf"`({_VARIABLE})`", table))

    assert settings_of_the_code() - documented == set()
    sources = [
        path.read_text()
        for folder in ("connections", "orchestration", "dbt_project")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yml", ".sql"} and "target" not in path.parts
    ]
    code = "\n".join(sources)
    # dbt's rules are variables by the names of their vars.
    unknown = {
        name
        for name in documented
        if name not in code and name.removeprefix("DASHTRAY_").lower() not in code
    }
    assert unknown == set()


def test_the_example_names_settings_only() -> None:
    example = (DEPLOY / "environment.example").read_text()
    names = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    page = (ROOT / "docs" / "deploying.md").read_text()

    assert "POSTGRES_PASSWORD" in names
    assert {name for name in names if f"`{name}`" not in page} == {"POSTGRES_PASSWORD"}


def test_compose_runs_each_part_once_from_one_image() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = dict(compose["services"])
    services.pop("postgres")

    assert sorted(services) == sorted(Part)
    for name, service in services.items():
        assert service["command"][:3] == ["up", "--only", name]
        assert service["image"] == "dashtray-stripe:local"
        assert service["volumes"] == ["home:/var/lib/dashtray"]
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    # Stopped in the opposite order: the daemon, then the runs' parent.
    assert "code-server" in services["daemon"]["depends_on"]


def test_kubernetes_repeats_the_limits_of_runs() -> None:
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    runs = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]["runs"]

    assert queue["maxConcurrentRuns"] == runs["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == runs["tag_concurrency_limits"]


def test_every_part_has_a_health_check_that_it_finds_itself() -> None:
    assert set(healthcheck.PARTS) == set(Part)
    command = ["/usr/bin/python", "/usr/bin/dashtray", "up"]
    assert healthcheck.part_of(command) == "console"
    assert healthcheck.part_of([*command, "--only", "daemon"]) == "daemon"
    assert healthcheck.part_of([*command, "--only=code-server", ""]) == "code-server"


@pytest.mark.parametrize("listens", [True, False])
def test_the_code_server_is_healthy_while_its_socket_takes_connections(
    tmp_path: Path, listens: bool
) -> None:
    address = tmp_path / "dagster" / "socket" / "code"
    address.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        if listens:
            server.listen()
        checked = subprocess.run(
            [sys.executable, DEPLOY / "healthcheck.py", "code-server"],
            env={"DASHTRAY_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    assert (checked.returncode == 0) is listens
    assert listens or checked.stderr == (
        "The code-server does not answer: ConnectionRefusedError.\n"
    )


def test_what_bi_tools_are_given_asks_for_columns_that_are_promised() -> None:
    marts = promised()
    for file in (DEPLOY / "bi" / "superset" / "datasets").rglob("*.yaml"):
        dataset = yaml.safe_load(file.read_text())
        columns = {column["column_name"] for column in dataset["columns"]}
        if dataset["table_name"] != ABOUT:
            assert columns <= set(marts[dataset["table_name"]])
        assert dataset["main_dttm_col"] in columns
    rill = yaml.safe_load((DEPLOY / "bi" / "rill" / "metrics" / "stripe.yaml").read_text())
    asked = {dimension["column"] for dimension in rill["dimensions"]} | {rill["timeseries"]}
    for measure in rill["measures"]:
        asked |= set(re.findall(r"^sum\((\w+)\)", measure["expression"]))
    query = (DEPLOY / "bi" / "evidence" / "sources" / "dashtray" / "metrics_daily.sql").read_text()
    asked |= set(query.partition("from")[0].removeprefix("select").replace(",", " ").split())
    assert len(asked) > 6
    assert asked <= set(marts["metrics_daily"])

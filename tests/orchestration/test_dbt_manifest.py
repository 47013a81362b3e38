"""When the prepared manifest is made anew."""

from pathlib import Path

from orchestration.dbt_manifest import project_fingerprint


def make_project(directory: Path) -> Path:
    (directory / "models").mkdir(parents=True)
    (directory / "models" / "one.sql").write_text("select 1")
    (directory / "dbt_project.yml").write_text("name: x")
    (directory / "target").mkdir()
    return directory


def test_it_changes_with_every_file_that_is_parsed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    fingerprints = [project_fingerprint(project)]
    (project / "models" / "one.sql").write_text("select 2")
    fingerprints.append(project_fingerprint(project))
    (project / "models" / "one.sql").rename(project / "models" / "two.sql")
    fingerprints.append(project_fingerprint(project))
    (project / "models" / "two.yml").write_text("version: 2")
    fingerprints.append(project_fingerprint(project))

    assert len(set(fingerprints)) == len(fingerprints)


def test_it_does_not_change_with_what_dbt_writes(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    before = project_fingerprint(project)

    (project / "target" / "compiled.sql").write_text("select 1")
    (project / "notes.txt").write_text("not parsed")

    assert project_fingerprint(project) == before

"""`DASHTRAY_WAREHOUSE` and what belongs to it: what is read, what is refused, what is shown."""

from pathlib import Path

import pytest

from connections.errors import SettingsError
from connections.settings import Settings

BUCKET = {
    "DASHTRAY_LAKE_DATA": "s3://bucket/prefix/",
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "never-shown",
}


def read(tmp_path: Path, **environment: str) -> Settings:
    return Settings.from_environment({"DASHTRAY_HOME": str(tmp_path), **environment})


@pytest.mark.parametrize("value", ["", "file"])
def test_a_file_by_default(value: str, tmp_path: Path) -> None:
    assert read(tmp_path, DASHTRAY_WAREHOUSE=value).lake is None


@pytest.mark.parametrize("value", ["ducklake", "ducklake:postgres", "ducklake:postgres:"])
def test_the_catalogue_in_our_own_postgres(value: str, tmp_path: Path) -> None:
    lake = read(tmp_path, DASHTRAY_WAREHOUSE=value).lake
    assert lake is not None
    assert lake.catalogue is None
    assert lake.data == str(tmp_path / "lake")


@pytest.mark.parametrize(
    "value",
    [
        "ducklake:postgres:host=h dbname=d user=u password=never-shown",
        "ducklake:postgresql://u:never-shown@h/d",
        "ducklake:postgres:postgresql://u:never-shown@h/d",
    ],
)
def test_a_catalogue_elsewhere_and_its_password(value: str, tmp_path: Path) -> None:
    settings = read(tmp_path, DASHTRAY_WAREHOUSE=value)
    lake = settings.lake
    assert lake is not None and lake.catalogue is not None and lake.password is not None
    assert "host=h" in lake.catalogue and "dbname=d" in lake.catalogue
    assert lake.password.reveal() == "never-shown"
    assert "never-shown" not in repr(settings)


def test_a_bucket(tmp_path: Path) -> None:
    settings = read(tmp_path, DASHTRAY_WAREHOUSE="ducklake:postgres", **BUCKET)
    assert settings.lake is not None and settings.lake.bucket is not None
    assert settings.lake.data == "s3://bucket/prefix"
    assert "never-shown" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DASHTRAY_WAREHOUSE": "postgresql://u:never-shown@h/d"}, "DASHTRAY_WAREHOUSE"),
        ({"DASHTRAY_WAREHOUSE": "ducklake:sqlite:never-shown"}, "DASHTRAY_WAREHOUSE"),
        ({"DASHTRAY_WAREHOUSE": "ducklake:postgres:never-shown"}, "DASHTRAY_WAREHOUSE"),
        ({"DASHTRAY_LAKE_DATA": "/data"}, "DASHTRAY_LAKE_DATA"),
        (
            {"DASHTRAY_WAREHOUSE": "ducklake", "DASHTRAY_LAKE_DATA": "gs://bucket"},
            "DASHTRAY_LAKE_DATA",
        ),
        (
            {"DASHTRAY_WAREHOUSE": "ducklake", "DASHTRAY_LAKE_DATA": "s3://bucket"},
            "AWS_ACCESS_KEY_ID",
        ),
        (
            {
                "DASHTRAY_WAREHOUSE": "ducklake",
                **BUCKET,
                "AWS_ENDPOINT_URL": "http://storage.example:9000",
            },
            "AWS_ENDPOINT_URL",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_shown(
    environment: dict[str, str], named: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=named) as refusal:
        read(tmp_path, **environment)
    assert "never-shown" not in str(refusal.value)

"""URLs in messages: nothing that is kept secret is said."""

import pytest

from core.urls import shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////home/me/showdown.db", "sqlite:////home/me/showdown.db"),
        ("redis+socket:///tmp/broker.sock?virtual_host=0", "redis+socket:///tmp/broker.sock?virtual_host=0"),
        ("postgresql+psycopg://me:hush@db:5432/showdown", "postgresql+psycopg://db:5432/showdown"),
        ("postgresql+psycopg://me:hu@sh/@db/showdown", "postgresql+psycopg://db/showdown"),
        ("postgresql:///showdown?host=db&password=hush&user=me", "postgresql:///showdown?host=db&password=***&user=me"),
        ("postgresql:///showdown?sslpassword=hush", "postgresql:///showdown?sslpassword=***"),
        ("redis://:hush@broker:6379/0", "redis://broker:6379/0"),
        ("rediss://broker:6379/0?Password=hush", "rediss://broker:6379/0?Password=***"),
        ("s3://KEY:SEC/RET@bucket/prefix", "s3://bucket/prefix"),
        ("s3://bucket/prefix?secret_access_key=hush;region=eu", "s3://bucket/prefix?secret_access_key=***;region=eu"),
        ("", ""),
        ("hush", "hush"),
    ],
)
def test_nothing_secret_is_said(url: str, said: str) -> None:
    assert shown(url) == said

"""URLs in messages: nothing that is kept secret is said."""

import pytest

from core.common.urls import said_of, shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////home/me/showdown.db", "sqlite:////home/me/showdown.db"),
        ("redis+socket:///tmp/broker.sock?virtual_host=0", "redis+socket:///tmp/broker.sock?virtual_host=0"),
        ("postgresql+psycopg://me:hush@db:5432/showdown", "postgresql+psycopg://db:5432/showdown"),
        ("postgresql+psycopg://me:hu@sh/@db/showdown", "postgresql+psycopg://db/showdown"),
        (
            "postgresql:///showdown?host=db&password=hush&user=me",
            "postgresql:///showdown?host=db&password=***&user=me",
        ),
        ("postgresql:///showdown?sslpassword=hush", "postgresql:///showdown?sslpassword=***"),
        ("redis://:hush@broker:6379/0", "redis://broker:6379/0"),
        ("rediss://broker:6379/0?Password=hush", "rediss://broker:6379/0?Password=***"),
        ("s3://KEY:SEC/RET@bucket/prefix", "s3://bucket/prefix"),
        (
            "s3://bucket/prefix?secret_access_key=hush;region=eu",
            "s3://bucket/prefix?secret_access_key=***;region=eu",
        ),
        ("", ""),
        ("hush", "hush"),
    ],
)
def test_nothing_secret_is_said(url: str, said: str) -> None:
    assert shown(url) == said


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("redis://:hush@b:1/0", "cannot reach redis://:hush@b:1/0", "cannot reach redis://b:1/0"),
        ("redis://:hush@b:1/0", "WRONGPASS 'hush'\n  is wrong", "WRONGPASS '***' is wrong"),
        ("redis://:hu%40sh@b:1/0", "login hu@sh, of hu%40sh", "login ***, of ***"),
        (
            "postgresql:///db?password=hush&user=me",
            'option "password"="hush" of me',
            'option "password"="***" of me',
        ),
        ("postgresql://me:hush@b/db", 'role "me" does not exist', 'role "me" does not exist'),
        (
            "s3://AKIAIOSFODNN7EXAMPLE:SEC/RET@bucket/x",
            "AKIAIOSFODNN7EXAMPLE:SEC/RET@bucket is no bucket",
            "***:***@bucket is no bucket",
        ),
        ("redis://:a@b:1/0", "a letter is no secret", "a letter is no secret"),
        ("sqlite:////home/me/showdown.db", "unable to open", "unable to open"),
        ("", "nothing", "nothing"),
    ],
    ids=[
        "quoted whole",
        "over two lines",
        "escaped",
        "in a setting",
        "a user's name",
        "an access key",
        "too short",
        "a file",
        "no URL",
    ],
)
def test_a_librarys_message_is_said_without_what_the_url_keeps_secret(
    url: str, error: str, said: str
) -> None:
    assert said_of(url, ValueError(error)) == said

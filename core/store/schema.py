"""The tables, as SQLAlchemy Core objects; migrations/ creates them.

`point` and `score` are narrow and keyed in reading order (docs/decisions/0004-narrow-points.md). Times are
Unix seconds.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _run_key(primary_key: bool = False, index: bool = False) -> Column[int]:
    owner = ForeignKey("run.id", ondelete="CASCADE")
    return Column("run_id", Integer, owner, nullable=False, primary_key=primary_key, index=index)


experiment = Table(
    "experiment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("question", Text, nullable=False, default=""),
    Column("config", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("by", String(200), nullable=False, server_default=text("''")),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "experiment_id", Integer, ForeignKey("experiment.id", ondelete="CASCADE"), nullable=True, index=True
    ),
    Column("arm", String(40), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("structure", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("config_hash", String(16), nullable=False),
    Column("swept", JSON),
    Column("revision", String(64), nullable=False, default=""),
    Column("status", String(16), nullable=False, index=True),
    Column("attempt", Integer, nullable=False, default=0),
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("lease_owner", String(120)),
    Column("lease_until", Float),
    Column("step", Integer, nullable=False, default=0),
    Column("max_steps", Integer, nullable=False),
    Column("num_processes", Integer, nullable=False, default=1, server_default="1"),
    Column("checkpoint_step", Integer),
    Column("error_kind", String(120)),
    Column("error_message", Text),
    Column("log_tail", Text),
    Column("worker", String(120)),
    Column("priority", Integer, nullable=False, default=0, server_default="0"),
    Column("time_limit", Float),
    Column("trained_seconds", Float, nullable=False, default=0.0, server_default="0"),
    Column("environment", JSON),
    Column("created_at", Float, nullable=False),
    Column("queued_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
)

run_event = Table(
    "run_event",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_key(index=True),
    Column("at", Float, nullable=False),
    Column("step", Integer),
    Column("kind", String(32), nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Column("by", String(200), nullable=False, server_default=text("''")),
)

metric = Table(
    "metric",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(120), nullable=False, unique=True),
)

point = Table(
    "point",
    metadata,
    _run_key(primary_key=True),
    Column("metric_id", Integer, ForeignKey("metric.id"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)

sample = Table(
    "sample",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_key(),
    Column("step", Integer, nullable=False),
    Column("split", String(8), nullable=False),
    Column("problem_id", String(200), nullable=False),
    Column("group_index", Integer, nullable=False),
    Column("index_in_group", Integer, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("completion", Text, nullable=False),
    Column("gold", Text, nullable=False),
    Column("parsed", Text),
    Column("parsed_by", String(16)),
    Column("parsed_start", Integer),
    Column("parsed_end", Integer),
    Column("correct", Boolean, nullable=False),
    Column("n_tokens", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("mean_nll", Float),
    Column("total", Float),
    Column("advantage", Float),
    Column("dead", Boolean),
    Column("surprise", Float),
    Column("token_nll", Text),
    UniqueConstraint("run_id", "split", "step", "group_index", "index_in_group"),
    Index("ix_sample_problem", "run_id", "problem_id", "step"),
)

# One narrow index holds what lists of samples filter and sort by, so that a scan of 100,000 samples reads no
# text (decision 17).
Index(
    "ix_sample_browse",
    *(sample.c[name] for name in ("run_id", "split", "step", "group_index", "index_in_group")),
    *(
        sample.c[name]
        for name in ("correct", "truncated", "dead", "surprise", "total", "advantage", "n_tokens", "id")
    ),
)


def _place() -> list[Column[Any]]:
    """A sample's place in its run, as a key.

    Unlike the sample's id, it survives a resume that writes the step again.
    """
    numbers = [
        Column(name, Integer, primary_key=True, autoincrement=False)
        for name in ("step", "group_index", "index_in_group")
    ]
    return [_run_key(primary_key=True), Column("split", String(8), primary_key=True), *numbers]


sample_note = Table(
    "sample_note",
    metadata,
    *_place(),
    Column("text", Text, nullable=False),
    Column("written_at", Float, nullable=False),
)

sample_label = Table("sample_label", metadata, *_place(), Column("name", String(40), primary_key=True))

score = Table(
    "score",
    metadata,
    Column("sample_id", Integer, ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True),
    Column("term", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("raw", Float),
    Column("shaped", Float),
    Column("weight", Float, nullable=False),
    Column("contribution", Float),
    sqlite_with_rowid=False,
)

evaluation = Table(
    "evaluation",
    metadata,
    _run_key(primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("problems", Integer, nullable=False),
    Column("num_samples", Integer, nullable=False),
    Column("temperature", Float, nullable=False),
    Column("accuracy", Float, nullable=False),
    Column("greedy_accuracy", Float),
    Column("majority", Float),
    Column("pass_at", JSON),
    Column("seconds", Float, nullable=False),
    Column("key", String(32), index=True),
)

evaluation_item = Table(
    "evaluation_item",
    metadata,
    _run_key(primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("problem_id", String(200), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("right", Integer, nullable=False),
    Column("greedy_right", Boolean),
    Column("majority_right", Float, nullable=False),
    sqlite_with_rowid=False,
)

worker = Table(
    "worker",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("host", String(120), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

gpu = Table(
    "gpu",
    metadata,
    Column("worker", String(120), ForeignKey("worker.name", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("name", String(120), nullable=False),
    Column("memory_bytes", Float, nullable=False),
    Column("memory_used", Float, nullable=False, server_default="0"),
    Column("utilisation", Float),
    Column("uuid", String(80), nullable=False, default=""),
)

# Keyed by the GPU's own uuid: however many workers or containers see the GPU, only one run holds it.
gpu_lease = Table("gpu_lease", metadata, Column("uuid", String(80), primary_key=True), _run_key(index=True))

# An experiment that is being designed. It may be wrong, so nothing is checked here. `version` counts its
# writes.
draft = Table(
    "draft",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("config", JSON, nullable=False),
    Column("typed", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Float, nullable=False, index=True),
)

# Rows are only ever added: changing a saved mix adds a new version.
saved_mix = Table(
    "saved_mix",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", String(16), nullable=False, index=True),
    Column("config", JSON, nullable=False),
    Column("parent_id", Integer, ForeignKey("saved_mix.id"), nullable=True),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("name", "version"),
)

# Sign-ins that were ended early: a signed cookie cannot be taken back from a browser that keeps it.
signed_out = Table(
    "signed_out",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("expires_at", Float, nullable=False),
)

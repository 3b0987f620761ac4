"""Writes an experiment as the YAML that a person would have written, without the defaults.

core.config.yaml_read is the way back: `of_text` reads it, and `brief` of what was read is the same text.
"""

from typing import Any

import yaml
from pydantic import BaseModel

from core.common.errors import ConfigError
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.config.run import DataConfig, RunConfig
from core.rewards.advantage import RULES
from core.rewards.combination import Sum
from core.rewards.components import COMPONENTS
from core.rewards.mix import Mix
from core.rewards.shaping import Plain

KEPT = ("component", "side", "weight")  # keys of a term that are always written


def _without(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k not in defaults or v != defaults[k]}


def _defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """The defaults of a class, as plain JSON types; fields without one are left out."""
    defaults = {}
    for name, info in kind.model_fields.items():
        if not info.is_required():
            value = info.get_default(call_default_factory=True)
            plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
            defaults[info.alias or name] = list(plain) if isinstance(plain, tuple) else plain
    return defaults


def _term(term: dict[str, Any]) -> dict[str, Any]:
    entry = {k: term[k] for k in KEPT}
    entry["weight"] = _schedule(term["weight"])
    if term.get("name"):
        entry["name"] = term["name"]
    if term["shaping"] != Plain().model_dump(mode="json"):
        entry["shaping"] = term["shaping"]
    component = COMPONENTS.get(term["component"])  # None: a saved mix may outlive a component of one's own
    params = _without(term["params"], _defaults(component.params)) if component else term["params"]
    return entry | ({"params": params} if params else {})


def _schedule(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parameters = {
        k: _schedule(v) if k == "then" else v
        for k, v in value.items()
        if k != "type" and (k, v) != ("unit", "step")
    }
    return {"type": value["type"], **parameters}


def mix(values: dict[str, Any]) -> dict[str, Any]:
    """Leave the defaults out of a mix that has all of them."""
    entry: dict[str, Any] = {}
    if values.get("blend"):
        entry["blend"] = _schedule(values["blend"])
    entry["terms"] = [_term(t) for t in values["terms"]]
    if values["rule"] != Sum().model_dump(mode="json"):
        entry["rule"] = values["rule"]
    advantage = values["advantage"]
    kind = RULES[advantage["type"]]
    advantage = {"type": advantage["type"]} | _without(
        {k: v for k, v in advantage.items() if k != "type"}, _defaults(kind)
    )
    return entry | ({"advantage": advantage} if advantage != {"type": "group"} else {})


def _run(values: dict[str, Any]) -> dict[str, Any]:
    """The settings common to all arms; a section that holds nothing but defaults is left out."""
    sections: dict[str, Any] = {}
    for name, info in RunConfig.model_fields.items():
        if name in ("name", "mix", "seed") or name not in values:
            continue
        kind = info.annotation
        section = values[name]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            section = _data(section) if kind is DataConfig else _without(section, _defaults(kind))
        if section:
            sections[name] = section
    return sections


def _data(section: dict[str, Any]) -> dict[str, Any]:
    entry = _without(section, _defaults(DataConfig))
    for name in ("train", "eval"):
        if name in entry:
            entry[name] = {
                k: v
                for k, v in entry[name].items()
                if v not in ("", None) and (k, v) not in (("question",) * 2, ("answer",) * 2)
            }
    return entry


def brief(draft: dict[str, Any]) -> dict[str, Any]:
    """A valid draft without its defaults; an invalid one as it was typed."""
    try:
        config = parse(ExperimentConfig, draft)
    except ConfigError:
        return draft
    run = _run(config.base().resolved())
    arms = [{"name": a.name, "mix": mix(a.mix.resolved())} for a in config.arms]
    question = {"question": config.question} if config.question else {}
    fixed = {k: list(v) for k, v in (("primary", config.primary), ("thresholds", config.thresholds)) if v}
    sweep = {"sweep": {path: list(values) for path, values in config.sweep.items()}} if config.sweep else {}
    return {
        "name": config.name,
        **question,
        **fixed,
        "seeds": list(config.seeds),
        **sweep,
        "arms": arms,
        "run": run,
    }


def to_yaml(values: dict[str, Any]) -> str:
    """Dump YAML with short values on one line."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Flow style for what holds no lists or dicts, block style for what does."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the items of a list below the list's name."""
        del indentless
        super().increase_indent(flow, False)


def _mapping(dumper: _Dumper, values: dict[str, Any]) -> yaml.Node:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", values.items())
    node.flow_style = bool(values) and _flat(values) and len(str(values)) < 150
    return node


def _flat(values: dict[str, Any]) -> bool:
    inner = [v for v in values.values() if isinstance(v, dict | list)]
    return (
        all(not isinstance(x, dict | list) for v in inner for x in (v.values() if isinstance(v, dict) else v))
        and len(inner) < 2
    )


def _list(dumper: _Dumper, values: list[Any]) -> yaml.Node:
    flow = all(not isinstance(x, dict) for x in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flow)


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _list)


def mix_yaml(config: Mix) -> str:
    """A mix alone as YAML, as `showdown score` and `replay` read it."""
    return to_yaml(mix(config.resolved()))

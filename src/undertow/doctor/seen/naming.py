"""What do people call the things that they train? By the variables of the frames that use them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from torch import Tensor, nn

from undertow.doctor.seen.lines import names_of_caller


def name_of(thing: Any, otherwise: str) -> str:
    """The variable that holds it, or an attribute or element of one."""
    for names in names_of_caller():
        found = [name for name, value in names.items() if value is thing and not name.startswith("_")]
        if found:
            return min(found, key=len)
    for names in names_of_caller():
        for name, value in names.items():
            inner = _within(thing, value)
            if inner:
                return f"{name}{inner}"
    return otherwise


def _in_attributes(thing: Any, network: nn.Module) -> str:
    """In a plain list or dict of a network, which registers nothing that it holds."""
    for place, module in network.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") or not isinstance(value, dict | list | tuple):
                continue
            inner = _within(thing, value) or next(
                (f"[{n}]{w}" for n, v in enumerate(value) if (w := _held(thing, v))), ""
            )
            if inner:
                return f"{f'.{place}' if place else ''}.{name}{inner}"
    return ""


def _held(thing: Any, value: Any) -> str:
    """Is it a parameter of this module?"""
    if not isinstance(value, nn.Module):
        return ""
    return next((f".{name}" for name, p in value.named_parameters() if p is thing), "")


def networks_with(parameters: set[int]) -> dict[str, nn.Module]:
    """Networks that the script's variables, or their attributes, hold and that hold some of these parameters, by id."""
    found: dict[int, tuple[str, nn.Module]] = {}
    for names in names_of_caller():
        for name, value in names.items():
            for inner, module in _modules_of(name, value):
                if any(id(p) in parameters for p in module.parameters()):
                    found.setdefault(id(module), (inner, module))
    inside = {id(m) for _, whole in found.values() for m in whole.modules() if m is not whole}
    return {name: module for key, (name, module) in found.items() if key not in inside}


def _modules_of(name: str, value: Any) -> list[tuple[str, nn.Module]]:
    if isinstance(value, nn.Module):
        return [(name, value)]
    if isinstance(value, dict):
        return [(str(k), m) for k, m in value.items() if isinstance(m, nn.Module)]
    if isinstance(value, list | tuple):
        return [(f"{name}_{n}", m) for n, m in enumerate(value) if isinstance(m, nn.Module)]
    if isinstance(value, type | ModuleType) or not hasattr(value, "__dict__"):
        return []
    return [(inner, m) for inner, m in vars(value).items() if isinstance(m, nn.Module)]


def _within(thing: Any, value: Any) -> str:
    if isinstance(value, dict):
        return next((f"[{key!r}]" for key, inner in value.items() if inner is thing), "")
    if isinstance(value, list | tuple) and not isinstance(thing, tuple):
        return next((f"[{n}]" for n, inner in enumerate(value) if inner is thing), "")
    if isinstance(value, nn.Module):
        return _in_attributes(thing, value)
    if isinstance(value, Tensor | type) or not hasattr(value, "__dict__"):
        return ""
    return next((f".{name}" for name, inner in vars(value).items() if inner is thing), "")

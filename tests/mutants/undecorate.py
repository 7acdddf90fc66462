"""Write decorated functions so that mutmut reaches their bodies.

mutmut leaves a decorated function as it is. `@torch.no_grad()` above `def f` means the same as
`f = torch.no_grad()(f)` below it, and in that form the function has no decorator.
"""

from __future__ import annotations

import libcst as cst

LEFT = {"staticmethod", "classmethod"}  # mutmut knows these two


class _Undecorate(cst.CSTTransformer):
    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel:
        value: cst.BaseExpression = cst.Name(updated_node.name.value)
        for each in reversed(updated_node.decorators):
            if isinstance(each.decorator, cst.Name) and each.decorator.value in LEFT:
                return updated_node
            value = cst.Call(each.decorator, [cst.Arg(value)])
        if not updated_node.decorators:
            return updated_node
        target = cst.AssignTarget(cst.Name(updated_node.name.value))
        call = cst.SimpleStatementLine([cst.Assign([target], value)])
        return cst.FlattenSentinel([updated_node.with_changes(decorators=()), call])


def undecorated(source: str) -> str:
    """Return a module's source with calls below its functions in the place of decorators."""
    return cst.parse_module(source).visit(_Undecorate()).code
